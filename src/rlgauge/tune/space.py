"""Search spaces: which settings vary, and over which values. A space is data; those shipped are YAML files here."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from rlgauge.core.case import canonical
from rlgauge.core.errors import UserError, did_you_mean, unknown
from rlgauge.core.files import plain_errors

TRIALS = 64
"""Where neither the command nor the space says how many configurations are tried."""
MOST_POINTS = 1_000_000
"""Of a grid."""
_ENDINGS = (".yaml", ".yml")
_EXPONENT = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+")
"""Numbers that YAML takes for texts."""
_PARTS, _BOUNDS = ("description", "trials", "values"), ("low", "high", "log", "step")
_ONE_OR_RANGE = "write the values as a list, or {low: 1e-5, high: 1e-2, log: true}"

Simple: TypeAlias = bool | int | float | str | None


class Choice(msgspec.Struct, frozen=True):
    """One of some values of any kind."""

    values: list[Any]

    @property
    def labels(self) -> list[Simple]:
        """What stands for each value where only simple ones can be kept: lists and mappings as JSON."""
        return [_label(value) for value in self.values]

    @property
    def count(self) -> int:
        """How many values there are."""
        return len(self.values)

    def at(self, place: int) -> Any:  # noqa: ANN401  # a value of a setting
        """The value at a place of the list."""
        return self.values[place]

    def place_of(self, value: object) -> int:
        """Where in the list the value is."""
        return self.values.index(value)

    @property
    def probes(self) -> list[Any]:
        """Values by which it is told whether any can be used."""
        return self.values

    @property
    def data(self) -> object:
        """As a file says it."""
        return self.values


class Range(msgspec.Struct, frozen=True):
    """All numbers from `low` to `high`, both included; whole ones if both are. `log`: their logarithms are even."""

    low: float
    high: float
    log: bool = False
    step: float | None = None
    is_whole: bool = False

    @property
    def count(self) -> int | None:
        """How many values there are; None where there are infinitely many."""
        if self.is_whole:
            return int((self.high - self.low) // self._apart) + 1
        return None if self.step is None else math.floor((self.high - self.low) / self.step + 1e-9) + 1

    def at(self, place: int) -> float:
        """The value so many steps above the lowest, where there are steps."""
        return self._as(self.low + place * self._apart)

    def place_of(self, value: float) -> int:
        """How many steps the value is above the lowest."""
        return round((value - self.low) / self._apart)

    @property
    def probes(self) -> list[Any]:
        """Its ends."""
        return [self._as(self.low), self._as(self.high)]

    @property
    def data(self) -> object:
        """As a file says it."""
        low, high = self.probes
        own = {"low": low, "high": high, "log": self.log, "step": self.step}
        return {name: value for name, value in own.items() if value is not None and value is not False}

    @property
    def _apart(self) -> float:
        return self.step or 1

    def _as(self, value: float) -> float:
        return int(value) if self.is_whole else float(value)


Axis: TypeAlias = Choice | Range


class Space(msgspec.Struct, frozen=True):
    """The axes by the dotted paths of the settings; `where` is how errors name it."""

    where: str
    axes: dict[str, Axis]
    trials: int = TRIALS

    @property
    def data(self) -> dict[str, Any]:
        """The axes as a file says them."""
        return {name: axis.data for name, axis in self.axes.items()}

    def without(self, fixed: Mapping[str, Any]) -> Space:
        """The space of what is not fixed. Raises UserError where nothing is left, or what is fixed would be sampled."""
        for name in self.axes:
            inside = [path for path in fixed if path != name and (f"{path}.".startswith(f"{name}."))]
            around = [path for path in fixed if path != name and (f"{name}.".startswith(f"{path}."))]
            if inside or around:
                path = (inside or around)[0]
                raise UserError(f"--fix {path} and {name} of {self.where} overlap: fix {name}, or give a --space.")
        left = {name: axis for name, axis in self.axes.items() if name not in fixed}
        if not left:
            raise UserError(f"Every setting of {self.where} is fixed, so there is nothing to tune: leave out a --fix.")
        return msgspec.structs.replace(self, axes=left)

    @property
    def num_points(self) -> int:
        """How many configurations there are. Raises UserError where there are too many for a grid."""
        found = math.prod(self._counts())
        if found > MOST_POINTS:
            raise UserError(
                f"--sampler grid tries all values, and {self.where} has {found:,} points, more than {MOST_POINTS:,}: "
                "give shorter lists or a `step`, fix a setting with --fix, or take --sampler tpe or random."
            )
        return found

    def point(self, place: int) -> dict[str, Any]:
        """The configuration at a place of the grid, whose last setting varies first."""
        found: dict[str, Any] = {}
        for (name, axis), count in zip(reversed(self.axes.items()), reversed(self._counts()), strict=True):
            place, own = divmod(place, count)
            found[name] = axis.at(own)
        return {name: found[name] for name in self.axes}

    def place_of(self, values: Mapping[str, Any]) -> int:
        """Where in the grid a configuration of this space is."""
        found = 0
        for (name, axis), count in zip(self.axes.items(), self._counts(), strict=True):
            found = found * count + axis.place_of(values[name])
        return found

    def _counts(self) -> list[int]:
        """How many values each setting has. Raises UserError where one has infinitely many."""
        found = []
        for name, axis in self.axes.items():
            if axis.count is None:
                raise UserError(
                    f"--sampler grid tries all values, and {name} of {self.where} has infinitely many: give it a list "
                    "of values or a `step`, fix it with --fix, or take --sampler tpe or random."
                )
            found.append(axis.count)
        return found


def shipped() -> dict[str, Path]:
    """The spaces that come with this package, by their names."""
    folder = Path(__file__).parent / "spaces"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def find_space(name: str) -> Space:
    """The space of that name, or in that file. Raises UserError."""
    if not name.endswith(_ENDINGS):
        known = shipped()
        if name not in known:
            hint = " A file of your own ends with .yaml." if Path(name).exists() else ""
            raise UserError(f"{unknown('space', name, known)}{hint}")
        return read_space(_load(known[name]), where=f"the space {name}")
    return read_space(_load(Path(name)), where=name)


def read_space(data: object, *, where: str) -> Space:
    """The space that the data says: `values`, by dotted paths, and how many `trials` it is meant for. Raises UserError.

    Of a mapping without `values` each entry is a setting.
    """
    if not isinstance(data, Mapping):
        raise UserError(f"{where} is no space: it maps settings to their values; {_ONE_OR_RANGE}.")
    is_whole_file = isinstance(data.get("values"), Mapping)
    values = data["values"] if is_whole_file else data
    for name in data if is_whole_file else ():
        if name not in _PARTS:
            raise UserError(f"{where}: unknown part {name!r}.{did_you_mean(str(name), _PARTS)} Known: values, trials.")
    if not values:
        raise UserError(f"{where} has no settings: there is nothing to tune.")
    trials = data.get("trials", TRIALS) if is_whole_file else TRIALS
    if isinstance(trials, bool) or not isinstance(trials, int) or trials < 1:
        raise UserError(f"{where}: trials must be a whole number above 0, not {trials!r}.")
    _check_apart(where, [str(name) for name in values])
    return Space(where, {str(name): _axis(f"{where}, {name}", axis) for name, axis in values.items()}, trials)


def read_value(text: str) -> Any:  # noqa: ANN401  # whatever YAML says
    """What a text says as YAML, and 1e-4 as a number. Raises UserError."""
    import yaml

    try:
        return float(text) if _EXPONENT.fullmatch(text.strip()) else yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UserError(f"{text!r} can't be read: {' '.join(str(error).split())}.") from error


def _check_apart(where: str, names: Iterable[str]) -> None:
    """Raise UserError where a setting lies in another one: which of the two a configuration has would be left open."""
    found = set(names)
    for name in sorted(found):
        parts = name.split(".")
        outer = next((one for end in range(1, len(parts)) if (one := ".".join(parts[:end])) in found), None)
        if outer is not None:
            raise UserError(f"{where}: {outer} and {name} overlap, as the one holds the other: leave one of them out.")


def _load(path: Path) -> object:
    import yaml

    with plain_errors(path, "read"):
        try:
            content = path.read_bytes()
        except FileNotFoundError as error:
            raise UserError(f"There is no space '{path}'. Shipped are {', '.join(shipped())}.") from error
    try:
        return yaml.safe_load(content)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is no YAML: {' '.join(str(error).split())}.") from error


def _axis(where: str, said: object) -> Axis:
    if isinstance(said, list):
        return _choice(where, said)
    if not isinstance(said, Mapping):
        raise UserError(f"{where} has one value, {said!r}: {_ONE_OR_RANGE}; a single value is for --fix.")
    for name in said:
        if name not in _BOUNDS:
            raise UserError(f"{where}: unknown part {name!r}.{did_you_mean(str(name), _BOUNDS)} {_ONE_OR_RANGE}.")
    return _range(where, said)


def _choice(where: str, said: Sequence[Any]) -> Choice:
    if not said:
        raise UserError(f"{where} contains no valid value: its list is empty.")
    values = [float(value) if isinstance(value, str) and _EXPONENT.fullmatch(value) else value for value in said]
    try:
        canonical(values)
    except (TypeError, ValueError) as error:
        raise UserError(f"{where}: {error}.") from error
    twice = [value for value in values if values.count(value) > 1]
    if twice:
        raise UserError(f"{where} has the value {twice[0]!r} twice.")
    found = Choice(values)
    alike = [value for value, label in zip(values, found.labels, strict=True) if found.labels.count(label) > 1]
    if alike:
        raise UserError(
            f"{where}: a study can't tell {alike[0]!r} from {alike[1]!r}, as it keeps lists and mappings as texts: "
            "write one of them differently."
        )
    return found


def _range(where: str, said: Mapping[str, Any]) -> Range:
    low, high = (_number(where, name, said.get(name)) for name in ("low", "high"))
    step = None if said.get("step") is None else _number(where, "step", said["step"])
    log = said.get("log", False)
    if not isinstance(log, bool):
        raise UserError(f"{where}: log is true or false, not {log!r}.")
    if low > high:
        raise UserError(f"{where} contains no valid value: low, {low:g}, is above high, {high:g}.")
    if log and low <= 0:
        raise UserError(f"{where} contains no valid value near its low end: the logarithm of {low:g} does not exist.")
    if step is not None and (log or step <= 0):
        raise UserError(f"{where}: a step is above 0, and of ranges without log: a list has other values.")
    is_whole = all(isinstance(number, int) for number in (low, high, 1 if step is None else step))
    return Range(low, high, log, step, is_whole)


def _number(where: str, name: str, said: object) -> float:
    value = float(said) if isinstance(said, str) and _EXPONENT.fullmatch(said) else said
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise UserError(f"{where}: {name} must be a number, not {said!r}; {_ONE_OR_RANGE}.")
    return value


def _label(value: object) -> Simple:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return json.dumps(canonical(value), sort_keys=True)
