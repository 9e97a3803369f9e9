"""An overview as JSON."""

from __future__ import annotations

import msgspec

from rlgauge.report.overview import Overview

FORMAT = 1


def to_json(overview: Overview) -> str:
    """Everything that the tables show, and every run, with a format version."""
    content = {"format": FORMAT, **msgspec.to_builtins(overview)}
    content["runs"] = [_plain(run) for run in content["runs"]]
    return msgspec.json.format(msgspec.json.encode(content), indent=1).decode() + "\n"


def _plain(run: dict[str, object]) -> dict[str, object]:
    """A run without its episodes and curves, which stay where they are."""
    reading = run["reading"]
    kept = {key: value for key, value in reading.items() if key not in {"episodes", "curves", "details"}}  # type: ignore[attr-defined]  # builtins of a struct
    return {**run, "reading": kept}
