"""Counting in commands: Python that a command starts finds `sitecustomize.py` here, and tells of what it trains."""

from __future__ import annotations

SPEC_VARIABLE = "RLGAUGE_SPEC"
"""Names the file with the `Spec` of the run."""
