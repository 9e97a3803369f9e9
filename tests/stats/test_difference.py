from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from rlgauge.stats.aggregate import aggregate
from rlgauge.stats.difference import difference
from rlgauge.stats.estimate import METHODS
from rlgauge.stats.metrics import METRICS

SCORES = st.lists(st.integers(-3, 12).map(float), min_size=1, max_size=6)
PAIRS = st.lists(st.tuples(SCORES, SCORES), min_size=1, max_size=4)


def normal_pairs(seed, sizes=(6,) * 4, *, shared=0.0):
    """Scores of both, of which the given part of the deviation is shared seed by seed."""
    rng = np.random.default_rng(seed)
    common = [rng.normal(0, shared, size) for size in sizes]
    ours, theirs = ([rng.normal(0.4 + gain, 0.1, len(part)) + part for part in common] for gain in (0.1, 0.0))
    return ours, theirs


@given(PAIRS, st.sampled_from(METRICS))
def test_it_is_the_candidates_metric_minus_the_baselines(pairs, metric):
    candidate, baseline = zip(*pairs, strict=True)
    found = difference(candidate=candidate, baseline=baseline, metric=metric, replicates=30)
    ours, theirs = (aggregate(side, metric, method="t").point for side in (candidate, baseline))
    assert found.point == pytest.approx(ours - theirs, abs=1e-9)
    assert found.n == sum(map(np.size, candidate)) + sum(map(np.size, baseline))
    if found.low is None or found.low == found.high:
        assert found.warnings


def test_the_direction_cannot_be_left_to_the_position():
    with pytest.raises(TypeError, match="positional"):
        difference([[1.0]], [[2.0]])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("resample_tasks", [False, True])
def test_neither_order_nor_threads_change_a_digit(method, paired, resample_tasks):
    ours, theirs = normal_pairs(0, (5, 7, 5))
    options = {"method": method, "paired": paired, "resample_tasks": resample_tasks, "replicates": 9_000}
    once = difference(candidate=ours, baseline=theirs, **options)
    turned = [[task[::-1] for task in side[::-1]] for side in (ours, theirs)]
    assert difference(candidate=turned[0], baseline=turned[1], threads=2, **options) == once


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("resample_tasks", [False, True])
def test_with_the_sides_exchanged_the_interval_is_the_same_seen_from_the_other_end(method, paired, resample_tasks):
    ours, theirs = normal_pairs(3, (5, 7, 5))
    options = {"method": method, "paired": paired, "resample_tasks": resample_tasks, "replicates": 500}
    there = difference(candidate=ours, baseline=theirs, **options)
    back = difference(candidate=theirs, baseline=ours, **options)
    assert (back.point, back.low, back.high) == (-there.point, -there.high, -there.low)
    assert there.low < there.point < there.high


def test_on_one_task_t_is_students_of_the_pairs_and_of_both_sides():
    ours, theirs = normal_pairs(1, (9,), shared=0.3)
    gains = ours[0] - theirs[0]
    paired = difference(candidate=ours, baseline=theirs, metric="mean", paired=True, method="t")
    assert (paired.low, paired.high) == pytest.approx(stats.t.interval(0.95, 8, gains.mean(), stats.sem(gains)))
    apart = difference(candidate=ours, baseline=theirs, metric="mean", method="t")
    expected = stats.ttest_ind(ours[0], theirs[0]).confidence_interval()
    assert (apart.low, apart.high) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("metric", METRICS)
def test_percentiles_are_those_of_all_possible_resamples(paired, metric):
    """All 27 x 4, or 27 x 27 x 4 x 4, of them; an end lies 5 standard errors of its quantile away at most."""
    ours, theirs = [[0.1, 0.5, 0.9], [0.3, 0.7]], [[0.2, 0.25, 1.0], [0.1, 0.9]]
    seeds = [list(itertools.product(range(len(task)), repeat=len(task))) for task in ours]
    mine = {rows: _point(ours, rows, metric) for rows in itertools.product(*seeds)}
    others = {rows: _point(theirs, rows, metric) for rows in mine}
    pairs = zip(mine, mine, strict=True) if paired else itertools.product(mine, mine)
    exact = np.sort([mine[one] - others[other] for one, other in pairs])
    num = 20_000
    found = difference(
        candidate=ours, baseline=theirs, metric=metric, paired=paired, method="percentile", replicates=num
    )
    for end, p in ((found.low, 0.025), (found.high, 0.975)):
        margin = 5 * np.sqrt(p * (1 - p) / num)
        lower, upper = np.quantile(exact, [p - margin, p + margin])
        assert lower - 1e-9 <= end <= upper + 1e-9


