"""The winning configuration as a suite, which `rlgauge suite run` runs as it is."""

from __future__ import annotations

import functools
import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rlgauge.core.errors import UserError
from rlgauge.core.files import StoreError, write_atomic
from rlgauge.core.provenance import masked
from rlgauge.core.workload import import_object
from rlgauge.suites.cases import cases
from rlgauge.suites.suite import read
from rlgauge.tune.base import OURS, Base, is_option, with_arguments
from rlgauge.tune.space import read_value

_OPTIONS = {
    "command": "command",
    "library": "library",
    "expert": "expert",
    "demonstrations": "demonstrations",
    "trust": "trust",
    "env_flag": "env-flag",
    "seed_flag": "seed-flag",
    "num_tests": "tests",
    "num_videos": "videos",
    "keep_rewards": "keep-rewards",
    "time_limit": "time-limit",
}
"""Arguments of workloads, and the options that say the same."""
_HOME = "environment.gym_id"
"""For which environment a configuration was made: no setting of a suite's entry."""
_WHOLE = "kind"
"""What a part has that is given whole."""


def write(base: Base, values: Mapping[str, Any], seeds: Sequence[int], path: Path, *, told: str) -> None:
    """Write the suite of the configuration. Raises UserError for what no suite can say."""
    import yaml

    try:
        suite = {"description": told, "entries": [{"train": entry(base, values, seeds)}]}
        write_atomic(path, yaml.safe_dump(suite, sort_keys=False, width=110).encode())
        if base.is_script:
            _check_said(base, values, seeds, path)
    except StoreError:
        raise
    except UserError:
        path.unlink(missing_ok=True)  # also that of an earlier winner
        raise


def entry(base: Base, values: Mapping[str, Any], seeds: Sequence[int]) -> dict[str, Any]:
    """The suite's entry. Raises UserError for what no suite can say."""
    given = base.described.init_args
    found: dict[str, Any] = {"algo": base.algorithm if base.is_script else given["algo"]}
    if base.env is not None:
        found["env"] = base.env
    found["seed"] = list(seeds)
    if base.is_script:
        found |= _of_script(base, values)
    elif base.is_ours:
        found |= _of_ours(base, values)
    else:
        found |= _of_another(base, values)
    options = {spelled: given[name] for name, spelled in _OPTIONS.items() if name in given}
    found |= {name: value for name, value in options.items() if value is not None and value is not False}
    args = found.pop("args")
    return {**found, **({"args": args} if args else {})}


def _of_ours(base: Base, values: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration by its name, where the default has one, and whatever differs from it."""
    given = base.described.init_args
    env, name = str(base.env), given["config_name"]
    make = functools.partial(
        import_object(OURS), given["algo"], config_name=name, env=env, demonstrations=given["demonstrations"]
    )
    wanted = _leaves(base.configured(values, [0]).config_of(env))  # type: ignore[union-attr]  # it is one of ours
    wanted.pop(_HOME, None)
    named = _leaves(make().config_of(env))
    args = {path: value for path, value in wanted.items() if path not in named or named[path] != value}
    if {**_leaves(make(overrides=args).config_of(env)), _HOME: None} != {**wanted, _HOME: None}:
        args = wanted
    return {
        **({} if name is None else {"config-name": name}),
        "args": {path: _typed(value) for path, value in args.items()},
    }


def _of_another(base: Base, values: Mapping[str, Any]) -> dict[str, Any]:
    """Of an algorithm of one's own, or of another library: what was set."""
    given = base.described.init_args
    args = {**_leaves(given.get("config") or {}), **given["overrides"], **base.fixed, **values}
    named = {"config-name": given["config_name"]} if given["config_name"] else {}
    return {**named, "args": {path: _typed(value) for path, value in args.items()}}


def _of_script(base: Base, values: Mapping[str, Any]) -> dict[str, Any]:
    given = base.described.init_args
    script = given["script"]
    args = _read(with_arguments(given["args"], {**base.fixed, **values}))
    if script is None:
        return {"args": args}
    return {"script": str(Path(script).resolve()) if script.endswith(".py") else script, "args": args}


def _check_said(base: Base, values: Mapping[str, Any], seeds: Sequence[int], path: Path) -> None:
    """Raise UserError where the suite in the file gives the script other arguments than it was tuned with."""
    wanted = base.configured(values, seeds).args  # type: ignore[union-attr]  # it is a script
    (written,) = read(path).entries
    for case in cases(str(path), written):
        said = with_arguments([], case.args)
        if said != _in_words(wanted):
            raise UserError(
                f"A suite would give the script the arguments {shlex.join(masked(said))!r}, and it was tuned with "
                f"{shlex.join(masked(wanted))!r}."
            )


def _in_words(arguments: Sequence[str]) -> list[str]:
    """The arguments with `--name=value` as two words, where those mean the same."""
    found: list[str] = []
    for argument in arguments:
        name, equals, value = argument.partition("=")
        is_same = equals and is_option(name) and not is_option(value)
        found += [name, value] if is_same else [argument]
    return found


def _read(arguments: Sequence[str]) -> dict[str, Any]:
    """The arguments of a script by their names. Raises UserError for one that has none."""
    found: dict[str, Any] = {}
    last: str | None = None
    for argument in arguments:
        name, equals, value = argument.partition("=")
        is_name = argument.startswith("--") or (argument.startswith("-") and argument[1:2].isalpha())
        if is_name:
            last = None if equals else name.lstrip("-")
            found[name.lstrip("-")] = _as_typed(value) if equals else True
        elif last is not None:
            found[last], last = _as_typed(argument), None
        else:
            raise UserError(
                f"The script's argument {argument!r} has no name, and a suite says only those that have one."
            )
    return found


def _as_typed(text: str) -> Any:  # noqa: ANN401  # a value of a suite
    """The number that the text says, where that is typed as it was; else the text: True would be a bare option."""
    try:
        value = read_value(text)
    except UserError:  # no YAML, and a text all the same
        return text
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if is_number and str(value) == text else text


def _leaves(data: Mapping[str, Any], path: tuple[str, ...] = ()) -> dict[str, Any]:
    """The values of a configuration by dotted paths."""
    found: dict[str, Any] = {}
    for name, value in data.items():
        here = (*path, name)
        if isinstance(value, Mapping) and value and _WHOLE not in value:
            found |= _leaves(value, here)
        else:
            found[".".join(here)] = value
    return found


def _typed(value: Any) -> Any:  # noqa: ANN401  # a value of a configuration
    """The value as an entry holds one, so that `--set` reads the same: lists are texts there, as a list is an axis."""
    if isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str) and read_value(value) == value:
        return value
    return json.dumps(value)
