"""Configurations from plain data, with errors that name the setting."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any, get_args

import msgspec

from rlgauge.core.errors import UserError, did_you_mean, unknown
from rlgauge.kinds.train.algorithms.config import CONFIGS, Config


def read(algorithm: str, data: Mapping[str, Any]) -> Config:
    """The algorithm's configuration; what `data` leaves out is as by default.

    Raises UserError with the dotted path of what is wrong, and the nearest name for one that is unknown.
    """
    if algorithm not in CONFIGS:
        raise unknown("algorithm", algorithm, CONFIGS)
    kind = CONFIGS[algorithm]
    _check_names(data, kind, ())
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise UserError(_explained(str(error))) from error


def as_data(config: Config) -> dict[str, Any]:
    """The whole configuration as plain data, defaults too; `read` makes the same of it."""
    data: dict[str, Any] = msgspec.to_builtins(config)
    return data


def overridden(data: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a configuration's data in which dotted paths have other values. Raises UserError."""
    changed = copy.deepcopy(dict(data))
    for path, value in overrides.items():
        *folders, name = path.split(".")
        part = changed
        for folder in folders:
            part = part.setdefault(folder, {})
            if not isinstance(part, dict):
                raise UserError(f"{path} can't be set: {folder} is a value ({part!r}) and has no settings of its own.")
        part[name] = copy.deepcopy(value)
    return changed


def _check_names(data: object, kind: Any, path: tuple[str, ...]) -> None:  # noqa: ANN401  # any annotation
    """Raise UserError for a name that is unknown, in any depth."""
    struct = _struct_of(kind, data)
    if struct is None or not isinstance(data, Mapping):
        return
    fields = {field.name: field.type for field in msgspec.structs.fields(struct)}
    tag = struct.__struct_config__.tag_field
    for name, value in data.items():
        if name == tag:
            continue
        if name not in fields:
            given = ".".join((*path, str(name)))
            deeper = [] if path else _paths_to(str(name), kind)
            hint = f" Did you mean {deeper[0]!r}?" if deeper else did_you_mean(str(name), fields)
            raise UserError(f"Unknown setting {given!r}.{hint} Known there: {', '.join(sorted(fields))}.")
        _check_names(value, fields[name], (*path, name))


def _paths_to(name: str, kind: Any, path: tuple[str, ...] = ()) -> list[str]:  # noqa: ANN401  # any annotation
    """The dotted paths of settings of a name, in any depth."""
    found = []
    for field in msgspec.structs.fields(kind):
        here = (*path, field.name)
        found += [".".join(here)] if field.name == name else []
        for part in _structs_in(field.type):
            found += _paths_to(name, part, here)
    return list(dict.fromkeys(found))


def _struct_of(kind: Any, data: object) -> type[msgspec.Struct] | None:  # noqa: ANN401  # any annotation
    """The kind of part that the data is to be; None where it is a value, or can't be told."""
    structs = _structs_in(kind)
    if len(structs) > 1 and isinstance(data, Mapping):
        structs = [one for one in structs if data.get(one.__struct_config__.tag_field) == one.__struct_config__.tag]
    return structs[0] if len(structs) == 1 else None


def _explained(message: str) -> str:
    """A sentence of msgspec's message: where, and what."""
    text, _, place = message.partition(" - at `$")
    path = place.rstrip("`").lstrip(".")
    if missing := re.search(r"missing required field `(.*)`", text):
        return f"The configuration lacks {f'{path}.{missing[1]}'.lstrip('.')!r}."
    what = f"{text[:1].lower()}{text[1:]}".replace("`", "")
    return f"The configuration can't be used: {f'{path}: ' if path else ''}{what}."


def _structs_in(kind: Any) -> list[type[msgspec.Struct]]:  # noqa: ANN401  # any annotation
    kinds = [kind] if isinstance(kind, type) else [one for one in get_args(kind) if isinstance(one, type)]
    return [one for one in kinds if issubclass(one, msgspec.Struct)]
