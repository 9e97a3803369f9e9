from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlgauge.stats.strata import Strata, plain, side_by_side, whole

SCORES = st.floats(-1e6, 1e6, allow_subnormal=False)
TASKS = st.lists(st.lists(SCORES, min_size=1, max_size=6), min_size=1, max_size=5)


@given(TASKS)
def test_every_score_stands_at_its_place_in_rising_order(tasks):
    strata = Strata(tasks)
    assert np.all(np.diff(strata.scores_N) >= 0)
    for scores, place in zip(strata.tasks, strata.places, strict=True):
        assert strata.scores_N[place].tolist() == scores.tolist()
    assert sorted(map(tuple, strata.tasks)) == sorted(tuple(sorted(task)) for task in tasks)


@given(TASKS, st.randoms(use_true_random=False))
def test_the_digest_depends_on_the_scores_and_not_on_any_order(tasks, random):
    shuffled = [random.sample(task, len(task)) for task in random.sample(tasks, len(tasks))]
    assert Strata(shuffled).digest() == Strata(tasks).digest()
    changed = [[*tasks[0][:-1], tasks[0][-1] + 1.0], *tasks[1:]]
    assert Strata(changed).digest() != Strata(tasks).digest()
    assert Strata([[0.0, 1.0]]).digest() == Strata([[-0.0, 1.0]]).digest()
    assert Strata([[1.0, 2.0], [3.0]]).digest() != Strata([[1.0], [2.0, 3.0]]).digest()


@pytest.mark.parametrize("sizes", [(3, 3, 3), (1, 4, 2)])
def test_seeds_are_drawn_within_their_task_each_as_often_as_the_others(sizes):
    strata = Strata([np.arange(size) + 10.0 * task for task, size in enumerate(sizes)], keep_order=True)
    drawn_BN = strata.draw(np.random.default_rng(0), 20_000)
    starts = np.cumsum([0, *sizes])
    for task, size in enumerate(sizes):
        mine = drawn_BN[:, starts[task] : starts[task + 1]]
        counts = np.bincount(mine.ravel().astype(int) - starts[task], minlength=size)
        assert len(counts) == size
        expected = mine.size / size
        assert np.all(np.abs(counts - expected) < 5 * np.sqrt(expected))


def test_more_seeds_than_16_bits_count_are_drawn_from_all():
    strata = Strata([np.arange(70_000.0)])
    drawn_BN = strata.draw(np.random.default_rng(0), 2)
    assert drawn_BN.max() > 69_900
    assert strata.sample(drawn_BN).weights_BN.sum() == 140_000


@pytest.mark.parametrize("sizes", [(4, 4), (1, 4, 2)])
def test_a_sample_counts_how_often_each_score_was_drawn(sizes):
    rng = np.random.default_rng(1)
    strata = Strata([rng.normal(size=size) for size in sizes])
    drawn_BN = strata.draw(rng, 7)
    sample = strata.sample(drawn_BN, with_positions=True)
    by_seed_N = np.concatenate(strata.tasks)
    weight_N = np.concatenate([np.full(size, 1 / size) for size in strata.sizes])
    for row, drawn in enumerate(drawn_BN):
        assert strata.scores_N[sample.positions_BN[row]].tolist() == by_seed_N[drawn].tolist()
        expected = sum(weight_N[seed] * by_seed_N[seed] for seed in drawn) / len(sizes)
        assert sample.weights_BN[row] @ strata.scores_N / sample.total == pytest.approx(expected)


@given(st.lists(SCORES, min_size=1, max_size=40))
def test_the_parts_of_whole_levels_are_whole_small_enough_and_give_the_values_back(values):
    values_N = np.sort(values)
    scale = whole(values_N)
    assert np.all(scale.levels_NP == np.rint(scale.levels_NP))
    assert np.abs(scale.levels_NP).max() * len(values) < 2**52
    back = [scale.origin + (level * scale.units_P).sum() for level in scale.levels_NP]
    assert back == pytest.approx(values_N.tolist(), rel=1e-15, abs=1e-15 * np.abs(values_N).max())


