"""What a tracker is told of a run, whatever it is a tracker of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec

from rlgauge.core.run import Status

Tell = Callable[[str], None]
"""Is told of something in a sentence."""


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a run when it begins.

    `id` is like no other run's, `name` (script/env) and `group` (script) are for people. `config` is JSON. `started` is
    in seconds since 1970. `folder` is that of the attempt and `store` the one of all runs, both absolute.
    """

    id: str
    name: str
    group: str
    config: dict[str, Any]
    started: float
    folder: Path
    store: Path

    @property
    def artifacts(self) -> Path:
        """The run's folder of files."""
        return self.folder / "artifacts"


class Row(msgspec.Struct, frozen=True):
    """Finite numbers at a step of the axis that is named; `time` is in seconds since 1970."""

    values: dict[str, float]
    axis: str
    step: int
    time: float


class Film(msgspec.Struct, frozen=True):
    """A film below the run's artifacts, and the index of the record whose episode it shows."""

    path: Path
    index: int


class End(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended: its summary (numbers and short texts), the files it left, and when (seconds since 1970).

    `weights` and `videos` are files below `artifacts`.
    """

    status: Status
    reason: str | None
    summary: dict[str, float | str]
    artifacts: Path
    weights: Sequence[Path]
    videos: Sequence[Film]
    time: float


class Tracker(Protocol):
    """One run as a tracker sees it. All methods may raise whatever its library does."""

    def log(self, rows: Sequence[Row]) -> None:
        """Tell of numbers, in the order in which they came."""

    def end(self, end: End) -> None:
        """Tell how it ended, with its files, and wait until all is there."""
