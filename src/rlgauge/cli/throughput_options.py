"""The options of `rlgauge throughput`, and the points that they ask for."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlgauge.cli.launchers import LAUNCHERS, add_launcher
from rlgauge.cli.options import make_parser
from rlgauge.cli.throughput_files import check_tag
from rlgauge.cli.throughput_libraries import DEFAULT_LIBRARIES, libraries_of, listed
from rlgauge.cli.units import parse_count, parse_memory
from rlgauge.core.errors import UserError, unknown
from rlgauge.core.execute import Limits
from rlgauge.envs.libraries import LIBRARIES, NAMES, library
from rlgauge.kinds.throughput.measuring import OWN
from rlgauge.kinds.throughput.point import Point
from rlgauge.kinds.throughput.timer import Settings

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

_DEFAULT_NUMS = "1,100,1k,10k,100k"
_FULL_NUMS = "100,1k,10k,100k,1M,5M"
_QUICK = {"processes": 1, "repeats": 5, "min_seconds": 0.2}
_PUBLISHED = {"processes": 3, "repeats": 7, "min_seconds": 0.5}
_LOOKED_AT = {"processes": 1, "repeats": 1, "min_seconds": 0.01}
"""Memory is the same after a few steps."""
_MEMORY = {
    "envs": {"num_envs": "1k,10k,100k,1M"},
    "chunk": {"num_envs": "10k", "scan_chunk_size": "1,16,64,256", "emit": "write"},
}
"""What memory is looked at over, and the axes where nobody says otherwise: what is dropped needs no memory."""
_MOST_SERIAL = 10_000
"""More single environments than this are left out where nobody asked for them."""


def build_parser() -> ArgumentParser:
    """The options of `rlgauge throughput`."""
    parser = make_parser(
        "throughput",
        "Measure environments: steps per second of one and of very many, times and memory. `rlgauge throughput ab` "
        "measures two libraries, versions or revisions in turns; `demo` shows very many live.",
    )
    parser.add_argument("--config", action="config", help="YAML file with these options; see --print_config")
    _add_what(parser)
    _add_what_for(parser)
    _add_how(parser)
    _add_where(parser)
    add_launcher(parser, can_leave=False)
    return parser


def _add_what(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("What is measured (lists are separated by commas)")
    group.add_argument(
        "--env",
        type=str,
        default="cartpole",
        metavar="NAMES",
        help=f"{', '.join(NAMES)}, a library's own names, package.module:Class, or with a "
        "gymnasium-... library package.module:Id",
    )
    group.add_argument(
        "--library",
        type=str | None,
        metavar="NAMES",
        help=f"{', '.join(LIBRARIES)} (those of {', '.join(DEFAULT_LIBRARIES)} that are installed)",
    )
    group.add_argument("--num-envs", type=str | None, metavar="NUMBERS", help=f"environments ({_DEFAULT_NUMS})")
    group.add_argument("--scan-chunk-size", type=str | None, metavar="NUMBERS", help="steps of a compiled loop")
    group.add_argument(
        "--block", type=str | None, metavar="NUMBERS", help="environments stepped together for a chunk; divides them"
    )
    group.add_argument("--devices", type=str, default="1", metavar="NUMBERS", help="devices that share them")
    group.add_argument("--action", type=str, default="random", metavar="WAYS", help="random, predrawn or fixed actions")
    group.add_argument("--rng", type=str | None, metavar="NAMES", help="threefry2x32, rbg or unsafe_rbg, of JAX")
    group.add_argument("--emit", type=str | None, metavar="WAYS", help="drop what is observed (default), or write it")


def _add_what_for(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("What it is for, if not speed")
    group.add_argument(
        "--memory", type=str | None, metavar="OVER", help="tell memory over the number of envs, chunk, or both"
    )
    group.add_argument(
        "--find-max", action="store_true", help="find the most environments that memory holds, by filling it"
    )
    group.add_argument(
        "--autotune", action="store_true", help="find which number is fastest, and for that which chunk; keep it"
    )


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


def check(options: Namespace) -> None:
    """Raise UserError for options that contradict each other, and for files that can't be written."""
    if options.full and options.quick:
        raise UserError("--full and --quick contradict each other.")
    if (options.memory is not None) + options.find_max + options.autotune > 1:
        raise UserError("--memory, --find-max and --autotune are measurements of their own: ask for one.")
    if options.autotune and options.launcher != LAUNCHERS[0]:
        raise UserError("--autotune finds what is fastest on the machine of this command: leave out --launcher.")
    if options.memory not in {None, "both", *_MEMORY}:
        raise unknown("--memory", options.memory, [*_MEMORY, "both"])
    check_search(options)
    if options.time_limit is not None and options.time_limit <= 0:
        raise UserError(f"--time-limit {options.time_limit:g}: it must be more than 0 seconds.")
    for name in ("csv", "output"):
        path = options[name]
        if path is not None and not Path(path).parent.is_dir():
            raise UserError(f"--{name} {path}: there is no folder '{Path(path).parent}'.")
        if path is not None and Path(path).is_dir():
            raise UserError(f"--{name} {path}: it is a folder; name a file.")
    if options.jaxarc_json is not None and Path(options.jaxarc_json).is_file():
        raise UserError(f"--jaxarc-json {options.jaxarc_json}: it is a file; name a folder.")
    check_tag(options.tag)


