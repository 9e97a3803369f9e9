"""What `rlgauge quickstart` evaluates: hand-written controllers, and small trained policies as ONNX files.

The files in `policies/` are made by `scripts/train_quickstart_policies.py`.
"""
