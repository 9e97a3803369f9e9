"""Measurements one after the other: how much faster each is than the one before it, at the same place."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import msgspec

from rlgauge.compare.comparable import differences
from rlgauge.compare.judge import judge
from rlgauge.compare.line import Line, Measured, Verdict, measure
from rlgauge.compare.measurements import QUANTITY, Measurement, Place, Spot
from rlgauge.compare.question import ALLOWABLE, Question
from rlgauge.compare.references import References
from rlgauge.compare.sides import Pair

_SEVERAL = 2
QUESTION = Question()
"""How a change is judged: as the gate does where nothing else is said."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A speed over that of the measurement before; `before` names that.

    Where they differ in machine, versions or configuration, and that is not allowed, `differs` says in what (the later
    is the candidate) and there is no ratio. `word` (faster, slower, same, inconclusive) and the interval need two
    processes on both sides.
    """

    before: str
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    word: str | None = None
    differs: tuple[str, ...] = ()


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """A speed of a measurement, and its change; None where it is the first at its place."""

    spot: Spot
    change: Change | None = None


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What a library did on an environment in a measurement: one environment alone, and a batch of them."""

    measurement: Measurement
    environment: str
    manner: str
    library: str
    single: Cell | None
    batch: Cell | None

    @property
    def cells(self) -> list[Cell]:
        """What was measured of the two."""
        return [cell for cell in (self.single, self.batch) if cell is not None]


class _Step(msgspec.Struct, frozen=True):
    """A speed beside the one before it."""

    key: tuple[int, int]
    before: str
    differs: tuple[str, ...]
    measured: Measured | None
    is_tested: bool


def history(found: Sequence[Measurement], *, num_envs: int | None = None, allowed: Collection[str] = ()) -> list[Row]:
    """A row for each library on each environment in each measurement, the oldest measurement first.

    The batch is that of `num_envs` environments, else the fastest. A change is against the last measurement before that
    measured the same library at the same place. All changes are judged together. `allowed` may differ, of ALLOWABLE.
    """
    whats = [what for what in ALLOWABLE if what not in allowed]
    chosen = [(index, row) for index, one in enumerate(found) for row in _rows(one, num_envs)]
    steps = [
        step
        for number, (index, row) in enumerate(chosen)
        for position, cell in enumerate((row.single, row.batch))
        if cell is not None and (step := _step((number, position), cell.spot, found[:index], whats)) is not None
    ]
    tested = [step.measured for step in steps if step.measured is not None]
    lines = iter(judge(tested, QUESTION))
    changes = {step.key: _change(step, None if step.measured is None else next(lines)) for step in steps}
    return [
        msgspec.structs.replace(
            row, single=_with(row.single, changes.get((number, 0))), batch=_with(row.batch, changes.get((number, 1)))
        )
        for number, (_, row) in enumerate(chosen)
    ]


def _rows(measurement: Measurement, num_envs: int | None) -> Iterable[Row]:
    keys = dict.fromkeys((spot.place.environment, spot.place.manner, spot.library) for spot in measurement.spots)
    for environment, manner, library in keys:
        own = [
            spot
            for spot in measurement.spots
            if (spot.place.environment, spot.place.manner, spot.library) == (environment, manner, library)
        ]
        single = _fastest([spot for spot in own if spot.place.is_single] or [s for s in own if s.place.num_envs == 1])
        others = [spot for spot in own if not spot.place.is_single and spot is not single]
        batch = _fastest([spot for spot in others if num_envs in {None, spot.place.num_envs}])
        yield Row(
            measurement=measurement,
            environment=environment,
            manner=manner,
            library=library,
            single=None if single is None else Cell(spot=single),
            batch=None if batch is None else Cell(spot=batch),
        )


def _fastest(spots: Sequence[Spot]) -> Spot | None:
    """The fastest; of those that failed the first, where all did."""
    return max(spots, key=_speed, default=None)


def _speed(spot: Spot) -> float:
    return 0.0 if (speed := spot.speed) is None else speed.point


def _step(key: tuple[int, int], spot: Spot, earlier: Sequence[Measurement], whats: Sequence[str]) -> _Step | None:
    """The speed beside the last before it at its place; None where it is the first, or failed."""
    if spot.speed is None:
        return None
    for measurement in reversed(earlier):
        before = next((other for other in measurement.spots if _is_before(other, spot)), None)
        if before is None:
            continue
        pair = Pair(spot.library, spot.library, _name(spot.place), spot.readings, before.readings)
        differs = tuple(one.sentence for one in differences([pair], whats=whats))
        one = None if differs else measure(pair, QUANTITY, QUESTION, references=_PLAIN, notes=[])
        is_tested = min(len(spot.readings), len(before.readings)) >= _SEVERAL
        return _Step(key, measurement.name, differs, one, is_tested)
    return None


_PLAIN = References((), QUANTITY, None)


def _is_before(other: Spot, spot: Spot) -> bool:
    return (other.place, other.library) == (spot.place, spot.library) and other.speed is not None


def _name(place: Place) -> str:
    return f"{place.environment} x {place.num_envs:,}"


def _change(step: _Step, line: Line | None) -> Change:
    if line is None:
        return Change(before=step.before, differs=step.differs)
    if not step.is_tested:
        return Change(before=step.before, ratio=line.difference)
    return Change(before=step.before, ratio=line.difference, low=line.low, high=line.high, word=_word(line))


def _word(line: Line) -> str:
    """`faster`, `slower`, `same` or `inconclusive`; what is shown but lies within the tolerance says so."""
    is_within = line.is_within_tolerance and line.verdict in {Verdict.WORSE, Verdict.BETTER}
    return f"{line.word}, within tolerance" if is_within else line.word


def _with(cell: Cell | None, change: Change | None) -> Cell | None:
    return cell if cell is None or change is None else msgspec.structs.replace(cell, change=change)
