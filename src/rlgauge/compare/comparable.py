"""Whether two sides were measured alike: the same machine, versions and configuration."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from rlgauge.compare.facts import algorithm_configuration, facts_of, is_foreign
from rlgauge.compare.phrases import some
from rlgauge.compare.settings import configuration_of
from rlgauge.compare.sides import Pair
from rlgauge.core.reading import Reading

_NAMES = {"cpu": "CPU", "num_cores": "number of cores", "affinity": "number of cores that it may use", "gpus": "GPUs"}
_MOST_NAMED = 5
_UNSET = "not set"


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Something in which the sides differ: `what` is machine, versions or configuration."""

    what: str
    sentence: str


def differences(pairs: Iterable[Pair], *, whats: Sequence[str]) -> list[Difference]:
    """What differs between the sides of any pair, each fact once, in the order of `whats`."""
    found: dict[tuple[str, str], Difference] = {}
    for pair in pairs:
        ours, theirs = (_facts_of(readings) for readings in (pair.candidate, pair.baseline))
        skipped = {pair.algorithm, pair.baseline_algorithm}
        for what in whats:
            for sentence in _differing(what, getattr(ours, what), getattr(theirs, what), skipped):
                found.setdefault((what, sentence), Difference(what=what, sentence=sentence))
    return sorted(found.values(), key=lambda one: whats.index(one.what))


def told_differences(pairs: Iterable[Pair]) -> Iterator[str]:
    """Sentences on algorithms and tasks whose runs were configured differently on the two sides.

    Of runs of another system, as what a configuration has to do with the measurement is not known there, and of the
    settings of algorithms that were trained, which are often what is compared: it is told, never refused. Of two
    algorithms, whose own parameters differ by nature, it is told what both have.
    """
    found: dict[str, list[str]] = defaultdict(list)
    for pair in pairs:
        ours, theirs = (
            {reading.settings: reading for reading in side if reading.settings}
            for side in (pair.candidate, pair.baseline)
        )
        if not ours or not theirs or set(ours) & set(theirs):
            continue
        own, other = (_told_only(next(iter(side.values()))) for side in (ours, theirs))
        if own is None or other is None:
            continue
        is_one = pair.algorithm == pair.baseline_algorithm
        names = [name for name in dict.fromkeys([*own, *other]) if own.get(name) != other.get(name)]
        names = [name for name in names if is_one or (name in own and name in other)]
        if is_one or names:
            found[_in_what(names)].append(f"{pair.algorithm} on {pair.task}" if is_one else pair.task)
    for what, where in found.items():
        yield f"{some(where)}: the two sides were configured differently{what}."


def _told_only(reading: Reading) -> Mapping[str, str] | None:
    """What of its configuration is told where it differs; None of a run all of whose configuration is judged."""
    return configuration_of(reading) if is_foreign(reading) else algorithm_configuration(reading) or None


def _in_what(names: Sequence[str]) -> str:
    what = f" in {', '.join(names[:_MOST_NAMED])}" if names else ""
    return f"{what} and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else what


def num_silent(readings: Iterable[Reading]) -> int:
    """How many runs say nothing of the machine and versions that measured them."""
    return sum(all(facts.is_silent for facts in facts_of(reading)) for reading in readings)


class _Told(msgspec.Struct, frozen=True):
    """All values of each fact that the runs of one side tell."""

    machine: Mapping[str, set[str]]
    versions: Mapping[str, set[str]]
    configuration: Mapping[str, set[str]]


def _facts_of(readings: Iterable[Reading]) -> _Told:
    told = _Told(defaultdict(set), defaultdict(set), defaultdict(set))
    for reading in readings:
        for facts in facts_of(reading):
            for what in ("machine", "versions", "configuration"):
                for name, value in getattr(facts, what).items():
                    getattr(told, what)[name].add(value)
    return told


def _differing(
    what: str, ours: Mapping[str, set[str]], theirs: Mapping[str, set[str]], skipped: set[str]
) -> Iterator[str]:
    """A sentence for each fact in which the sides differ; the names of the algorithms are no difference."""
    values = dict(_configured(ours, theirs) if what == "configuration" else _told_by_both(ours, theirs))
    names = [name for name, (own, other) in values.items() if not own | other <= skipped]
    for name in names[:_MOST_NAMED]:
        own, other = (", ".join(sorted(side)) for side in values[name])
        yield f"{_title(what, name)}: candidate {own}, baseline {other}."
    if len(names) > _MOST_NAMED:
        yield f"{len(names) - _MOST_NAMED} more differ: {', '.join(names[_MOST_NAMED:])}."


def _told_by_both(
    ours: Mapping[str, set[str]], theirs: Mapping[str, set[str]]
) -> Iterator[tuple[str, tuple[set[str], set[str]]]]:
    for name, own in ours.items():
        if name in theirs and own != theirs[name]:
            yield name, (own, theirs[name])


def _configured(
    ours: Mapping[str, set[str]], theirs: Mapping[str, set[str]]
) -> Iterator[tuple[str, tuple[set[str], set[str]]]]:
    """What has no value in common; a value that varies between the runs of a side tells them apart, and no more."""
    for name in dict.fromkeys([*ours, *theirs]) if ours and theirs else ():
        own, other = ours.get(name, {_UNSET}), theirs.get(name, {_UNSET})
        if not own & other:
            yield name, (own, other)


def _title(what: str, name: str) -> str:
    if what == "machine":
        return f"The machines differ in {_NAMES.get(name, name)}"
    return f"The versions of {name} differ" if what == "versions" else f"{name} differs"
