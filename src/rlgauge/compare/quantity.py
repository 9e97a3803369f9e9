"""Quantities: how two sides of one are compared, and the words for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum

import msgspec

from rlgauge.compare.phrases import count, some
from rlgauge.compare.units import SIZES, TIMES, factor, is_speed
from rlgauge.core.errors import UserError, unknown
from rlgauge.core.reading import Reading, Total
from rlgauge.core.run import Status

_SUCCESS = "success"
_SCORES = ("return", "score", "success")
_OF_TRAINING = "training_return"
"""What stands for a score where nothing that was trained could be tested."""
_OF_TRAININGS = frozenset({_OF_TRAINING, "train_seconds"})
"""What only trainings measure: the first where their episodes were counted, the other always."""
_BEST_KNOWN = "steps_per_second"


class Sort(StrEnum):
    """What kind of number a quantity is, by its unit."""

    SPEED = "speed"
    TIME = "time"
    MEMORY = "memory"
    SUCCESS = "success"
    SCORE = "score"


_WORSE = {
    Sort.SPEED: "slower",
    Sort.TIME: "slower",
    Sort.MEMORY: "larger",
    Sort.SUCCESS: "worse",
    Sort.SCORE: "worse",
}
_BETTER = {
    Sort.SPEED: "faster",
    Sort.TIME: "faster",
    Sort.MEMORY: "smaller",
    Sort.SUCCESS: "better",
    Sort.SCORE: "better",
}


class Quantity(msgspec.Struct, frozen=True):
    """A quantity that runs measured."""

    name: str
    unit: str
    sort: Sort

    @property
    def is_ratio(self) -> bool:
        """Whether sides are compared by their ratio: speed, time and memory; else by their difference."""
        return self.sort in {Sort.SPEED, Sort.TIME, Sort.MEMORY}

    @property
    def is_less_better(self) -> bool:
        """Whether less of it is better."""
        return self.sort in {Sort.TIME, Sort.MEMORY}

    @property
    def worse(self) -> str:
        """The word for a candidate that is worse in it."""
        return _WORSE[self.sort]

    @property
    def better(self) -> str:
        """The word for a candidate that is better in it."""
        return _BETTER[self.sort]


def quantity_of(name: str, unit: str) -> Quantity:
    """The quantity; one in a unit of no known kind is a score, of which more is better."""
    if unit == _SUCCESS:
        return Quantity(name, unit, Sort.SUCCESS)
    if is_speed(unit):
        return Quantity(name, unit, Sort.SPEED)
    if unit in TIMES:
        return Quantity(name, unit, Sort.TIME)
    return Quantity(name, unit, Sort.MEMORY if unit in SIZES else Sort.SCORE)


def measured(reading: Reading) -> Mapping[str, Total]:
    """What a run measured; nothing if it did not complete, and no speed of 0: that of a process that did nothing."""
    if reading.status is not Status.COMPLETED:
        return {}
    stopped = stopped_speeds(reading)
    return {name: total for name, total in reading.totals.items() if name not in stopped} if stopped else reading.totals


def stopped_speeds(reading: Reading) -> list[str]:
    """The speeds that are not above 0."""
    return [
        name
        for name, total in reading.totals.items()
        if not (total.mean if total.median is None else total.median) > 0 and is_speed(reading.units.get(name, ""))
    ]


def has_stopped(reading: Reading) -> bool:
    """Whether a run completed, without a speed above 0 of those that it should have, and is not there for a score."""
    stopped = stopped_speeds(reading)
    others = [name for name in reading.totals if name not in stopped]
    is_other = any(name in _SCORES or is_speed(reading.units.get(name, "")) for name in others)
    return reading.status is Status.COMPLETED and bool(stopped) and not is_other


def in_unit_of(quantity: Quantity, reading: Reading) -> float:
    """By which what a run measured is multiplied to be in the quantity's unit.

    Raises UserError for a unit of something else, and of a score for any other.
    """
    unit = reading.units.get(quantity.name, "")
    found = factor(unit, quantity.unit)
    if found is None or (found != 1 and not quantity.is_ratio):
        raise UserError(
            f"{quantity.name} is in {quantity.unit} in some runs and in {unit} in others, such as {reading.source}: "
            "these can't be compared. Give it in one unit."
        )
    return found


def converted(readings: Iterable[Reading], quantity: Quantity) -> Iterator[str]:
    """A sentence where a quantity was measured in several units."""
    units = {reading.units.get(quantity.name, "") for reading in readings if quantity.name in measured(reading)}
    others = sorted(units - {quantity.unit, ""})
    if others:
        yield f"{quantity.name} was measured in {', '.join(others)} too: all of it is given in {quantity.unit}."


def check_wanted(readings: Iterable[Reading], wanted: Iterable[str]) -> None:
    """Raise UserError for a quantity that no run measured, unless none measured anything."""
    units = _units(readings)
    for name in wanted:
        if units and name not in units:
            raise unknown("score", name, units)


def quantities(readings: Iterable[Reading], wanted: Iterable[str] = ()) -> list[Quantity]:
    """What is compared of these runs: the quantities wanted, else score and success, else all speeds, times and sizes.

    Where what was trained could not be tested, the training's return is the score. Raises UserError where it can't be
    told what is meant.
    """
    found = {name: quantity_of(name, unit) for name, unit in _units(readings).items()}
    names = list(dict.fromkeys(wanted))
    if names:
        return [found[name] for name in names if name in found]
    scores = [found[name] for name in _SCORES if name in found]
    scores = scores or [found[name] for name in (_OF_TRAINING,) if name in found]
    chosen = scores or [quantity for quantity in found.values() if quantity.is_ratio] or list(found.values())
    if len(chosen) > 1 and not scores and not chosen[0].is_ratio:
        raise _ambiguous(found)
    return chosen


def untested(readings: Iterable[Reading], quantity: Quantity) -> Iterator[str]:
    """A sentence where trainings have no score because nothing that they trained was tested.

    Either none of them was, and something else is the quantity, or some have none beside others that do.
    """
    trained = [reading for reading in readings if not _OF_TRAININGS.isdisjoint(measured(reading))]
    lacking = [reading for reading in trained if not any(name in reading.totals for name in _SCORES)]
    if quantity.name in _OF_TRAININGS and len(lacking) == len(trained):
        end = (
            ", the return at the end of each training" if quantity.name == _OF_TRAINING else "; no episode was counted"
        )
        yield f"No run was tested: what is shown is {quantity.name}{end}."
    elif quantity.name in _SCORES and lacking:
        names = list(dict.fromkeys(f"{reading.algorithm} on {reading.task}" for reading in lacking))
        yield (
            f"{count(len(lacking), 'training')} of {len(trained)} had no test episode that came to its end, and no "
            f"{quantity.name}: {some(names)}. --score {_OF_TRAINING} is what all had at the end of training."
        )


def only(found: Sequence[Quantity]) -> Quantity:
    """The one that is meant where one is: the first of return, score and success, else the best known speed.

    Raises UserError where it can't be told.
    """
    if len(found) == 1 or not found[0].is_ratio:
        return found[0]
    for quantity in found:
        if quantity.name == _BEST_KNOWN:
            return quantity
    raise _ambiguous(quantity.name for quantity in found)


def _ambiguous(names: Iterable[str]) -> UserError:
    return UserError(f"The runs measured {', '.join(sorted(names))}: say which is meant with --score NAME.")


def _units(readings: Iterable[Reading]) -> Mapping[str, str]:
    """The unit of every quantity that was measured: of several the one that most runs use."""
    units: dict[str, Counter[str]] = {}
    for reading in readings:
        for name in measured(reading):
            units.setdefault(name, Counter())[reading.units.get(name, "")] += 1
    return {name: min(own, key=lambda unit: (not unit, -own[unit], unit)) for name, own in units.items()}
