"""The calls of `rlgauge train` that an entry of a suite stands for."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from rlgauge.cli.suite_asked import Asked
from rlgauge.core.errors import UserError
from rlgauge.kinds.train.workload import COMMON
from rlgauge.suites.cases import AXES, TrainCase, cases, selected
from rlgauge.suites.suite import Entry, Scalar, Suite, scripts

_CONFIG = ("config-name", "config_name")
"""What an entry says that trains algorithms of ours: its `args` are settings of their configurations."""
_ALGO = "algo"
SAID_AS = {"seeds": "seed", "name": "algo"}
"""Options of `rlgauge train` that are axes of a suite, by the axis."""


class _Call(msgspec.Struct, frozen=True):
    """What runs of one call have in common."""

    script: str | None
    label: str | None
    options: tuple[tuple[str, Scalar], ...]
    args: tuple[tuple[str, Scalar], ...]
    algo: str | None = None
    """The algorithm of ours that is trained, where one is."""


def train_calls(
    where: str, suite: Suite, entry: Entry, asked: Asked, *, takes: Callable[[Hashable], bool]
) -> Iterator[tuple[list[str], list[str]]]:
    """Arguments of `rlgauge train` for all cases that are asked for, and those of their scripts. Raises UserError.

    `takes` says of one case after the other whether it is wanted.
    """
    said = {"script", "command", *_CONFIG}.intersection(entry.options)
    if len(said) > 1 or not (said or _ALGO in entry.options):
        raise UserError(
            f"{where}: say one of these: a `script`, by its path from the suite's folder, a `command`, or, of "
            "algorithms, an `algo` or a `config-name`."
        )
    if (asked.shard is not None or asked.is_single) and (name := _replaced_axis(asked)) is not None:
        raise UserError(
            f"--{name} after `--` replaces an axis of the suite, so its cases can't be told apart: --select."
        )
    found = selected(where, entry, asked.budget, asked.wanted)
    groups: dict[_Call, list[TrainCase]] = {}
    for case in found:
        call = _call(where, suite, case, asked)
        if takes((call, case.axes.get("env"), case.axes.get("seed"))):
            groups.setdefault(call, []).append(case)
    for call, members in groups.items():
        parts = [[case] for case in members] if asked.is_single else [members]
        for envs, seeds in itertools.chain.from_iterable(map(_blocks, parts)):
            yield _argv(call, envs, seeds, asked), _script_args(call, asked)


def _replaced_axis(asked: Asked) -> str | None:
    return next((name for name in asked.replaced if name.replace("-", "_") in {"env", "seed", "seeds"}), None)


def num_runs(where: str, entry: Entry, asked: Asked) -> int:
    """How many trainings an entry asks for. Raises UserError."""
    return len(selected(where, entry, asked.budget, asked.wanted))


def labels(where: str, entry: Entry) -> list[tuple[str, str]]:
    """The names that results have: of the algorithm, and of the environment. Raises UserError."""
    script = str(entry.options.get("script", ""))
    found = cases(where, entry)
    return [(_label(case, script) or _stem(script), str(case.axes.get("env", ""))) for case in found]


def _call(where: str, suite: Suite, case: TrainCase, asked: Asked) -> _Call:
    replaced = {name.replace("-", "_") for name in asked.replaced}
    options = {name: value for name, value in case.options.items() if name.replace("-", "_") not in replaced}
    given = {argument.partition("=")[0] for argument in asked.script_args if argument.startswith("-")}
    args = {name: value for name, value in case.args.items() if _flag(name) not in given}
    if "command" in options:
        places = {name: value for name, value in case.axes.items() if name not in {"env", "seed"}}  # its own fields
        options["command"] = _filled(str(options["command"]), places)
    script = str(options.pop("script", ""))
    return _Call(
        script=_resolved(where, suite, script, case.axes) if script else None,
        label=_label(case, script),
        options=tuple(options.items()),
        args=tuple(args.items()),
        algo=str(case.axes[_ALGO]) if _ALGO in case.axes and not script and "command" not in options else None,
    )


def _resolved(where: str, suite: Suite, script: str, axes: Mapping[str, Scalar]) -> str:
    """The script of a case, as it is typed here."""
    script = _filled(script, axes)
    if ":" in script and not script.endswith(".py"):
        return script
    path = (suite.folder / script).resolve()
    if not path.is_file():
        raise UserError(f"{where}: there is no script '{path}'.")
    here = Path.cwd()
    return os.path.relpath(path, here) if path.is_relative_to(here) else str(path)


def _filled(text: str, axes: Mapping[str, Scalar]) -> str:
    """The text with the values of axes, and the folder of the shipped scripts, for their names in braces."""
    for name, value in {**axes, "scripts": str(scripts())}.items():
        text = text.replace(f"{{{name}}}", str(value))
    return text


def _label(case: TrainCase, script: str) -> str | None:
    """What the algorithm is called; None where the script's name says it all."""
    others = [f"{name}={value}" for name, value in case.axes.items() if name not in AXES]
    name = str(case.axes.get(_ALGO, _stem(script))).rpartition(":")[2]
    if not others and "algo" not in case.axes and name not in COMMON:
        return None
    return ":".join([name, *others])


