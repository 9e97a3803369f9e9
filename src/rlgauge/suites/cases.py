"""The cases of an entry that trains: all combinations of its axes, less some, more some, each with its own options."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import msgspec

from rlgauge.core.errors import UserError, did_you_mean, unknown
from rlgauge.suites.suite import Budget, Entry, Options, Scalar, Value

_SEED = "seed"
AXES = ("algo", "env", _SEED)
"""Axes that every such entry has; lists of other options, and of the script's own, are axes, too."""
_TOGETHER = ("track",)
"""Options that take several values at once, whose lists are no axes."""
_BUDGET = "budget"
"""What an override may also depend on."""
_RANGE = re.compile(r"(\d+)\.\.(\d+)")


class TrainCase(msgspec.Struct, frozen=True):
    """A training: where it is on each axis, options of the command, and those of the script."""

    axes: dict[str, Scalar]
    options: dict[str, Scalar]
    args: dict[str, Scalar]


def cases(where: str, entry: Entry, budget: Budget = Budget.FULL, *, seeds: Collection[str] = ()) -> list[TrainCase]:
    """The cases in the order of the axes. Raises UserError; `where` is how it names the entry.

    Where a budget leaves out one of `seeds`, the cases have all seeds that the entry has.
    """
    replaced = _at(entry, budget, seeds)
    axes = _axes(where, replaced)
    known = _known(where, entry, axes)
    for what, wanted in _conditions(entry):
        _check(f"{where}, {what}", wanted, known)
    for one in entry.overrides:
        _check(f"{where}, overrides, where", {_BUDGET: one.where.get(_BUDGET, [])}, {_BUDGET: [*Budget]})
    for name in (name for one in entry.overrides for name in (*one.options.own, *one.options.args)):
        if name in known:
            raise UserError(f"{where}, overrides: {name} is an axis, so it is not for an override to say.")
    kept = [place for place in _product(axes) if not any(_matches(place, one) for one in entry.exclude)]
    added = (place for one in entry.include for place in _product({**axes, **_values(one)}))
    return [_case(entry, place, budget) for place in _unique([*kept, *added])]


def selected(where: str, entry: Entry, budget: Budget, wanted: Mapping[str, Sequence[str]]) -> list[TrainCase]:
    """The cases whose axes have one of the wanted values; names of axes have underscores in `wanted`.

    Of wanted seeds also those that the budget leaves out. Raises UserError.
    """
    found = cases(where, entry, budget, seeds=wanted.get(_SEED, ()))
    return [case for case in found if _is_wanted(case, wanted)]


def _is_wanted(case: TrainCase, wanted: Mapping[str, Sequence[str]]) -> bool:
    own = {name.replace("-", "_"): str(value) for name, value in case.axes.items()}
    return all(own.get(name) in values for name, values in wanted.items())


def spread(value: Value) -> list[Scalar]:
    """The values of an axis; `0..4` stands for the numbers from 0 to 4."""
    parts = value if isinstance(value, list) else [value]
    return [one for part in parts for one in _numbers(part)]


def _numbers(part: Scalar) -> list[Scalar]:
    match = _RANGE.fullmatch(part) if isinstance(part, str) else None
    return [part] if match is None else list(range(int(match[1]), int(match[2]) + 1))


def _at(entry: Entry, budget: Budget, seeds: Collection[str] = ()) -> Options:
    """The options of the entry, axes included, at a budget that has these seeds."""
    replaced = entry.replaced_at(budget)
    own = {**entry.options, **replaced.own}
    if _SEED in entry.options and not {str(one) for one in spread(own[_SEED])}.issuperset(seeds):
        own[_SEED] = entry.options[_SEED]
    return Options(own, {**entry.args, **replaced.args})


