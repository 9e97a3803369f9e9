"""Readings of whatever lies in folders and zip files."""

from __future__ import annotations

import gc
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from rlgauge.core.errors import UserError, unknown
from rlgauge.core.reading import Reading
from rlgauge.importers import score_table
from rlgauge.importers.findings import Findings, Listen, shortened
from rlgauge.importers.walk import Walk

UNKNOWN = "unknown"
"""What a task is called that nothing names."""


class Collected(msgspec.Struct, frozen=True):
    """Readings in the order in which they were found, and what there is to say of them, in sentences."""

    readings: list[Reading]
    notes: list[str]


def read(
    paths: Sequence[str | Path],
    *,
    scan: bool = True,
    columns: Mapping[str, str] | None = None,
    names: Mapping[str, str] | None = None,
    listen: Listen | None = None,
) -> Collected:
    """The runs beneath the paths: folders, zip files, single files, of any of the systems, mixed and nested.

    A run that is found twice counts once. `columns` says which column of score tables has which meaning (see
    `score_table.GUESSES`), `names` gives algorithms and tasks other names, `listen` is told how many runs were found
    whenever one more was; `scan=False` trusts the index of our own stores. Raises UserError where a path does not
    exist or nothing beneath it is known.
    """
    if not paths:
        raise UserError("Name at least one folder, zip file or table to read.")
    found = Findings(listen)
    walk = Walk(found, scan=scan, columns=columns or {}, roots=[os.path.realpath(path) for path in paths])
    was_enabled = gc.isenabled()
    gc.disable()  # nothing that is made here is garbage, and looking for some would take most of the time
    try:
        for path in paths:
            walk.start(str(path))
        walk.end()
    finally:
        if was_enabled:
            gc.enable()
    readings = _renamed(found.readings, names or {})
    return Collected(readings, [*found.notes(), *_unnamed(readings), *_of_two_scales(readings)])


def _unnamed(readings: list[Reading]) -> list[str]:
    """Where files and folders do not say what the task was, in a sentence."""
    sources = list(dict.fromkeys(reading.source for reading in readings if reading.task == UNKNOWN))
    if not sources:
        return []
    whose = shortened(sources)
    return [f"Nothing in {whose} names the task: it is called {UNKNOWN}; --rename {UNKNOWN}=NAME gives it a name."]


def _of_two_scales(readings: list[Reading]) -> list[str]:
    """Where success rates of some tables, or of what was imported from them, are taken as percent and others are not.

    Nothing but their size tells it, so that a table of rates of at most 1 % would be taken as shares.
    """
    guessed = [own for own in readings if own.kind == score_table.SYSTEM and "success" in own.totals]
    percents = [reading.source for reading in guessed if score_table.PERCENT in reading.details]
    shares = [own.source for own in guessed if score_table.PERCENT not in own.details and own.totals["success"].mean]
    if not percents or not shares:
        return []
    apart = f"{percents[0]} has success rates beyond 1 and is taken as percent, {shares[0]} has none and is taken as"
    return [f"{apart} shares of 1: if that is not so, write both alike."]


def _renamed(readings: list[Reading], names: Mapping[str, str]) -> list[Reading]:
    """The readings with other names for algorithms and tasks. Raises UserError for a name that none has."""
    if not names:
        return readings
    known = {name for reading in readings for name in (reading.algorithm, reading.task)}
    for name in names:
        if name not in known:
            raise unknown("algorithm or task", name, known)
    return [
        msgspec.structs.replace(
            reading,
            algorithm=names.get(reading.algorithm, reading.algorithm),
            task=names.get(reading.task, reading.task),
        )
        for reading in readings
    ]
