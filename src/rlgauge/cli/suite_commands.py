"""The commands that a suite stands for: each entry's options, axes and what was given to replace them."""

from __future__ import annotations

import importlib
import itertools
import shlex
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING

import msgspec

from rlgauge.cli.launchers import NO_WAIT
from rlgauge.cli.main import COMMANDS
from rlgauge.cli.options import option_names, parse
from rlgauge.cli.suite_asked import Asked, at_budget, narrowed
from rlgauge.cli.suite_training import SAID_AS, train_calls
from rlgauge.core.errors import UserError, did_you_mean, unknown
from rlgauge.suites.cases import AXES
from rlgauge.suites.suite import Entry, Suite, Value

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace


class _Manner(msgspec.Struct, frozen=True):
    """The options of a command that take several values at once, separated by commas or the option repeated.

    Values that are `together` are compared with each other, and no cases of their own. `check` raises UserError for
    options that the parser takes and the command would refuse.
    """

    several: frozenset[str]
    has_commas: bool
    together: frozenset[str] = frozenset()
    check: Callable[[Namespace], object] = lambda _options: None


def _check_throughput(options: Namespace) -> None:
    from rlgauge.cli.throughput_options import check, points_of

    check(options)
    points_of(options)


def _check_train(options: Namespace) -> None:
    from rlgauge.cli.train_options import Asked, check, envs_of, names_algorithm, workload_of

    check(options)
    if names_algorithm(options):  # of which all is known before it runs
        options.env = envs_of(options)
        list(workload_of(Asked(options, [])).cases())


_TRAIN = "train"
KNOWN: Mapping[str, _Manner] = {
    "throughput": _Manner(
        frozenset(
            {
                "env",
                "launcher_config",
                "library",
                "num_envs",
                "scan_chunk_size",
                "block",
                "devices",
                "action",
                "rng",
                "emit",
            },
        ),
        has_commas=True,
        together=frozenset({"library"}),
        check=_check_throughput,
    ),
    "benchmark": _Manner(frozenset({"env", "launcher_config", "policy"}), has_commas=False),
    _TRAIN: _Manner(frozenset({"env", "launcher_config", "set", "track"}), has_commas=False, check=_check_train),
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


def commands(
    suite: Suite, asked: Asked | None = None, *, out: str, tag: str = "", launched: Sequence[str] = ()
) -> list[Command]:
    """The commands in the order of the entries; `launched` are options of a launcher. Raises UserError."""
    asked = asked or Asked()
    takes = asked.dealt()
    found = [
        Command(place, argv)
        for place, entry in enumerate(suite.entries, start=1)
        for argv in _calls(
            f"{suite.where}, entry {place}", suite, entry, asked, takes=takes, out=out, tag=tag, launched=launched
        )
    ]
    twice = _FILES & set(asked.replaced)
    if len(found) > 1 and twice:
        raise UserError(f"--{twice.pop()} would be written by {len(found)} commands, one over the other.")
    if not found and asked.shard is None:
        raise UserError(f"{suite.where} has no case that is all of what --select says.")
    return found


def options_of(call: Command) -> Namespace | None:
    """What the command's parser makes of it; None of what only prints. Raises UserError."""
    parser: ArgumentParser = module_of(call.argv[0]).build_parser()
    return _options(parser, call.argv[1:], KNOWN[call.argv[0]])


def module_of(command: str) -> ModuleType:
    """The module of a command."""
    return importlib.import_module(COMMANDS[command][1].partition(":")[0])


def _calls(
    where: str,
    suite: Suite,
    entry: Entry,
    asked: Asked,
    *,
    takes: Callable[[Hashable], bool],
    out: str,
    tag: str,
    launched: Sequence[str],
) -> Iterator[list[str]]:
    if entry.command not in KNOWN:
        raise UserError(f"{where}: {unknown('command', entry.command, KNOWN)}")
    parser: ArgumentParser = module_of(entry.command).build_parser()
    known = [name[2:].replace("-", "_") for name in option_names(parser)]
    _check_names(where, entry, asked, known)
    manner = KNOWN[entry.command]
    tagged = ["--tag", tag] if tag and "tag" in known else []  # runs of other commands have no tag
    if NO_WAIT in launched and "no_wait" not in known:
        raise UserError(
            f"{where}: {entry.command} measures anew each time, so no later command could collect it: leave out "
            f"{NO_WAIT}, or --select others."
        )
    last = ["--out", out, *tagged, *launched]
    if entry.command == _TRAIN:
        for of_train, of_script in train_calls(where, suite, entry, asked, takes=takes):
            argv = [*of_train, *last]
            _parse(where, parser, argv, manner)
            yield [_TRAIN, *argv, *(["--", *of_script] if of_script else [])]
        return
    options = narrowed(at_budget(entry, asked.budget), asked.wanted)
    if options is None:
        return
    own = {name: value for name, value in options.items() if name.replace("-", "_") not in asked.replaced}
    rest = [*itertools.chain(*asked.replaced.values()), *last]
    for choice in _choices(own, manner, is_single=asked.is_single or asked.shard is not None):
        argv = [*itertools.chain(*(_spelled(name, value, manner) for name, value in choice.items())), *rest]
        if not takes((entry.command, *argv)):
            continue
        if not any(name.partition(".")[0] == _CLASS for name in [*own, *asked.replaced]):
            _parse(where, parser, argv, manner)
        yield [entry.command, *argv]


def _check_names(where: str, entry: Entry, asked: Asked, known: Sequence[str]) -> None:
    """Raise UserError for an option that the command does not have, or that a suite gives by itself."""
    is_training = entry.command == _TRAIN
    if not is_training and (entry.args or entry.exclude or entry.include or entry.overrides):
        name = next(name for name in ("args", "exclude", "include", "overrides") if getattr(entry, name))
        raise UserError(f"{where}: {name} is for entries of train.")
    replaced = [name for one in entry.less.values() for name in one.own]
    overridden = [name for one in entry.overrides for name in one.options.own]
    of_training = ["script", *AXES] if is_training else []
    for name in [*entry.options, *replaced, *overridden]:
        if is_training and name in SAID_AS:
            raise UserError(f"{where}: {name} is no option of an entry: its axis is {SAID_AS[name]!r}.")
        _check_name(where, entry.command, name, [*known, *of_training])
    for name in asked.replaced:
        _check_name(where, entry.command, name, known)


def _check_name(where: str, command: str, name: str, known: Sequence[str]) -> None:
    name = name.replace("-", "_")
    if name in _GIVEN:
        raise UserError(f"{where}: --{name.replace('_', '-')} is no option of an entry: `rlgauge suite run` gives it.")
    if name not in known and not (_CLASS in known and name.startswith(f"{_CLASS}.")):
        hint = did_you_mean(name, known)
        raise UserError(f"{where}: {command} has no option {name!r}.{hint} See `rlgauge {command} --help`.")


def _choices(options: Mapping[str, Value], manner: _Manner, *, is_single: bool) -> Iterator[dict[str, Value]]:
    """All combinations of what an option that takes one value is to be; with `is_single`, of all that make cases."""
    several = manner.together if is_single else manner.several
    axes = [
        name for name, value in options.items() if isinstance(value, list) and name.replace("-", "_") not in several
    ]
    values = [value for name, value in options.items() if isinstance(value, list) and name in axes]
    for choice in itertools.product(*values):
        yield {**options, **dict(zip(axes, choice, strict=True))}


def _spelled(name: str, value: Value, manner: _Manner) -> list[str]:
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
