"""What is asked of the readings: which quantity, of which groups, normalised how, and what a failed run counts as."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from rlgauge.core.errors import UserError, unknown
from rlgauge.core.reading import Reading
from rlgauge.core.run import Status
from rlgauge.stats.estimate import Method
from rlgauge.stats.metrics import METRICS, Metric

_PREFERRED = ("return", "score", "success", "steps_per_second")
_LESS_IS_BETTER = {"s", "ms", "us", "ns", "bytes", "B", "kB", "MB", "GB", "KiB", "MiB", "GiB"}
_RATE = "success"
_PLAIN = ("algorithm", "task", "seed", "kind", "settings", "checkpoint", "status", "source")
_UNNAMED = {"algorithm", "policy", "task"}
"""Dimensions whose values speak for themselves."""


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


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """How readings are summarised. `failed` is what a failed run scores; None leaves it out, counted as missing.

    `algorithms` and `tasks` are those asked for, none for all.
    """

    score: str | None = None
    algorithms: frozenset[str] = frozenset()
    tasks: frozenset[str] = frozenset()
    by: tuple[str, ...] = ("algorithm",)
    normalisation: Normalisation | None = None
    failed: float | None = None
    metrics: tuple[Metric, ...] = METRICS
    method: Method = "expanded"
    confidence: float = 0.95
    resample_tasks: bool = False

    def asks_for(self, reading: Reading) -> bool:
        """Whether a reading is of an algorithm and a task asked for."""
        is_wanted = not self.algorithms or reading.algorithm in self.algorithms
        return is_wanted and (not self.tasks or reading.task in self.tasks)


def choose_score(readings: Iterable[Reading], wanted: str | None) -> str:
    """The quantity to summarise: the one wanted, else the best known one that is there. Raises UserError.

    Where nothing was measured at all, it is the one wanted or `score`.
    """
    found = {name for reading in readings if reading.status is Status.COMPLETED for name in reading.totals}
    if not found:
        return wanted or "score"
    if wanted is not None:
        if wanted not in found:
            raise unknown("score", wanted, found)
        return wanted
    for name in _PREFERRED:
        if name in found:
            return name
    if len(found) == 1:
        return next(iter(found))
    raise UserError(f"The runs measured {', '.join(sorted(found))}: say which to summarise with --score NAME.")


def is_better_less(unit: str) -> bool:
    """Whether less of a quantity in this unit is better."""
    return unit in _LESS_IS_BETTER


def is_rate(unit: str) -> bool:
    """Whether a quantity in this unit is a success rate, 0..1."""
    return unit == _RATE


def check_dimensions(by: Sequence[str], readings: Iterable[Reading]) -> None:
    """Raise UserError where a dimension is none that any of the readings has."""
    known = {*_PLAIN, *(name for reading in readings for name in reading.labels)}
    for name in by:
        if name not in known:
            raise unknown("dimension to group by", name, known)


def group_of(reading: Reading, by: Sequence[str]) -> str:
    """The name of the group that a reading belongs to: its values of the dimensions, joined."""
    return ", ".join(_value(reading, name) for name in by)


def _value(reading: Reading, name: str) -> str:
    value = getattr(reading, name) if name in _PLAIN else reading.labels.get(name)
    text = "none" if value in {None, ""} else str(value)
    return text if name in _UNNAMED else f"{name}={text}"


def _called(reference: str | float) -> str:
    if isinstance(reference, str):
        return f"{reference} score"
    return f"({reference:g})" if reference < 0 else f"{reference:g}"
