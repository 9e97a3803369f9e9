from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from rlgauge.stats.aggregate import aggregate, left_out
from rlgauge.stats.bootstrap import replicate
from rlgauge.stats.estimate import METHODS, doubts_of, interval, jackknife_error, summarise, tails
from rlgauge.stats.metrics import Functionals
from rlgauge.stats.strata import Strata

NO_WIDTH = "Every resample gave the same value: an interval of no width says nothing of seeds not run yet."


def never():
    raise AssertionError("this method needs no jackknife")


def resampled(strata, metric="mean", num=2_000):
    functionals = Functionals(strata, (metric,), optimum=1.0)
    drawn_B = replicate(
        strata.digest(), num, strata.num, lambda rng, rows: functionals.of_drawn(strata.draw(rng, rows))[:, 0]
    )
    return drawn_B, float(functionals.point()[0])


@pytest.mark.parametrize("sizes", [(5,), (5,) * 5, (10,) * 4])
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_the_expanded_percentile_is_read_at_students_quantile_times_the_bias_of_few_seeds(sizes, confidence):
    df = sum(sizes) - len(sizes)
    size = len(sizes) / sum(1 / each for each in sizes)
    low, high = tails(sizes, method="expanded", confidence=confidence)
    t = stats.t.ppf((1 + confidence) / 2, df)
    assert low == pytest.approx(stats.norm.cdf(-t * np.sqrt(size / (size - 1))), rel=1e-9)
    assert high == 1 - low
    assert tails(sizes, method="percentile", confidence=confidence) == pytest.approx(
        ((1 - confidence) / 2, (1 + confidence) / 2)
    )


def test_a_task_counts_by_the_variance_of_its_mean():
    low, _ = tails((2, 10, 10), method="expanded", confidence=0.95)
    variances, degrees = np.array([1 / 2, 1 / 10, 1 / 10]), np.array([1, 9, 9])
    satterthwaite = variances.sum() ** 2 / (variances**2 / degrees).sum()
    wider = np.sqrt(variances.sum() / (variances * degrees / (degrees + 1)).sum())
    assert low == pytest.approx(stats.norm.cdf(-wider * stats.t.ppf(0.975, satterthwaite)), rel=1e-6)
    assert tails((1, 2, 10, 10), method="expanded", confidence=0.95)[0] == low


@pytest.mark.parametrize("method", ["expanded", "t"])
def test_tasks_with_one_seed_are_taken_to_deviate_as_the_others(method):
    rng = np.random.default_rng(0)
    several = [rng.normal(size=5) for _ in range(3)]
    found = aggregate([*several, [0.3]], "mean", method=method)
    alone = aggregate(several, "mean", method=method)
    ratio = (found.high - found.low) / (alone.high - alone.low)
    assert ratio == pytest.approx(3 / 4 * np.sqrt((3 / 5 + 1) / (3 / 5)), rel=0.05)


def test_a_few_seeds_of_one_task_say_too_little_of_many_with_one():
    found = aggregate([[0.1], [0.2], [0.3], [0.4, 0.5]], "mean")
    assert found.low is None
    assert "3 of 4 tasks have one seed: the few others say too little of the spread between seeds for an interval." in (
        found.warnings
    )


def test_with_many_seeds_the_expanded_percentile_is_the_percentile():
    low, high = tails((10_000,) * 5, method="expanded", confidence=0.95)
    assert (low, high) == pytest.approx((0.025, 0.975), abs=2e-5)


@pytest.mark.parametrize("method", ["percentile", "expanded"])
def test_replicates_are_read_as_numpy_does(method):
    replicates_B = np.random.default_rng(0).normal(size=999)
    sizes = [5, 5, 5]
    ends = interval(replicates_B, 0.0, sizes, never, method=method, confidence=0.9)
    assert ends == tuple(np.quantile(replicates_B, tails(sizes, method=method, confidence=0.9)))


