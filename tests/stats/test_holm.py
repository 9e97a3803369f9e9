from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from rlgauge.stats.holm import holm

P_VALUES = st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=12)


def rejected_by_steps(p_values, alpha):
    """Holm's procedure as he states it: from the smallest on, until one is above alpha over the tests left."""
    made = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    rejected = set()
    for rank, (p, i) in enumerate(made):
        if p > alpha / (len(made) - rank):
            break
        rejected.add(i)
    return rejected


def test_the_adjusted_p_values_are_those_of_a_worked_example():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))


@given(P_VALUES, st.sampled_from([0.01, 0.05, 0.3]))
def test_what_is_rejected_is_what_the_procedure_rejects_step_by_step(p_values, alpha):
    adjusted = holm(p_values)
    near = any(p is not None and abs(p - alpha) < 1e-9 for p in adjusted)
    if not near:
        assert {i for i, p in enumerate(adjusted) if p is not None and p <= alpha} == rejected_by_steps(p_values, alpha)


@given(P_VALUES)
def test_adjusted_p_values_keep_their_order_and_a_test_not_made_does_not_count(p_values):
    adjusted = holm(p_values)
    assert [p is None for p in adjusted] == [p is None for p in p_values]
    made = [p for p in p_values if p is not None]
    assert holm(made) == tuple(p for p in adjusted if p is not None)
    for before, after in zip(p_values, adjusted, strict=True):
        assert before is None or before <= after <= 1


def test_false_alarms_over_all_tests_stay_at_alpha():
    """2,000 families of 10 true hypotheses: .05 within four binomial standard deviations, .0195."""
    rng = np.random.default_rng(1)
    alarms = np.mean([min(holm(list(row))) <= 0.05 for row in rng.random((2000, 10))])
    assert alarms == pytest.approx(1 - (1 - 0.005) ** 10, abs=0.0195)
    assert stats.binom.sf(0, 10, 0.05) > 0.4  # what it would be without


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_what_is_no_p_value_is_refused(p):
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm([0.5, p])
