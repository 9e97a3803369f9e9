"""Reference scores by which the scores of both sides are normalised."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable

from rlgauge.compare.question import Scale
from rlgauge.core.errors import UserError
from rlgauge.core.reading import Reading


class References:
    """The reference scores of tasks: what runs say of them, else the mean of an algorithm of that name."""

    def __init__(self, readings: Iterable[Reading], scale: Scale) -> None:
        """Take all runs of both sides, those of other algorithms included."""
        self._scale = scale
        self._told: dict[tuple[str, str], list[float]] = defaultdict(list)
        self._own: dict[tuple[str, str, str], list[float]] = defaultdict(list)
        for reading in readings:
            for name, value in reading.references.items():
                self._told[name, reading.task].append(value)
            for quantity, total in reading.totals.items():
                self._own[reading.algorithm, reading.task, quantity].append(total.mean)

    def of(self, reading: Reading, quantity: str) -> tuple[float, float]:
        """Low and high of a run: what it says itself comes first. Raises UserError for unknown or equal ones."""
        own = reading.references
        ends = [
            own[name] if isinstance(name, str) and name in own else self._value(name, reading.task, quantity)
            for name in (self._scale.low, self._scale.high)
        ]
        return _checked((ends[0], ends[1]), reading.task)

    def of_task(self, task: str, quantity: str) -> tuple[float, float]:
        """Low and high, the mean over the runs of both sides. Raises UserError as `of` does."""
        low, high = (self._value(name, task, quantity) for name in (self._scale.low, self._scale.high))
        return _checked((low, high), task)

    def _value(self, name: str | float, task: str, quantity: str) -> float:
        if not isinstance(name, str):
            return name
        found = self._told.get((name, task)) or self._own.get((name, task, quantity))
        if not found:
            raise UserError(
                f"The {name} score of {task} is not known: give it with --references FILE (a CSV file with the columns "
                f"task,{name}), or runs of an algorithm called {name}."
            )
        return statistics.fmean(found)


def _checked(ends: tuple[float, float], task: str) -> tuple[float, float]:
    if ends[0] == ends[1]:
        raise UserError(f"The reference scores of {task} are both {ends[0]:g}: nothing can be normalised by them.")
    return ends