def check_search(options: Namespace) -> None:
    """Raise UserError for options that a search for the most, or the fastest, has no use for."""
    asked = [name for name in ("find_max", "autotune") if options[name]]
    if not asked:
        return
    unused = ["csv", "output", "jaxarc_json", "baseline", "block", "num_steps"]
    unused += ["emit", "rng"] if options.autotune else []
    given = [name for name in unused if options[name] is not None]
    given += ["action"] if options.autotune and options.action != "random" else []
    given += ["devices"] if options.autotune and options.devices != "1" else []
    if given:
        raise UserError(f"--{asked[0]} has no use for --{given[0]}.".replace("_", "-"))


def settings_of(options: Namespace) -> Settings:
    """How a point is timed."""
    return Settings(
        min_seconds=float(_manner(options, "min_seconds")),
        num_steps=None if options.num_steps is None else parse_count(options.num_steps),
        warmup=options.warmup,
        burn_in=0 if options.memory is not None else Settings().burn_in,
        only_steps=options.memory is not None,
        repeats=int(_manner(options, "repeats")),
    )


def num_processes(options: Namespace) -> int:
    """Fresh processes for each point."""
    return int(_manner(options, "processes"))


def limits_of(options: Namespace) -> Limits:
    """What ends a point."""
    return Limits(
        seconds=options.time_limit,
        resident_bytes=None if options.memory_limit is None else parse_memory(options.memory_limit),
    )


def points_of(options: Namespace) -> list[Point]:
    """All that is asked for, environment by environment, library by library, and rising in number."""
    if options.memory is None:
        return _in_order(grid(options))
    looked_at = [name for name in _MEMORY if options.memory in {name, "both"}]
    found = [point for name in looked_at for point in _memory_grid(options, name)]
    return _in_order([*_floors(found), *found])


def numbers(text: str | None) -> list[int]:
    """The numbers of a list such as `1,10k`, each once; none of None. Raises UserError."""
    return [] if text is None else [parse_count(part) for part in listed(text)]


def _manner(options: Namespace, name: str) -> float:
    if options[name] is not None:
        return float(options[name])
    return float((_LOOKED_AT if options.memory is not None else _PUBLISHED if options.full else _QUICK)[name])


def _memory_grid(options: Namespace, over: str) -> list[Point]:
    """The points for memory over one axis; over chunks, those of libraries that have such."""
    asked = {name: value for name, value in _MEMORY[over].items() if options[name] is None}
    found = list(grid(options, **asked))
    if over != "chunk":
        return found
    compiled = [point for point in found if point.library == OWN or library(point.library).kind == "jax"]
    if not compiled and options.memory == over:
        raise UserError(f"--memory chunk: {', '.join(sorted({one.library for one in found}))} can't: none has chunks.")
    return compiled


def _floors(found: Iterable[Point]) -> Iterator[Point]:
    """A single environment of each, whose process tells what libraries and compilers hold."""
    for environment, name in dict.fromkeys((point.environment, point.library) for point in found):
        yield Point(environment=environment, library=name, num_envs=1)


def _in_order(found: Iterable[Point]) -> list[Point]:
    points = list(dict.fromkeys(found))
    order = {name: place for place, name in enumerate(dict.fromkeys(point.library for point in points))}
    return sorted(points, key=lambda point: (point.environment, order[point.library]))


def grid(options: Namespace, **instead: str) -> Iterator[Point]:
    """All combinations of the axes, of which some are given instead."""
    told = {name: instead.get(name, options[name]) for name in ("num_envs", "scan_chunk_size", "emit")}
    axes: Iterable[tuple[Any, ...]] = itertools.product(
        sorted(set(numbers(told["num_envs"] or (_FULL_NUMS if options.full else _DEFAULT_NUMS)))),
        numbers(told["scan_chunk_size"]) or (None,),
        numbers(options.block) or (None,),
        numbers(options.devices),
        options.action.split(","),
        options.rng.split(",") if options.rng else [None],
        (told["emit"] or "drop").split(","),
    )
    names = ("num_envs", "scan_chunk_size", "block", "devices", "policy", "rng", "emit")
    for environment, choice in itertools.product(listed(options.env), list(axes)):
        for own in libraries_of(environment, options.library):
            point = Point(environment=environment, library=own, **dict(zip(names, choice, strict=True)))
            if options.library is not None or not _is_much(point):
                yield point


def _is_much(point: Point) -> bool:
    """Whether nobody would want to wait for it."""
    return point.library == "gymnasium-serial" and point.num_envs > _MOST_SERIAL
