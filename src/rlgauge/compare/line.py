"""A line: one quantity on one task, what was measured on either side and what can be said of the difference."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from enum import StrEnum

import msgspec

from rlgauge.compare.checkpoint import compare_checkpoints
from rlgauge.compare.effect import Effect, of_samples, sample, scaled
from rlgauge.compare.quantity import Quantity, Sort
from rlgauge.compare.question import SAME, Question
from rlgauge.compare.scale import References
from rlgauge.compare.sides import Pair, one_a_seed
from rlgauge.core.reading import Reading


class Verdict(StrEnum):
    """What is said of a line. `worse` and `better` are shown by a test, `same` by an interval near no difference."""

    WORSE = "worse"
    BETTER = "better"
    SAME = "same"
    INCONCLUSIVE = "inconclusive"


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One quantity on one task.

    `candidate` and `baseline` are typical values: of a ratio the geometric mean of the processes' medians, else the
    mean over runs. `difference`, `low` and `high` are candidate / baseline where `is_ratio`, else candidate - baseline;
    `unit` is that of the values, empty where they are normalised. `p_worse` and `p_better` are one-sided, adjusted by
    Holm's method over all lines that are judged. `is_regression` is a line that is worse beyond the tolerance. `more`
    is how many more runs on each side would decide an inconclusive line with a probability of 0.8, if things are as
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
    noun: str
    method: str
    verdict: Verdict = Verdict.INCONCLUSIVE
    word: str = ""
    is_regression: bool = False
    p_worse: float | None = None
    p_better: float | None = None
    more: int | None = None
    warnings: tuple[str, ...] = ()


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """A line before it is judged: typical values, the effect, and on its scale the limits of tolerance and of `same`.

    `tolerance` and `same` are distances from no difference, below and above it, both positive.
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


def measure(
    pair: Pair, quantity: Quantity, question: Question, *, references: References | None, notes: list[str]
) -> Measured | None:
    """The line of a quantity; None where one of the sides did not measure it."""
    if quantity.is_ratio:
        return _ratio(pair, quantity, question, notes)
    return _difference(pair, quantity, question, references=references, notes=notes)


def _ratio(pair: Pair, quantity: Quantity, question: Question, notes: list[str]) -> Measured | None:
    """Logarithms of the processes' medians."""
    ours, theirs = (
        _logarithms(readings, quantity, f"{side}, {pair.task}", notes)
        for side, readings in (("candidate", pair.candidate), ("baseline", pair.baseline))
    )
    if not ours or not theirs:
        return None
    confidence = question.confidence
    effect = of_samples(candidate=sample(ours), baseline=sample(theirs), confidence=confidence, noun="process")
    return Measured(
        pair=pair,
        quantity=quantity,
        candidate=math.exp(statistics.fmean(ours)),
        baseline=math.exp(statistics.fmean(theirs)),
        effect=effect,
        tolerance=_logarithmic(question.tolerance),
        same=_logarithmic(SAME),
        noun="process",
        unit=quantity.unit,
    )


def _logarithms(readings: Iterable[Reading], quantity: Quantity, where: str, notes: list[str]) -> list[float]:
    medians = [typical(reading, quantity.name) for reading in readings if quantity.name in reading.totals]
    positive = [median for median in medians if median > 0]
    if len(positive) < len(medians):
        notes.append(
            f"{where}: {len(medians) - len(positive)} runs measured no {quantity.name} above 0; they have no ratio and "
            "are left out."
        )
    return [math.log(median) for median in positive]


def typical(reading: Reading, name: str) -> float:
    """The median of a process's samples; their mean where the samples are not kept."""
    total = reading.totals[name]
    if total.median is not None:
        return total.median
    values = [
        float(value)
        for record in (reading.records if total.n > 1 else ())
        if record.error is None and isinstance(value := record.values.get(name), (int, float))
    ]
    return statistics.median(values) if values else total.mean


def _logarithmic(part: float) -> tuple[float, float]:
    """How far a ratio of 1 - part is below 1, and one of 1 + part above it."""
    return -math.log1p(-part), math.log1p(part)


def _difference(
    pair: Pair, quantity: Quantity, question: Question, *, references: References | None, notes: list[str]
) -> Measured | None:
    """Scores of runs; of two single runs, over their episodes."""
    references = None if quantity.sort is Sort.SUCCESS else references
    ours, theirs = (
        one_a_seed((reading for reading in readings if quantity.name in reading.totals), notes)
        for readings in (pair.candidate, pair.baseline)
    )
    if not ours or not theirs:
        return None
    scores, other = ([score_of(one, quantity, references) for one in side] for side in (ours, theirs))
    candidate, baseline = statistics.fmean(scores), statistics.fmean(other)
    is_single = len(ours) == len(theirs) == 1
    if is_single:
        ends = (0.0, 1.0) if references is None else references.of_task(ours[0].task, quantity.name)
        effect = compare_checkpoints(
            candidate=ours[0], baseline=theirs[0], quantity=quantity, confidence=question.confidence
        )
        effect = scaled(effect, 1 / (ends[1] - ends[0]))
    else:
        effect = of_samples(
            candidate=sample(scores), baseline=sample(other), confidence=question.confidence, noun="run"
        )
    extent = 1.0 if references is not None or quantity.sort is Sort.SUCCESS else abs(baseline)
    noun = "episode" if is_single else "run"
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
        unit=quantity.unit if references is None else "",
    )


def score_of(reading: Reading, quantity: Quantity, references: References | None) -> float:
    """The mean score of a run, normalised where there are references."""
    mean = reading.totals[quantity.name].mean
    if references is None:
        return mean
    low, high = references.of(reading, quantity.name)
    return (mean - low) / (high - low)
