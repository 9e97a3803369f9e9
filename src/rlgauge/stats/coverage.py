"""How often the intervals hold the truth: `python -m rlgauge.stats.coverage`.

A population is a row of K equally likely scores. Studies draw their runs from it with replacement, so that its true
mean, interquartile mean and so on are those of the row itself, known without error.

Shapes: T tasks, K scores of a population, R runs.
"""

from __future__ import annotations

import argparse
import itertools
import math
import statistics
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import NormalDist
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from rlgauge.stats.aggregate import aggregates
from rlgauge.stats.difference import difference
from rlgauge.stats.estimate import METHODS, Method
from rlgauge.stats.improvement import Method as ImprovementMethod
from rlgauge.stats.improvement import probability_of_improvement
from rlgauge.stats.intervals import clopper_pearson, jeffreys, student_t, wilson
from rlgauge.stats.metrics import Metric
from rlgauge.stats.rates import success_over_seeds
from rlgauge.stats.summary import Summary

Kind = Literal["normal", "lognormal", "bimodal", "success"]

KINDS: tuple[Kind, ...] = ("normal", "lognormal", "bimodal", "success")
METRICS: tuple[Metric, ...] = ("iqm", "mean", "optimality_gap")
IMPROVEMENT_METHODS: tuple[ImprovementMethod, ...] = ("logit-t", "percentile")
PROBABILITIES = (0.5, 0.75, 0.95, 0.99)
_SHAPES: tuple[Kind, ...] = ("normal", "lognormal")
RAGGED = ((1, 5, 5, 5, 5), (1, 1, 1, 5, 5), (2, 10, 10, 10, 10), (2, 2, 2, 10, 10))
UNEQUAL = ((3, 10), (3, 30))
"""Seeds of each task, candidate and baseline."""
EPISODES = 50

_ATOMS = 20_000
_FAILING = 0.3
_LOCATIONS = (0.3, 0.7)
_DEVIATION = 0.1

Answers = Iterable[tuple[str, str, Summary]]
"""What one study says: of what, by which method, which interval."""


class Covered(msgspec.Struct, frozen=True, kw_only=True):
    """The share of so many studies whose interval of `what`, by `method`, holds the truth."""

    what: str
    method: str
    truth: float
    studies: int
    share: float


def aggregates_covered(
    kind: Kind,
    *,
    tasks: int = 5,
    seeds: int = 5,
    studies: int = 4_000,
    replicates: int = 1_000,
    metrics: Sequence[Metric] = METRICS,
    methods: Sequence[Method] = METHODS,
) -> list[Covered]:
    """How often the intervals of the aggregate metrics hold the truth, every metric by every method."""
    populations_TK = _populations(kind, tasks)

    def study(scores_TR: NDArray[np.float64]) -> Answers:
        for method in methods:
            summaries = aggregates(list(scores_TR), metrics, method=method, replicates=replicates)
            yield from ((metric, method, summary) for metric, summary in summaries.items())

    truths: dict[str, float] = {metric: _metric(metric, populations_TK) for metric in metrics}
    return _tally(truths, map(study, _studies(populations_TK, seeds, studies, key=kind)))


def ragged_covered(kind: Kind, sizes: Sequence[int], *, studies: int = 4_000, replicates: int = 1_000) -> list[Covered]:
    """How often the default intervals hold the truth where tasks have unequal numbers of seeds."""
    populations_TK = _populations(kind, len(sizes))

    def study(scores_TR: NDArray[np.float64]) -> Answers:
        scores = [row[:size] for row, size in zip(scores_TR, sizes, strict=True)]
        summaries = aggregates(scores, METRICS, replicates=replicates)
        yield from ((metric, "expanded", summary) for metric, summary in summaries.items())

    truths: dict[str, float] = {metric: _metric(metric, populations_TK) for metric in METRICS}
    return _tally(truths, map(study, _studies(populations_TK, max(sizes), studies, key=f"{kind} {sizes}")))


def unequal_covered(
    kind: Kind, nums: tuple[int, int], *, tasks: int = 5, studies: int = 4_000, replicates: int = 1_000
) -> list[Covered]:
    """How often the intervals of a difference that is none hold 0 where the two sides have other numbers of seeds."""
    populations_TK = _populations(kind, tasks)

    def study(scores_TR: NDArray[np.float64]) -> Answers:
        ours, theirs = scores_TR[:, : nums[0]], scores_TR[:, nums[0] :]
        for metric in METRICS:
            summary = difference(candidate=list(ours), baseline=list(theirs), metric=metric, replicates=replicates)
            yield metric, "expanded", summary

    return _tally(dict.fromkeys(METRICS, 0.0), map(study, _studies(populations_TK, sum(nums), studies, key=kind)))


