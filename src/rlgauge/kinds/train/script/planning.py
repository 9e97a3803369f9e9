"""How a script is run, which follows from its shape: what is called, with what, and where the seed and the id go in."""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from rlgauge.core.errors import UserError, did_you_mean
from rlgauge.kinds.train.script import arguments, fixed, labels
from rlgauge.kinds.train.script.arguments import ENV_NAMES, SEED_NAMES, Option
from rlgauge.kinds.train.script.rewriting import SEED, defaults_of
from rlgauge.kinds.train.script.shapes import Script
from rlgauge.kinds.train.spec import Spec


@dataclass(frozen=True)
class Plan:
    """`argv` are the script's arguments. `entry` is what counts as its `main`, None where nothing does.

    With `calls_entry` that is called, with `own` values, made of the arguments, and `values`, of the run; else the file
    runs as Python runs it, and these replace what the entry is given there. `ways` tells by name (`env`, `seed`) how
    the run's gets in; a name that is not there does not.
    """

    argv: list[str]
    entry: str | None
    calls_entry: bool
    values: Mapping[str, str | int]
    own: Mapping[str, object]
    ways: Mapping[str, str]
    warnings: list[str]


def plan(script: Script, spec: Spec) -> Plan:
    """How the script is run for the spec. Raises UserError for a mistake in the command."""
    env_option = None if spec.env is None else _option(spec.env_flag, script, ENV_NAMES)
    seed_option = _option(spec.seed_flag, script, SEED_NAMES)
    calls_entry = _calls_entry(script)
    inputs = [("env", spec.env, env_option, ENV_NAMES), ("seed", spec.seed, seed_option, SEED_NAMES)]
    first: list[str] = []
    words: list[str] = []
    values: dict[str, str | int] = {}
    own: dict[str, object] = {}
    ways: dict[str, str] = {}
    for name, value, option, names in inputs:
        if value is None:
            continue
        if option is not None and not (option.is_positional and value in spec.args):
            (first if option.is_first else words).extend(option.words(value))
        parameter = None if script.entry is None else script.parameter(script.entry, names)
        if parameter is not None and (calls_entry or option is None):
            values[parameter] = value
            ways[name] = f"parameter {parameter} of {script.entry}"
        elif option is not None:
            ways[name] = f"option {option.word}"
    _other_ways(script, ways, spec)
    warnings = [] if "seed" in ways else fixed.warning(script.path.name, fixed.seeds(script.tree))
    if _takes_arguments(script, calls_entry=calls_entry):
        own = _own_values(script, spec.args)
    made = Plan([*first, *_inserted(spec.args, words)], script.entry, calls_entry, values, own, ways, warnings)
    _check(made, script, spec)
    return made


def _calls_entry(script: Script) -> bool:
    """Whether the entry is called here, and not by the file: where that does not do so itself."""
    if script.function is not None:
        return True
    return script.entry == "main" and not script.calls_main and not script.has_block


def _takes_arguments(script: Script, *, calls_entry: bool) -> bool:
    """Whether the arguments are values of the entry, of a script that reads none itself."""
    if script.entry not in script.functions or script.reads_arguments:
        return False
    return calls_entry or (script.entry == "main" and script.parameter("main", ENV_NAMES) is not None)


def _option(word: str | None, script: Script, names: Sequence[str]) -> Option | None:
    """The option that the user named, else the one that the source tells of; an empty name is none."""
    if word is None:
        return arguments.guessed(script.trees, names)
    return arguments.given(word) if word else None


def _other_ways(script: Script, ways: dict[str, str], spec: Spec) -> None:
    """Add how the run's seed and id get into a script that takes neither as an option or a parameter."""
    if script.entry is not None and script.entry not in script.functions:  # it was named, and stands elsewhere
        ways.update(dict.fromkeys(["seed"] if spec.env is None else ["env", "seed"], f"signature of {script.entry}"))
    if script.binds_seed:
        ways.setdefault("seed", f"global {SEED}")
    for name in ("env", "seed"):
        if f"BENCH_{name.upper()}" in script.texts:
            ways.setdefault(name, f"variable BENCH_{name.upper()}")


def _inserted(args: Sequence[str], words: list[str]) -> list[str]:
    """The arguments with the words at their end, or in front of what `--` says is no option."""
    end = list(args).index("--") if "--" in args else len(args)
    return [*args[:end], *words, *args[end:]]


def _own_values(script: Script, args: Sequence[str]) -> dict[str, object]:
    """`--steps=10 --name x` as values for the entry, of a script that reads no arguments. Raises UserError."""
    entry = script.entry or ""
    function = script.functions[entry]
    known = defaults_of(function)
    found: dict[str, object] = {}
    waiting = list(args)
    while waiting:
        word, has_value, value = waiting.pop(0).partition("=")
        name = word.lstrip("-").replace("-", "_")
        if not word.startswith("--") or (name not in known and function.args.kwarg is None):
            raise _unknown_argument(word, script, known)
        if not has_value:
            is_switch = not waiting or waiting[0].startswith("--")
            value = "True" if is_switch else waiting.pop(0)
        found[name] = _value(value, default=known.get(name))
    return found


def _value(text: str, *, default: ast.expr | None) -> object:
    """The text as a Python value; text where it is none, or where the default is a text."""
    if isinstance(default, ast.Constant) and isinstance(default.value, str):
        return text
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _unknown_argument(word: str, script: Script, known: Collection[str]) -> UserError:
    names = [f"--{name}" for name in known]
    return UserError(
        f"{script.path.name} reads no arguments, and {script.entry} has no parameter for {word!r}."
        f"{did_you_mean(word, names)} It has: {', '.join(known) or 'none'}."
    )


def _check(made: Plan, script: Script, spec: Spec) -> None:
    """Raise UserError for what can be known to go wrong before anything runs."""
    if made.calls_entry and script.entry in script.functions:
        lacking = [name for name in script.required(script.entry) if name not in {**made.own, **made.values}]
        if lacking:
            advice = "name one with --env" if set(lacking) & set(ENV_NAMES) else "give it a default"
            raise UserError(f"{script.entry} of {script.path.name} needs {', '.join(lacking)}: {advice}.")
    if spec.env is None or "env" in made.ways or not script.made or script.reads_variables:
        return
    if any(spec.env in word for word in spec.args):
        return
    if not any(labels.is_same(spec.env, text) for text in script.texts):
        raise UserError(labels.sentence(script.path.name, spec.env, script.made))
