"""A suite: a YAML file that names commands, the axes of their options, and what is meant to be reached."""

from __future__ import annotations

import re
from collections.abc import Hashable
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from rlgauge.core.errors import UserError, did_you_mean, unknown
from rlgauge.core.files import plain_errors
from rlgauge.suites.target import Target

Scalar = bool | int | float | str
Value = Scalar | list[Scalar]
_ENDINGS = (".yaml", ".yml")


class Budget(StrEnum):
    """How much is wanted: a look whether everything works, something worth looking at, or all that a suite says."""

    SMOKE = "smoke"
    SHORT = "short"
    FULL = "full"


LESS = (Budget.SMOKE, Budget.SHORT)
"""Budgets at which options are replaced, each by what an entry says under that name."""


class Options(msgspec.Struct, frozen=True):
    """Options of a command, and `args`, those of the script that it runs; a list is an axis."""

    own: dict[str, Value] = {}
    args: dict[str, Value] = {}


class Override(msgspec.Struct, frozen=True):
    """Options for the cases whose axes have these values."""

    where: dict[str, Value]
    options: Options


class Entry(msgspec.Struct, frozen=True):
    """A command and its options; a list is an axis.

    `args` are options of the script that the command runs. Of the cases of all axes, `exclude` leaves those out that
    have all values of one of its mappings; `include` adds some. `less` has what replaces options at a smaller budget.
    """

    command: str
    options: dict[str, Value]
    args: dict[str, Value] = {}
    exclude: list[dict[str, Value]] = []
    include: list[dict[str, Value]] = []
    overrides: list[Override] = []
    less: dict[Budget, Options] = {}

    def replaced_at(self, budget: Budget) -> Options:
        """The options that a budget replaces."""
        return self.less.get(budget, Options())


class Minutes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long a suite is expected to take, about, at each budget."""

    full: float | None = None
    short: float | None = None
    smoke: float | None = None


class Suite(msgspec.Struct, frozen=True, kw_only=True):
    """What a file says; `name` is the file's without its ending, `where` is how errors name it.

    Paths in it are relative to its `folder`.
    """

    name: str
    where: str
    description: str
    entries: list[Entry]
    targets: list[Target]
    folder: Path = Path()
    minutes: Minutes = Minutes()


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file as it is written: every entry is one command with its options."""

    description: str
    entries: list[dict[str, Any]]
    targets: list[Target] = []
    minutes: Minutes = Minutes()


_FIELDS = {"": _File, "targets": Target, "minutes": Minutes}
"""What can be said where."""
_CASES = ("exclude", "include", "overrides")
"""What an entry says of its cases, besides its command."""


def shipped() -> dict[str, Path]:
    """The suites that come with this package, by their names."""
    return {path.stem: path for path in sorted(Path(__file__).parent.glob("*.yaml"), key=lambda path: path.stem)}


def scripts() -> Path:
    """The folder of the scripts that the shipped suites train; in a checkout it lies beside `src`."""
    installed = Path(__file__).parent / "scripts"
    return installed if installed.is_dir() else Path(__file__).parents[3] / "examples" / "scripts"


def find(name: str) -> Suite:
    """The suite of that name, or in that file. Raises UserError."""
    if name.endswith(_ENDINGS):
        return read(Path(name))
    known = shipped()
    if name not in known:
        hint = f" A file of your own ends with {' or '.join(_ENDINGS)}." if Path(name).exists() else ""
        raise UserError(f"{unknown('suite', name, known)}{hint}")
    return msgspec.structs.replace(read(known[name]), where=f"Suite {name}")


def read(path: Path) -> Suite:
    """The suite in a file. Raises UserError."""
    with plain_errors(path, "read"):
        try:
            content = path.read_bytes()
        except FileNotFoundError as error:
            raise UserError(f"There is no suite '{path}'.") from error
    try:
        found = msgspec.convert(yaml.load(content, _Loader), _File)  # noqa: S506  # a safe loader
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is no YAML: {' '.join(str(error).split())}.") from error
    except msgspec.ValidationError as error:
        raise UserError(f"{path}, {_explained(str(error))}") from error
    if not found.entries:
        raise UserError(f"{path} has no entries: there is nothing to run.")
    entries = [_entry(f"{path}, entry {place}", entry) for place, entry in enumerate(found.entries, start=1)]
    return Suite(
        name=path.stem,
        where=str(path),
        description=" ".join(found.description.split()),
        entries=entries,
        targets=found.targets,
        folder=path.parent,
        minutes=found.minutes,
    )


