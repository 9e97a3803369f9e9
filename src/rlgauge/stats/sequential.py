"""Comparing two policies while their episodes come in, and stopping once it is decided."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np

from rlgauge.stats.confidence_sequence import ConfidenceSequence, Wealth, check_alpha
from rlgauge.stats.summary import Summary

Side = Literal["candidate", "baseline"]


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What a comparison has come to after `n_pairs` pairs, `n_unknown` of which gave no difference.

    `difference` is candidate minus baseline, with a confidence sequence: an interval that holds whenever one stops.
    `decided_for` is the side that is larger, None as long as that is open. `e_value` is the evidence against there
    being no difference, `p_value` the inverse of the largest so far: it is right at any time, and at most `alpha` where
    it is decided.
    """

    decided_for: Side | None
    n_pairs: int
    n_unknown: int
    e_value: float
    p_value: float
    alpha: float
    difference: Summary | None


class PairedTest:
    """Decides whether the mean difference of pairs is above or below 0, as soon as that is shown.

    Differences are candidate minus baseline and lie between -span and span: 1 for successes and for signs, the distance
    of their bounds for returns. Of two policies with the same mean, one is declared the better with a probability of at
    most alpha, however often one looks; the worse one is with alpha / 2 at most. What is tested is that the mean
    difference, given all pairs before, is 0; with several streams, such as tasks, which are independent of one another
    and give one pair each at a time, that the mean of their mean differences is.

    The bets of Waudby-Smith and Ramdas 2024, arXiv:2010.09686, against 0; for successes they rest on the pairs of which
    one succeeded, and pairs in which both fared alike leave them as they are.
    """

    def __init__(self, *, span: float = 1.0, alpha: float = 0.05) -> None:
        """Nothing was seen yet. Raises ValueError for a span of 0 or less."""
        check_alpha(alpha)
        self.alpha = alpha
        self._differences = ConfidenceSequence(low=-span, high=span, alpha=alpha)
        self._wealth = Wealth(np.array([0.5]))
        self._span = span
        self._largest = self._e_value = 1.0
        self.decided_for: Side | None = None

    def add(self, *differences: float | None) -> None:
        """Take the next difference, or the next of each stream; None, which is not known, counts against either side.

        What comes after the decision is no part of it, and is not taken. Raises ValueError for a difference beyond the
        span.
        """
        if self.decided_for is not None:
            return
        self._differences.add(*differences)
        for difference in differences:
            self._wealth.bet(None if difference is None else (difference + self._span) / (2 * self._span))
        above, below = float(self._wealth.above[0]), float(self._wealth.below[0])
        self._e_value = max(above, below) / 2
        self._largest = max(self._largest, self._e_value)
        if self._e_value >= 1 / self.alpha:
            self.decided_for = "candidate" if above > below else "baseline"

    @property
    def n_pairs(self) -> int:
        """Pairs taken so far."""
        return self._differences.n

    def decision(self) -> Decision:
        """What it has come to so far."""
        sequence = self._differences
        return Decision(
            decided_for=self.decided_for,
            n_pairs=sequence.n,
            n_unknown=sequence.num_unknown,
            e_value=self._e_value,
            p_value=1 / self._largest,
            alpha=self.alpha,
            difference=sequence.summary() if sequence.n > sequence.num_unknown else None,
        )


def compare_in_order(
    *,
    candidate: Sequence[float],
    baseline: Sequence[float],
    bounds: tuple[float, float] | None = (0.0, 1.0),
    alpha: float = 0.05,
) -> Decision:
    """The decision over pairs in their order, as it stood at the first pair that made it.

    Element i of both is the same episode: a success, or a value between `bounds`. Without bounds (None) nothing can be
    said of means, and the sign is compared: +1 where the candidate's value is larger, -1 where it is smaller; ties are
    no evidence. Raises ValueError for sequences of unequal length, without values or with values beyond the bounds.
    """
    if len(candidate) != len(baseline) or not len(candidate):
        raise ValueError(f"{len(candidate)} values of the candidate and {len(baseline)} of the baseline are no pairs")
    low, high = (-math.inf, math.inf) if bounds is None else bounds
    test = PairedTest(span=1.0 if bounds is None else high - low, alpha=alpha)
    for ours, theirs in zip(candidate, baseline, strict=True):
        if not (math.isfinite(ours - theirs) and low <= min(ours, theirs) and max(ours, theirs) <= high):
            raise ValueError(f"{ours} and {theirs} do not lie between the bounds {low} and {high}")
        test.add(sign(ours - theirs) if bounds is None else float(ours) - float(theirs))
        if test.decided_for is not None:
            break
    return test.decision()


def sign(difference: float) -> float:
    """1, 0 or -1."""
    return float(difference > 0) - float(difference < 0)
