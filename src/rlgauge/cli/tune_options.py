"""The options of `rlgauge tune`, and what they ask to tune."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from rlgauge.cli import suite_commands, train_options
from rlgauge.cli.launchers import CONFIG, add_launcher
from rlgauge.cli.options import as_list, make_parser, parse, parted, with_each
from rlgauge.cli.resources import OPTION as RESOURCES
from rlgauge.cli.suite_asked import make_asked
from rlgauge.cli.train_options import Asked, Trainings
from rlgauge.core.errors import UserError, did_you_mean
from rlgauge.kinds.train.algorithms.interface import ALGORITHMS
from rlgauge.kinds.train.original.task import LIBRARIES, SCRIPTS
from rlgauge.suites.suite import Budget, find, shipped
from rlgauge.tune.space import read_value
from rlgauge.tune.tuning import EVAL_SEEDS, REPEATS, TOP, check_seeds

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

_SEVERAL = ("--select", "--fix", CONFIG)
"""Options that take several values, each `NAME=VALUE`."""
_SUITE_ENDINGS = (".yaml", ".yml")
_TRAIN, _LIBRARY = "train", "--library"
_OWN = {
    "--workers": "give it before `--`.",
    "--launcher": "give it before `--`.",
    CONFIG: "give it before `--`.",
    RESOURCES: "give it before `--`.",
    "--no-wait": "what is tried next depends on what was tried before.",
    "--out": "give it before `--`.",
    "--json": "give it before `--`.",
    "--quiet": "give it before `--`.",
    "--seed": "seeds are chosen by --seed and --repeats, before `--`.",
    "--seeds": "seeds are chosen by --seed and --repeats, before `--`.",
    "--rerun-failed": "give it before `--`.",
    "--track": "`rlgauge runs list` and `rlgauge summary` show its runs.",
}
"""Options of `rlgauge train` that are refused, and what is done instead."""


class Given(NamedTuple):
    """Our options, those that follow `--`, and those of a script, which follow a second one."""

    options: Namespace
    replaced: list[str]
    script_args: list[str]


def build_parser() -> ArgumentParser:
    """The options of `rlgauge tune`."""
    parser = make_parser(
        "tune",
        "Search for a better configuration of an algorithm in an environment, and judge what was found on fresh seeds. "
        "Options after `--` are those of `rlgauge train`, such as -- --tests 10; after a second `--`, of its script.",
    )
    _add_what(parser)
    _add_how(parser)
    add_launcher(parser)
    group = parser.add_argument_group("Where results go")
    group.add_argument(
        "--out", type=str | None, metavar="DIR", help="folder of runs and of the study (out/tune/ALGORITHM-ENV)"
    )
    group.add_argument("--json", action="store_true", help="print the results as JSON")
    group.add_argument("--quiet", action="store_true", help="print only what went wrong")
    return parser


def _add_what(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("What is tuned")
    group.add_argument(
        "suite",
        nargs="?",
        type=str | None,
        metavar="SUITE",
        help="a suite; or an algorithm (bc, or your own package.module:function); or a script (FILE.py)",
    )
    group.add_argument(
        "--select",
        type=list[str] | None,
        metavar="AXIS=VALUE",
        help="which case of the suite: algo=bc env=seals/Hopper-v1; repeatable",
    )
    group.add_argument("--budget", type=str, default=Budget.FULL.value, metavar="NAME", help="of the suite")
    group.add_argument("--env", type=str | None, metavar="ID", help="the environment, also one that the suite has not")
    group.add_argument("--base-config", type=str | None, metavar="NAME", help="the default's configuration by name")
    group.add_argument(
        "--fix",
        type=list[str] | None,
        metavar="SETTING=VALUE",
        help="a setting that is the same in all configurations, the default one, too; repeatable",
    )
    group.add_argument(
        "--space", type=str | None, metavar="FILE", help="YAML file of what varies, or a name (that of the algorithm)"
    )


def _add_how(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("How it is tuned")
    group.add_argument("--trials", type=int | None, metavar="N", help="configurations tried (as the space says)")
    group.add_argument("--repeats", type=int | None, metavar="N", help=f"seeds of each ({REPEATS})")
    group.add_argument("--sampler", type=str | None, metavar="NAME", help="tpe, random or grid (tpe)")
    group.add_argument(
        "--pruner", type=str | None, metavar="NAME", help="ends trials early: none, median or asha (none)"
    )
    group.add_argument("--seed", type=int | None, metavar="N", help="first seed, and that of the search (0)")
    group.add_argument("--top", type=int, default=TOP, metavar="K", help="how many are judged on fresh seeds")
    group.add_argument("--eval-seeds", type=int, default=EVAL_SEEDS, metavar="N", help="fresh seeds of each")
    group.add_argument("--rerun-failed", action="store_true", help="run again what failed before")
    group.add_argument("--retune-from", type=str | None, metavar="DIR", help="only judge what the study there found")
    group.add_argument(
        "--workers", type=int | None, metavar="N", help="runs side by side (1; as many as fit --resources)"
    )


def ask(argv: Sequence[str]) -> Given | None:
    """What was asked for; None where help was, which is printed by now. Raises UserError."""
    before, after = parted(argv)
    replaced, script_args = parted(after)
    options = parse(build_parser(), with_each(before, _SEVERAL), repeated=_SEVERAL)
    if options is None:
        return None
    _check(options)
    return Given(options, replaced, script_args)


def asked_of(given: Given) -> Asked:
    """The one training that is tuned, as `rlgauge train` would be asked for it. Raises UserError."""
    options = given.options
    _check_replaced(given.replaced)
    replaced = [*given.replaced, *(["--env", options.env] if options.env else [])]
    calls = _of_suite(given, replaced) if _is_suite(options.suite) else [_of_one(given, replaced)]
    if len(calls) > 1:
        raise UserError(
            f"{options.suite} asks for {len(calls)} kinds of trainings, and one is tuned at a time: choose with "
            f"--select algo=NAME env=NAME among {_named(calls)}."
        )
    asked = train_options.ask(calls[0])
    if asked is None:
        raise UserError("--help and --print_config are no options of what is tuned: `rlgauge train --help` shows them.")
    if options.base_config is not None:
        asked.options.config_name = options.base_config
    return asked


def workload_of(asked: Asked) -> Trainings:
    """The workload that is tuned. Raises UserError."""
    return train_options.workload_of(asked)


def fixed_of(options: Namespace) -> dict[str, Any]:
    """What is fixed, by the settings' dotted paths. Raises UserError."""
    found: dict[str, Any] = {}
    for text in as_list(options.fix):
        path, equals, value = text.partition("=")
        if not equals or not path.strip():
            raise UserError(f"--fix {text}: write the setting and its value, such as --fix bc.n_epochs=5.")
        if path.strip() in found:
            raise UserError(f"--fix {path.strip()} is given twice.")
        found[path.strip()] = read_value(value)
    return found


