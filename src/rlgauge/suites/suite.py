"""A suite: a YAML file that names commands, the axes of their options, and what is meant to be reached."""

from __future__ import annotations

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import msgspec
import yaml

from rlgauge.core.errors import UserError, did_you_mean, unknown
from rlgauge.core.files import plain_errors
from rlgauge.suites.target import Target

Scalar = bool | int | float | str
_ENDINGS = (".yaml", ".yml")


class Entry(msgspec.Struct, frozen=True):
    """A command and its options; a list is an axis."""

    command: str
    options: dict[str, Scalar | list[Scalar]]


class Suite(msgspec.Struct, frozen=True, kw_only=True):
    """What a file says; `name` is the file's without its ending, `where` is how errors name it."""

    name: str
    where: str
    description: str
    entries: list[Entry]
    targets: list[Target]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file as it is written: every entry is one command with its options."""

    description: str
    entries: list[dict[str, dict[str, Scalar | list[Scalar]]]]
    targets: list[Target] = []


_FIELDS = {"": _File, "targets": Target}
"""What can be said where."""


def shipped() -> dict[str, Path]:
    """The suites that come with this package, by their names."""
    return {path.stem: path for path in sorted(Path(__file__).parent.glob("*.yaml"))}


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
    )


def _entry(where: str, entry: dict[str, dict[str, Scalar | list[Scalar]]]) -> Entry:
    if len(entry) != 1:
        named = ", ".join(entry) or "nothing"
        raise UserError(f"{where} names {named}: an entry is one command, such as `- throughput: {{env: cartpole}}`.")
    ((command, options),) = entry.items()
    for name, value in options.items():
        if value == []:
            raise UserError(f"{where}: {name} has no values.")
    return Entry(command, options)


def _explained(message: str) -> str:
    """Where in the file and what is wrong, in a sentence."""
    text, _, place = message.partition(" - at `")
    match = re.search(r"\$\.(entries|targets)\[(\d+)\]", place)
    where = f"{match[1].replace('ies', 'y').removesuffix('s')} {int(match[2]) + 1}" if match else "its outermost level"
    part = match[1] if match else ""
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