def improvement_covered(
    kind: Kind,
    probability: float,
    *,
    tasks: int = 5,
    seeds: int = 5,
    studies: int = 4_000,
    replicates: int = 1_000,
    methods: Sequence[ImprovementMethod] = IMPROVEMENT_METHODS,
) -> list[Covered]:
    """How often the intervals of the probability of improvement hold it, where it is near `probability`.

    The candidate's scores are the baseline's, moved up by as many fiftieths as come nearest.
    """
    baseline_TK = _populations(kind, tasks)
    # Rounded, so that success rates tie which differ in the last digit only.
    moved = [(baseline_TK + step / EPISODES).round(9) for step in range(EPISODES)]
    truths = [_improvement(candidate_TK, baseline_TK) for candidate_TK in moved]
    nearest = int(np.argmin([abs(truth - probability) for truth in truths]))
    both_TK = np.concatenate([moved[nearest], baseline_TK])

    def study(scores_TR: NDArray[np.float64]) -> Answers:
        ours, theirs = list(scores_TR[:tasks]), list(scores_TR[tasks:])
        for method in methods:
            summary = probability_of_improvement(candidate=ours, baseline=theirs, method=method, replicates=replicates)
            yield "improvement", method, summary

    return _tally(
        {"improvement": truths[nearest]}, map(study, _studies(both_TK, seeds, studies, key=f"{kind}+{nearest}"))
    )


def mean_covered(kind: Kind, *, seeds: int = 5, studies: int = 4_000, replicates: int = 1_000) -> list[Covered]:
    """How often the intervals of the mean of one task hold it."""
    population_TK = _populations(kind, 1)

    def study(scores_TR: NDArray[np.float64]) -> Answers:
        yield "mean", "Student t", student_t(scores_TR[0].tolist())
        for method in ("expanded", "percentile"):
            yield "mean", method, aggregates(list(scores_TR), ("mean",), method=method, replicates=replicates)["mean"]

    truths = {"mean": _metric("mean", population_TK)}
    return _tally(truths, map(study, _studies(population_TK, seeds, studies, key=kind)))


def success_covered(rate: float, *, deviation: float, seeds: int = 5, studies: int = 4_000) -> list[Covered]:
    """How often the intervals of a success rate hold it, from 50 episodes a seed, whose own rates so deviate."""
    random = np.random.default_rng(seeds)
    concentration = rate * (1 - rate) / deviation**2 - 1
    rates_SR = random.beta(rate * concentration, (1 - rate) * concentration, (studies, seeds))
    successes_SR = random.binomial(EPISODES, rates_SR)

    def study(successes: list[int]) -> Answers:
        yield "success", "over seeds", success_over_seeds(successes, [EPISODES] * seeds)
        yield "success", "pooled Wilson", wilson(sum(successes), seeds * EPISODES)

    return _tally({"success": rate}, map(study, successes_SR.tolist()))


def rate_covered(n: int, rates: Sequence[float]) -> list[Covered]:
    """How often the intervals of one checkpoint's success rate in n episodes hold it: exact, nothing is simulated."""
    found = []
    for method in (wilson, jeffreys, clopper_pearson):
        summaries = [method(successes, n) for successes in range(n + 1)]
        for rate in rates:
            held = [successes for successes, summary in enumerate(summaries) if _holds(summary, rate)]
            share = math.fsum(math.comb(n, k) * rate**k * (1 - rate) ** (n - k) for k in held)
            found.append(Covered(what="success", method=summaries[0].method, truth=rate, studies=0, share=share))
    return found


def population(kind: Kind, location: float) -> NDArray[np.float64]:
    """K equally likely scores about `location`: the quantiles of the distribution at the middles of K equal steps.

    normal: deviation 0.1. lognormal: median at the location, deviation of the logarithm 0.5. bimodal: 3 runs of 10 end
    0.4 below the others. success: the rate in 50 episodes of seeds whose own rates deviate by 0.1.
    """
    middles_K = (np.arange(_ATOMS) + 0.5) / _ATOMS
    if kind == "success":
        return _beta_binomial(location, middles_K)
    normal_K = np.array([NormalDist().inv_cdf(p) for p in middles_K.tolist()])
    scores_K: NDArray[np.float64]
    if kind == "normal":
        scores_K = location + _DEVIATION * normal_K
    elif kind == "lognormal":
        scores_K = location * np.exp(0.5 * normal_K)
    elif kind == "bimodal":
        failed_K = np.arange(_ATOMS) % 10 < 10 * _FAILING
        scores_K = location + np.where(failed_K, -0.3, 0.1) + 0.03 * normal_K
    else:
        raise ValueError(f"Unknown scores {kind!r}. Known: {', '.join(KINDS)}.")
    return scores_K