def _axes(where: str, options: Options) -> dict[str, list[Scalar]]:
    """What varies, with its values; the environment and the seed may be one each."""
    found: dict[str, list[Scalar]] = {}
    for name, value in (*options.own.items(), *options.args.items()):
        if name in _TOGETHER or (name not in AXES and not isinstance(value, list)):
            continue
        if name in found:
            raise UserError(f"{where}: {name} is both an option of the command and one of its script.")
        found[name] = spread(value)
        if not found[name]:
            raise UserError(f"{where}: {name} has no values: {value!r} ends before it begins.")
    return found


def _known(where: str, entry: Entry, axes: Mapping[str, list[Scalar]]) -> dict[str, list[Scalar]]:
    """All values that a case can have on each axis, at any budget."""
    full = _axes(where, _at(entry, Budget.FULL))
    names = list(dict.fromkeys([*full, *axes]))
    added = [_values(one) for one in entry.include]
    for one in added:
        for name in one:
            if name not in names:
                raise _no_axis(f"{where}, include", name, names)
    return {
        name: [
            *full.get(name, []),
            *axes.get(name, []),
            *itertools.chain.from_iterable(one.get(name, []) for one in added),
        ]
        for name in names
    }


def _conditions(entry: Entry) -> Iterator[tuple[str, Mapping[str, Value]]]:
    yield from (("exclude", one) for one in entry.exclude)
    for one in entry.overrides:
        yield "overrides, where", {name: value for name, value in one.where.items() if name != _BUDGET}


def _check(where: str, wanted: Mapping[str, Value], known: Mapping[str, list[Scalar]]) -> None:
    """Raise UserError for a condition that no case can meet."""
    for name, values in _values(wanted).items():
        if name not in known:
            raise _no_axis(where, name, list(known))
        for value in values:
            if value not in known[name]:
                error = unknown(name, str(value), map(str, dict.fromkeys(known[name])))
                raise UserError(f"{where}: {error}")


def _no_axis(where: str, name: str, names: Iterable[str]) -> UserError:
    hint = did_you_mean(name, names)
    return UserError(f"{where}: {name!r} is no axis.{hint} Known: {', '.join(names)}.")


def _values(one: Mapping[str, Value]) -> dict[str, list[Scalar]]:
    return {name: spread(value) for name, value in one.items()}


def _product(axes: Mapping[str, Iterable[Scalar]]) -> Iterator[dict[str, Scalar]]:
    for choice in itertools.product(*axes.values()):
        yield dict(zip(axes, choice, strict=True))


def _matches(place: Mapping[str, Scalar], wanted: Mapping[str, Value]) -> bool:
    return all(place.get(name) in spread(value) for name, value in wanted.items())


def _unique(places: Iterable[dict[str, Scalar]]) -> list[dict[str, Scalar]]:
    return list({tuple(place.items()): place for place in places}.values())


def _case(entry: Entry, place: dict[str, Scalar], budget: Budget) -> TrainCase:
    """The case at that place: what the entry says, what is overridden for it, and what the budget replaces."""
    own = [one for one in entry.overrides if _matches({**place, _BUDGET: budget.value}, one.where)]
    layers = [Options(entry.options, entry.args), *(one.options for one in own if _BUDGET not in one.where)]
    layers.append(entry.replaced_at(budget))
    layers += [one.options for one in own if _BUDGET in one.where]
    options = _merged(place, [layer.own for layer in layers])
    args = _merged(place, [layer.args for layer in layers])
    return TrainCase(place, {name: value for name, value in options.items() if name not in AXES}, args)


def _merged(place: Mapping[str, Scalar], layers: Iterable[Mapping[str, Value]]) -> dict[str, Scalar]:
    """The options of all layers, the later ones first; of axes, the place's own value."""
    found: dict[str, Scalar] = {}
    for layer in layers:
        for name, value in layer.items():
            if name in place:
                found[name] = place[name]
            elif name in _TOGETHER and isinstance(value, list):
                found[name] = ",".join(map(str, value))
            elif not isinstance(value, list):
                found[name] = value
    return found
