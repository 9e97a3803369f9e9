"""`rlgauge throughput --autotune`: how many environments, and chunks of which size, are fastest on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from rlgauge.cli.console import say, show_table
from rlgauge.cli.main import FAILED, FINE
from rlgauge.cli.throughput_libraries import check_library, libraries_of, listed
from rlgauge.cli.throughput_options import numbers
from rlgauge.cli.throughput_runs import failures, measure, workload_of
from rlgauge.core.errors import UserError
from rlgauge.envs.libraries import library
from rlgauge.kinds.throughput import tuned
from rlgauge.kinds.throughput.measuring import OWN
from rlgauge.kinds.throughput.point import Point, default_chunk
from rlgauge.kinds.throughput.results import Measured
from rlgauge.report.numbers import short_count

if TYPE_CHECKING:
    from jsonargparse import Namespace

_NUMS, _CHUNKS = "1k,10k,100k,1M", "8,32,128,512"
"""What is tried where nobody says otherwise."""


_GAIN = 1.05
"""How many times as fast as in chunks of the default size others must be: less is chance."""


class _Search(NamedTuple):
    """What was found of an environment of a library, all that was tried, and where what was found is kept."""

    best: tuned.Tuned | None
    tried: list[Measured]
    path: Path | None


def autotune(options: Namespace) -> int:
    """The exit code. Raises UserError where there are no chunks to choose."""
    asked = list(_asked(options))
    for environment, name in asked:
        check_library(environment, name)
    searches = [_search(options, environment, name) for environment, name in asked]
    bests = [search.best for search in searches if search.best is not None]
    if options.json:
        print(json.dumps(msgspec.to_builtins(bests), indent=1))
    num_failed = 0
    for search in searches:
        if search.best is not None and not (options.json or options.quiet):
            _tell(search.best, search)
        num_failed += failures(search.tried)
    return FAILED if num_failed else FINE


def _asked(options: Namespace) -> Iterator[tuple[str, str]]:
    """The environments and their libraries that have chunks."""
    for environment in listed(options.env):
        for name in libraries_of(environment, options.library):
            if name == OWN or library(name).kind == "jax":
                yield environment, name
            elif options.library is not None:
                raise UserError(f"{name} has no compiled loop, so there are no chunks to choose.")


def _search(options: Namespace, environment: str, name: str) -> _Search:
    """The fastest of the numbers in chunks of the default size, then of sizes of a chunk for that number."""
    numbers_asked = sorted(numbers(options.num_envs or _NUMS))
    tried = _try(options, environment, name, [(number, default_chunk(number)) for number in numbers_asked])
    first = tuned.best_of(tried)
    if first is None:
        return _Search(None, tried, None)
    sizes = [size for size in numbers(options.scan_chunk_size or _CHUNKS) if size != first.scan_chunk_size]
    tried = [*tried, *_try(options, environment, name, [(first.num_envs, size) for size in sizes])]
    best = tuned.best_of(tried) or first
    if best.steps_per_second < _GAIN * first.steps_per_second:
        best = msgspec.structs.replace(first, tried=best.tried)
    return _Search(best, tried, tuned.save(best))


def _try(options: Namespace, environment: str, name: str, choices: Sequence[tuple[int, int]]) -> list[Measured]:
    if not choices:
        return []
    points = [
        Point(environment=environment, library=name, num_envs=number, scan_chunk_size=chunk)
        for number, chunk in choices
    ]
    return measure(workload_of(points, options), options).found


def _tell(best: tuned.Tuned, search: _Search) -> None:
    print(f"\n{best.environment} of {best.library}")
    rows = [
        (f"{one.point.num_envs:,}", str(one.point.scan_chunk_size), _speed(one), str(one.noise or "-"))
        for one in search.tried
    ]
    show_table(("environments", "chunk", "steps/s", "noise"), rows)
    say(
        f"\nFastest: {best.num_envs:,} environments in chunks of {best.scan_chunk_size}, "
        f"{short_count(best.steps_per_second)} steps/s. From now on chunks of so many environments with random actions "
        f"and dropped outcomes have this size where nothing else is said; {search.path} keeps it. Sizes that gain less "
        "than 5 % on the default are taken for chance."
    )


def _speed(one: Measured) -> str:
    if one.steps_per_second is None:
        return "failed"
    return short_count(one.steps_per_second) + ("" if one.deviation is None else f" ± {short_count(one.deviation)}")