def _beta_binomial(mean: float, middles_K: NDArray[np.float64]) -> NDArray[np.float64]:
    concentration = mean * (1 - mean) / _DEVIATION**2 - 1
    a, b = mean * concentration, (1 - mean) * concentration

    def log_beta(x: float, y: float) -> float:
        return math.lgamma(x) + math.lgamma(y) - math.lgamma(x + y)

    likely = [
        math.comb(EPISODES, k) * math.exp(log_beta(k + a, EPISODES - k + b) - log_beta(a, b))
        for k in range(EPISODES + 1)
    ]
    scores_K: NDArray[np.float64] = np.cumsum(likely).searchsorted(middles_K).clip(max=EPISODES) / EPISODES
    return scores_K


def _populations(kind: Kind, tasks: int) -> NDArray[np.float64]:
    locations = np.linspace(*_LOCATIONS, tasks) if tasks > 1 else [sum(_LOCATIONS) / 2]
    return np.stack([population(kind, float(location)) for location in locations])


def _studies(
    populations_TK: NDArray[np.float64], seeds: int, studies: int, *, key: str
) -> Iterator[NDArray[np.float64]]:
    """The scores of one study after the other, (T, R); the random numbers follow from the key and the sizes."""
    random = np.random.default_rng([*key.encode(), len(populations_TK), seeds])
    for _ in range(studies):
        drawn_TR = random.integers(0, populations_TK.shape[1], (len(populations_TK), seeds))
        yield np.take_along_axis(populations_TK, drawn_TR, axis=1)