def _stem(script: str) -> str:
    return Path(script.partition(":")[0]).stem


def _blocks(members: Iterable[TrainCase]) -> Iterator[tuple[list[str], list[int]]]:
    """Environments, and the seeds that each of them is trained with."""
    seeds_of: dict[str, list[Scalar]] = {}
    for case in members:
        seeds_of.setdefault(str(case.axes["env"]) if "env" in case.axes else "", []).append(case.axes.get("seed", 0))
    envs_of: dict[tuple[Scalar, ...], list[str]] = {}
    for env, seeds in seeds_of.items():
        envs_of.setdefault(tuple(seeds), []).append(env)
    for seeds_together, envs in envs_of.items():
        yield [env for env in envs if env], [_seed(seed) for seed in seeds_together]


def _seed(seed: Scalar) -> int:
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise UserError(f"{seed!r} is no seed: write a number, a list of numbers, or 0..4.")
    return seed


def _argv(call: _Call, envs: Sequence[str], seeds: Sequence[int], asked: Asked) -> list[str]:
    argv = [] if call.script is None else [call.script]
    if call.algo is not None:
        argv += ["--algo", call.algo]
    said = {name.replace("-", "_") for name in asked.replaced}
    if "env" not in said:
        argv += ["--env", ",".join(envs)] if envs else []
    if not said & {"seed", "seeds"}:
        argv += ["--seeds", _as_range(seeds)]
    if call.label is not None and "name" not in said:
        argv += ["--name", call.label]
    for name, value in call.options:
        argv += _spelled(f"--{name.replace('_', '-')}", value)
    if _is_ours(call):
        argv += [part for name, value in call.args for part in ("--set", f"{name}={_as_yaml(value)}")]
    return argv + [argument for given in asked.replaced.values() for argument in given]


def _is_ours(call: _Call) -> bool:
    return call.algo is not None or any(name in _CONFIG for name, _ in call.options)


def _as_yaml(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _script_args(call: _Call, asked: Asked) -> list[str]:
    if _is_ours(call):
        return list(asked.script_args)
    return [part for name, value in call.args for part in _spelled(_flag(name), value)] + list(asked.script_args)


def _flag(name: str) -> str:
    return f"--{name}" if len(name) > 1 else f"-{name}"


def _spelled(option: str, value: Scalar) -> list[str]:
    """An option as it is typed; a switch that is off is left out."""
    if value is False:
        return []
    return [option] if value is True else [option, str(value)]


def _as_range(seeds: Sequence[int]) -> str:
    first, last = seeds[0], seeds[-1]
    if len(seeds) > 1 and list(seeds) == list(range(first, last + 1)):
        return f"{first}..{last}"
    return ",".join(map(str, seeds))
