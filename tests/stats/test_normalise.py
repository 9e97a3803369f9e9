from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rlgauge.stats.aggregate import aggregate
from rlgauge.stats.normalise import Reference, outside

SCORES = st.floats(-1e6, 1e6)
DISTANCES = st.one_of(st.floats(0.01, 1e6), st.floats(-1e6, -0.01))


@given(SCORES, SCORES, DISTANCES)
def test_a_score_is_its_share_of_the_way_between_the_references(score, low, distance):
    reference = Reference(low, low + distance)
    exact = (Fraction(score) - Fraction(low)) / (Fraction(reference.high) - Fraction(low))
    assert reference.normalised(score) == pytest.approx(float(exact), rel=1e-12, abs=1e-15)


@given(SCORES, DISTANCES)
def test_the_references_themselves_are_exactly_0_and_1(low, distance):
    reference = Reference(low, low + distance)
    assert (reference.normalised(reference.low), reference.normalised(reference.high)) == (0, 1)


def test_where_less_is_better_the_better_reference_lies_lower():
    """Seconds to the goal: 60 at random, 20 of an expert."""
    reference = Reference(60, 20)
    assert [reference.normalised(seconds) for seconds in (60, 40, 20, 10)] == [0, 0.5, 1, 1.25]


def test_the_formula_names_the_references():
    assert Reference(0, 1).formula == "(score - random score) / (expert score - random score)"
    human = Reference(0, 1, high_name="human")
    assert human.formula == "(score - random score) / (human score - random score)"


@pytest.mark.parametrize(("low", "high"), [(1.0, 1.0), (math.nan, 1.0), (0.0, math.inf), (-math.inf, 0.0)])
def test_references_that_no_score_can_be_normalised_by_are_refused(low, high):
    with pytest.raises(ValueError, match="references must be finite and differ"):
        Reference(low, high)


@given(st.lists(SCORES, min_size=2, max_size=9), SCORES, st.floats(0.5, 100.0))
def test_means_are_normalised_as_scores_are(scores, low, distance):
    reference = Reference(low, low + distance)
    assume(np.ptp(scores) > 1e-3)
    raw = aggregate([scores], "mean", method="t")
    found = aggregate([[reference.normalised(score) for score in scores]], "mean", method="t")
    for ours, theirs in ((found.low, raw.low), (found.point, raw.point), (found.high, raw.high)):
        assert ours == pytest.approx(reference.normalised(theirs), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("inside", [[], [0.0, 1.0], [-0.5, 1.5], [1.5], [0.5]])
def test_scores_near_the_references_raise_no_question(inside):
    assert outside("Hopper", Reference(20, 120), inside) is None


@pytest.mark.parametrize(
    ("normalised", "farthest"),
    [([0.2, 1.51], "1.51"), ([-0.51, 1.2], "-0.51"), ([1.6, -0.7, 0.5], "-0.7"), ([-0.52, 1.6], "1.6"), ([9], "9")],
)
def test_the_score_farthest_beyond_the_references_raises_a_question(normalised, farthest):
    said = f"A normalised score of Hopper is {farthest}: do the references (random 20, expert 120) belong to this task?"
    assert outside("Hopper", Reference(20, 120), normalised) == said


def test_a_question_names_the_references_as_they_were_declared():
    reference = Reference(0.5, 1e6, low_name="noop", high_name="human")
    assert "(noop 0.5, human 1e+06)" in outside("Pong", reference, [3.0])
