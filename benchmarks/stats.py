"""Seconds for metrics with their intervals: ours against rliable's, in turns.

    python benchmarks/stats.py [--replicates 50000] [--rounds 5] [--sizes 4] [--jobs iqm ...] [--full] [--json FILE]

So many runs on so many tasks by so many algorithms. rliable 1.2.0 (with pandas<3) calls a Python function in every
replicate; its time is measured with few replicates and with twice as many, and the line through both is read at
--replicates. `--full` runs all of them instead (many minutes). Ours always runs all of them. Each round gives one
ratio; medians are printed, with the range of the ratios. Points are compared before anything is timed, and must agree.

- iqm: interquartile mean of every algorithm, percentile interval.
- all: IQM, mean, median, optimality gap, and the profile at 81 thresholds, of every algorithm.
- improvement: probability of improvement of the first algorithm over the second, bootstrap; "ours, default" is the
  interval from placements, method="logit-t", which resamples nothing.

One thread each; Numba, where it takes part, is compiled before the clock starts.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from unittest import mock

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402  # it reads the number of threads
from numpy.typing import NDArray  # noqa: E402

from rlgauge.stats import with_numba  # noqa: E402
from rlgauge.stats.aggregate import aggregates  # noqa: E402
from rlgauge.stats.improvement import Method, probability_of_improvement  # noqa: E402
from rlgauge.stats.metrics import METRICS, Metric  # noqa: E402
from rlgauge.stats.profiles import performance_profile  # noqa: E402

Scores = dict[str, NDArray[np.float64]]
"""Scores of each algorithm, (runs, tasks)."""
Side = Callable[[int], object]
"""What is timed, of a number of replicates."""

SIZES = ((10, 5, 4), (10, 26, 6), (5, 55, 6), (100, 57, 8))
"""Runs, tasks and algorithms."""
THRESHOLDS = np.linspace(0.0, 8.0, 81)
_CELLS_MEASURED = 1_000_000
"""Scores that rliable resamples for the first of its two times; the second takes twice as many."""


def made(runs: int, tasks: int, algorithms: int) -> Scores:
    """Skewed scores, some of them far above 1, as normalised scores of games are."""
    random = np.random.default_rng((runs, tasks, algorithms))
    return {f"algorithm-{k}": random.lognormal(0.2 + 0.05 * k, 0.8, (runs, tasks)) for k in range(algorithms)}


def rliable_metrics(scores: Scores, metrics: tuple[Metric, ...], replicates: int) -> dict[str, NDArray[np.float64]]:
    """Points of each algorithm by rliable, with intervals made."""
    from rliable import library
    from rliable import metrics as known

    aggregate = {
        "iqm": known.aggregate_iqm,
        "mean": known.aggregate_mean,
        "median": known.aggregate_median,
        "optimality_gap": known.aggregate_optimality_gap,
    }

    def together(scores_RT: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.array([aggregate[name](scores_RT) for name in metrics])

    return dict(library.get_interval_estimates(scores, together, reps=replicates)[0])


def rliable_all(scores: Scores, replicates: int) -> dict[str, NDArray[np.float64]]:
    """The four metrics and the profile by rliable."""
    from rliable import library

    library.create_performance_profile(scores, THRESHOLDS, reps=replicates)
    return rliable_metrics(scores, METRICS, replicates)


def rliable_improvement(scores: Scores, replicates: int) -> dict[str, NDArray[np.float64]]:
    """Probability of improvement by rliable."""
    from rliable import library, metrics

    pair = tuple(list(scores.values())[:2])
    return dict(library.get_interval_estimates({"pair": pair}, metrics.probability_of_improvement, reps=replicates)[0])


def our_metrics(scores: Scores, metrics: tuple[Metric, ...], replicates: int) -> dict[str, NDArray[np.float64]]:
    """The same by us."""
    found = {
        name: aggregates(list(scores_RT.T), metrics, method="percentile", replicates=replicates)
        for name, scores_RT in scores.items()
    }
    return {name: np.array([summary.point for summary in one.values()]) for name, one in found.items()}


def our_all(scores: Scores, replicates: int) -> dict[str, NDArray[np.float64]]:
    """The four metrics and the profile by us."""
    for scores_RT in scores.values():
        performance_profile(list(scores_RT.T), THRESHOLDS.tolist(), method="percentile", replicates=replicates)
    return our_metrics(scores, METRICS, replicates)


def our_improvement(scores: Scores, method: Method, replicates: int) -> dict[str, NDArray[np.float64]]:
    """Probability of improvement by us."""
    candidate, baseline = (list(scores_RT.T) for scores_RT in list(scores.values())[:2])
    found = probability_of_improvement(candidate=candidate, baseline=baseline, method=method, replicates=replicates)
    return {"pair": np.array([found.point])}


def without_numba(side: Side, replicates: int) -> object:
    """What a side gives where Numba is not installed."""
    with mock.patch.object(with_numba, "kernels", return_value=None):
        return side(replicates)


def sides_of(job: str, scores: Scores) -> dict[str, Side]:
    """The sides of a job: rliable, then ours."""
    if job == "improvement":
        return {
            "rliable": partial(rliable_improvement, scores),
            "ours, NumPy": partial(our_improvement, scores, "percentile"),
            "ours, default": partial(our_improvement, scores, "logit-t"),
        }
    if job == "iqm":
        theirs, ours = partial(rliable_metrics, scores, ("iqm",)), partial(our_metrics, scores, ("iqm",))
    else:
        theirs, ours = partial(rliable_all, scores), partial(our_all, scores)
    return {"rliable": theirs, "ours, NumPy": partial(without_numba, ours), "ours, Numba": ours}


def seconds(side: Side, replicates: int) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    side(replicates)
    return time.perf_counter() - start


def seconds_by_line(side: Side, replicates: int, measured: int) -> float:
    """What `replicates` take on the line through the times of `measured` and of twice as many."""
    once, twice = seconds(side, measured), seconds(side, 2 * measured)
    return once + (twice - once) * (replicates - measured) / measured


def check(sides: dict[str, Side]) -> None:
    """Leave with a sentence where the points of two sides differ."""
    theirs = sides["rliable"](2)
    for name, side in sides.items():
        ours = side(1000)
        if not all(np.allclose(np.ravel(theirs[key]), ours[key], rtol=1e-12, atol=0) for key in theirs):  # type: ignore[index,attr-defined]
            sys.exit(f"rliable says {theirs}, {name} says {ours}.")


def compared(job: str, size: tuple[int, int, int], arguments: argparse.Namespace) -> dict[str, object]:
    """One line of the table: seconds of each side, a value a round."""
    runs, tasks, algorithms = size
    sides = sides_of(job, made(*size))
    check(sides)
    seconds(sides["ours, Numba" if "ours, Numba" in sides else "ours, NumPy"], arguments.replicates)
    few = max(10, _CELLS_MEASURED // (runs * tasks * algorithms * (40 if job == "improvement" else 4)))
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(arguments.rounds):
        for name, side in sides.items():
            by_line = name == "rliable" and not arguments.full
            took = seconds_by_line(side, arguments.replicates, few) if by_line else seconds(side, arguments.replicates)
            times[name].append(took)
    return {"job": job, "runs": runs, "tasks": tasks, "algorithms": algorithms, "seconds": times}


def line(row: dict[str, object]) -> str:
    """A row of the table in markdown."""
    times: dict[str, list[float]] = row["seconds"]  # type: ignore[assignment]
    cells = [str(row["job"]), f"{row['runs']} x {row['tasks']} x {row['algorithms']}"]
    theirs = times["rliable"]
    cells.append(f"{statistics.median(theirs):.3g} s")
    for name, ours in times.items():
        if name != "rliable":
            ratios = [their / our for their, our in zip(theirs, ours, strict=True)]
            ends = f"{min(ratios):,.0f}..{max(ratios):,.0f}"
            cells.append(f"{statistics.median(ours):.3g} s: {statistics.median(ratios):,.0f} times ({ends})")
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Measure, and print the table as it grows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicates", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", type=int, default=len(SIZES), help="how many of the sizes, smallest first")
    parser.add_argument(
        "--jobs", nargs="+", choices=("iqm", "all", "improvement"), default=("iqm", "all", "improvement")
    )
    parser.add_argument("--full", action="store_true", help="run all replicates in rliable, too")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if with_numba.kernels(sys.maxsize) is None:
        sys.exit("Numba is not installed: pip install numba.")
    print(f"{arguments.replicates:,} replicates, {arguments.rounds} rounds, one thread\n")
    print("| job | runs x tasks x algorithms | rliable | ours, NumPy | ours, Numba; of improvement the default |")
    print("|---|---|---|---|---|", flush=True)
    rows = []
    for job in arguments.jobs:
        for size in SIZES[: arguments.sizes]:
            rows.append(compared(job, size, arguments))
            print(line(rows[-1]), flush=True)
    print(f"\nPeak memory of all of it: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB.")
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
