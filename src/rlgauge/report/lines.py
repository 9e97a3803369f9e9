"""Every group on every task: its mean over training seeds, with its interval."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from rlgauge.compare.quantity import Quantity, Sort, measured
from rlgauge.compare.seeds import STOPPED
from rlgauge.core.reading import Total
from rlgauge.report.question import Question
from rlgauge.report.scored import Scored
from rlgauge.stats.intervals import student_t
from rlgauge.stats.quantiles import student_t_quantile
from rlgauge.stats.rates import success_over_seeds
from rlgauge.stats.summary import Summary

__all__ = ["STOPPED", "Line", "make_line", "over_episodes", "why_not"]

_SEVERAL = 2
_ONE_SEED = "One training seed: the interval is over its episodes and says nothing of other seeds."
_NO_SPREAD = "One training seed, whose episodes gave one value or left no spread: there is no interval."
_ROUNDING = 1e-6


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """An algorithm (or other group) on one task. `score` is the mean over its training seeds, with its interval.

    `sd` is the standard deviation between seeds, whose squares are divided by n - 1; None of a single one.
    `num_missing` counts seeds without a score, `unmeasured` says why, in words such as `failed`. `is_best` says that
    nothing shows another one to be better; None where that could not be tested.
    """

    group: str
    task: str
    num_runs: int
    num_missing: int
    unmeasured: dict[str, int]
    score: Summary | None
    sd: float | None
    normalised: Summary | None = None
    normalised_sd: float | None = None
    is_best: bool | None = None

    def shown(self, *, is_normalised: bool) -> Summary | None:
        """The summary by which it is compared with others."""
        return self.normalised if is_normalised else self.score


def make_line(runs: Sequence[Scored], quantity: Quantity, question: Question) -> Line:
    """The line of the runs of one group on one task."""
    values = [run.score for run in runs if run.score is not None]
    scaled = [run.normalised for run in runs if run.normalised is not None]
    missing = len(runs) - len(values)
    mean = _mean(runs, quantity, question, missing=missing) if values else None
    return Line(
        group=runs[0].group,
        task=runs[0].reading.task,
        num_runs=len(values),
        num_missing=missing,
        unmeasured=why_not(runs),
        score=mean,
        sd=statistics.stdev(values) if len(values) >= _SEVERAL else None,
        normalised=_normalised(runs, mean, scaled, question, missing=missing) if scaled else None,
        normalised_sd=statistics.stdev(scaled) if len(scaled) >= _SEVERAL else None,
    )


def why_not(runs: Iterable[Scored]) -> dict[str, int]:
    """How many runs did not measure the score, by why."""
    return dict(sorted(Counter(why for run in runs if (why := run.why_not) is not None).items()))


def _mean(runs: Sequence[Scored], quantity: Quantity, question: Question, *, missing: int) -> Summary:
    """The mean over seeds; of a single one the mean over its episodes, which the method says."""
    used = [run for run in runs if run.score is not None]
    is_rate = quantity.sort is Sort.SUCCESS
    totals = [measured(run.reading).get(quantity.name) for run in used]
    first, counts = totals[0], _counts(used, totals) if is_rate else None
    is_one = len(used) == 1 and not quantity.is_ratio  # the samples of one process say nothing of other processes
    if is_one and first is not None and first.n > 1 and counts is None:
        summary = over_episodes(first, confidence=question.confidence)
    elif counts is not None:
        summary = success_over_seeds(*counts, confidence=question.confidence, missing=missing)
    else:
        values = [run.score for run in used if run.score is not None]
        summary = student_t(values, confidence=question.confidence, missing=missing)
        summary = within_bounds(summary, most=1.0 if is_rate else math.inf) if is_rate or quantity.is_ratio else summary
    doubts = dict.fromkeys(str(run.reading.details[STOPPED]) for run in used if STOPPED in run.reading.details)
    return msgspec.structs.replace(summary, missing=missing, warnings=(*summary.warnings, *doubts))


def _counts(used: Sequence[Scored], totals: Sequence[Total | None]) -> tuple[list[int], list[int]] | None:
    """The successes and the episodes of every seed; None where a rate is not one of whole episodes.

    A failed run that counts as 0 or 1 failed or succeeded in as many episodes as the shortest of the others.
    """
    episodes = [total.n for total in totals if total is not None]
    if not episodes:
        return None
    nums = [min(episodes) if total is None else total.n for total in totals]
    products = [(run.score or 0.0) * num for run, num in zip(used, nums, strict=True)]
    successes = [round(product) for product in products]
    is_whole = all(abs(a - b) < _ROUNDING * n for a, b, n in zip(products, successes, nums, strict=True))
    is_possible = all(0 <= won <= num for won, num in zip(successes, nums, strict=True))
    has_episodes = min(nums) > 1 or (max(nums) == 1 and len(nums) > 1)  # what tells a mean alone counts as one value
    return (successes, nums) if is_whole and is_possible and has_episodes else None


def over_episodes(total: Total, *, confidence: float) -> Summary:
    """One checkpoint's mean over its episodes, with an interval that speaks of that checkpoint alone."""
    error = (total.squares / (total.n - 1) / total.n) ** 0.5
    half = student_t_quantile(0.5 + confidence / 2, total.n - 1) * error
    low, high = (total.mean - half, total.mean + half) if half > 0 else (None, None)
    doubt = _ONE_SEED if low is not None else _NO_SPREAD
    return Summary(
        point=total.mean,
        low=low,
        high=high,
        n=total.n,
        method="Student t over episodes",
        confidence=confidence,
        warnings=(doubt,),
    )


def within_bounds(summary: Summary, *, most: float = 1.0) -> Summary:
    """The interval without what is less than 0 or more than `most`, which no rate (speed, time, size) can be."""
    if summary.low is None or summary.high is None:
        return summary
    low, high = (min(most, max(0.0, end)) for end in (summary.low, summary.high))
    return msgspec.structs.replace(summary, low=min(low, summary.point), high=max(high, summary.point))


def _normalised(
    runs: Sequence[Scored], mean: Summary | None, scaled: Sequence[float], question: Question, *, missing: int
) -> Summary:
    """The mean of the normalised scores; of a single run the interval of its score, normalised."""
    used = next(run for run in runs if run.normalised is not None)
    if len(scaled) > 1 or mean is None or mean.low is None or mean.high is None:
        return student_t(scaled, confidence=question.confidence, missing=missing)
    if used.low is None or used.high is None:
        return student_t(scaled, confidence=question.confidence, missing=missing)
    ends = [(end - used.low) / (used.high - used.low) for end in (mean.low, mean.high)]
    low, high = min(ends[0], scaled[0]), max(ends[1], scaled[0])
    return msgspec.structs.replace(mean, point=scaled[0], low=low, high=high)
