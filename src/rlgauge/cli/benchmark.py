"""`rlgauge benchmark`: policies evaluated in environments."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from rlgauge.cli.benchmark_servers import servers_told
from rlgauge.cli.benchmark_watch import add_watching, check_watching, watch
from rlgauge.cli.dry_run import predict
from rlgauge.cli.errors import in_options
from rlgauge.cli.evaluation import Manner, evaluate
from rlgauge.cli.launchers import CONFIG, add_launcher, make_launcher, workers_of
from rlgauge.cli.main import FINE
from rlgauge.cli.options import as_list, make_parser, parse, with_each
from rlgauge.cli.train_view import say_error
from rlgauge.cli.units import parse_memory, parse_seeds
from rlgauge.core.errors import UserError
from rlgauge.core.execute import Limits
from rlgauge.kinds.evaluate.benchmark import Benchmark, GymnasiumBenchmark
from rlgauge.kinds.evaluate.candidates import Candidate, Live, check_apart, parse_candidates
from rlgauge.kinds.evaluate.stopping import Stopping
from rlgauge.kinds.evaluate.workload import EvaluateWorkload
from rlgauge.launch.local import Local

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

_WITH_ENV = ("num_episodes", "max_steps", "seed", "success_return", "record_mode")
"""Options that say how registered environments are evaluated; a benchmark class has arguments of its own for it."""
_WITH_STOPPING = ("alpha", "max_episodes", "return_bounds")
_POSITIVE = ("workers", "lanes", "episode_seconds", "time_limit")


def main(argv: Sequence[str]) -> int:
    """The exit code of `rlgauge benchmark`. Raises UserError."""
    parser = build_parser()
    options = parse(parser, with_each(dotted(argv), [CONFIG]), repeated=("--policy", "--env", "--watch-until", CONFIG))
    if options is None:
        return FINE
    try:
        return measure(parser, options)
    except UserError as error:
        raise in_options(error, spelled(options)) from error


def measure(parser: ArgumentParser, options: Namespace) -> int:
    """The exit code, after what was asked for."""
    _check(options)
    _check_stopping(options)
    check_watching(options)
    manner = _manner(options)
    if options.watch is not None:
        return _watch(parser, options, manner)
    workload = _workload(parser, options)
    if manner.stop is not None:
        manner.stop.check([policy.name for policy in workload.policies])
        check_apart(workload.policies)
        workload = workload.part(0, manner.stop.max_episodes)
    workload.check_policies()
    if options.dry_run:
        return predict(workload, manner)
    with servers_told(workload, manner.out):
        return evaluate(workload, manner)


def _watch(parser: ArgumentParser, options: Namespace, manner: Manner) -> int:
    """The exit code of an evaluation that goes on with a training."""
    uris = as_list(options.policy)
    (template,) = (one for one in parse_candidates(uris) if isinstance(one, Candidate))
    template = msgspec.structs.replace(template, ckpt_path=options.ckpt_path)
    return watch(options, _workload(parser, options, [template]), template, manner)


def spelled(options: Namespace) -> dict[str, str]:
    """The options by the names that they have in Python; those of a benchmark class are its arguments."""
    of_env = {name: f"--{name.replace('_', '-')}" if options.env else f"--benchmark.{name}" for name in _WITH_ENV}
    return {**of_env, **{name: f"--{name.replace('_', '-')}" for name in (*_POSITIVE, "precision", *_WITH_STOPPING)}}


def build_parser() -> ArgumentParser:
    """The options of `rlgauge benchmark`."""
    parser = make_parser(
        "benchmark", "Evaluate policies in environments: the same episodes for each, every one counted."
    )
    parser.add_argument("--config", action="config", help="YAML file with these options; see --print_config")
    _add_what(parser)
    add_policies(parser)
    _add_how(parser)
    add_launcher(parser)
    _add_stopping(parser)
    add_watching(parser)
    _add_where(parser)
    return parser


def _add_what(parser: ArgumentParser) -> None:
    add_benchmark(parser)
    group = parser.add_argument_group("Registered Gymnasium environments")
    group.add_argument(
        "--env",
        type=list[str] | str,
        default=[],
        metavar="ID",
        help="environment id, or in JAX LIBRARY:NAME or package.module:Class; repeatable",
    )
    group.add_argument("--num-episodes", type=int | None, metavar="N", help="episodes in each environment (20)")
    group.add_argument("--max-steps", type=int | None, metavar="N", help="cut episodes after so many steps")
    add_judging(group)
    group.add_argument(
        "--record-mode",
        type=str | None,
        metavar="MODE",
        help="film episodes: all, successes, failures, first:K or none (none)",
    )


def add_benchmark(parser: ArgumentParser) -> None:
    """The option of a benchmark's class path, with its arguments."""
    own = parser.add_argument_group("Benchmarks")
    own.add_subclass_arguments(
        Benchmark,
        "benchmark",
        as_group=False,
        required=False,
        metavar="CLASS_PATH",
        skip={"gyms"},
        fail_untyped=False,
        help="class path of a benchmark, such as my_module.MyBenchmark; its arguments are --benchmark.NAME VALUE",
    )