def _metric(metric: Metric, populations_TK: NDArray[np.float64]) -> float:
    """The metric of all the runs that there could be, each task with as many."""
    if metric == "iqm":
        pooled = np.sort(populations_TK, axis=None)
        return float(pooled[len(pooled) // 4 : len(pooled) - len(pooled) // 4].mean())
    if metric == "optimality_gap":
        return float(np.maximum(1 - populations_TK, 0).mean())
    return float(populations_TK.mean() if metric == "mean" else np.median(populations_TK.mean(axis=1)))


def _improvement(candidate_TK: NDArray[np.float64], baseline_TK: NDArray[np.float64]) -> float:
    """The probability of improvement of all pairs of runs that there could be."""
    shares = []
    for ours_K, theirs_K in zip(candidate_TK, np.sort(baseline_TK), strict=True):
        beaten = theirs_K.searchsorted(ours_K, "left") + theirs_K.searchsorted(ours_K, "right")
        shares.append(beaten.mean() / (2 * len(theirs_K)))
    return float(np.mean(shares))


def _tally(truths: Mapping[str, float], studies: Iterable[Answers]) -> list[Covered]:
    hits: Counter[tuple[str, str]] = Counter()
    count = 0
    for answers in studies:
        count += 1
        for what, method, summary in answers:
            hits[what, method] += _holds(summary, truths[what])
    return [
        Covered(what=what, method=method, truth=truths[what], studies=count, share=hit / count)
        for (what, method), hit in hits.items()
    ]


def _holds(summary: Summary, truth: float) -> bool:
    return summary.low is not None and summary.high is not None and summary.low <= truth <= summary.high


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How large the simulation is."""

    studies: int = 4_000
    replicates: int = 1_000
    seeds: tuple[int, ...] = (5, 10)
    tasks: int = 5


def tables(plan: Plan) -> Iterator[str]:
    """The lines of the tables in markdown, each as soon as it is known."""
    error = math.sqrt(0.95 * 0.05 / plan.studies)
    yield f"Shares of {plan.studies:,} studies whose nominal 95 % interval holds the truth; their standard error is"
    yield f"{error:.4f}. Bootstraps have {plan.replicates:,} replicates."
    yield from _aggregates_table(plan)
    yield from _ragged_table(plan)
    yield from _improvement_table(plan)
    yield from _mean_table(plan)
    yield from _success_table(plan)
    yield from _rate_table()


def _aggregates_table(plan: Plan) -> Iterator[str]:
    yield from _head(f"Aggregates over {plan.tasks} tasks", "scores", "seeds", "metric", *METHODS)
    for kind, seeds in itertools.product(KINDS, plan.seeds):
        found = aggregates_covered(
            kind, tasks=plan.tasks, seeds=seeds, studies=plan.studies, replicates=plan.replicates
        )
        for metric in METRICS:
            yield _row(kind, seeds, metric, *(cell.share for cell in found if cell.what == metric))


def _ragged_table(plan: Plan) -> Iterator[str]:
    yield from _head("Unequal numbers of seeds", "seeds of the tasks", "scores", *METRICS)
    for sizes, kind in itertools.product(RAGGED, _SHAPES):
        found = ragged_covered(kind, sizes, studies=plan.studies, replicates=plan.replicates)
        yield _row(", ".join(map(str, sizes)), kind, *(cell.share for cell in found))
    for nums, kind in itertools.product(UNEQUAL, _SHAPES):
        found = unequal_covered(kind, nums, tasks=plan.tasks, studies=plan.studies, replicates=plan.replicates)
        title = f"difference, {nums[0]} of the candidate and {nums[1]} of the baseline"
        yield _row(title, kind, *(cell.share for cell in found))


def _improvement_table(plan: Plan) -> Iterator[str]:
    title = f"Probability of improvement over {plan.tasks} tasks"
    yield from _head(title, "scores", "seeds", "true probability", *IMPROVEMENT_METHODS)
    for kind, seeds, probability in itertools.product(KINDS, plan.seeds, PROBABILITIES):
        found = improvement_covered(
            kind, probability, tasks=plan.tasks, seeds=seeds, studies=plan.studies, replicates=plan.replicates
        )
        yield _row(kind, seeds, found[0].truth, *(cell.share for cell in found))


def _mean_table(plan: Plan) -> Iterator[str]:
    yield from _head("Mean of one task", "scores", "seeds", "Student t", "expanded", "percentile")
    for kind, seeds in itertools.product(KINDS, plan.seeds):
        found = mean_covered(kind, seeds=seeds, studies=plan.studies, replicates=plan.replicates)
        yield _row(kind, seeds, *(cell.share for cell in found))


def _success_table(plan: Plan) -> Iterator[str]:
    title = f"Success rate over seeds, {EPISODES} episodes each"
    yield from _head(title, "rate", "deviation of seeds", "seeds", "over seeds", "episodes pooled, Wilson")
    for rate, deviation, seeds in itertools.product((0.5, 0.9), (0.02, 0.1), plan.seeds):
        found = success_covered(rate, deviation=deviation, seeds=seeds, studies=plan.studies)
        yield _row(rate, deviation, seeds, *(cell.share for cell in found))


def _rate_table() -> Iterator[str]:
    title = "Success rate of one checkpoint, summed over all outcomes"
    methods = ("Wilson", "Jeffreys", "Clopper-Pearson")
    yield from _head(title, "episodes", "rates 0.01 to 0.99", *methods)
    for n in (20, 50):
        found = rate_covered(n, [percent / 100 for percent in range(1, 100)])
        shares = [[cell.share for cell in found if cell.method == method] for method in methods]
        yield _row(n, "mean", *map(statistics.fmean, shares))
        yield _row(n, "least", *map(min, shares))


def _head(title: str, *columns: str) -> Iterator[str]:
    yield from ("", f"**{title}**", "", _row(*columns), "|" + "---|" * len(columns))


def _row(*cells: object) -> str:
    return "| " + " | ".join(f"{cell:.3f}" if isinstance(cell, float) else f"{cell}" for cell in cells) + " |"


def main(argv: Sequence[str] | None = None) -> None:
    """Write the tables as they come."""
    parser = argparse.ArgumentParser(prog="python -m rlgauge.stats.coverage", description=__doc__)
    parser.add_argument("--studies", type=int, default=4_000, help="a cell")
    parser.add_argument("--replicates", type=int, default=1_000, help="of every bootstrap")
    parser.add_argument("--seeds", type=int, nargs="+", default=[5, 10])
    parser.add_argument("--tasks", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="a tenth of the studies")
    given = parser.parse_args(argv)
    plan = Plan(
        studies=max(1, given.studies // 10) if given.quick else given.studies,
        replicates=given.replicates,
        seeds=tuple(given.seeds),
        tasks=given.tasks,
    )
    for line in tables(plan):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
