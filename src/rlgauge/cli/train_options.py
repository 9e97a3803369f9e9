"""The options of `rlgauge train`, and the workload that they ask for."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from rlgauge.cli.errors import in_options
from rlgauge.cli.launchers import CONFIG, add_launcher
from rlgauge.cli.options import as_list, make_parser, parse, with_each
from rlgauge.cli.resources import read_resources
from rlgauge.cli.units import parse_memory, parse_seeds
from rlgauge.core.errors import UserError
from rlgauge.core.execute import Limits
from rlgauge.kinds.train.variables import ENV, SCRIPT, SEED
from rlgauge.kinds.train.workload import ScriptWorkload

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

    from rlgauge.kinds.train.algorithm_workload import AlgorithmWorkload
    from rlgauge.kinds.train.original.workload import OriginalWorkload

Trainings: TypeAlias = "ScriptWorkload | AlgorithmWorkload | OriginalWorkload"

_REPEATED = ("--env", "--track", "--set", CONFIG)
_RAW = ("--env-flag", "--seed-flag", "--command")
"""Options whose value may look like an option."""
_SEED = 42
_NUM_TESTS, _NUM_VIDEOS = 25, 5
_EXPONENT = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+")
"""Numbers that YAML takes for texts."""
_GRACE_SECONDS = 30.0
"""So much later than the run itself its worker ends it: a run that is ended tells first where it stands."""
_SPELLED = {
    "num_tests": "--tests",
    "num_videos": "--videos",
    "time_limit": "--time-limit",
    "env": "--env",
}


class Asked(NamedTuple):
    """What was asked for: the options of ours, and the script's own arguments."""

    options: Namespace
    args: list[str]


def build_parser() -> ArgumentParser:
    """The options of `rlgauge train`."""
    parser = make_parser(
        "train",
        "Run a training script in each environment with each seed: seeded, counted, tested, its weights kept. What "
        "follows `--` is the script's own: rlgauge train ppo.py --env CartPole-v1 --seeds 0..4 -- --lr 0.1",
    )
    parser.add_argument("--config", action="config", help="YAML file with these options; see --print_config")
    _add_what(parser)
    _add_how(parser)
    add_launcher(parser)
    _add_after(parser)
    _add_where(parser)
    return parser


