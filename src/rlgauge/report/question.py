"""What is asked of the readings: which quantity, of which groups, normalised how, and what a failed run counts as."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from rlgauge.core.errors import UserError, unknown
from rlgauge.core.reading import Reading
from rlgauge.stats.estimate import Method
from rlgauge.stats.metrics import METRICS, Metric

_PREFERRED = ("return", "score", "success", "steps_per_second")
_LESS_IS_BETTER = {"s", "ms", "us", "ns", "bytes", "B", "kB", "MB", "GB", "KiB", "MiB", "GiB"}
_PLAIN = ("algorithm", "kind", "settings", "status", "source")


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
    """How readings are summarised. `failed` is what a failed run scores; None leaves it out, counted as missing."""

    score: str | None = None
    by: tuple[str, ...] = ("algorithm",)
    normalisation: Normalisation | None = None
    failed: float | None = None
    metrics: tuple[Metric, ...] = METRICS
    method: Method = "expanded"
    confidence: float = 0.95
    resample_tasks: bool = False


def choose_score(readings: Iterable[Reading], wanted: str | None) -> str:
    """The quantity to summarise: the one wanted, else the best known one that is there. Raises UserError."""
    found = Counter(name for reading in readings for name in reading.totals)
    if wanted is not None:
        if wanted not in found:
            raise _not_measured(wanted, found)
        return wanted
    for name in _PREFERRED:
        if name in found:
            return name
    if len(found) == 1:
        return next(iter(found))
    if not found:
        raise UserError("No run has a score: see their status with --format csv.")
    raise UserError(f"The runs measured {', '.join(sorted(found))}: say which to summarise with --score NAME.")


def is_better_less(unit: str) -> bool:
    """Whether less of a quantity in this unit is better."""
    return unit in _LESS_IS_BETTER


def group_of(reading: Reading, by: Sequence[str]) -> str:
    """The name of the group that a reading belongs to: its values of the dimensions, joined. Raises UserError."""
    return ", ".join(_value(reading, name) for name in by)


def _value(reading: Reading, name: str) -> str:
    if name in _PLAIN:
        return str(getattr(reading, name))
    if name in reading.labels:
        text = reading.labels[name]
        return f"{name}={text}" if name not in {"policy", "algorithm"} else text
    raise unknown("dimension to group by", name, [*_PLAIN, *reading.labels])


def _not_measured(wanted: str, found: Iterable[str]) -> UserError:
    names = sorted(found)
    if not names:
        return UserError(f"No run measured {wanted!r}, or anything else.")
    return unknown("score", wanted, names)


def _called(reference: str | float) -> str:
    return f"{reference} score" if isinstance(reference, str) else f"{reference:g}"