def add_judging(group: Any) -> None:  # noqa: ANN401  # a group of options, whose type is private
    """How episodes in registered environments are seeded and judged."""
    group.add_argument("--seed", type=int | None, metavar="N", help="seed from which all episode seeds follow (42)")
    group.add_argument(
        "--success-return",
        type=float | None,
        metavar="X",
        help="count episodes that return at least X as a success; otherwise the environment says",
    )


def add_policies(parser: ArgumentParser) -> None:
    """The options that say which policies."""
    group = parser.add_argument_group("Policies")
    group.add_argument(
        "--policy",
        type=list[str] | str,
        default=[],
        metavar="[NAME=]URI",
        help="random, zero, py:MODULE:NAME, sb3:FILE.zip, onnx:FILE.onnx, torchscript:FILE.pt, export:FILE.pt2, "
        "lightning:CLASS@FILE.ckpt, lerobot:FOLDER, hf:REPOSITORY@REVISION, ws://HOST:PORT or a class path; "
        "repeatable; {task} in it is replaced by the task, {seed} by each of --train-seeds",
    )
    group.add_argument(
        "--ckpt_path", type=str | None, metavar="FILE", help="checkpoint for a policy given by class path"
    )
    group.add_argument("--train-seeds", type=str | None, metavar="SEEDS", help="such as 0..4 or 0,3,7")
    group.add_argument("--trust", action="store_true", help="load policy files that can run code when they are read")