@pytest.mark.parametrize("sizes", [(12,), (8, 8), (5, 9, 6)])
@pytest.mark.parametrize("kind", ["normal", "lognormal"])
def test_bca_is_scipys_for_one_sample_and_for_several_strata(sizes, kind):
    """SciPy is given the same replicates; its acceleration for several samples is that of strata."""
    rng = np.random.default_rng(7)
    strata = Strata([getattr(rng, kind)(0.3, 0.7, size) for size in sizes])
    replicates_B, point = resampled(strata)

    def mean_of_means(*samples, axis=-1):
        return sum(np.mean(sample, axis=axis) for sample in samples) / len(samples)

    result = stats.bootstrap(tuple(strata.tasks), mean_of_means, n_resamples=1, vectorized=True, rng=0)
    result.bootstrap_distribution = replicates_B
    expected = stats.bootstrap(
        tuple(strata.tasks), mean_of_means, bootstrap_result=result, n_resamples=0, method="BCa", confidence_level=0.9
    ).confidence_interval
    ends = interval(
        replicates_B,
        point,
        strata.sizes,
        lambda: left_out(strata, "mean", optimum=1.0),
        method="bca",
        confidence=0.9,
    )
    assert ends == pytest.approx((expected.low, expected.high), rel=1e-9)


def test_bca_of_replicates_all_on_one_side_is_the_percentile():
    replicates_B = np.linspace(1, 2, 101)
    assert interval(replicates_B, 0.5, [5], lambda: [np.ones(5)], method="bca", confidence=0.9) == pytest.approx(
        (1.05, 1.95)
    )


def test_t_on_one_task_is_students_interval_of_the_mean():
    scores = np.random.default_rng(1).normal(size=8)
    found = aggregate([scores], "mean", method="t")
    expected = stats.t.interval(0.95, 7, scores.mean(), stats.sem(scores))
    assert (found.low, found.high) == pytest.approx(expected)


@given(st.lists(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=6), min_size=1, max_size=4))
def test_the_jackknife_of_a_mean_of_means_is_its_standard_error(tasks):
    strata = Strata(tasks)
    expected = np.sqrt(sum(np.var(task, ddof=1) / len(task) for task in tasks)) / len(tasks)
    found = jackknife_error(left_out(strata, "mean", optimum=1.0))
    assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("metric", ["iqm", "mean", "median", "optimality_gap"])
@pytest.mark.parametrize("sizes", [(4, 4, 4), (1, 5, 3)])
def test_the_jackknife_leaves_out_each_seed_of_a_task_that_has_others(metric, sizes):
    """By computing the metric of the remaining scores: exact where the number that is cut stays the same share."""
    rng = np.random.default_rng(2)
    strata = Strata([rng.normal(size=size) for size in sizes])
    found = left_out(strata, metric, optimum=0.5)
    rests = [
        [[*strata.tasks[:task], np.delete(scores, seed), *strata.tasks[task + 1 :]] for seed in range(len(scores))]
        for task, scores in enumerate(strata.tasks)
        if len(scores) > 1
    ]
    assert [len(values) for values in found] == [len(values) for values in rests]
    if metric == "iqm":  # what remains has one score less, and floor(n / 4) of them are cut
        return
    for values, rest in zip(found, rests, strict=True):
        expected = [Functionals(Strata(tasks), (metric,), optimum=0.5).point()[0] for tasks in rest]
        assert values == pytest.approx(expected)


@pytest.mark.parametrize("scale", [1e-300, 1e-150, 1.0, 1e150, 1e299])
@pytest.mark.parametrize("method", METHODS)
def test_no_unit_is_too_large_or_too_small(scale, method):
    scores_TR = np.random.default_rng(4).normal(0.5, 0.1, (3, 6)).clip(-1, 1)
    once = aggregate(scores_TR, "mean", method=method, replicates=300)
    found = aggregate(scores_TR * scale, "mean", method=method, replicates=300)
    assert found.point == pytest.approx(once.point * scale, rel=1e-9)
    # The random numbers follow from the scores: only the size can be compared.
    assert found.high - found.low == pytest.approx((once.high - once.low) * scale, rel=0.5)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("outlier", [-1e12, 1e15, -1e300])
@pytest.mark.parametrize("sizes", [(5, 5, 5), (5, 6, 7)])
def test_a_run_that_diverged_leaves_the_interquartile_mean_its_interval(method, outlier, sizes):
    rng = np.random.default_rng(5)
    tasks = [rng.normal(0.5, 0.1, size) for size in sizes]
    near = [task.copy() for task in tasks]
    tasks[0][0], near[0][0] = outlier, 0.5 + np.sign(outlier)
    found, expected = (aggregate(scores, method=method, replicates=4_000) for scores in (tasks, near))
    assert NO_WIDTH not in found.warnings
    assert found.point == pytest.approx(expected.point)
    if method == "t":
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-6)
    else:  # an end is read where the run was drawn often: only its order of magnitude is known
        assert found.high - found.low > 0


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("tasks", [[[0.3] * 5, [0.7] * 5], [[0.1] * 5, [1e6 / 3] * 6], [[1e15 / 3] * 5, [0.1] * 7]])
@pytest.mark.parametrize("metric", ["iqm", "mean", "median", "optimality_gap"])
def test_scores_without_spread_have_no_width_and_a_warning(method, tasks, metric):
    found = aggregate(tasks, metric, method=method, replicates=200)
    assert found.low == found.point == found.high
    assert found.warnings == ("All seeds of 2 of 2 tasks have one score: was the seed used?", NO_WIDTH)


