"""`rlgauge throughput demo`: very many environments, live."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import psutil

from rlgauge.cli.console import say
from rlgauge.cli.main import FINE
from rlgauge.cli.options import make_parser, parse
from rlgauge.cli.units import bytes_text, parse_count
from rlgauge.core.errors import UserError
from rlgauge.envs.libraries import missing
from rlgauge.kinds.throughput.measuring import prepare_process
from rlgauge.kinds.throughput.point import Point
from rlgauge.report.numbers import short_count

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

    from rlgauge.kinds.throughput.on_device import Compiled

_MANY, _FEWER = 1_000_000, 100_000
_ROOM = 2_000_000_000
"""Bytes that should be free for so many."""
_TICK_SECONDS = 0.5


class Progress(NamedTuple):
    """What was done so far: seconds since the first compiled step, steps of all, episodes that ended."""

    seconds: float
    num_steps: int
    num_episodes: int


def main(argv: Sequence[str]) -> int:
    """The exit code of `rlgauge throughput demo`. Raises UserError."""
    options = parse(build_parser(), argv)
    if options is None:
        return FINE
    if options.seconds <= 0:
        raise UserError(f"--seconds {options.seconds:g}: it must be more than 0.")
    lacking = missing("rlgauge")
    if lacking is not None:
        raise UserError(lacking)
    num_envs = default_num_envs() if options.num_envs is None else parse_count(options.num_envs)
    chunk = None if options.scan_chunk_size is None else parse_count(options.scan_chunk_size)
    point = Point(environment=options.env, library="rlgauge", num_envs=num_envs, scan_chunk_size=chunk)
    last = show(point, options.seconds)
    say(
        f"{short_count(last.num_steps)} steps of {num_envs:,} environments in {last.seconds:.1f} s: "
        f"{short_count(last.num_steps / last.seconds)} steps/s, {last.num_episodes:,} episodes."
    )
    return FINE


def build_parser() -> ArgumentParser:
    """The options of `rlgauge throughput demo`."""
    parser = make_parser("throughput demo", "Step very many environments, and show how fast it goes.")
    parser.add_argument("--env", type=str, default="cartpole", metavar="NAME", help="one of our own environments")
    parser.add_argument("--num-envs", type=str | None, metavar="N", help="environments (as many as fit well)")
    parser.add_argument("--scan-chunk-size", type=str | None, metavar="N", help="steps of a compiled loop")
    parser.add_argument("--seconds", type=float, default=10.0, metavar="S", help="how long")
    return parser


def default_num_envs() -> int:
    """A million where there is room for them, else a hundred thousand."""
    return _MANY if psutil.virtual_memory().available > _ROOM else _FEWER


def show(point: Point, seconds: float) -> Progress:
    """Step for so long and tell of it: on a terminal on one line, elsewhere on a line a second; the last progress.

    Raises UserError for an environment that we don't have.
    """
    from rlgauge.envs import own
    from rlgauge.envs.libraries import own_name

    prepare_process(point)
    from rlgauge.kinds.throughput.on_device import Compiled

    env = own.make(own_name(point.environment, "rlgauge"))
    print(f"Compiling {point.num_envs:,} environments of {point.environment} ...", file=sys.stderr, flush=True)
    prepared = Compiled(lambda: env, point, 0)
    is_live = sys.stderr.isatty()
    process = psutil.Process()
    progress = Progress(0.0, 0, 0)
    for progress in play(prepared, seconds):
        memory = bytes_text(process.memory_info().rss)
        speed = short_count(progress.num_steps / progress.seconds)
        line = f"{progress.seconds:5.1f} s  {short_count(progress.num_steps):>6} steps  {speed:>6} steps/s  {memory}"
        print(f"\r{line}" if is_live else line, end="" if is_live else "\n", file=sys.stderr, flush=True)
    if is_live:
        print(file=sys.stderr)
    prepared.close()
    return progress


def play(prepared: Compiled, seconds: float) -> Iterator[Progress]:
    """The progress, twice a second or so, until so many seconds have gone by; at least once."""
    prepared.go(1)
    start = last = time.perf_counter()
    num_trips, num_steps, num_episodes = 1, 0, 0
    while True:
        done = prepared.go(num_trips)
        present = time.perf_counter()
        num_steps += done.num_steps
        num_episodes += done.num_episodes
        yield Progress(present - start, num_steps, num_episodes)
        if present - start >= seconds:
            return
        took, last = max(present - last, 1e-6), present
        num_trips = max(1, min(int(num_trips * _TICK_SECONDS / took), num_trips * 10))