def _entry(where: str, entry: dict[str, Any]) -> Entry:
    said = {name: value for name, value in entry.items() if name not in {*_CASES, *LESS}}
    if len(said) != 1:
        named = ", ".join(said) or "nothing"
        raise UserError(f"{where} names {named}: an entry is one command, such as `- throughput: {{env: cartpole}}`.")
    ((command, written),) = said.items()
    options = _options(where, written)
    for name, value in (*options.own.items(), *options.args.items()):
        if value == []:
            raise UserError(f"{where}: {name} has no values.")
    return Entry(
        command,
        options.own,
        options.args,
        exclude=[_values(f"{where}, exclude", one) for one in _listed(where, entry, "exclude")],
        include=[_values(f"{where}, include", one) for one in _listed(where, entry, "include")],
        overrides=[_override(f"{where}, overrides", one) for one in _listed(where, entry, "overrides")],
        less={budget: _options(f"{where}, {budget}", entry[budget]) for budget in LESS if budget in entry},
    )


def _override(where: str, written: dict[str, Any]) -> Override:
    if "where" not in written:
        raise UserError(f"{where}: `where` is missing, which says of which cases.")
    found = _options(where, {name: value for name, value in written.items() if name != "where"})
    for name, value in (*found.own.items(), *found.args.items()):
        if isinstance(value, list):
            raise UserError(f"{where}: {name} has several values, and a case has one.")
    return Override(_values(f"{where}, where", written["where"]), found)


def _options(where: str, written: object) -> Options:
    """The options of a command, apart from those of its script."""
    said = _read(where, written, dict[str, Any])
    own = {name: value for name, value in said.items() if name != "args"}
    args = _read(f"{where}, args", said.get("args", {}), dict[str, Any])
    plain = {name: "null" if value is None else value for name, value in args.items()}  # as it is typed
    return Options(_values(where, own), _values(f"{where}, args", plain))


def _listed(where: str, entry: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return _read(f"{where}, {name}", entry.get(name, []), list[dict[str, Any]])


def _values(where: str, written: object) -> dict[str, Value]:
    """Names and what each is to be. Raises UserError naming the one that can't be."""
    said = _read(where, written, dict[str, Any])
    for name, value in said.items():
        _read(f"{where}: {name}", [value], list[Value])
    return said


_T = TypeVar("_T")


def _read(where: str, written: object, kind: type[_T]) -> _T:
    """What is written, as an object of a kind. Raises UserError."""
    try:
        return msgspec.convert(written, kind)
    except msgspec.ValidationError as error:
        message = str(error).partition(" - at `$")[0]
        raise UserError(f"{where}: {message[:1].lower()}{message[1:]}.") from error


def _explained(message: str) -> str:
    """Where in the file and what is wrong, in a sentence."""
    text, _, place = message.partition(" - at `")
    match = re.search(r"\$\.(entries|targets)\[(\d+)\]", place)
    where = f"{match[1].replace('ies', 'y').removesuffix('s')} {int(match[2]) + 1}" if match else "its outermost level"
    part = match[1] if match else "minutes" if place.startswith("$.minutes") else ""
    where = part if part == "minutes" else where
    if (found := re.search(r"unknown field `(.*)`", text)) and part in _FIELDS:
        names = _FIELDS[part].__struct_fields__
        return f"{where}: unknown name {found[1]!r}.{did_you_mean(found[1], names)} Known: {', '.join(names)}."
    if found := re.search(r"missing required field `(.*)`", text):
        return f"{where}: {found[1]} is missing."
    return f"{where}: {text[:1].lower()}{text[1:]}."


class _Loader(yaml.SafeLoader):
    """YAML in which a name that is given twice is a mistake and not the later of the two."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Hashable, Any]:
    names = [loader.construct_object(key) for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise yaml.constructor.ConstructorError(None, None, f"{twice!r} is there twice", node.start_mark)
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
