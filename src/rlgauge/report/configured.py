"""What runs say of their configurations: dimensions to group by, and in what those differ that have one name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from rlgauge.compare.settings import configuration_of
from rlgauge.core.errors import UserError, unknown
from rlgauge.core.reading import Reading
from rlgauge.report.question import PLAIN

_OF_JSONPICKLE = ("py/", "__annotations__")
_MOST_NAMED = 5
_MOST_KNOWN = 12


def configured(readings: Sequence[Reading], by: Sequence[str]) -> tuple[list[Reading], tuple[str, ...]]:
    """The readings with what `by` names of their configurations as labels, and `by` with the whole names.

    A configuration's `bc.optimizer.lr` may be called `lr` where no other that differs ends so. Raises UserError for a
    dimension that none of the readings has.
    """
    known = {*PLAIN, *(name for reading in readings for name in reading.labels)}
    if known >= set(by):
        return list(readings), tuple(by)
    told = [_told(reading) for reading in readings]
    names = [name if name in known else _meant(name, told, known) for name in by]
    extra = [name for name in names if name not in known]
    labelled = [
        replace(reading, labels={**reading.labels, **{name: own[name] for name in extra if name in own}})
        for reading, own in zip(readings, told, strict=True)
    ]
    return labelled, tuple(names)


def _told(reading: Reading) -> Mapping[str, str]:
    """A run's configuration without what jsonpickle adds."""
    told = configuration_of(reading).items()
    return {name: text for name, text in told if not any(part in name for part in _OF_JSONPICKLE)}


def differing(readings: Iterable[Reading]) -> list[str]:
    """The names in which configurations differ between runs of one algorithm and task."""
    first = {(reading.algorithm, reading.task, reading.settings): reading for reading in readings}
    groups: dict[tuple[str, str], list[Mapping[str, str]]] = defaultdict(list)
    for (algorithm, task, _), reading in first.items():
        groups[algorithm, task].append(_told(reading))
    return list({name: None for own in groups.values() for name in _differing(own)})


def in_what(readings: Iterable[Reading]) -> str:
    """`lr, gamma and 3 more`, in which configurations differ; empty where that is not known."""
    names = differing(readings)
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def _differing(told: Sequence[Mapping[str, str]]) -> list[str]:
    names = dict.fromkeys(name for own in told for name in own)
    return [name for name in names if len({own.get(name) for own in told}) > 1]


def _meant(name: str, told: Sequence[Mapping[str, str]], known: Iterable[str]) -> str:
    """The whole name of a parameter. Raises UserError where there is none, or several that differ."""
    names = {key for own in told for key in own}
    if name in names:
        return name
    varied = _differing(told)
    ending = sorted(key for key in names if key.endswith(f".{name}"))
    meant = [key for key in ending if key in varied] or ending
    if len(meant) > 1:
        raise UserError(f"--by {name} may be {' or '.join(meant)}: give the whole name.")
    if not meant:
        raise unknown("dimension to group by", name, {*known, *varied[:_MOST_KNOWN]})
    return meant[0]
