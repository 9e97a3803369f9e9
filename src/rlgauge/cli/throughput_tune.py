"""`rlgauge throughput tune`: how many environments, and chunks of which size, are fastest on this machine."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from rlgauge.cli.console import say, show_table
from rlgauge.cli.main import FAILED, FINE, INTERRUPTED
from rlgauge.cli.options import make_parser, parse
from rlgauge.cli.pythons import Pythons
from rlgauge.cli.throughput_progress import Progress, report, silent
from rlgauge.cli.units import parse_count
from rlgauge.core.errors import UserError
from rlgauge.core.execute import execute
from rlgauge.core.store import Store
from rlgauge.envs.libraries import library
from rlgauge.kinds.throughput import tuned
from rlgauge.kinds.throughput.measuring import OWN
from rlgauge.kinds.throughput.point import Point
from rlgauge.kinds.throughput.results import Measured, results_of
from rlgauge.kinds.throughput.timer import Settings
from rlgauge.kinds.throughput.workload import ThroughputWorkload
from rlgauge.launch.by_python import ByPython
from rlgauge.report.numbers import short_count

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace


def main(argv: Sequence[str]) -> int:
    """The exit code of `rlgauge throughput tune`. Raises UserError."""
    options = parse(build_parser(), argv)
    if options is None:
        return FINE
    name = OWN if ":" in options.env else options.library
    if name != OWN and library(name).kind != "jax":
        raise UserError(f"{name} has no compiled loop, so there are no chunks to choose.")
    try:
        numbers = _measure(options, name, [(number, None) for number in _counts(options.num_envs)])
        best = tuned.best_of(numbers)
        if best is None:
            return _tell_failed(numbers)
        chunks = [size for size in _counts(options.scan_chunk_size) if size != best.scan_chunk_size]
        sizes = _measure(options, name, [(best.num_envs, size) for size in chunks])
    except KeyboardInterrupt:
        print(f"Interrupted. What was measured is in {options.out}.", file=sys.stderr)
        return INTERRUPTED
    tried = [*numbers, *sizes]
    best = tuned.best_of(tried) or best
    path = tuned.save(best)
    if options.json:
        print(json.dumps(msgspec.to_builtins(best), indent=1))
    else:
        _tell(best, path)
    return _tell_failed(tried)


def _tell(best: tuned.Tuned, path: Path) -> None:
    header = ("environments", "chunk", "steps/s")
    rows = [(f"{one.num_envs:,}", str(one.scan_chunk_size or "-"), _speed(one.steps_per_second)) for one in best.tried]
    show_table(header, rows)
    say(
        f"\nFastest: {best.num_envs:,} environments in chunks of {best.scan_chunk_size}, "
        f"{short_count(best.steps_per_second)} steps/s. From now on chunks of so many environments have this size "
        f"where nothing else is said; {path} keeps it."
    )


def build_parser() -> ArgumentParser:
    """The options of `rlgauge throughput tune`."""
    parser = make_parser(
        "throughput tune", "Find out how many environments, and chunks of which size, are fastest on this machine."
    )
    parser.add_argument("--env", type=str, default="cartpole", metavar="NAME", help="the environment")
    parser.add_argument("--library", type=str, default="rlgauge", metavar="NAME", help="its library, for JAX")
    parser.add_argument("--num-envs", type=str, default="1k,10k,100k,1M", metavar="NUMBERS", help="numbers to try")
    parser.add_argument(
        "--scan-chunk-size", type=str, default="8,32,128,512", metavar="NUMBERS", help="sizes to try of the fastest"
    )
    parser.add_argument("--min-seconds", type=float, default=0.2, metavar="S", help="the least that a repetition takes")
    parser.add_argument("--out", type=str, default="out/throughput", metavar="DIR", help="folder of runs")
    parser.add_argument("--json", action="store_true", help="print what was found as JSON")
    return parser


def _counts(text: str) -> list[int]:
    return sorted({parse_count(part) for part in text.split(",")})


def _measure(options: Namespace, name: str, choices: Sequence[tuple[int, int | None]]) -> list[Measured]:
    if not choices:
        return []
    points = [
        Point(environment=options.env, library=name, num_envs=number, scan_chunk_size=chunk)
        for number, chunk in choices
    ]
    workload = ThroughputWorkload(points, settings=Settings(min_seconds=options.min_seconds, repeats=3), tag="tune")
    listen = silent if options.json else Progress(workload)
    runs = execute(workload, Store(options.out), launcher=ByPython(Pythons(report)), on_event=listen)
    return results_of(workload, runs)


def _tell_failed(found: Sequence[Measured]) -> int:
    """Tell why points failed; the exit code."""
    failed = [one for one in found if one.steps_per_second is None]
    for one in failed:
        print(f"{one.point.name}, {one.task}: {one.reason}", file=sys.stderr)
    return FAILED if failed else FINE


def _speed(speed: float | None) -> str:
    return "failed" if speed is None else short_count(speed)
