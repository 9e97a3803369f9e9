"""How often `rlgauge compare` calls a candidate slower: false alarms and power, by simulation.

    python benchmarks/gate.py [--studies 20000] [--json FILE]

A study has so many processes a side, each with 20 samples; processes deviate by 3 %, the samples of one by 2 %. The
candidate is 0, 2, 5 or 10 % slower than the baseline. A figure is the share of studies with a regression. The line is
judged by the code of the command itself. `others` are what is often used instead: a t test of all samples, and a
threshold of 5 % on the ratio of the means.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rlgauge.compare.effect import of_samples, sample
from rlgauge.compare.judge import judge
from rlgauge.compare.line import Measured
from rlgauge.compare.quantity import quantity_of
from rlgauge.compare.question import Question
from rlgauge.compare.references import SAME
from rlgauge.compare.sides import Pair
from rlgauge.stats.unpaired import welch

SPEED = quantity_of("steps_per_second", "steps/s")
SLOWDOWNS = (0.0, 0.02, 0.05, 0.10)
TOLERANCES = (0.0, 0.02)
PROCESSES = (3, 5, 10)
BETWEEN, WITHIN, SAMPLES = 0.03, 0.02, 20
ALPHA = 0.05


def draw(rng: np.random.Generator, studies: int, processes: int, *, slowdown: float) -> NDArray[np.float64]:
    """Samples, (studies, processes, SAMPLES)."""
    speeds = 1000 * (1 - slowdown) * np.exp(BETWEEN * rng.standard_normal((studies, processes, 1)))
    return np.asarray(speeds * np.exp(WITHIN * rng.standard_normal((studies, processes, SAMPLES))))


def is_regression(ours: NDArray[np.float64], theirs: NDArray[np.float64], tolerance: float) -> bool:
    """What the command says of logarithms of medians."""
    effect = of_samples(candidate=sample(ours), baseline=sample(theirs), confidence=1 - ALPHA, noun="process")
    limits = -math.log1p(-tolerance), math.log1p(tolerance)
    measured = Measured(
        pair=Pair("", "", "", [], []),
        quantity=SPEED,
        candidate=1.0,
        baseline=1.0,
        effect=effect,
        tolerance=limits,
        same=(-math.log1p(-SAME), math.log1p(SAME)),
        noun="process",
        unit="",
    )
    return judge([measured], Question(tolerance=tolerance))[0].is_regression


def share_of_regressions(studies: int, processes: int, *, slowdown: float, tolerance: float, seed: int) -> float:
    """Over so many studies."""
    rng = np.random.default_rng(seed)
    ours, theirs = (draw(rng, studies, processes, slowdown=one) for one in (slowdown, 0.0))
    medians = (np.log(np.median(side, axis=2)) for side in (ours, theirs))
    return float(np.mean([is_regression(a, b, tolerance) for a, b in zip(*medians, strict=True)]))


def shares_of_others(studies: int, processes: int, *, slowdown: float, seed: int) -> tuple[float, float]:
    """Of a one-sided t test of all samples, as if they were independent, and of a threshold of 5 %."""
    rng = np.random.default_rng(seed)
    ours, theirs = (draw(rng, studies, processes, slowdown=one).reshape(studies, -1) for one in (slowdown, 0.0))
    tests = [welch(candidate=a, baseline=b) for a, b in zip(ours[:2000], theirs[:2000], strict=True)]
    shown = [test.p_value is not None and test.p_value < 2 * ALPHA and test.difference.point < 0 for test in tests]
    return float(np.mean(shown)), float(np.mean(ours.mean(axis=1) / theirs.mean(axis=1) < 1 - ALPHA))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=20_000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = []
    print("| processes a side | tolerance |" + "".join(f" {100 * one:g} % slower |" for one in SLOWDOWNS))
    print("|---|---|" + "---|" * len(SLOWDOWNS))
    for processes in PROCESSES:
        for tolerance in TOLERANCES:
            shares = [
                share_of_regressions(options.studies, processes, slowdown=one, tolerance=tolerance, seed=place)
                for place, one in enumerate(SLOWDOWNS)
            ]
            rows.append({"processes": processes, "tolerance": tolerance, "shares": shares})
            print(f"| {processes} | {100 * tolerance:g} % |" + "".join(f" {share:.3f} |" for share in shares))
    found = [shares_of_others(options.studies, 5, slowdown=one, seed=place) for place, one in enumerate(SLOWDOWNS)]
    for name, shares in zip(("t test of all samples", "threshold of 5 %"), zip(*found, strict=True), strict=True):
        rows.append({"processes": 5, "test": name, "shares": list(shares)})
        print(f"| 5, {name} | |" + "".join(f" {share:.3f} |" for share in shares))
    if options.json is not None:
        options.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
