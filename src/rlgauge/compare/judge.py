"""Verdicts on lines, all of them judged together."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rlgauge.compare.line import Line, Measured, Verdict
from rlgauge.compare.more import runs_to_decide
from rlgauge.compare.question import Question
from rlgauge.stats.holm import holm


def judge(measured: Sequence[Measured], question: Question) -> list[Line]:
    """The lines with their verdicts.

    A line is worse (or better) where its one-sided p-value, adjusted by Holm's method over all lines, is at most
    1 - confidence; beyond the tolerance that is a regression. It is the same where no difference is shown and its
    interval lies within 5 % of none. All else is inconclusive.
    """
    worse = holm([_p_value(one, is_worse=True) for one in measured])
    better = holm([_p_value(one, is_worse=False) for one in measured])
    tested = sum(p is not None for p in worse)
    return [
        _line(one, (p_worse, p_better), tested, question)
        for one, p_worse, p_better in zip(measured, worse, better, strict=True)
    ]


def _p_value(one: Measured, *, is_worse: bool) -> float | None:
    is_below = is_worse != one.quantity.is_less_better
    return one.effect.p_below if is_below else one.effect.p_above


def _line(one: Measured, p_values: tuple[float | None, float | None], num_tested: int, question: Question) -> Line:
    verdict, is_beyond = _verdict(one, p_values, 1 - question.confidence)
    quantity, effect = one.quantity, one.effect
    transform = math.exp if quantity.is_ratio else float
    words = {Verdict.WORSE: quantity.worse, Verdict.BETTER: quantity.better}
    more = None
    if verdict is Verdict.INCONCLUSIVE and effect.variances is not None:
        more = runs_to_decide(
            point=effect.point,
            variances=effect.variances,
            n=effect.n,
            same=one.same,
            confidence=question.confidence,
            num_lines=max(num_tested, 1),
        )
    return Line(
        algorithm=one.pair.algorithm,
        baseline_algorithm=one.pair.baseline_algorithm,
        task=one.pair.task,
        quantity=quantity.name,
        sort=quantity.sort,
        unit=one.unit,
        is_ratio=quantity.is_ratio,
        is_less_better=quantity.is_less_better,
        candidate=one.candidate,
        baseline=one.baseline,
        difference=transform(effect.point),
        low=None if effect.low is None else transform(effect.low),
        high=None if effect.high is None else transform(effect.high),
        confidence=2 * question.confidence - 1,
        num_candidate=effect.n[0],
        num_baseline=effect.n[1],
        missing_candidate=one.missing[0],
        missing_baseline=one.missing[1],
        noun=one.noun,
        method=effect.method,
        verdict=verdict,
        word=words.get(verdict, str(verdict)),
        is_regression=verdict is Verdict.WORSE and is_beyond,
        is_within_tolerance=verdict in words and not is_beyond,
        p_worse=p_values[0],
        p_better=p_values[1],
        more=more,
        warnings=effect.warnings,
    )


def _verdict(one: Measured, p_values: tuple[float | None, float | None], alpha: float) -> tuple[Verdict, bool]:
    """The verdict, and whether the difference is beyond the tolerance."""
    point = one.effect.point
    is_beyond = point < -one.tolerance[0] or point > one.tolerance[1]
    shown = None
    for p, verdict in zip(p_values, (Verdict.WORSE, Verdict.BETTER), strict=True):
        if p is not None and p <= alpha:
            shown = verdict
    return shown or (Verdict.SAME if _is_same(one) else Verdict.INCONCLUSIVE), is_beyond


def _is_same(one: Measured) -> bool:
    """Whether nothing as large as a real difference is left; without any deviation, whether both measured the same."""
    effect = one.effect
    if effect.low is None or effect.high is None:
        return effect.variances == (0.0, 0.0) and effect.point == 0
    return effect.low > -one.same[0] and effect.high < one.same[1]
