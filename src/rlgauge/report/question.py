"""What is asked of the readings: which quantity, of which groups, normalised how, and what a failed run counts as."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from rlgauge.compare.quantity import Quantity, check_wanted, only, quantities, quantity_of
from rlgauge.compare.references import Normalisation
from rlgauge.core.errors import unknown
from rlgauge.core.reading import Reading
from rlgauge.stats.estimate import Method
from rlgauge.stats.metrics import METRICS, Metric

_PLAIN = ("algorithm", "task", "seed", "kind", "settings", "checkpoint", "status", "source")
_UNNAMED = {"algorithm", "policy", "task"}
"""Dimensions whose values speak for themselves."""


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


def choose_quantity(readings: Sequence[Reading], wanted: str | None) -> Quantity:
    """The quantity to summarise: the one wanted, else the best known one that is there. Raises UserError.

    Where nothing was measured at all, it is the one wanted or `score`.
    """
    names = () if wanted is None else (wanted,)
    check_wanted(readings, names)
    found = quantities(readings, names)
    return only(found) if found else quantity_of(wanted or "score", "")


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
