"""What is asked of the readings: which quantity, of which groups, normalised how, and what a failed run counts as."""

from __future__ import annotations

import os
from collections.abc import Sequence

import msgspec

from rlgauge.compare.quantity import Quantity, check_wanted, only, quantities, quantity_of
from rlgauge.compare.references import Normalisation
from rlgauge.core.reading import Reading
from rlgauge.stats.estimate import Method
from rlgauge.stats.metrics import METRICS, Metric

PLAIN = ("algorithm", "task", "seed", "kind", "settings", "checkpoint", "status", "source")
"""Dimensions that every run has."""
GIVEN = "given"
"""The label that says beneath which of the paths that were given a run was found (see `given_by`)."""
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


def given_by(readings: Sequence[Reading], paths: Sequence[str]) -> list[Reading]:
    """The readings, labelled with the innermost of the paths beneath which each was found."""
    typed = sorted(((path.rstrip("/"), path) for path in paths), key=lambda pair: -len(pair[0]))
    real = sorted(((os.path.realpath(path), path) for path in paths), key=lambda pair: -len(pair[0]))
    known: dict[str, str | None] = {}
    for source in dict.fromkeys(reading.source for reading in readings):
        known[source] = _innermost(source, typed) or _innermost(os.path.realpath(source), real)
    return [
        msgspec.structs.replace(reading, labels={**reading.labels, GIVEN: given})
        if (given := known[reading.source]) is not None
        else reading
        for reading in readings
    ]


def _innermost(source: str, paths: Sequence[tuple[str, str]]) -> str | None:
    return next((path for own, path in paths if source == own or source.startswith(f"{own}/")), None)


def cell_name(group: str, task: str, by: Sequence[str]) -> str:
    """What the runs of a group on a task are called."""
    return group if "task" in by else f"{group} on {task}"


def group_of(reading: Reading, by: Sequence[str]) -> str:
    """The name of the group that a reading belongs to: its values of the dimensions, joined."""
    return ", ".join(_value(reading, name) for name in by)


def _value(reading: Reading, name: str) -> str:
    value = getattr(reading, name) if name in PLAIN else reading.labels.get(name)
    text = "none" if value in {None, ""} else str(value)
    return text if name in _UNNAMED else f"{name}={text}"
