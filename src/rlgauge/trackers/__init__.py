"""Exporters to W&B, MLflow and TensorBoard: one way, each in a process of its own that reads a run's folder."""
