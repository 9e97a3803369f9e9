"""A line: one quantity on one task, what was measured on either side and what can be said of the difference."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from enum import StrEnum

import msgspec

from rlgauge.compare.checkpoint import compare_checkpoints
from rlgauge.compare.effect import Effect, Sample, of_samples, sample
from rlgauge.compare.phrases import count
from rlgauge.compare.quantity import Quantity, Sort, stopped_speeds
from rlgauge.compare.question import Question
from rlgauge.compare.references import SAME, UNSCALED, References, on_scale
from rlgauge.compare.seeds import counts_of, one_a_seed, score_of
from rlgauge.compare.sides import Pair
from rlgauge.core.reading import Reading
from rlgauge.stats.normalise import Reference
from rlgauge.stats.rates import chance_variance


class Verdict(StrEnum):
    """What is said of a line. `worse` and `better` are shown by a test, `same` by an interval near no difference."""

    WORSE = "worse"
    BETTER = "better"
    SAME = "same"
    INCONCLUSIVE = "inconclusive"


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One quantity on one task.

    `candidate` and `baseline` are typical values: of a ratio the geometric mean of the processes' medians, else the
    mean over runs, of pairs of episodes the mean over these. `difference`, `low` and `high` are candidate / baseline
    where `is_ratio`, else candidate - baseline; the interval is that of the line alone. `unit` is that of the values,
    empty where they are normalised. `missing_candidate` and `missing_baseline` count the runs that measured nothing.
    `p_worse` and `p_better` are one-sided, adjusted by Holm's method over all lines that are judged. `is_regression` is
    a line that is worse beyond the tolerance, `is_within_tolerance` one that is worse or better within it. `more` is
    how many more runs on each side would decide an inconclusive line with a probability of 0.8, if things are as
    measured; None where that can't be told.
    """

    algorithm: str
    baseline_algorithm: str
    task: str
    quantity: str
    sort: str
    unit: str
    is_ratio: bool
    is_less_better: bool
    candidate: float
    baseline: float
    difference: float
    low: float | None
    high: float | None
    confidence: float
    num_candidate: int
    num_baseline: int
    missing_candidate: int = 0
    missing_baseline: int = 0
    noun: str
    method: str
    verdict: Verdict = Verdict.INCONCLUSIVE
    word: str = ""
    is_regression: bool = False
    is_within_tolerance: bool = False
    p_worse: float | None = None
    p_better: float | None = None
    more: int | None = None
    warnings: tuple[str, ...] = ()

    @property
    def p_value(self) -> float | None:
        """The adjusted p-value in the direction of the difference; None where there was no test."""
        is_below = self.difference < (1.0 if self.is_ratio else 0.0)
        return self.p_worse if is_below != self.is_less_better else self.p_better


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """A line before it is judged: typical values, the effect, and on its scale the limits of tolerance and of `same`.

    `tolerance` and `same` are distances from no difference, below and above it, both positive; `missing` counts the
    runs of either side without a value.
    """

    pair: Pair
    quantity: Quantity
    candidate: float
    baseline: float
    effect: Effect
    tolerance: tuple[float, float]
    same: tuple[float, float]
    noun: str
    unit: str
    missing: tuple[int, int] = (0, 0)


def measure(
    pair: Pair, quantity: Quantity, question: Question, *, references: References, notes: list[str]
) -> Measured | None:
    """The line of a quantity; None where one of the sides did not measure it."""
    if quantity.is_ratio:
        return _ratio(pair, quantity, question, notes)
    return _difference(pair, quantity, question, references=references, notes=notes)


def _ratio(pair: Pair, quantity: Quantity, question: Question, notes: list[str]) -> Measured | None:
    """Logarithms of the processes' medians."""
    plain = References((), quantity, None)
    ours, theirs = (take(readings, quantity, plain, notes) for readings in (pair.candidate, pair.baseline))
    own, other = (
        _logarithms(taken, quantity, f"{side}, {pair.task}", notes)
        for side, taken in (("candidate", ours), ("baseline", theirs))
    )
    if not own or not other:
        return None
    confidence = question.confidence
    effect = of_samples(candidate=sample(own), baseline=sample(other), confidence=confidence, noun="process")
    return Measured(
        pair=pair,
        quantity=quantity,
        candidate=math.exp(statistics.fmean(own)),
        baseline=math.exp(statistics.fmean(other)),
        effect=effect,
        tolerance=_logarithmic(question.tolerance),
        same=_logarithmic(SAME),
        noun="process",
        unit=quantity.unit,
        missing=(ours.missing, theirs.missing),
    )


