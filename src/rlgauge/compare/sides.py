"""The two sides of a comparison: whose runs they are, and which of them belong together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from rlgauge.compare.facts import is_foreign
from rlgauge.compare.measurements import order_of
from rlgauge.compare.phrases import seed_noun, some
from rlgauge.compare.quantity import has_stopped, stopped_speeds
from rlgauge.compare.settings import setting_names
from rlgauge.core.errors import UserError, unknown
from rlgauge.core.reading import Reading
from rlgauge.core.run import Status


class Side(msgspec.Struct, frozen=True):
    """Candidate or baseline: where its runs were read, the runs, and the one algorithm meant (None for all of them)."""

    source: str
    readings: list[Reading]
    algorithm: str | None = None

    @property
    def algorithms(self) -> list[str]:
        """The names of its algorithms, sorted."""
        return sorted({reading.algorithm for reading in self.readings})


class Pair(NamedTuple):
    """What is compared: the runs of both sides on one task (with one configuration, where there are several)."""

    algorithm: str
    baseline_algorithm: str
    task: str
    candidate: list[Reading]
    baseline: list[Reading]


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """A run without a whole result; `noun` is what its seed numbers, a seed or a process."""

    side: str
    algorithm: str
    task: str
    seed: int | None
    status: str
    reason: str
    noun: str = "seed"


def choose(side: Side, wanted: str | None, *, title: str, option: str, needs_one: bool) -> Side:
    """The side with the one algorithm meant; with all of them where several may be compared.

    Raises UserError for an algorithm that it does not hold, and where it holds several and must be asked.
    """
    if not side.readings:
        raise UserError(f"The {title} {side.source} holds no runs.")
    names = side.algorithms
    if wanted is None and len(names) > 1 and needs_one:
        raise UserError(
            f"{side.source} holds runs of {len(names)} algorithms, {', '.join(names)}: say which is the {title} "
            f"with {option} NAME."
        )
    if wanted is not None and wanted not in names:
        raise unknown(f"algorithm of the {title}", wanted, names)
    chosen = wanted or (names[0] if len(names) == 1 else None)
    kept = [reading for reading in side.readings if chosen is None or reading.algorithm == chosen]
    return Side(side.source, kept, chosen)


def pairs(candidate: Side, baseline: Side) -> list[Pair]:
    """Every task of every algorithm, on either side, with the runs of both; one of them may have none.

    An algorithm is compared with the one of the same name, except where each side has one algorithm. Tasks of numbers
    of environments come in rising number.
    """
    same_name = candidate.algorithm is None or baseline.algorithm is None
    ours, theirs = _cells(candidate, named=same_name), _cells(baseline, named=same_name)
    found = []
    for key in dict.fromkeys([*ours, *theirs]):
        name, task = key
        found += _by_settings(
            Pair(
                name or candidate.algorithm or "",
                name or baseline.algorithm or "",
                task,
                ours.get(key, []),
                theirs.get(key, []),
            )
        )
    return sorted(found, key=_order)


def _order(pair: Pair) -> tuple[str, str, tuple[str, int, str], str]:
    (task,) = {reading.task for reading in (*pair.candidate, *pair.baseline)}
    return pair.algorithm, pair.baseline_algorithm, order_of(task), pair.task


def _cells(side: Side, *, named: bool) -> dict[tuple[str | None, str], list[Reading]]:
    cells: dict[tuple[str | None, str], list[Reading]] = defaultdict(list)
    for reading in side.readings:
        cells[reading.algorithm if named else None, reading.task].append(reading)
    return cells


def _by_settings(pair: Pair) -> list[Pair]:
    """The pair, one for each configuration where there are several that can be told to be the same on both sides."""
    ours, theirs = ({reading.settings for reading in readings} for readings in (pair.candidate, pair.baseline))
    if len(ours | theirs) == 1:
        return [pair]
    if ours & theirs:
        names = setting_names([*pair.candidate, *pair.baseline])
        return _divided(pair, names, names)
    own, other = setting_names(pair.candidate), setting_names(pair.baseline)
    is_known = not any(map(is_foreign, (*pair.candidate, *pair.baseline)))
    if is_known and set(own.values()) & set(other.values()):
        return _divided(pair, own, other)  # something else differs, in all of them
    return [pair]


def _divided(pair: Pair, ours: Mapping[str, str], theirs: Mapping[str, str]) -> list[Pair]:
    """A pair for each name of a configuration; `ours` and `theirs` hold the names by settings."""
    return [
        pair._replace(
            task=f"{pair.task} ({name})",
            candidate=[reading for reading in pair.candidate if ours[reading.settings] == name],
            baseline=[reading for reading in pair.baseline if theirs[reading.settings] == name],
        )
        for name in dict.fromkeys([*ours.values(), *theirs.values()])
    ]


def pooled(pairs: Iterable[Pair]) -> Iterator[str]:
    """A sentence for each side of which runs of several configurations are taken together."""
    found: dict[str, list[str]] = {"candidate": [], "baseline": []}
    for pair in pairs:
        for side, name, readings in (
            ("candidate", pair.algorithm, pair.candidate),
            ("baseline", pair.baseline_algorithm, pair.baseline),
        ):
            if len({reading.settings for reading in readings}) > 1:
                found[side].append(f"{name} on {pair.task}")
    for side, where in found.items():
        if where:
            yield f"Runs with different settings are pooled in {some(where)}, {side}."


def failed_runs(side: str, readings: Iterable[Reading]) -> list[Failed]:
    """The runs that did not complete, or in which something failed."""
    return [
        Failed(
            side=side,
            algorithm=reading.algorithm,
            task=reading.task,
            seed=reading.seed,
            status=str(Status.FAILED if has_stopped(reading) else reading.status),
            reason=_why(reading),
            noun=seed_noun([reading]),
        )
        for reading in readings
        if reading.status is not Status.COMPLETED or not reading.totals or reading.num_errors or has_stopped(reading)
    ]


def _why(reading: Reading) -> str:
    if has_stopped(reading):
        return f"it did nothing: {' and '.join(stopped_speeds(reading))} not above 0"
    if reading.num_errors and reading.status is Status.COMPLETED:
        return f"{reading.num_errors} of its records are errors"
    return " ".join((reading.reason or "it measured nothing").split())
