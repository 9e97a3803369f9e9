"""Reference scores, by which scores are normalised: from the runs, or from a file."""

from __future__ import annotations

import csv
import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from rlgauge.compare.phrases import some
from rlgauge.compare.quantity import Quantity, Sort
from rlgauge.compare.seeds import one_a_seed, score_of
from rlgauge.core.errors import UserError, did_you_mean, unknown
from rlgauge.core.reading import Reading
from rlgauge.stats.normalise import Reference

_TASK = ("task", "env", "environment")
UNSCALED = Reference(0.0, 1.0)
"""What leaves a score as it is."""
SAME = 0.05
"""What lies within this part of each other is the same."""
_OWN_SCALE = "A success rate is not normalised: it has a scale of its own."


class Normalisation(msgspec.Struct, frozen=True):
    """(score - low) / (high - low), where `low` and `high` are numbers or names of reference scores."""

    low: str | float
    high: str | float

    @property
    def formula(self) -> str:
        """The formula with the references named."""
        if self.low == 0:
            return f"score / {_called(self.high)}"
        return f"(score - {_called(self.low)}) / ({_called(self.high)} - {_called(self.low)})"


class References:
    """The reference scores of runs: what a run says itself, else what others say of its task.

    Of the others, runs of the same algorithm come first, then all runs of the task, then what an algorithm of the
    reference's name scored; where they differ, their mean. A success rate is never normalised: it has its own scale.
    """

    def __init__(self, readings: Iterable[Reading], quantity: Quantity, normalisation: Normalisation | None) -> None:
        """Take what the readings say, and what they measured."""
        asked = None if quantity.sort is Sort.SUCCESS else normalisation
        self.formula = None if asked is None else asked.formula
        self._is_refused = asked is not normalisation
        self._quantity = quantity
        self._ends = () if asked is None else (asked.low, asked.high)
        self._told: dict[tuple[str, ...], list[float]] = defaultdict(list)
        self._runs: dict[tuple[str, str], list[Reading]] = defaultdict(list)
        self._measured: dict[tuple[str, str], list[float]] = {}
        for reading in readings if self._ends else ():
            for name, value in reading.references.items():
                self._told[name, reading.task].append(value)
                self._told[name, reading.task, reading.algorithm].append(value)
            if reading.algorithm in self._ends:
                self._runs[reading.algorithm, reading.task].append(reading)

    def of(self, reading: Reading) -> Reference | None:
        """What becomes 0 and 1 for a reading; None without a normalisation. Raises UserError for an unknown one."""
        if not self._ends:
            return None
        low, high = (self._value(name, reading) for name in self._ends)
        if low == high:
            raise UserError(
                f"The reference scores of {reading.task} are both {low:g}: nothing can be normalised by them."
            )
        if high < low and not self._quantity.is_less_better:
            first, second = (_called(end) if isinstance(end, str) else f"score {end:g}" for end in self._ends)
            raise UserError(
                f"On {reading.task} the {second} is {high:g}, and so below the {first}, {low:g}, though more "
                f"{self._quantity.name} is better: normalised, better would be less. Give --normalise a lower first "
                "score, as a number or by --references FILE, or name with --task the tasks to take."
                if isinstance(self._ends[0], str)
                else f"On {reading.task} the {second} is {high:g}, below {low:g}, though more {self._quantity.name} is "
                f"better: normalised, better would be less. Give --normalise a number below {high:g} in place of "
                f"{low:g}, or name with --task the tasks to take."
            )
        return Reference(low, high)

    def doubts(self, readings: Iterable[Reading]) -> list[str]:
        """Where what was asked is not done, or done by different scores of one name on a task, in sentences."""
        tasks = sorted({reading.task for reading in readings})
        doubts = [_OWN_SCALE] if self._is_refused else []
        for name in dict.fromkeys(end for end in self._ends if isinstance(end, str)):
            spans = [_Span(task, min(values), max(values)) for task in tasks if (values := self._told[name, task])]
            spans = sorted((span for span in spans if span.low < span.high), key=lambda span: -span.ratio)
            if spans:
                doubts.append(
                    f"The {name} scores that runs give for one task differ on {_shown(spans)}: every run is normalised "
                    "by its own, so that equal normalised scores need not be equal scores."
                )
        return doubts

    def _value(self, name: str | float, reading: Reading) -> float:
        if not isinstance(name, str):
            return name
        if name in reading.references:
            return reading.references[name]
        task = reading.task
        told = self._told.get((name, task, reading.algorithm)) or self._told.get((name, task))
        values = told or self._scores(name, task)
        if not values:
            hint = did_you_mean(name, {known for known, *_ in self._told} - {name})
            raise UserError(
                f"The {name} score of {task} is not known: give it with --references FILE (a CSV file with the "
                f"columns task,{name}), runs of an algorithm called {name}, or a number in its place, such as 0.{hint}"
            )
        return statistics.fmean(values) if min(values) < max(values) else values[0]

    def _scores(self, name: str, task: str) -> list[float]:
        """What the seeds of an algorithm scored."""
        if (name, task) not in self._measured:
            seeds = one_a_seed(self._runs.get((name, task), ()), self._quantity, [])
            scores = (score_of(seed.reading, self._quantity) for seed in seeds)
            self._measured[name, task] = [score for score in scores if score is not None]
        return self._measured[name, task]


def on_scale(score: float, ends: Reference, task: str) -> float:
    """The score with the references at 0 and 1. Raises UserError where they are too close."""
    normalised = ends.normalised(score)
    if not math.isfinite(normalised):
        raise UserError(f"The reference scores of {task}, {ends.low} and {ends.high}, are too close.")
    return normalised


def unlike(compared: Iterable[Sequence[Sequence[Reading]]]) -> Iterator[str]:
    """A sentence on tasks whose scores are compared as they are, though their runs say that they are not alike.

    An item of `compared` holds the runs of one task, group by group. What they say is the groups' mean reference
    scores, which differ by more than `SAME` where the task, its version or its rewards are not the same.
    """
    found: dict[str, list[_Span]] = defaultdict(list)
    for groups in compared:
        told = [_means_of_references(group) for group in groups if group]
        for name in dict.fromkeys(name for own in told for name in own):
            values = [own[name] for own in told if name in own]
            span = _Span(next(group[0].task for group in groups if group), min(values), max(values))
            if span.low < span.high and span.ratio > SAME:
                found[name].append(span)
    for name, spans in found.items():
        spans.sort(key=lambda span: -span.ratio)
        yield (
            f"The {name} scores that runs give for one task differ on {_shown(spans)}: was it the same task, with the "
            "same rewards? If not, neither returns nor ranks compare, and --normalise measures every run by its own."
        )


def _means_of_references(readings: Iterable[Reading]) -> dict[str, float]:
    told: dict[str, list[float]] = defaultdict(list)
    for reading in readings:
        for name, value in reading.references.items():
            told[name].append(value)
    return {name: statistics.fmean(values) for name, values in told.items()}


def _shown(spans: Iterable[_Span]) -> str:
    return some([f"{span.task} ({span.low:.4g} to {span.high:.4g})" for span in spans])


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
    tasks = sorted({reading.task for reading in found})
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


def _called(reference: str | float) -> str:
    if isinstance(reference, str):
        return f"{reference} score"
    return f"({reference:g})" if reference < 0 else f"{reference:g}"
