"""The commands that a suite stands for: each entry's options, axes and what was given to replace them."""

from __future__ import annotations

import importlib
import itertools
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING

import msgspec

from rlgauge.cli.main import COMMANDS
from rlgauge.cli.options import option_names, parse
from rlgauge.core.errors import UserError, did_you_mean, unknown
from rlgauge.suites.suite import Entry, Scalar, Suite

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace


class _Manner(msgspec.Struct, frozen=True):
    """The options of a command that take several values at once, separated by commas or the option repeated.

    `check` raises UserError for options that the parser takes and the command would refuse.
    """

    several: frozenset[str]
    has_commas: bool
    check: Callable[[Namespace], object] = lambda _options: None


def _check_throughput(options: Namespace) -> None:
    from rlgauge.cli.throughput_options import check, points_of

    check(options)
    points_of(options)


KNOWN: Mapping[str, _Manner] = {
    "throughput": _Manner(
        frozenset(
            {"env", "library", "num_envs", "scan_chunk_size", "block", "devices", "action", "rng", "emit"},
        ),
        has_commas=True,
        check=_check_throughput,
    ),
    "benchmark": _Manner(frozenset({"env", "policy"}), has_commas=False),
}
"""The commands that an entry can name."""
_GIVEN = {"out", "tag", "config", "print_config", "help"}
"""Options that a suite gives itself, or that would print something instead of measuring."""
_FILES = {"csv", "output"}
_CLASS = "benchmark"
"""The option of a class path, whose arguments are options, too: `--benchmark.NAME`."""


class Command(msgspec.Struct, frozen=True):
    """What one call of rlgauge is given; `entry` counts from 1."""

    entry: int
    argv: list[str]

    @property
    def text(self) -> str:
        """As it is typed."""
        return shlex.join(["rlgauge", *self.argv])


def commands(suite: Suite, *, given: Sequence[str] = (), out: str, tag: str = "") -> list[Command]:
    """The commands in the order of the entries; `given` replaces options of all of them. Raises UserError."""
    replaced = _replaced(given)
    found = [
        Command(place, argv)
        for place, entry in enumerate(suite.entries, start=1)
        for argv in _calls(f"{suite.where}, entry {place}", entry, replaced, ["--out", out], tag)
    ]
    twice = _FILES & set(replaced)
    if len(found) > 1 and twice:
        raise UserError(f"--{twice.pop()} would be written by {len(found)} commands, one over the other.")
    return found


def options_of(call: Command) -> Namespace | None:
    """What the command's parser makes of it; None of what only prints. Raises UserError."""
    parser: ArgumentParser = module_of(call.argv[0]).build_parser()
    return _options(parser, call.argv[1:], KNOWN[call.argv[0]])


def module_of(command: str) -> ModuleType:
    """The module of a command."""
    return importlib.import_module(COMMANDS[command][1].partition(":")[0])


def _calls(
    where: str, entry: Entry, replaced: Mapping[str, list[str]], out: Sequence[str], tag: str
) -> Iterator[list[str]]:
    if entry.command not in KNOWN:
        raise UserError(f"{where}: {unknown('command', entry.command, KNOWN)}")
    parser: ArgumentParser = module_of(entry.command).build_parser()
    known = [name[2:].replace("-", "_") for name in option_names(parser)]
    for name in [*entry.options, *replaced]:
        _check_name(where, entry.command, name, known)
    manner = KNOWN[entry.command]
    own = {name: value for name, value in entry.options.items() if name.replace("-", "_") not in replaced}
    tagged = ["--tag", tag] if tag and "tag" in known else []  # runs of other commands have no tag
    rest = [*itertools.chain(*replaced.values()), *out, *tagged]
    for choice in _choices(own, manner):
        argv = [*itertools.chain(*(_spelled(name, value, manner) for name, value in choice.items())), *rest]
        if not any(name.partition(".")[0] == _CLASS for name in [*own, *replaced]):
            _parse(where, parser, argv, manner)
        yield [entry.command, *argv]


def _check_name(where: str, command: str, name: str, known: Sequence[str]) -> None:
    name = name.replace("-", "_")
    if name in _GIVEN:
        raise UserError(f"{where}: --{name.replace('_', '-')} is no option of an entry: `rlgauge suite run` gives it.")
    if name not in known and not (_CLASS in known and name.startswith(f"{_CLASS}.")):
        hint = did_you_mean(name, known)
        raise UserError(f"{where}: {command} has no option {name!r}.{hint} See `rlgauge {command} --help`.")


def _choices(
    options: Mapping[str, Scalar | list[Scalar]], manner: _Manner
) -> Iterator[dict[str, Scalar | list[Scalar]]]:
    """All combinations of what an option that takes one value is to be."""
    axes = [name for name, value in options.items() if isinstance(value, list) and name not in manner.several]
    values = [value for name, value in options.items() if isinstance(value, list) and name in axes]
    for choice in itertools.product(*values):
        yield {**options, **dict(zip(axes, choice, strict=True))}


def _spelled(name: str, value: Scalar | list[Scalar], manner: _Manner) -> list[str]:
    """The option as it is typed; a switch that is off is left out."""
    option = f"--{name if '.' in name else name.replace('_', '-')}"
    if value is False:
        return []
    if value is True:
        return [option]
    if isinstance(value, list) and not manner.has_commas:
        return [part for one in value for part in (option, str(one))]
    return [option, ",".join(map(str, value)) if isinstance(value, list) else str(value)]


def _parse(where: str, parser: ArgumentParser, argv: Sequence[str], manner: _Manner) -> None:
    """Raise UserError for values that the command would refuse."""
    try:
        options = _options(parser, argv, manner)
        if options is not None:
            manner.check(options)
    except UserError as error:
        raise UserError(f"{where}: {error}") from error


def _options(parser: ArgumentParser, argv: Sequence[str], manner: _Manner) -> Namespace | None:
    repeated = () if manner.has_commas else [f"--{name.replace('_', '-')}" for name in manner.several]
    return parse(parser, argv, repeated=repeated)


def _replaced(given: Sequence[str]) -> dict[str, list[str]]:
    """The options given after `--`, each with all that was typed for it. Raises UserError for anything else."""
    found: dict[str, list[str]] = {}
    name = ""
    for argument in given:
        if argument.startswith("--") and len(argument) > len("--"):
            option, equals, value = argument[2:].partition("=")
            name = option.replace("-", "_")
            spelled = f"--{option if '.' in option else option.replace('_', '-')}"
            found.setdefault(name, []).append(f"{spelled}{equals}{value}")
        elif not name:
            raise UserError(f"After `--` come options of the entries, such as --num-envs 1,100, not {argument!r}.")
        else:
            found[name].append(argument)
    return found
