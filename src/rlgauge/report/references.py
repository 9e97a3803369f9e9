"""Reference scores, by which scores are normalised: from the runs, or from a file."""

from __future__ import annotations

import csv
import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from rlgauge.core.errors import UserError, unknown
from rlgauge.core.reading import Reading
from rlgauge.core.run import Status
from rlgauge.report.numbers import some
from rlgauge.report.question import Normalisation

_TASK = ("task", "env", "environment")


class Ends(msgspec.Struct, frozen=True):
    """The scores that become 0 and 1."""

    low: float
    high: float


class References:
    """The reference scores of runs: what a run says itself, else what others say of its task.

    Of the others, runs of the same algorithm come first, then all runs of the task, then what an algorithm of the
    reference's name scored; where they differ, their mean.
    """

    def __init__(self, readings: Iterable[Reading], score: str, normalisation: Normalisation | None) -> None:
        """Take what the readings say, and what they measured."""
        self._ends = () if normalisation is None else (normalisation.low, normalisation.high)
        self._told: dict[tuple[str, ...], list[float]] = defaultdict(list)
        self._measured: dict[tuple[str, str], list[float]] = defaultdict(list)
        for reading in readings if self._ends else ():
            for name, value in reading.references.items():
                self._told[name, reading.task].append(value)
                self._told[name, reading.task, reading.algorithm].append(value)
            if score in reading.totals and reading.status is Status.COMPLETED:
                self._measured[reading.algorithm, reading.task].append(reading.totals[score].mean)

    def of(self, reading: Reading) -> Ends | None:
        """The ends for a reading; None without a normalisation. Raises UserError where one is not known."""
        if not self._ends:
            return None
        low, high = (self._value(name, reading) for name in self._ends)
        if low == high:
            raise UserError(
                f"The reference scores of {reading.task} are both {low:g}: nothing can be normalised by them."
            )
        return Ends(low, high)

    def doubts(self, readings: Iterable[Reading]) -> list[str]:
        """Where the runs of one task are normalised by different scores of one name, in sentences."""
        tasks = sorted({reading.task for reading in readings})
        doubts = []
        for name in dict.fromkeys(end for end in self._ends if isinstance(end, str)):
            spans = [_Span(task, min(values), max(values)) for task in tasks if (values := self._told[name, task])]
            spans = sorted((span for span in spans if span.low < span.high), key=lambda span: -span.ratio)
            if spans:
                shown = some([f"{span.task} ({span.low:g} to {span.high:g})" for span in spans])
                doubts.append(
                    f"The {name} scores that runs give for one task differ on {shown}: every run is normalised by its "
                    "own, so that equal normalised scores need not be equal scores."
                )
        return doubts

    def _value(self, name: str | float, reading: Reading) -> float:
        if not isinstance(name, str):
            return name
        if name in reading.references:
            return reading.references[name]
        task = reading.task
        sources = (self._told.get((name, task, reading.algorithm)), self._told.get((name, task)))
        values = next(filter(None, (*sources, self._measured.get((name, task)))), None)
        if values is None:
            raise UserError(
                f"The {name} score of {task} is not known: give it with --references FILE (a CSV file with the "
                f"columns task,{name}), or runs of an algorithm called {name}."
            )
        return statistics.fmean(values) if min(values) < max(values) else values[0]


class _Span(msgspec.Struct, frozen=True):
    """The smallest and the largest reference score of a task."""

    task: str
    low: float
    high: float

    @property
    def ratio(self) -> float:
        return (self.high - self.low) / max(abs(self.low), abs(self.high))


def read_references(path: Path) -> dict[str, dict[str, float]]:
    """Scores by task and name, of a CSV file with the columns `task` and one a reference (random, expert, ...).

    A task may have several rows only where they agree. Raises UserError.
    """
    rows = _rows(path)
    column = next((name for name in _TASK if name in rows[0]), None)
    if column is None:
        names = ", ".join(name for name in rows[0] if name is not None)
        raise UserError(f"The references file {path} has no column 'task': its columns are {names}.")
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        task = row[column]
        if task is None or None in row:
            raise UserError(f"The references file {path} has a row with more or fewer cells than columns: {row}.")
        own = found.setdefault(task, {})
        for name, text in row.items():
            if name != column and text not in {None, ""}:
                value = _number(text, name, task, path)
                if own.setdefault(name, value) != value:
                    raise UserError(f"{path} gives two {name} scores for {task}: {own[name]:g} and {value:g}.")
    return found


def _rows(path: Path) -> list[dict[str | Any, str | Any]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file, skipinitialspace=True))
    except FileNotFoundError as error:
        raise UserError(f"There is no references file {path}.") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"Can't read the references file {path}: {error}.") from error
    if not rows:
        raise UserError(f"The references file {path} has no rows: it needs the columns task,random,expert.")
    return rows


def with_references(readings: Iterable[Reading], references: Mapping[str, Mapping[str, float]]) -> list[Reading]:
    """The readings with the reference scores of their tasks, which replace what they said themselves.

    Raises UserError where the references name no task that was run.
    """
    found = [_referred(reading, references) for reading in readings]
    tasks: Sequence[str] = sorted({reading.task for reading in found})
    if references and not set(tasks) & set(references):
        raise unknown("task in the references file", next(iter(references)), tasks)
    return found


def _referred(reading: Reading, references: Mapping[str, Mapping[str, float]]) -> Reading:
    own = references.get(reading.task)
    return reading if own is None else msgspec.structs.replace(reading, references={**reading.references, **own})


def _number(text: str, name: str, task: str, path: Path) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UserError(f"{path}: the {name} score of {task} is no number: {text!r}.")
    return value
