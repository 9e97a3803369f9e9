"""A comparison as JSON."""

from __future__ import annotations

import msgspec

from rlgauge.compare.comparison import Comparison


def to_json(comparison: Comparison) -> str:
    """Everything there is, with a format version; `outcome` is the exit code."""
    return msgspec.json.format(msgspec.json.encode(comparison), indent=1).decode() + "\n"