def test_sums_of_whole_levels_are_exact_in_any_order():
    rng = np.random.default_rng(0)
    scale = whole(np.sort(rng.normal(size=500)))
    sums = {tuple((scale.levels_NP[rng.permutation(500)]).sum(axis=0)) for _ in range(50)}
    exact = tuple(float(sum(map(Fraction, part))) for part in scale.levels_NP.T.tolist())
    assert sums == {exact}


def test_one_run_that_diverged_takes_no_digits_from_the_others():
    values_N = np.sort([-1e12, 0.1, 0.2, 0.3, 0.7])
    scale = whole(values_N)
    assert (scale.origin + scale.levels_NP @ scale.units_P)[1:].tolist() == pytest.approx(values_N[1:], abs=1e-15)


def test_equal_values_have_no_level():
    assert not plain(np.full(7, 0.1)).levels_NP.any()
    assert not whole(np.full(7, 0.1)).levels_NP.any()


def test_what_is_left_without_a_seed_keeps_the_weight_of_its_task():
    strata = Strata([[5.0], [1.0, 2.0, 4.0], [3.0, 7.0]])
    sample, sizes = strata.left_out()
    assert sorted(sizes) == [2, 3]
    means = sample.weights_BN @ strata.scores_N / sample.total
    expected = [(5 + 7 / 3 + 7) / 3, (5 + 7 / 3 + 3) / 3, (5 + 3 + 5) / 3, (5 + 2.5 + 5) / 3, (5 + 1.5 + 5) / 3]
    assert sorted(means) == pytest.approx(sorted(expected))


def test_what_is_left_without_a_task_is_the_other_tasks():
    strata = Strata([[5.0], [1.0, 3.0], [3.0, 7.0]])
    sample = strata.tasks_left_out()
    assert sorted(sample.weights_BN @ strata.scores_N / sample.total) == pytest.approx([3.5, 3.5, 5.0])
    assert sorted(np.median(sample.means_BT, axis=1)) == [3.5, 3.5, 5.0]


@pytest.mark.parametrize("sizes", [(3, 3, 3), (1, 4, 2)])
def test_tasks_that_are_drawn_weigh_the_same_and_their_seeds_are_drawn(sizes):
    rng = np.random.default_rng(4)
    strata = Strata([np.arange(size) + 100.0 * task for task, size in enumerate(sizes)])
    tasks_BT = strata.draw_tasks(rng, 500)
    sample = strata.sample_tasks(tasks_BT, strata.draw_in(rng, tasks_BT))
    assert sample.weights_BN.sum(axis=1) == pytest.approx(np.full(500, sample.total))
    means_B = sample.weights_BN @ strata.scores_N / sample.total
    assert means_B == pytest.approx(sample.means_BT.mean(axis=1))
    truth = np.mean([scores.mean() for scores in strata.tasks])
    assert abs(means_B.mean() - truth) < 5 * means_B.std() / np.sqrt(500)
    assert len(set(np.sort(tasks_BT, axis=1)[:, 0])) > 1


def test_pairs_stay_pairs_in_an_order_that_follows_from_the_scores():
    ours, theirs = [[3.0, 1.0, 2.0], [9.0, 8.0, 7.0]], [[30.0, 10.0, 20.0], [90.0, 80.0, 70.0]]
    one = side_by_side(ours, theirs, paired=True)
    other = side_by_side([ours[1][::-1], ours[0]], [theirs[1][::-1], theirs[0]], paired=True)
    for side in (one, other):
        assert np.array_equal(np.stack(side[0].tasks) * 10, np.stack(side[1].tasks))
    assert [strata.digest() for strata in one] == [strata.digest() for strata in other]


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ([], "at least one score"),
        ([[1.0], []], "at least one score"),
        ([[1.0, float("nan")]], "not finite"),
        ([[1.0, float("inf")]], "not finite"),
        ([[[1.0, 2.0]], [[3.0, 4.0]]], "one row of scores"),
        ([1.0, 2.0], "one row of scores"),
    ],
)
def test_what_is_no_score_of_a_run_is_refused(tasks, message):
    with pytest.raises(ValueError, match=message):
        Strata(tasks)