def _check(options: Namespace) -> None:
    """Raise UserError where the options do not go together."""
    for name in ("trials", "repeats", "top", "eval_seeds", "workers"):
        if options[name] is not None and options[name] < 1:
            raise UserError(f"--{name.replace('_', '-')} must be 1 or more, not {options[name]}.")
    if options.seed is not None and options.seed < 0:
        raise UserError(f"--seed must be 0 or more, not {options.seed}.")
    if options.retune_from is None:
        first, repeats = options.seed or 0, options.repeats or REPEATS
        check_seeds(range(first, first + repeats), options.eval_seeds)
    if options.no_wait:
        raise UserError("--no-wait is not for tuning: what is tried next depends on what was tried before.")
    if options.json and options.quiet:
        raise UserError("--json and --quiet contradict each other: the one prints the results, the other nothing.")
    if options.out is not None and not options.out.strip():
        raise UserError("--out needs the name of a folder.")
    if options.retune_from is not None:
        _check_retuned(options)
    elif options.suite is None:
        raise UserError(
            "Say what is tuned: a suite with --select, such as `rlgauge tune imitation --select algo=bc "
            "env=seals/Hopper-v1`, an algorithm or a script with --env; or --retune-from DIR."
        )


def _check_retuned(options: Namespace) -> None:
    """Raise UserError for what phase 2 alone does not have."""
    for name in ("select", "env", "base_config", "fix"):
        if options[name] and options.suite is None:
            raise UserError(
                f"--{name.replace('_', '-')} says what is tuned, as SUITE does: name it, or leave both out."
            )
    for name in ("space", "trials", "repeats", "sampler", "pruner", "seed"):
        if options[name] is not None:
            raise UserError(f"--{name} is of the search, and --retune-from searches no more: leave one of them out.")


