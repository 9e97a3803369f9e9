from __future__ import annotations

import math

import numpy as np
import pytest

from rlgauge.stats.confidence_sequence import STAKES_K, Wealth
from rlgauge.stats.sequential import PairedTest, compare_in_order

ALPHA = 0.05
STUDIES, EPISODES = 2000, 500


def successes(seed: int, p: float, q: float, shared: float = 0.0) -> np.ndarray:
    """Differences of successes, episodes by studies; of the share, the same chance decides for both."""
    rng, size = np.random.default_rng(seed), (EPISODES, STUDIES)
    ours, theirs = rng.random(size), rng.random(size)
    theirs = np.where(rng.random(size) < shared, ours, theirs)
    return (ours < p).astype(float) - (theirs < q)


def returns(seed: int, difference: float, deviation: float) -> np.ndarray:
    rng, size = np.random.default_rng(seed), (EPISODES, STUDIES)
    return np.clip(difference + deviation * rng.standard_normal(size), -1, 1)


def decide(differences_NS: np.ndarray, *, at_once: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """After how many pairs (0: never) and for which side, looked at after every `at_once`."""
    num = differences_NS.shape[1]
    wealth, decided_S, side_S = Wealth(np.full(num, 0.5)), np.zeros(num, int), np.zeros(num)
    for n, differences_S in enumerate(differences_NS, 1):
        wealth.bet((differences_S + 1) / 2)
        if n % at_once:
            continue
        above_S, below_S = wealth.above, wealth.below
        now_S = (decided_S == 0) & (np.maximum(above_S, below_S) >= 2 / ALPHA)
        decided_S[now_S], side_S[now_S] = n, np.sign(above_S - below_S)[now_S]
    return decided_S, side_S


@pytest.mark.parametrize(
    "differences_NS",
    [
        successes(0, 0.5, 0.5),
        successes(1, 0.1, 0.1),
        successes(2, 0.5, 0.5, shared=0.7),
        returns(3, 0.0, 0.3),
        returns(4, 0.0, 0.05),
    ],
    ids=["half", "rare", "correlated", "wide returns", "narrow returns"],
)
def test_equal_policies_are_told_apart_in_alpha_of_the_studies_at_most(differences_NS):
    """2,000 studies, looked at 500 times: up to 3.3 % seen; 5 % and three deviations would be 6.5 %."""
    decided_S, _ = decide(differences_NS)
    assert (decided_S > 0).mean() <= ALPHA


def test_tasks_that_make_up_for_each_other_are_no_difference():
    """Two tasks with differences of +.3 and -.3, in turns, looked at after both."""
    differences_NS = successes(5, 0.5, 0.5)
    differences_NS[0::2] = successes(6, 0.7, 0.4)[0::2]
    differences_NS[1::2] = successes(7, 0.4, 0.7)[1::2]
    decided_S, _ = decide(differences_NS, at_once=2)
    assert (decided_S > 0).mean() <= ALPHA


def test_half_against_seven_in_ten_is_always_decided_and_after_109_episodes_on_average():
    decided_S, side_S = decide(successes(8, 0.7, 0.5))
    assert (decided_S > 0).mean() >= 0.995
    assert (side_S < 0).mean() <= 0.001
    assert decided_S[decided_S > 0].mean() == pytest.approx(109, abs=6)


def as_class(differences: np.ndarray, **options) -> PairedTest:
    test = PairedTest(**options)
    for difference in differences:
        test.add(float(difference))
    return test


def test_the_class_decides_as_the_simulation_does():
    differences_NS = successes(9, 0.7, 0.5)[:, :20]
    decided_S, side_S = decide(differences_NS)
    for study in range(20):
        found = as_class(differences_NS[:, study]).decision()
        side = {1: "candidate", -1: "baseline", 0: None}[side_S[study]]
        assert (found.decided_for, found.n_pairs) == (side, decided_S[study] or EPISODES)


def test_the_decision_is_that_of_a_direct_computation():
    differences = np.random.default_rng(10).choice([-1, 0, 1], 300, p=[0.15, 0.5, 0.35])
    for n in range(1, 301):
        products = np.prod(1 + STAKES_K[:, None] * differences[:n], axis=1)
        if products.mean() / 2 >= 1 / ALPHA:
            break
    found = as_class(differences).decision()
    assert (found.decided_for, found.n_pairs) == ("candidate", n)
    assert found.e_value == pytest.approx(products.mean() / 2, rel=1e-12)
    assert found.p_value == pytest.approx(2 / products.mean(), rel=1e-12)


def test_the_sides_are_each_others_mirror():
    differences = np.random.default_rng(10).choice([-1, 0, 1], 300, p=[0.15, 0.5, 0.35])
    ours, theirs = as_class(differences).decision(), as_class(-differences).decision()
    assert (ours.decided_for, theirs.decided_for) == ("candidate", "baseline")
    assert (ours.n_pairs, ours.e_value) == (theirs.n_pairs, theirs.e_value)
    assert ours.difference.point == -theirs.difference.point


@pytest.mark.parametrize("seed", range(5))
def test_it_is_decided_exactly_when_the_interval_leaves_out_0(seed):
    test = PairedTest()
    for difference in np.random.default_rng(seed).choice([-1, 0, 1], 300, p=[0.1, 0.6, 0.3]):
        test.add(float(difference))
        interval = test.decision().difference
        assert (test.decided_for is None) is (interval.low <= 0 <= interval.high)
        if test.decided_for:
            break
    assert test.decided_for == "candidate"


def test_pairs_that_fared_alike_are_no_evidence():
    differences = np.random.default_rng(12).choice([-1, 0, 1], 120, p=[0.1, 0.6, 0.3])
    with_ties, without = as_class(differences).decision(), as_class(differences[differences != 0]).decision()
    assert with_ties.e_value == pytest.approx(without.e_value, rel=1e-12)
    assert with_ties.difference.n > without.difference.n


def test_a_decision_stands_whatever_comes_later():
    test = as_class(np.ones(20))
    before = test.decision()
    for _ in range(500):
        test.add(-1.0)
    assert test.decision() == before
    assert before.decided_for == "candidate"
    assert before.n_pairs < 20


def test_p_is_at_most_alpha_exactly_where_it_is_decided():
    for seed in range(10):
        found = as_class(np.random.default_rng(seed).choice([-1.0, 0.0, 1.0], 100, p=[0.2, 0.5, 0.3])).decision()
        assert (found.p_value <= ALPHA) is (found.decided_for is not None)
        assert 0 < found.p_value <= 1


def test_p_is_of_the_largest_evidence_so_far():
    differences = [1.0] * 6 + [-1.0] * 6
    so_far = [as_class(differences[:n]).decision() for n in range(1, 13)]
    largest = max(found.e_value for found in so_far)
    assert so_far[-1].e_value < 1 < largest
    assert so_far[-1].p_value == pytest.approx(1 / largest, rel=1e-12)


def test_an_unknown_difference_counts_against_both():
    test = PairedTest()
    for _ in range(100):
        test.add(None)
    found = test.decision()
    assert (found.decided_for, found.p_value, found.n_unknown, found.difference) == (None, 1, 100, None)
    with_gaps = PairedTest()
    for n in range(40):
        with_gaps.add(None if n % 10 == 5 else 1.0)
    assert with_gaps.decision().n_pairs > as_class(np.ones(40)).decision().n_pairs


def test_tasks_are_looked_at_together():
    together, apart = PairedTest(), PairedTest()
    for _ in range(20):
        together.add(1.0, 1.0, 1.0)
        for _ in range(3):
            apart.add(1.0)
    assert apart.decision().n_pairs % 3 != 0
    assert together.decision().n_pairs == math.ceil(apart.decision().n_pairs / 3) * 3


def test_returns_are_compared_by_their_mean_within_bounds_and_by_their_sign_without():
    rng = np.random.default_rng(13)
    level = rng.normal(100, 20, 400).clip(50, 150)
    ours, theirs = (level + 10 + rng.normal(0, 5, 400)).clip(0, 200), level
    bounded = compare_in_order(candidate=list(ours), baseline=list(theirs), bounds=(0, 200))
    signs = compare_in_order(candidate=list(ours), baseline=list(theirs), bounds=None)
    assert bounded.decided_for == signs.decided_for == "candidate"
    assert signs.n_pairs < bounded.n_pairs < 400
    assert bounded.difference.low > 0
    assert bounded.difference.point == pytest.approx(np.mean((ours - theirs)[: bounded.n_pairs]))
    assert signs.difference.point == pytest.approx(np.mean(np.sign(ours - theirs)[: signs.n_pairs]))
    stretched = compare_in_order(candidate=list(7 * ours), baseline=list(7 * theirs), bounds=(0, 1400))
    assert stretched.n_pairs == bounded.n_pairs


def test_successes_may_be_booleans():
    found = compare_in_order(candidate=[True] * 20, baseline=[False] * 20)
    assert found.decided_for == "candidate"
    assert found.difference.method == "confidence sequence"


@pytest.mark.parametrize(
    ("candidate", "baseline", "bounds", "said"),
    [
        ([1.0], [1.0, 0.0], (0, 1), "are no pairs"),
        ([], [], (0, 1), "are no pairs"),
        ([2.0], [1.0], (0, 1), "do not lie between the bounds"),
        ([math.nan], [1.0], None, "do not lie between the bounds"),
        ([1.0], [0.0], (1, 0), "no value lies between"),
    ],
)
def test_what_are_no_pairs_is_refused(candidate, baseline, bounds, said):
    with pytest.raises(ValueError, match=said):
        compare_in_order(candidate=candidate, baseline=baseline, bounds=bounds)
