"""`rlgauge throughput`: steps per second and memory of environments."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from rlgauge.cli.console import say
from rlgauge.cli.main import FAILED, FINE, INTERRUPTED, dispatch
from rlgauge.cli.options import make_parser, parse
from rlgauge.cli.pythons import Pythons
from rlgauge.cli.throughput_files import write_csv, write_jaxarc, write_json
from rlgauge.cli.throughput_progress import Progress, report, silent
from rlgauge.cli.throughput_table import tell
from rlgauge.cli.units import count_text, parse_count, parse_memory
from rlgauge.core.errors import UserError
from rlgauge.core.execute import Limits, execute
from rlgauge.core.run import Run, Status
from rlgauge.core.store import Store
from rlgauge.envs.libraries import LIBRARIES, NAMES, library, missing
from rlgauge.kinds.throughput import tuned
from rlgauge.kinds.throughput.measuring import OWN
from rlgauge.kinds.throughput.point import Point
from rlgauge.kinds.throughput.results import Measured, results_of
from rlgauge.kinds.throughput.timer import Settings
from rlgauge.kinds.throughput.workload import ThroughputWorkload
from rlgauge.launch.by_python import ByPython

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

_DEFAULT_NUMS = "1,100,1k,10k,100k"
_FULL_NUMS = "100,1k,10k,100k,1M,5M"
_DEFAULT_LIBRARIES = ("rlgauge", "gymnax", "gymnasium-vector", "gymnasium-serial", "envpool")
_QUICK = {"processes": 1, "repeats": 5, "min_seconds": 0.2}
_PUBLISHED = {"processes": 3, "repeats": 7, "min_seconds": 0.5}
_PARTS = {name: f"rlgauge.cli.throughput_{name}:main" for name in ("ab", "demo", "tune")}
_MOST_SERIAL = 10_000
"""More single environments than this are left out where nobody asked for them."""


def main(argv: Sequence[str]) -> int:
    """The exit code of `rlgauge throughput`. Raises UserError."""
    if argv and argv[0] in _PARTS:
        return dispatch("part of throughput", argv, _PARTS)
    options = parse(build_parser(), _long(argv))
    if options is None:
        return FINE
    _check(options)
    workload = _workload(options)
    limits = Limits(
        seconds=options.time_limit,
        resident_bytes=None if options.memory_limit is None else parse_memory(options.memory_limit),
    )
    is_told = not (options.json or options.quiet)
    if is_told:
        _announce(workload, options)
    store = Store(options.out)
    try:
        runs = execute(
            workload,
            store,
            launcher=ByPython(Pythons(report)),
            limits=limits,
            on_event=Progress(workload) if is_told else silent,
        )
    except KeyboardInterrupt:
        print(f"Interrupted. What was measured is in {options.out}.", file=sys.stderr)
        return INTERRUPTED
    return _finish(workload, runs, options)


def build_parser() -> ArgumentParser:
    """The options of `rlgauge throughput`."""
    parser = make_parser(
        "throughput",
        "Measure environments: steps per second of one and of very many, times and memory. `rlgauge throughput ab` "
        "measures two libraries, versions or revisions in turns; `demo` shows very many live; `tune` finds chunks.",
    )
    parser.add_argument("--config", action="config", help="YAML file with these options; see --print_config")
    _add_what(parser)
    _add_how(parser)
    _add_where(parser)
    return parser


def _add_what(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("What is measured (lists are separated by commas)")
    group.add_argument(
        "--env",
        type=str,
        default="cartpole",
        metavar="NAMES",
        help=f"{', '.join(NAMES)}, a library's own names, or package.module:Class",
    )
    group.add_argument(
        "--library",
        type=str | None,
        metavar="NAMES",
        help=f"{', '.join(LIBRARIES)} (those of {', '.join(_DEFAULT_LIBRARIES)} that are installed)",
    )
    group.add_argument("--num-envs", type=str | None, metavar="NUMBERS", help=f"environments ({_DEFAULT_NUMS})")
    group.add_argument("--scan-chunk-size", type=str | None, metavar="NUMBERS", help="steps of a compiled loop")
    group.add_argument(
        "--block", type=str | None, metavar="NUMBERS", help="environments stepped together for a chunk; divides them"
    )
    group.add_argument("--devices", type=str, default="1", metavar="NUMBERS", help="devices that share them")
    group.add_argument("--action", type=str, default="random", metavar="WAYS", help="random, predrawn or fixed actions")
    group.add_argument("--rng", type=str | None, metavar="NAMES", help="threefry2x32, rbg or unsafe_rbg, of JAX")
    group.add_argument("--emit", type=str, default="drop", metavar="WAYS", help="drop what is observed, or write it")


def _add_how(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("How it is timed")
    group.add_argument(
        "--full",
        action="store_true",
        help=f"{_FULL_NUMS} environments, timed as for publication: {_PUBLISHED['processes']} processes, "
        f"{_PUBLISHED['repeats']} repetitions of {_PUBLISHED['min_seconds']} s",
    )
    group.add_argument(
        "--quick",
        action="store_true",
        help=f"{_QUICK['processes']} process, {_QUICK['repeats']} repetitions of {_QUICK['min_seconds']} s (default)",
    )
    group.add_argument("--processes", type=int | None, metavar="N", help="fresh processes for each point")
    group.add_argument("--repeats", type=int | None, metavar="N", help="repetitions that count, in each process")
    group.add_argument("--warmup", type=int, default=1, metavar="N", help="repetitions that don't, before them")
    group.add_argument("--min-seconds", type=float | None, metavar="S", help="the least that a repetition takes")
    group.add_argument(
        "--num-steps", type=str | None, metavar="N", help="steps of each environment in a repetition, instead"
    )
    group.add_argument("--time-limit", type=float | None, metavar="S", help="end a point that takes longer")
    group.add_argument("--memory-limit", type=str | None, metavar="SIZE", help="end a point that holds more")


def _add_where(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("Where results go")
    group.add_argument("--out", type=str, default="out/throughput", metavar="DIR", help="folder of runs and results")
    group.add_argument("--tag", type=str, default="", metavar="TEXT", help="a name for this measurement; also -t")
    group.add_argument("--description", type=str, default="", metavar="TEXT", help="what it is for; also -d")
    group.add_argument("--baseline", type=str | None, metavar="LIBRARY", help="the library that ratios are to")
    group.add_argument("--csv", type=str | None, metavar="FILE", help="write the table there, too")
    group.add_argument("-o", "--output", type=str | None, metavar="FILE", help="write all results there, as JSON")
    group.add_argument(
        "--jaxarc-json", type=str | None, metavar="DIR", help="write benchmark_TAG_DATE_TIME.json as JaxARC had it"
    )
    group.add_argument("--json", action="store_true", help="print the results as JSON")
    group.add_argument("--quiet", action="store_true", help="print only what went wrong")


def _long(argv: Sequence[str]) -> list[str]:
    """The arguments with -t and -d in full."""
    return [{"-t": "--tag", "-d": "--description"}.get(argument, argument) for argument in argv]


def _check(options: Namespace) -> None:
    if options.full and options.quick:
        raise UserError("--full and --quick contradict each other.")
    for name in ("csv", "output"):
        path = options[name]
        if path is not None and not Path(path).parent.is_dir():
            raise UserError(f"--{name} {path}: there is no folder '{Path(path).parent}'.")
    if any(character in options.tag for character in "/\\\0"):
        raise UserError(f"--tag {options.tag}: it becomes part of a file's name, so it can't hold a slash.")


def _workload(options: Namespace) -> ThroughputWorkload:
    manner = {**(_PUBLISHED if options.full else _QUICK)}
    for name in manner:
        if options[name] is not None:
            manner[name] = options[name]
    settings = Settings(
        min_seconds=float(manner["min_seconds"]),
        num_steps=None if options.num_steps is None else parse_count(options.num_steps),
        warmup=options.warmup,
        repeats=int(manner["repeats"]),
    )
    return ThroughputWorkload(
        _points(options),
        settings=settings,
        processes=int(manner["processes"]),
        tag=options.tag,
        description=options.description,
    )


def _points(options: Namespace) -> list[Point]:
    """All combinations, environment by environment, library by library, and rising in number."""
    nums = _numbers(options.num_envs or (_FULL_NUMS if options.full else _DEFAULT_NUMS))
    axes = itertools.product(
        sorted(set(nums)),
        _numbers(options.scan_chunk_size) or [None],
        _numbers(options.block) or [None],
        _numbers(options.devices),
        options.action.split(","),
        options.rng.split(",") if options.rng else [None],
        options.emit.split(","),
    )
    names = ("num_envs", "scan_chunk_size", "block", "devices", "policy", "rng", "emit")
    points = []
    for environment, choice in itertools.product(_listed(options.env), list(axes)):
        for own in _libraries(environment, options.library):
            point = Point(environment=environment, library=own, **dict(zip(names, choice, strict=True)))
            if options.library is not None or not _is_much(point):
                points.append(_with_tuned_chunk(point))
    order = {name: place for place, name in enumerate(dict.fromkeys(point.library for point in points))}
    return sorted(points, key=lambda point: (point.environment, order[point.library]))


def _with_tuned_chunk(point: Point) -> Point:
    """The point with the chunk that was found to be fastest, where that was measured and nobody says otherwise."""
    if point.scan_chunk_size is not None:
        return point
    found = tuned.load(point.environment, point.library)
    if found is None or found.num_envs != point.num_envs:
        return point
    return msgspec.structs.replace(point, scan_chunk_size=found.scan_chunk_size)


def _is_much(point: Point) -> bool:
    """Whether nobody would want to wait for it."""
    return point.library == "gymnasium-serial" and point.num_envs > _MOST_SERIAL


def _libraries(environment: str, wanted: str | None) -> list[str]:
    if ":" in environment and environment not in NAMES:
        return [OWN]
    if wanted is None:
        known = NAMES.get(environment)
        if known is None:
            raise UserError(f"Say which library has {environment!r}: --library NAME.")
        return [name for name in _DEFAULT_LIBRARIES if name in known and missing(name) is None]
    names = _listed(wanted)
    for name in names:
        library(name)
    return names


def _listed(text: str) -> list[str]:
    return list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _numbers(text: str | None) -> list[Any]:
    return [] if text is None else [parse_count(part) for part in _listed(text)]


def _announce(workload: ThroughputWorkload, options: Namespace) -> None:
    settings = workload.settings
    length = f"{settings.num_steps:,} steps" if settings.num_steps else f"{settings.min_seconds:g} s or more"
    manner = "" if options.full else " (quick; --full for what is to be published)"
    say(
        f"{count_text(len(workload.points), 'point')}, each in {workload.processes} fresh "
        f"{'process' if workload.processes == 1 else 'processes'}{manner}: "
        f"{count_text(settings.repeats, 'repetition')} of {length}."
    )


def _finish(workload: ThroughputWorkload, runs: dict[str, Run | None], options: Namespace) -> int:
    found = results_of(workload, runs)
    content = write_json(workload, found, Path(options.out) / f"{_name(workload)}.json")
    if options.output is not None:
        write_json(workload, found, Path(options.output))
    if options.csv is not None:
        write_csv(found, Path(options.csv), baseline=options.baseline)
    if options.jaxarc_json is not None:
        write_jaxarc(workload, found, Path(options.jaxarc_json))
    if options.json:
        print(content)
    elif not options.quiet:
        tell(found, baseline=options.baseline)
    return _judge(found)


def _name(workload: ThroughputWorkload) -> str:
    return "_".join(filter(None, ("throughput", workload.tag, workload.stamp)))


def _judge(found: Sequence[Measured]) -> int:
    """Tell what failed; the exit code."""
    failed = [one for one in found if one.status is not Status.COMPLETED]
    for one in failed:
        print(f"{one.point.name}, {one.task}: {one.reason}", file=sys.stderr)
    return FAILED if failed else FINE
