"""Parsing the options of one command."""

from __future__ import annotations

import json
import re
from argparse import SUPPRESS, Action
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rlgauge.cli.errors import plain
from rlgauge.core.errors import UserError

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

_NEGATIVE = re.compile(r"-\.?\d")
"""How a value begins that argparse would take for an option, unless it is a number alone."""
_NUMBER = re.compile(r"-(\d+\.?\d*|\.\d+)")


def make_parser(command: str, description: str) -> ArgumentParser:
    """A parser whose errors are raised and that no environment variable reaches."""
    from jsonargparse import ArgumentParser, DefaultHelpFormatter

    class PlainHelp(DefaultHelpFormatter):
        """Shows what each option says of itself and its default, without the names of Python's types."""

        def _get_help_string(self, action: Action) -> str:
            text = action.help or ""
            is_shown = action.default is not None and action.default != SUPPRESS and action.default not in (False, [])
            return f"{text} (default: {action.default})" if is_shown else text

        def _format_action_invocation(self, action: Action) -> str:
            text: str = super()._format_action_invocation(action)
            return re.sub(r", --\w+\+ \S+", "", text)

    return ArgumentParser(
        prog=f"rlgauge {command}",
        formatter_class=PlainHelp,
        description=description,
        exit_on_error=False,
        default_env=False,
        allow_abbrev=False,
    )


def parse(parser: ArgumentParser, argv: Sequence[str], *, repeated: Iterable[str] = ()) -> Namespace | None:
    """What was asked for; None where help or the configuration was, which is printed by now. Raises UserError."""
    from jsonargparse import ArgumentError

    known = option_names(parser)
    try:
        options = parser.parse_args(_collect(_joined(normalise(argv, known), known), set(repeated)))
    except ArgumentError as error:
        raise plain(str(error), parser.prog, argv, known) from error
    except UnicodeDecodeError as error:
        raise UserError("The configuration file is no text in UTF-8, so it is no YAML either.") from error
    except SystemExit:
        return None
    _check_switches(parser, options)
    return options


def _check_switches(parser: ArgumentParser, options: Namespace) -> None:
    """Raise UserError where a configuration file gives a switch another value than true or false."""
    for action in parser._actions:  # noqa: SLF001  # argparse has no public way to ask
        is_switch = action.nargs == 0 and action.const is True
        if is_switch and not isinstance(options.get(action.dest, False), bool):
            raise UserError(f"{action.option_strings[-1]} takes true or false, not {options[action.dest]!r}.")


def option_names(parser: ArgumentParser) -> list[str]:
    """The options as the parser spells them."""
    names = parser._option_string_actions  # noqa: SLF001  # argparse has no public way to ask
    return [name for name in names if name.startswith("--") and not name.endswith("+")]


def normalise(argv: Sequence[str], known: Iterable[str]) -> list[str]:
    """The arguments with each option as the parser spells it: --num_envs is --num-envs, except after `--`."""
    spelled = {name.replace("-", "_"): name for name in known}
    result: list[str] = []
    for position, argument in enumerate(argv):
        if argument == "--":
            return [*result, *argv[position:]]
        if argument.startswith("--"):
            name, equals, value = argument.partition("=")
            underscored = name.replace("-", "_")
            argument = spelled.get(underscored, "--" + underscored[2:]) + equals + value  # noqa: PLW2901
        result.append(argument)
    return result


def _joined(argv: Sequence[str], known: Iterable[str]) -> list[str]:
    """The arguments with a value that looks like an option, such as -1600,expert, joined to its option by `=`."""
    options = set(known)
    result: list[str] = []
    arguments = iter(argv)
    for argument in arguments:
        if argument == "--":
            return [*result, argument, *arguments]
        if _NEGATIVE.match(argument) and not _NUMBER.fullmatch(argument) and result and result[-1] in options:
            result[-1] += f"={argument}"
        else:
            result.append(argument)
    return result


def _collect(argv: Sequence[str], repeated: set[str]) -> list[str]:
    """The arguments with the values of a repeated option as one JSON list; commas and spaces in them survive."""
    result: list[str] = []
    values: dict[str, list[str]] = {}
    arguments = iter(argv)
    rest: list[str] = []
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if argument == "--":
            rest = [argument, *arguments]
        elif name in repeated:
            values.setdefault(name, []).append(value if equals else _value_of(name, arguments))
        else:
            result.append(argument)
    lists = [f"{name}={json.dumps(found, ensure_ascii=False)}" for name, found in values.items()]
    return [*result, *lists, *rest]  # after --config, whose values they replace


def _value_of(name: str, arguments: Iterator[str]) -> str:
    value = next(arguments, "--")
    if value.startswith("--"):
        raise UserError(f"{name} needs a value.")
    return value


def as_list(value: Any) -> list[str]:  # noqa: ANN401  # a text or a list of texts
    """A list of texts; a configuration file may give one text alone."""
    return [value] if isinstance(value, str) else list(value or ())


def with_each(argv: Sequence[str], several: Collection[str]) -> list[str]:
    """The arguments with an option before each of its values: `--select algo=ppo seed=0`; after `--` as they are."""
    found: list[str] = []
    current: str | None = None
    is_first = False
    for place, argument in enumerate(argv):
        if argument == "--":
            return [*found, *argv[place:]]
        if argument.startswith("-"):
            name, equals, _ = argument.partition("=")
            current, is_first = name if name in several else None, not equals
        elif current is not None and (is_first or "=" in argument):
            found += [] if is_first else [current]
            is_first = False
        else:
            current = None
        found.append(argument)
    return found


def parted(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """The arguments before and after the first `--`."""
    place = list(argv).index("--") if "--" in argv else len(argv)
    return list(argv[:place]), list(argv[place + 1 :])
