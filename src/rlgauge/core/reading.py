"""A reading: what one run measured, as statistics and reports see it, whichever system wrote it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from rlgauge.core.run import Record, Status, Total, read_records

__all__ = ["Curve", "Reading", "Total"]


class Curve(msgspec.Struct, frozen=True, gc=False):
    """A quantity over training: `values[i]` was measured after `steps[i]` environment steps; steps rise."""

    steps: tuple[float, ...]
    values: tuple[float, ...]


class Reading(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What an algorithm (a policy, a library) measured on a task with one training seed.

    Episodes are no seeds: however many of them a run evaluated, it is one reading. A failed run is a reading without
    totals. `seed` is None for a checkpoint that belongs to no family. `references` holds scores of the task by which
    its scores are normalised, such as `random` and `expert`. Readings of one algorithm, task and seed whose `settings`
    differ measured different things; those whose `checkpoint` differs, too, and of these the one that `started` last
    (UTC, ISO 8601) is the present one. `folders` are those of its runs; `completed`, where some of them have no result,
    those of the others. `warnings` are sentences that its runs have for whoever reads it.
    """

    algorithm: str
    task: str
    seed: int | None = None
    status: Status = Status.COMPLETED
    totals: dict[str, Total] = {}
    units: dict[str, str] = {}
    curves: dict[str, Curve] = {}
    references: dict[str, float] = {}
    num_errors: int = 0
    kind: str = ""
    settings: str = ""
    checkpoint: str = ""
    started: str = ""
    labels: dict[str, str] = {}
    source: str = ""
    folders: tuple[str, ...] = ()
    completed: tuple[str, ...] = ()
    episodes: tuple[Record, ...] = ()
    reason: str | None = None
    warnings: tuple[str, ...] = ()
    details: dict[str, Any] = {}

    @property
    def records(self) -> list[Record]:
        """Its records in index order: those of its run folders, else those that its file held.

        Where some of its runs have a result, which its totals are made of, theirs alone.
        """
        if not self.folders:
            return list(self.episodes)
        folders = self.completed or self.folders
        read = (read_records(Path(folder) / "records.jsonl").records for folder in folders)
        return sorted((record for records in read for record in records), key=lambda record: record.index)