def _check_replaced(replaced: Sequence[str]) -> None:
    """Raise UserError for an option of `rlgauge train` that a tuning has of its own, or has not."""
    for argument in replaced:
        name = argument.partition("=")[0].replace("_", "-")
        if name in _OWN:
            raise UserError(f"{name} after `--` has no meaning here: {_OWN[name]}")


def _is_suite(name: str) -> bool:
    return name in shipped() or name.endswith(_SUITE_ENDINGS)


def _of_suite(given: Given, replaced: Sequence[str]) -> list[list[str]]:
    """The arguments of `rlgauge train` for what is selected. Raises UserError."""
    options = given.options
    suite = find(options.suite)
    asked = make_asked(
        suite,
        budget=options.budget,
        select=options.select or [],
        given=replaced,
        script_args=given.script_args,
    )
    found = suite_commands.commands(suite, asked, out="out")
    others = [call.argv[0] for call in found if call.argv[0] != _TRAIN]
    if others:
        raise UserError(f"{suite.where} has entries of {others[0]}, and only trainings are tuned.")
    return [call.argv[1:] for call in found]


def _of_one(given: Given, replaced: Sequence[str]) -> list[str]:
    """The arguments of `rlgauge train` for an algorithm or a script. Raises UserError."""
    name = given.options.suite
    is_script = name.endswith(".py")
    algorithms = sorted({*ALGORITHMS, *SCRIPTS})
    if not is_script and name not in algorithms and ":" not in name:
        known = [*shipped(), *algorithms]
        raise UserError(
            f"{name!r} is no suite, algorithm or script.{did_you_mean(name, known)} Suites: {', '.join(shipped())}. "
            f"Algorithms: {', '.join(algorithms)}, or your own package.module:function. Files end with .py or .yaml."
        )
    if given.options.select or given.options.budget != Budget.FULL:
        raise UserError("--select and --budget are of suites: with an algorithm or a script give --env.")
    what = [name] if is_script else ["--algo", name, *_library(name, replaced)]
    return [*what, *replaced, *(["--", *given.script_args] if given.script_args else [])]


def _library(algo: str, replaced: Sequence[str]) -> list[str]:
    """The library of an algorithm that is not ours."""
    is_said = any(argument.partition("=")[0] == _LIBRARY for argument in replaced)
    return [] if is_said or algo not in SCRIPTS or algo in ALGORITHMS else [_LIBRARY, LIBRARIES[0]]


def _named(calls: Sequence[Sequence[str]]) -> str:
    """What the calls train, in few words."""
    found = []
    for argv in calls:
        own = {option: argv[place + 1] for place, option in enumerate(argv[:-1]) if option in {"--algo", "--env"}}
        found.append(" in ".join([own.get("--algo", argv[0]), *([own["--env"]] if "--env" in own else [])]))
    return "; ".join(dict.fromkeys(found))
