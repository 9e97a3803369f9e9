"""An overview as JSON."""

from __future__ import annotations

import msgspec

from rlgauge.report.overview import Overview
from rlgauge.report.scored import Scored

FORMAT = 1
_LEFT_OUT = {"episodes", "curves", "details"}
"""What stays where the run is."""


def to_json(overview: Overview) -> str:
    """Everything that the tables show, and every run that was found, with a format version."""
    content = {"format": FORMAT, **msgspec.to_builtins(overview)}
    del content["found"]
    content["runs"] = [_plain(run) for run in overview.found]
    return msgspec.json.format(msgspec.json.encode(content), indent=1).decode() + "\n"


def _plain(run: Scored) -> dict[str, object]:
    told: dict[str, dict[str, object]] = msgspec.to_builtins(run)
    return {**told, "reading": {name: value for name, value in told["reading"].items() if name not in _LEFT_OUT}}