def _add_what(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("What is run")
    group.add_argument(
        "script", nargs="?", type=str | None, metavar="SCRIPT", help=f"a file, or package.module:function (${SCRIPT})"
    )
    group.add_argument(
        "--command",
        type=str | None,
        metavar="TEMPLATE",
        help="run this instead, of any language, such as 'python x.py --env {env} --seed {seed}'",
    )
    group.add_argument(
        "--algo",
        type=str | None,
        metavar="NAME",
        help="train this instead: bc, dagger, gail, airl, or your own package.module:function",
    )
    group.add_argument(
        "--config-name", type=str | None, metavar="NAME", help="its configuration by name, such as bc_seals_ant"
    )
    group.add_argument(
        "--set",
        type=list[str] | str,
        default=[],
        metavar="SETTING=VALUE",
        help="a setting of the configuration by its dotted path, such as bc.l2_weight=1e-4; repeatable",
    )
    group.add_argument(
        "--library",
        type=str | None,
        metavar="NAME",
        help="have it trained by this library's own scripts, whose settings --set then sets: imitation",
    )
    group.add_argument(
        "--expert", type=str | None, metavar="NAME", help="who shows how it is done; see `rlgauge expert list`"
    )
    group.add_argument(
        "--demonstrations", type=str | None, metavar="PATH", help="what was shown: a data set, read instead"
    )
    group.add_argument("--trust", action="store_true", help="read an expert's file that can run code, such as a zip")
    group.add_argument(
        "--env",
        type=list[str] | str,
        default=[],
        metavar="IDS",
        help=f"environments, separated by commas; repeatable; without any the script chooses (${ENV})",
    )
    group.add_argument("--seed", type=int | None, metavar="N", help=f"the seed (${SEED}, else {_SEED})")
    group.add_argument("--seeds", type=str | None, metavar="SEEDS", help="several: 0..9 or 0,3,7")
    group.add_argument(
        "--env-flag",
        type=str | None,
        metavar="OPTION",
        help="the script's own option for the environment, where it is not found by itself; '' for none",
    )
    group.add_argument(
        "--seed-flag", type=str | None, metavar="OPTION", help="the script's own option for the seed, likewise"
    )
    group.add_argument("--name", type=str | None, metavar="NAME", help="what results call it (the script's name)")


def _add_how(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("How it is run")
    group.add_argument(
        "--workers", type=int | None, metavar="N", help="runs side by side (1; as many as fit --resources)"
    )
    group.add_argument("--threads", type=int | None, metavar="N", help="threads of each run (OMP_NUM_THREADS, else 1)")
    group.add_argument(
        "--time-limit", type=float | None, metavar="S", help="end a run that takes longer, and tell where it stood"
    )
    group.add_argument(
        "--memory-limit", type=str | None, metavar="SIZE", help="end a run that holds more, such as 2GiB"
    )
    group.add_argument("--rerun-failed", action="store_true", help="run again what failed before")


def _add_after(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("What is done beside and after it")
    group.add_argument(
        "--tests",
        type=int | None,
        metavar="N",
        help=f"test episodes of what was trained ({_NUM_TESTS}; of an algorithm as its configuration says)",
    )
    group.add_argument(
        "--videos",
        type=int | None,
        metavar="N",
        help=f"how many of them are filmed ({_NUM_VIDEOS}; of an algorithm none)",
    )
    group.add_argument(
        "--keep-rewards", action="store_true", help="keep the reward of each step of the episodes that ended"
    )
    group.add_argument(
        "--track",
        type=list[str] | str,
        default=[],
        metavar="TRACKER",
        help="tell wandb, mlflow or tensorboard of the runs, too; repeatable",
    )


def _add_where(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("Where results go")
    group.add_argument(
        "--out", type=str, default="out/train", metavar="DIR", help="folder of runs; what is there is not run again"
    )
    group.add_argument("--json", action="store_true", help="print the results as JSON")
    group.add_argument("--quiet", action="store_true", help="print only what went wrong")


def ask(argv: Sequence[str], variables: Mapping[str, str] = os.environ) -> Asked | None:
    """What was asked for; None where help or the configuration was, which is printed by now. Raises UserError."""
    parser = build_parser()
    has_script = bool(variables.get(SCRIPT))
    own, args = _parted(_with_values(with_each(argv, [CONFIG])), parser, takes_all=has_script)
    try:
        options = parse(parser, own, repeated=_REPEATED)
    except UserError as error:
        if str(error).startswith("Unknown option"):
            raise UserError(f"{error} Options of the script follow `--`.") from error
        raise
    if options is None:
        return None
    if options.script is None and options.command is None and not names_algorithm(options):
        options.script = _script_in(options.config) or variables.get(SCRIPT) or None
    options.env = envs_of(options, variables.get(ENV, ""))
    if options.seed is None and options.seeds is None:
        options.seeds = variables.get(SEED) or None
    check(options)
    return Asked(options, args)


def envs_of(options: Namespace, default: str = "") -> list[str]:
    """The environments that were asked for, each by itself."""
    return [env for text in as_list(options.env) or [default] for env in _ids(text)]


def check(options: Namespace) -> None:
    """Raise UserError where the options do not go together."""
    if options.seed is not None and options.seeds is not None:
        raise UserError("--seed is one seed and --seeds are several: give one of them.")
    for name in ("workers", "threads", "time_limit"):
        if options[name] is not None and not options[name] > 0:
            raise UserError(f"--{name.replace('_', '-')} must be more than 0, not {options[name]}.")
    if options.threads is not None and read_resources(options.resources).cpu is not None:
        raise UserError("--threads and cpu of --resources both say how many threads a run has: give one of them.")
    if not options.out.strip():
        raise UserError("--out needs the name of a folder.")
    if options.json and options.quiet:
        raise UserError("--json and --quiet contradict each other: the one prints the results, the other nothing.")
    if options.no_wait and trackers_of(options):
        raise UserError("--track follows runs as long as this command waits: give it without --no-wait.")
    if options.name is not None and not options.name.strip():
        raise UserError("--name is empty: give a name, or leave it out.")


def workload_of(asked: Asked) -> Trainings:
    """The workload that was asked for. Raises UserError."""
    return _algorithm(asked) if names_algorithm(asked.options) else _script(asked)


def names_algorithm(options: Namespace) -> bool:
    """Whether an algorithm is trained, and no script."""
    return options.algo is not None or options.config_name is not None


def _algorithm(asked: Asked) -> AlgorithmWorkload | OriginalWorkload:
    from rlgauge.kinds.train.algorithm_workload import AlgorithmWorkload

    options = asked.options
    if options.script is not None or options.command is not None or asked.args:
        raise UserError("--algo trains an algorithm of ours: give no script, command or arguments of a script with it.")
    for name in ("env_flag", "seed_flag", "keep_rewards"):
        if options[name]:
            raise UserError(f"--{name.replace('_', '-')} is for scripts: leave it out with --algo or --config-name.")
    if options.library is not None:
        return _original(options)
    return AlgorithmWorkload(
        options.algo,
        config_name=options.config_name,
        overrides=dict(map(_setting, as_list(options.set))),
        env=options.env,
        seeds=seeds_of(options),
        expert=options.expert,
        demonstrations=options.demonstrations,
        trust=options.trust,
        algorithm=options.name,
        num_tests=options.tests,
        num_videos=0 if options.videos is None else options.videos,
        time_limit=options.time_limit,
    )


def _original(options: Namespace) -> OriginalWorkload:
    from rlgauge.kinds.train.original.workload import OriginalWorkload

    for name in ("videos", "trust"):
        if options[name]:
            raise UserError(f"--{name} is for what we train: leave it out with --library.")
    return OriginalWorkload(
        options.algo,
        library=options.library,
        config_name=options.config_name,
        overrides=dict(map(_setting, as_list(options.set))),
        env=options.env,
        seeds=seeds_of(options),
        expert=options.expert,
        demonstrations=options.demonstrations,
        algorithm=options.name,
        num_tests=options.tests,
        time_limit=options.time_limit,
    )


def _setting(text: str) -> tuple[str, Any]:
    """The dotted path and the value, which is read as YAML reads it, and 1e-4 as a number. Raises UserError."""
    import yaml

    path, equals, value = text.partition("=")
    if not equals or not path.strip():
        raise UserError(f"--set {text}: write the setting and its value, such as --set bc.l2_weight=1e-4.")
    try:
        return path.strip(), float(value) if _EXPONENT.fullmatch(value.strip()) else yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise UserError(f"--set {text}: the value can't be read: {error}") from error


def _script(asked: Asked) -> ScriptWorkload:
    options = asked.options
    for name in ("library", "set", "expert", "demonstrations", "trust"):
        if options[name]:
            raise UserError(f"--{name} is for algorithms of ours: name one with --algo or --config-name.")
    try:
        workload = ScriptWorkload(
            options.script,
            env=options.env,
            seeds=seeds_of(options),
            args=asked.args,
            command=options.command,
            algorithm=options.name,
            env_flag=options.env_flag,
            seed_flag=options.seed_flag,
            num_tests=_NUM_TESTS if options.tests is None else options.tests,
            num_videos=_NUM_VIDEOS if options.videos is None else options.videos,
            keep_rewards=options.keep_rewards,
            time_limit=options.time_limit,
        )
    except UserError as error:
        raise in_options(error, _SPELLED) from error
    _check_template(workload)
    return workload


def seeds_of(options: Namespace) -> list[int]:
    """The seeds that were asked for. Raises UserError."""
    if options.seeds is not None:
        return parse_seeds(options.seeds)
    return [_SEED if options.seed is None else options.seed]


def limits_of(options: Namespace) -> Limits:
    """What a worker holds its runs to. Raises UserError."""
    return Limits(
        seconds=None if options.time_limit is None else options.time_limit + _GRACE_SECONDS,
        resident_bytes=None if options.memory_limit is None else parse_memory(options.memory_limit),
    )


def trackers_of(options: Namespace) -> list[str]:
    """The trackers that were asked for."""
    return list(dict.fromkeys(name for text in as_list(options.track) for name in _ids(text)))


def _check_template(workload: ScriptWorkload) -> None:
    """Raise UserError where runs of a command would be alike, though they are told apart by what it does not name."""
    if workload.template is None:
        return
    for field, values in (("env", workload.envs), ("seed", workload.seeds)):
        if len(values) > 1 and field not in workload.template.fields:
            raise UserError(
                f"--command has no {{{field}}}, so it would run the same thing {len(values)} times: write it where "
                f"the {'environment' if field == 'env' else 'seed'} belongs."
            )


def _script_in(files: Sequence[Path] | None) -> str | None:
    """The script that the last of the configuration files names: the parser forgets it where none is typed."""
    import yaml

    found = [yaml.safe_load(Path(str(file)).read_text()) for file in files or ()]
    names = [one["script"] for one in found if isinstance(one, dict) and one.get("script")]
    return str(names[-1]) if names else None


def _ids(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _with_values(argv: Sequence[str]) -> list[str]:
    """The arguments with values that look like options joined to their own by `=`."""
    result: list[str] = []
    arguments = iter(argv)
    for argument in arguments:
        if argument == "--":
            return [*result, argument, *arguments]
        if argument.replace("_", "-") in _RAW:
            value = next(arguments, None)
            argument = argument if value is None else f"{argument.replace('_', '-')}={value}"  # noqa: PLW2901
        result.append(argument)
    return result


def _parted(argv: Sequence[str], parser: ArgumentParser, *, takes_all: bool) -> tuple[list[str], list[str]]:
    """Our arguments and the script's: those after `--`, and where it `takes_all`, those that are not ours, too."""
    place = list(argv).index("--") if "--" in argv else len(argv)
    before, after = list(argv[:place]), list(argv[place + 1 :])
    if not takes_all:
        return before, after
    actions = parser._option_string_actions  # noqa: SLF001  # argparse has no public way to ask
    known = {name: action.nargs == 0 for name, action in actions.items()}
    ours: list[str] = []
    theirs: list[str] = []
    rest = iter(before)
    for argument in rest:
        name = argument.partition("=")[0]
        spelled = name if name in known else name.replace("_", "-")
        if not argument.startswith("-") or spelled not in known:
            theirs.append(argument)
            continue
        ours.append(argument)
        if "=" not in argument and not known[spelled]:
            ours.extend(value for value in [next(rest, None)] if value is not None)
    if theirs and _is_script(theirs[0]):
        ours.insert(0, theirs.pop(0))
    return ours, [*theirs, *after]


def _is_script(text: str) -> bool:
    """Whether it is a script, which was given although a variable names one."""
    return Path(text).is_file() or re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*", text) is not None