def _logarithms(taken: Taken, quantity: Quantity, where: str, notes: list[str]) -> list[float]:
    positive = [median for median in taken.values if median > 0]
    left_out = len(taken.values) - len(positive) + taken.stopped
    if left_out:
        notes.append(
            f"{where}: {count(left_out, 'run')} measured no {quantity.name} above 0; they have no ratio and are left "
            "out."
        )
    return [math.log(median) for median in positive]


def _logarithmic(part: float) -> tuple[float, float]:
    """How far a ratio of 1 - part is below 1, and one of 1 + part above it."""
    return -math.log1p(-part), math.log1p(part)


def _difference(
    pair: Pair, quantity: Quantity, question: Question, *, references: References, notes: list[str]
) -> Measured | None:
    """Scores of runs; of two single runs, over their episodes."""
    ours, theirs = (take(readings, quantity, references, notes) for readings in (pair.candidate, pair.baseline))
    if not ours.values or not theirs.values:
        return None
    is_single = len(ours.values) == len(theirs.values) == 1
    noun = "episode" if is_single else "run"
    if is_single:
        (own, scale), (other, its_scale) = ours.runs[0], theirs.runs[0]
        effect = compare_checkpoints(
            candidate=own, baseline=other, quantity=quantity, ends=(scale, its_scale), confidence=question.confidence
        )
    else:
        sides = {"candidate": _sample(ours, quantity), "baseline": _sample(theirs, quantity)}
        effect = of_samples(**sides, confidence=question.confidence, noun=noun)
    candidate, baseline = effect.means or (statistics.fmean(ours.values), statistics.fmean(theirs.values))
    is_scaled = references.formula is not None
    extent = 1.0 if is_scaled or quantity.sort is Sort.SUCCESS else abs(baseline)
    tolerance, same = question.tolerance * extent, SAME * extent
    return Measured(
        pair=pair,
        quantity=quantity,
        candidate=candidate,
        baseline=baseline,
        effect=effect,
        tolerance=(tolerance, tolerance),
        same=(same, same),
        noun=noun,
        unit="" if is_scaled else quantity.unit,
        missing=(ours.missing, theirs.missing),
    )


def _sample(taken: Taken, quantity: Quantity) -> Sample:
    """The runs' scores; success rates deviate as much as their episodes do by chance, where these are told."""
    if quantity.sort is not Sort.SUCCESS:
        return sample(taken.values)
    counts = counts_of([reading.totals[quantity.name] for reading, _ in taken.runs])
    within = None if counts is None else chance_variance(taken.values, [played for _, played in counts])
    return sample(taken.values, within=within)


class Taken(msgspec.Struct, frozen=True):
    """The runs that count, each with what becomes 0 and 1; their scores on that scale; how many have none.

    `stopped` of the latter have a speed that is not above 0.
    """

    runs: list[tuple[Reading, Reference]]
    values: list[float]
    missing: int
    stopped: int = 0


def take(readings: Iterable[Reading], quantity: Quantity, references: References, notes: list[str]) -> Taken:
    """The scores of a side on a task, one a training seed (of speeds, times and sizes, one a process)."""
    runs, values, missing, stopped = [], [], 0, 0
    for seed in one_a_seed(readings, quantity, notes):
        score = score_of(seed.reading, quantity)
        if score is None:
            missing += 1
            stopped += quantity.name in stopped_speeds(seed.reading)
            continue
        ends = references.of(seed.reading) or UNSCALED
        runs.append((seed.reading, ends))
        values.append(on_scale(score, ends, seed.reading.task))
    return Taken(runs, values, missing, stopped)