def _point(tasks, rows, metric):
    return aggregate([np.take(task, row) for task, row in zip(tasks, rows, strict=True)], metric, method="t").point


@pytest.mark.parametrize("resample_tasks", [False, True])
def test_pairs_cancel_what_they_share_and_only_if_asked(resample_tasks):
    ours, theirs = normal_pairs(2, shared=0.5)
    widths = []
    for paired in (False, True):
        found = difference(candidate=ours, baseline=theirs, metric="mean", paired=paired, resample_tasks=resample_tasks)
        widths.append(found.high - found.low)
    assert widths[1] < 0.5 * widths[0]


def test_what_is_higher_by_the_same_for_every_seed_has_an_interval_without_width_and_a_warning():
    ours, _ = normal_pairs(3)
    found = difference(candidate=[task + 0.25 for task in ours], baseline=ours, paired=True, metric="mean")
    assert found.low == found.point == found.high == pytest.approx(0.25)
    assert any("no width" in warning for warning in found.warnings)


def test_the_interval_holds_the_true_difference():
    """400 studies of 4 tasks with 5 seeds a side; 4 standard errors."""
    held = []
    for seed in range(400):
        ours, theirs = normal_pairs(seed, (5,) * 4)
        found = difference(candidate=ours, baseline=theirs, replicates=500)
        held.append(found.low <= 0.1 <= found.high)
    assert abs(np.mean(held) - 0.95) < 4 * np.sqrt(0.05 * 0.95 / 400)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("side", ["candidate", "baseline"])
def test_one_run_a_task_on_a_side_gives_no_interval_since_its_spread_is_not_known(method, side):
    several, alone = [[1.0, 2.0, 3.0, 4.0, 5.5]] * 2, [[1.0], [2.0]]
    sides = {"candidate": several, "baseline": several, side: alone}
    found = difference(**sides, metric="mean", method=method, replicates=100, missing=3)
    assert found.point == pytest.approx((1.5 - 3.1) * (1 if side == "candidate" else -1))
    assert (found.low, found.high, found.n, found.missing) == (None, None, 12, 3)
    assert found.warnings == (f"One seed a task of the {side}: nothing is known of its spread between seeds.",)
    both = difference(candidate=[[1.0]], baseline=[[3.0]], method=method)
    assert (both.point, both.low, both.high) == (-2.0, None, None)
    assert both.warnings == ("One seed a task: nothing is known of the spread between seeds.",)


def test_a_side_with_two_runs_of_some_task_has_an_interval_and_a_warning_of_the_others():
    several = [2.0, 2.5, 2.4, 2.2, 2.1]
    found = difference(candidate=[[1.0], several], baseline=[[1.0, 2.0, 3.0]] * 2, replicates=100)
    assert found.low < found.point < found.high
    assert "1 of 2 tasks have one seed: their spread is taken to be that of the others." in found.warnings


def test_where_tasks_are_drawn_the_spread_between_them_is_the_interval():
    several = np.random.default_rng(4).normal(0, 1, (8, 5))
    found = difference(
        candidate=[[float(task)] for task in range(8)], baseline=list(several), resample_tasks=True, replicates=300
    )
    assert found.low < found.point < found.high


@pytest.mark.parametrize(
    ("candidate", "baseline", "options", "message"),
    [
        ([], [], {}, "at least one score"),
        ([[1.0]], [[1.0], [2.0]], {}, "the candidate has 1 tasks and the baseline 2"),
        ([[1.0, 2.0]], [[1.0]], {"paired": True}, "can't be paired"),
        ([[1.0]], [[]], {}, "at least one score"),
        ([[1.0]], [[float("nan")]], {}, "not finite"),
        ([[1.0]], [[2.0]], {"metric": "best"}, "Unknown metric"),
        ([[1.0]], [[2.0]], {"method": "best"}, "Unknown method"),
    ],
)
def test_what_cannot_be_compared_is_refused(candidate, baseline, options, message):
    with pytest.raises(ValueError, match=message):
        difference(candidate=candidate, baseline=baseline, **options)