def _add_how(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("How it is run")
    group.add_argument(
        "--workers", type=int | None, metavar="N", help="processes that share the work (1; as many as fit --resources)"
    )
    group.add_argument(
        "--lanes", type=int | None, metavar="N", help="environments side by side in each process (8, in JAX 256)"
    )
    group.add_argument(
        "--episode-seconds", type=float | None, metavar="S", help="end an episode whose environment takes longer"
    )
    group.add_argument("--time-limit", type=float | None, metavar="S", help="end a run that takes longer")
    group.add_argument(
        "--memory-limit", type=str | None, metavar="SIZE", help="end a run that holds more, such as 2GiB"
    )
    group.add_argument("--rerun-failed", action="store_true", help="measure again what failed before")
    group.add_argument(
        "--max-errors", type=int, default=0, metavar="N", help="exit with 1 for more error and timeout episodes"
    )
    group.add_argument("--dry-run", action="store_true", help="only list the episodes and predict time and disk")


def _add_stopping(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("Stopping early")
    group.add_argument(
        "--stop-when-decided",
        action="store_true",
        help="play until it is decided whether the first policy fares better than each other one, or worse",
    )
    group.add_argument(
        "--precision", type=float | None, metavar="W", help="play one policy until its interval is no wider than W"
    )
    group.add_argument(
        "--max-episodes", type=int | None, metavar="N", help="episodes in each environment at most (500)"
    )
    group.add_argument(
        "--alpha",
        type=float | None,
        metavar="A",
        help="how often, at most, a difference may be found that is none (0.05)",
    )
    group.add_argument(
        "--return-bounds",
        type=float,
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="decide by the mean return, which lies between these; otherwise by success, or by which returns more",
    )


def _add_where(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("Where results go")
    group.add_argument(
        "--out",
        type=str,
        default="out/benchmark",
        metavar="DIR",
        help="folder of runs, results and videos; what is there is not measured again",
    )
    group.add_argument(
        "-o", "--output", type=str | None, metavar="FILE", help="a further copy of the results: .json, .csv or .md"
    )
    group.add_argument(
        "--no-video-grids", action="store_true", help="draw no films side by side when the evaluation ends"
    )
    group.add_argument("--json", action="store_true", help="print the results as JSON")
    group.add_argument("--quiet", action="store_true", help="print only what went wrong")


def dotted(argv: Sequence[str]) -> list[str]:
    """The arguments as the parser reads them: --benchmark first, with `module:Class` as `module.Class`."""
    rest: list[str] = []
    named: list[str] = []
    arguments = iter(argv)
    for argument in arguments:
        if argument == "--benchmark":
            named += [argument, *(path.replace(":", ".") for path in itertools.islice(arguments, 1))]
        elif argument.startswith("--benchmark="):
            named.append(argument.replace(":", "."))
        else:
            rest.append(argument)
    return _after_configuration(rest, named)


def _after_configuration(rest: list[str], named: list[str]) -> list[str]:
    """The class path before its arguments, and after a configuration file, whose own it replaces."""
    after = next((i + 2 for i, argument in enumerate(rest) if argument == "--config"), 0)
    after = max(after, next((i + 1 for i, argument in enumerate(rest) if argument.startswith("--config=")), 0))
    return [*rest[:after], *named, *rest[after:]]


def check_what(options: Namespace, *, with_env: Sequence[str], positive: Sequence[str]) -> None:
    """Raise UserError where it is not said in what or which policies, or by options that don't go together.

    Those of `with_env` are for registered environments, those that are `positive` more than 0.
    """
    if bool(options.env) == bool(options.benchmark):
        both = "not both" if options.env else "such as --env CartPole-v1"
        raise UserError(f"Say what to evaluate in: --env ID or --benchmark CLASS_PATH, {both}.")
    if options.benchmark:
        for name in (name for name in with_env if options[name] is not None):
            option = "--" + name.replace("_", "-")
            raise UserError(f"{option} goes with --env; a benchmark class takes --benchmark.{name}.")
    if not options.policy:
        raise UserError("Say which policy to evaluate: --policy URI, such as random, zero or sb3:FILE.zip.")
    for name in positive:
        if options[name] is not None and options[name] <= 0:
            raise UserError(f"--{name.replace('_', '-')} must be more than 0, not {options[name]}.")


def _check(options: Namespace) -> None:
    check_what(options, with_env=_WITH_ENV, positive=_POSITIVE)
    if options.max_errors < 0:
        raise UserError(f"--max-errors must be 0 or more, not {options.max_errors}.")
    if not options.out.strip():
        raise UserError("--out needs the name of a folder.")
    if options.json and options.quiet:
        raise UserError("--json and --quiet contradict each other: the one prints the results, the other nothing.")


def _check_stopping(options: Namespace) -> None:
    """Raise UserError where the options of stopping do not go together."""
    if options.stop_when_decided and options.precision is not None:
        raise UserError("--stop-when-decided compares policies and --precision measures one: give one of them.")
    is_asked = options.stop_when_decided or options.precision is not None
    given = next((name for name in _WITH_STOPPING if options[name] is not None), None)
    if given is not None and not is_asked:
        option = "--" + given.replace("_", "-")
        raise UserError(f"{option} goes with --stop-when-decided, or with --precision for one policy.")
    if is_asked and options.num_episodes is not None:
        raise UserError("--num-episodes fixes how many are played, and stopping decides it: give --max-episodes.")


def _stopping(options: Namespace) -> Stopping | None:
    if not options.stop_when_decided and options.precision is None:
        return None
    given = {name: options[name] for name in ("precision", *_WITH_STOPPING) if options[name] is not None}
    if "return_bounds" in given:
        given["return_bounds"] = tuple(given["return_bounds"])
    return Stopping(**given)


def _manner(options: Namespace) -> Manner:
    limit = None if options.memory_limit is None else parse_memory(options.memory_limit)
    return Manner(
        out=Path(options.out),
        workers=workers_of(options),
        limits=Limits(seconds=options.time_limit, resident_bytes=limit),
        rerun_failed=options.rerun_failed,
        max_errors=options.max_errors,
        json=options.json,
        quiet=options.quiet,
        output=None if options.output is None else Path(options.output),
        stop=_stopping(options),
        launcher=make_launcher(options, lambda own: Local(len(own), worker_variables=own), tell=say_error),
    )


def _workload(
    parser: ArgumentParser, options: Namespace, policies: Sequence[Candidate | Live] | None = None
) -> EvaluateWorkload:
    """The evaluation that was asked for, of the `policies` or else of those that options name. Raises UserError."""
    policies = policies_of(options) if policies is None else policies
    benchmark = benchmark_of(parser, options, with_env=_WITH_ENV)
    benchmark.prepare(say_error)
    benchmark.video_grids = benchmark.video_grids and not options.no_video_grids
    if benchmark.video_dir is None and benchmark.record_mode != "none" and (options.env or benchmark.can_be_filmed()):
        benchmark.video_dir = Path(options.out) / "videos"
    return EvaluateWorkload(
        benchmark, policies, lanes=options.lanes, trust=options.trust, episode_seconds=options.episode_seconds
    )


def policies_of(options: Namespace) -> list[Candidate | Live]:
    """The policies that options name. Raises UserError."""
    seeds = None if options.train_seeds is None else parse_seeds(options.train_seeds)
    uris = as_list(options.policy)
    if options.ckpt_path is None:
        return parse_candidates(uris, seeds)
    if len(uris) > 1:
        raise UserError(f"--ckpt_path goes with one --policy; {len(uris)} were given.")
    named = [policy for policy in parse_candidates(uris) if isinstance(policy, Candidate)]
    return parse_candidates([msgspec.structs.replace(policy, ckpt_path=options.ckpt_path) for policy in named], seeds)


def benchmark_of(parser: ArgumentParser, options: Namespace, *, with_env: Sequence[str]) -> Benchmark:
    """That of registered environments, with the options `with_env`, or of a class path. Raises UserError."""
    if not options.env:
        return _instantiate(parser, options)
    given: dict[str, Any] = {name: options[name] for name in with_env if options[name] is not None}
    return GymnasiumBenchmark(as_list(options.env), **given)


def _instantiate(parser: ArgumentParser, options: Namespace) -> Benchmark:
    """The benchmark of the class path, made from its arguments."""
    path = options.benchmark.class_path
    try:
        made: Benchmark = parser.instantiate(options).benchmark
    except ValueError as error:  # the parser hides the reason behind it
        reason = error.__cause__ or error
        if isinstance(reason, UserError):
            raise reason from error
        raise UserError(f"--benchmark {path} can't be made: {type(reason).__name__}: {reason}") from error
    if type(made) is Benchmark:
        raise UserError(f"--benchmark {path} has no environments: give the class path of a subclass of it.")
    made.check()
    return made
