"""What stands behind a number, in words."""

from __future__ import annotations

from rlgauge.report.numbers import fixed, interval, places
from rlgauge.stats.summary import Summary


def told(summary: Summary) -> str:
    """All that stands behind a number, in words."""
    width = None if summary.low is None or summary.high is None else summary.high - summary.low
    digits = places(summary.point, width)
    ends = "no interval" if width is None else f"{summary.confidence * 100:g} % {interval(summary, digits=digits)}"
    missing = f", {summary.missing} missing" if summary.missing else ""
    doubts = "".join(f" {text}" for text in summary.warnings)
    return f"{fixed(summary.point, digits)}; {ends}; {summary.method}; n = {summary.n}{missing}.{doubts}"
