"""Seconds for the probability of improvement with its interval: ours against rliable's, in turns.

    python benchmarks/improvement.py [--replicates 50000] [--rliable-replicates 250] [--rounds 5] [--full] [--json FILE]

One candidate against one baseline, so many runs on so many tasks. rliable 1.2.0 (with pandas<3) resamples and asks
SciPy in every replicate; its time is measured with few replicates and at twice as many, and the line through both is
read at --replicates; `--full` runs all of them instead (minutes). Ours always runs all of them. Each round gives one
ratio, and the median is printed with its range. The points are compared, too: they must be equal.

- bootstrap: our stratified percentile bootstrap, the same interval as rliable's, method="percentile".
- default: our interval from placements, method="logit-t", which resamples nothing.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402  # it reads the number of threads
from numpy.typing import NDArray  # noqa: E402

from rlgauge.stats.improvement import Method, probability_of_improvement  # noqa: E402
from rlgauge.stats.summary import Summary  # noqa: E402

SIZES = ((10, 5), (10, 26), (5, 55), (100, 57))
"""Runs and tasks."""


def seconds(function: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def rliable(scores: tuple[NDArray[np.float64], NDArray[np.float64]], replicates: int) -> tuple[float, float, float]:
    """Point and percentile interval by rliable."""
    from rliable import library, metrics

    points, intervals = library.get_interval_estimates(
        {"a,b": scores}, metrics.probability_of_improvement, reps=replicates
    )
    low, high = np.ravel(intervals["a,b"])
    return float(np.ravel(points["a,b"])[0]), float(low), float(high)


def rliable_seconds(
    scores: tuple[NDArray[np.float64], NDArray[np.float64]], replicates: int, *, measured: int | None
) -> float:
    """What `replicates` take rliable: measured, or on the line through the times of `measured` and twice as many."""
    if measured is None:
        return seconds(lambda: rliable(scores, replicates))
    once, twice = (seconds(lambda count=count: rliable(scores, count)) for count in (measured, 2 * measured))
    return once + (twice - once) * (replicates - measured) / measured


class Row(NamedTuple):
    """One size: medians of seconds, and a ratio a round."""

    runs: int
    tasks: int
    rliable_seconds: float
    bootstrap_seconds: float
    default_seconds: float
    bootstrap_ratios: list[float]
    default_ratios: list[float]

    def __str__(self) -> str:
        """The line of the table."""
        bootstrap, default = map(statistics.median, (self.bootstrap_ratios, self.default_ratios))
        low, high = min(self.bootstrap_ratios), max(self.bootstrap_ratios)
        return (
            f"| {self.runs} runs x {self.tasks} tasks | {self.rliable_seconds:.0f} | {self.bootstrap_seconds:.3f} "
            f"| {bootstrap:,.0f} ({low:,.0f}..{high:,.0f}) | {self.default_seconds:.5f} | {default:,.0f} |"
        )


def compare(runs: int, tasks: int, arguments: argparse.Namespace) -> Row:
    """One size, in rounds."""
    random = np.random.default_rng(runs * tasks)
    candidate_RT, baseline_RT = random.normal(0.3, 1, (runs, tasks)), random.normal(0, 1, (runs, tasks))

    def ours(method: Method) -> Summary:
        return probability_of_improvement(
            candidate=list(candidate_RT.T), baseline=list(baseline_RT.T), method=method, replicates=arguments.replicates
        )

    point, *_ = rliable((candidate_RT, baseline_RT), 2)
    if not math.isclose(point, ours("logit-t").point, rel_tol=1e-12):
        sys.exit(f"rliable says {point}, we say {ours('logit-t').point}")
    times = []
    for _ in range(arguments.rounds):
        measured = None if arguments.full else max(20, arguments.rliable_replicates * 5 // tasks)
        theirs = rliable_seconds((candidate_RT, baseline_RT), arguments.replicates, measured=measured)
        times.append((theirs, seconds(lambda: ours("percentile")), seconds(lambda: ours("logit-t"))))
    theirs, bootstrap, default = (statistics.median(column) for column in zip(*times, strict=True))
    return Row(
        runs,
        tasks,
        theirs,
        bootstrap,
        default,
        [row[0] / row[1] for row in times],
        [row[0] / row[2] for row in times],
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicates", type=int, default=50_000)
    parser.add_argument("--rliable-replicates", type=int, default=250, help="measured of 5 tasks; fewer of more tasks")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", type=int, default=len(SIZES), help="how many of the sizes, smallest first")
    parser.add_argument("--full", action="store_true", help="run all replicates in rliable, too")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    print(f"{arguments.replicates} replicates, {arguments.rounds} rounds, one thread, seconds\n")
    print("| | rliable | ours, bootstrap | ratio | ours, default | ratio |\n|---|---|---|---|---|---|", flush=True)
    rows = []
    for runs, tasks in SIZES[: arguments.sizes]:
        rows.append(compare(runs, tasks, arguments))
        print(rows[-1], flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps([row._asdict() for row in rows], indent=2))


if __name__ == "__main__":
    main()