@pytest.mark.parametrize(
    ("tasks", "doubts"),
    [
        ([[0.1, 0.2, 0.3, 0.4, 0.5]] * 2, []),
        ([[0.1], [0.2]], ["One seed a task: nothing is known of the spread between seeds."]),
        ([[0.1, 0.2, 0.3, 0.4]], ["Fewer than 5 seeds in a task (4): the interval is rough."]),
        (
            [[0.1], [0.2, 0.3, 0.4, 0.5, 0.6]],
            [
                "Fewer than 5 seeds in a task (1): the interval is rough.",
                "1 of 2 tasks have one seed: their spread is taken to be that of the others.",
            ],
        ),
        (
            [[0.1, 0.2, 0.3, 0.4, 0.5], [0.2] * 5],
            ["All seeds of 1 of 2 tasks have one score: was the seed used?"],
        ),
        (
            [[0.12345, 0.23456, 0.34567, 0.45678, 0.12345]],
            ["Some seeds of a task have exactly the same score: are they copies of one run?"],
        ),
        ([[0.12, 0.24, 0.36, 0.48, 0.12]], []),  # rates in 50 episodes tie by themselves
        ([[195.0, 200.0, 200.0, 200.0, 180.0]], []),
    ],
)
def test_what_a_reader_must_know_of_the_data_is_said(tasks, doubts):
    assert list(doubts_of(Strata(tasks))) == doubts


def test_one_task_with_fewer_than_5_seeds_gets_students_interval_whatever_was_asked_for():
    scores = [0.1, 0.4, 0.2]
    for method in METHODS:
        found = aggregate([scores], "mean", method=method, replicates=100)
        assert found.method == "Student t, stratified jackknife"
        assert (found.low, found.high) == pytest.approx(stats.t.interval(0.95, 2, np.mean(scores), stats.sem(scores)))
        said = "One task and fewer than 5 seeds: Student's interval is given instead of a bootstrap."
        assert (said in found.warnings) == (method != "t")


@pytest.mark.parametrize(("tasks", "seeds"), [(2, 2), (5, 2), (12, 2), (2, 3), (5, 3), (2, 5)])
def test_where_no_resample_lies_as_far_out_as_the_interval_must_reach_it_is_students(tasks, seeds):
    scores = np.random.default_rng(0).normal(size=(tasks, seeds))
    found = aggregate(list(scores), "mean", replicates=100)
    rarest = math.prod([seeds**-seeds] * tasks)
    quantile = stats.t.ppf(0.025, tasks * (seeds - 1)) * math.sqrt(seeds / (seeds - 1))
    is_students = seeds == 2 or stats.norm.cdf(quantile) <= rarest
    assert (found.method == "Student t, stratified jackknife") == is_students
    assert any("Too few seeds for a bootstrap" in one for one in found.warnings) == is_students
    assert is_students == ((tasks, seeds) not in {(5, 3), (2, 5)})


def test_the_point_lies_in_the_interval_even_where_the_replicates_do_not_hold_it():
    strata = Strata([[0.0, 1.0, 2.0, 3.0, 4.0]])
    options = {"method": "percentile", "confidence": 0.9, "missing": 0, "units": strata.sizes}
    found = summarise(np.linspace(5, 6, 50), 2.0, [strata], never, **options)
    assert found.low == found.point
    assert found.high > 5


@pytest.mark.parametrize("confidence", [0.0, 1.0, 1.5, -0.1, float("nan")])
@pytest.mark.parametrize("method", METHODS)
def test_a_confidence_that_is_no_probability_is_refused(confidence, method):
    with pytest.raises(ValueError, match="between 0 and 1"):
        aggregate([[0.1, 0.2, 0.3, 0.5, 0.9]] * 2, method=method, confidence=confidence, replicates=20)
