from __future__ import annotations

import functools
import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from rlgauge.stats.aggregate import aggregate
from rlgauge.stats.estimate import tails
from rlgauge.stats.profiles import Shares, _quantiles, performance_profile
from rlgauge.stats.strata import Strata

AVERAGES = ["runs", "tasks"]
METHODS = ["expanded", "percentile", "t"]
WHOLE = st.lists(st.lists(st.integers(-5, 9).map(float), min_size=1, max_size=5), min_size=1, max_size=5)
THRESHOLDS = st.lists(st.integers(-13, 21).map(lambda x: x / 2), min_size=1, max_size=6)


def normal_scores(seed, sizes=(5,) * 4):
    rng = np.random.default_rng(seed)
    return [rng.normal(0.3 + 0.1 * task, 0.1, size) for task, size in enumerate(sizes)]


def share(tasks, threshold, average):
    """By the definition, in fractions; every task weighs the same."""
    above = [[Fraction(score) > Fraction(threshold) for score in task] for task in tasks]
    if average == "tasks":
        above = [[sum(map(Fraction, task)) / len(task) > Fraction(threshold)] for task in tasks]
    return sum(Fraction(sum(task), len(task)) for task in above) / len(tasks)


@given(WHOLE, THRESHOLDS, st.sampled_from(AVERAGES))
def test_points_are_those_of_the_definition_for_any_numbers_of_seeds(tasks, thresholds, average):
    found = performance_profile(tasks, thresholds, average=average, replicates=1)
    assert found.points == pytest.approx([float(share(tasks, one, average)) for one in thresholds], abs=1e-12)
    assert found.thresholds == tuple(thresholds)
    assert (found.n, found.missing) == (sum(map(len, tasks)), 0)


@given(st.data(), st.sampled_from([10, 20, 50, 100]), st.integers(1, 7))
def test_a_mean_of_rates_that_is_the_threshold_is_not_above_it(data, num_episodes, num_seeds):
    """Rates such as 0.1 and 0.2 have a mean of 0.15000000000000002 in floats."""
    counts = data.draw(st.lists(st.integers(0, num_episodes), min_size=num_seeds, max_size=num_seeds))
    thresholds = [Fraction(step, 20) for step in range(21)]
    above = [float(Fraction(sum(counts), num_episodes * num_seeds) > threshold) for threshold in thresholds]
    rates = [count / num_episodes for count in counts]
    found = performance_profile([rates], [float(one) for one in thresholds], average="tasks", replicates=1)
    assert list(found.points) == above


@pytest.mark.parametrize("outlier", [-1e15, 1e15])
def test_a_run_that_diverged_makes_no_means_of_other_tasks_equal_to_a_threshold(outlier):
    tasks = [[0.1, 0.2], [0.3, 0.4], [0.5, 0.6], [0.7, outlier]]
    found = performance_profile(tasks, [0.15 - 1e-9, 0.15 + 1e-9], average="tasks", replicates=1)
    assert [round(4 * point) for point in found.points] == ([4, 3] if outlier > 0 else [3, 2])


@pytest.mark.parametrize("sizes", [(5, 5, 5), (1, 4, 6)])
@pytest.mark.parametrize("average", AVERAGES)
def test_the_shares_of_a_resample_are_those_of_the_scores_in_it(sizes, average):
    rng = np.random.default_rng(0)
    strata = Strata([rng.integers(0, 5, size) for size in sizes])
    thresholds = [-1.0, 0.0, 1.0, 1.5, 2.0, 3.99, 4.0]
    shares = Shares(strata, thresholds, average)
    drawn_BN = strata.draw(rng, 200)
    found_BK = shares.of(strata.sample(drawn_BN, with_positions=True))
    scores_N = np.concatenate(strata.tasks)
    for drawn_N, found_K in zip(drawn_BN, found_BK, strict=True):
        tasks = np.split(scores_N[drawn_N], strata.starts_T[1:])
        assert found_K == pytest.approx([float(share(tasks, one, average)) for one in thresholds], abs=1e-12)


@pytest.mark.parametrize("sizes", [(5, 5, 5), (1, 4, 6)])
def test_shares_of_resamples_are_counted_where_they_belong(sizes):
    rng = np.random.default_rng(0)
    strata = Strata([rng.integers(0, 5, size) for size in sizes])
    shares = Shares(strata, [0.5, 1.0, 2.0], "runs")
    drawn_BN = strata.draw(rng, 300)
    values_BK = shares.of(strata.sample(drawn_BN))
    for part in (drawn_BN, drawn_BN[:1]):  # two ways of adding, by which is less
        tally_KC = np.zeros((3, shares.num_bins + 1), np.int64)
        shares.count_drawn(part, tally_KC, None)
        for threshold in range(3):
            places = np.rint((1 - values_BK[: len(part), threshold]) * shares.num_bins).astype(int)
            assert tally_KC[threshold].tolist() == np.bincount(places, minlength=shares.num_bins + 1).tolist()


@given(st.lists(st.integers(0, 6), min_size=1, max_size=12), st.floats(0, 1))
def test_quantiles_of_a_tally_are_numpys_of_what_was_counted(bins, p):
    tally_KC = np.array([np.bincount(bins, minlength=7), np.bincount([6 - place for place in bins], minlength=7)])
    expected = [np.quantile(bins, p), np.quantile([6 - place for place in bins], p)]
    assert _quantiles(tally_KC, p) == pytest.approx(np.array(expected), abs=1e-9)


@given(WHOLE, THRESHOLDS, st.sampled_from(AVERAGES), st.sampled_from(METHODS), st.booleans())
def test_shares_fall_as_the_threshold_rises_and_lie_in_their_band(tasks, thresholds, average, method, resample_tasks):
    found = performance_profile(
        tasks, sorted(thresholds), average=average, method=method, replicates=30, resample_tasks=resample_tasks
    )
    assert sorted(found.points, reverse=True) == list(found.points)
    if found.lows is None:
        assert found.highs is None
        assert "nothing is known" in " ".join(found.warnings)
    else:
        for low, point, high in zip(found.lows, found.points, found.highs, strict=True):
            assert 0 <= low <= point <= high <= 1
        flat = sum(map(np.equal, found.lows, found.highs))
        assert (f"At {flat} of {len(thresholds)} thresholds" in " ".join(found.warnings)) == (flat > 0)


@given(WHOLE, st.integers(0, 10))
def test_the_area_below_it_is_what_scores_do_not_lack_of_the_optimum(tasks, optimum):
    """Summed step by step from the least score: the profile holds the optimality gap."""
    least = min(map(min, tasks))
    steps = np.unique([least, *itertools.chain(*tasks), optimum])
    steps = steps[(steps >= least) & (steps <= optimum)]
    if len(steps) > 1:
        profile = performance_profile(tasks, steps[:-1], method="t")
        area = np.dot(profile.points, np.diff(steps))
        gap = aggregate(tasks, "optimality_gap", method="t", optimum=optimum).point
        assert area == pytest.approx(optimum - least - gap, abs=1e-9)


def counts_above(tasks, threshold):
    """The exact distribution of the share above: the seeds of every task are binomial, and tasks are independent."""
    shares = {Fraction(0): 1.0}
    for task in tasks:
        p = np.mean(np.asarray(task) > threshold)
        own = [
            (Fraction(count, len(task) * len(tasks)), stats.binom.pmf(count, len(task), p))
            for count in range(len(task) + 1)
        ]
        added: dict[Fraction, float] = {}
        for (value, likely), (more, chance) in itertools.product(shares.items(), own):
            added[value + more] = added.get(value + more, 0.0) + likely * chance
        shares = added
    values = sorted(shares)
    return np.array([float(value) for value in values]), np.cumsum([shares[value] for value in values])


@pytest.mark.parametrize("sizes", [(5,) * 4, (3, 7, 4), (9,)])
@pytest.mark.parametrize("method", ["expanded", "percentile"])
def test_bands_are_the_quantiles_of_the_exact_distribution(sizes, method):
    """Sums of binomials; an end lies between the quantiles five standard errors away, and a bin."""
    tasks, num = normal_scores(1, sizes), 20_000
    thresholds = np.linspace(0.2, 0.8, 13)
    found = performance_profile(tasks, thresholds, method=method, confidence=0.9, replicates=num)
    low_at, high_at = tails(sizes, method=method, confidence=0.9)
    for place, threshold in enumerate(thresholds):
        values, cumulated = counts_above(tasks, threshold)
        for end, p in ((found.lows[place], low_at), (found.highs[place], high_at)):
            margin = 5 * np.sqrt(p * (1 - p) / num)
            first, last = np.searchsorted(cumulated, [p - margin, p + margin])
            assert values[first] - 2e-4 <= end <= values[min(last, len(values) - 1)] + 2e-4


@pytest.mark.parametrize("sizes", [(3, 3), (2, 4)])
@pytest.mark.parametrize("resample_tasks", [False, True])
def test_bands_of_tasks_means_are_the_quantiles_of_all_resamples(sizes, resample_tasks):
    tasks, num = normal_scores(2, sizes), 20_000
    thresholds = [0.28, 0.33, 0.38]
    single = [list(itertools.product(task, repeat=len(task))) for task in tasks]
    chosen = list(itertools.product(range(2), repeat=2)) if resample_tasks else [(0, 1)]
    options = {"method": "percentile", "confidence": 0.6, "replicates": num, "resample_tasks": resample_tasks}
    found = performance_profile(tasks, thresholds, average="tasks", **options)
    for place, threshold in enumerate(thresholds):
        above = [np.array([np.mean(sample) > threshold for sample in samples]).mean() for samples in single]
        likely = np.zeros(3)
        for first, second in chosen:
            p, q = above[first], above[second]
            likely += np.array([(1 - p) * (1 - q), p * (1 - q) + q * (1 - p), p * q]) / len(chosen)
        cumulated = likely.cumsum()
        for end, p in ((found.lows[place], 0.2), (found.highs[place], 0.8)):
            margin = 5 * np.sqrt(p * (1 - p) / num)
            first, last = np.searchsorted(cumulated, [p - margin, p + margin])
            assert first / 2 <= end + 1e-9
            assert end - 1e-9 <= last / 2


@pytest.mark.parametrize("sizes", [(5,) * 4, (3, 7, 4)])
def test_students_bands_have_the_standard_error_of_shares(sizes):
    tasks, thresholds = normal_scores(3, sizes), [0.35, 0.45, 0.5]
    found = performance_profile(tasks, thresholds, method="t", confidence=0.8)
    t = stats.t.ppf(0.9, sum(sizes) - len(sizes))
    for place, threshold in enumerate(thresholds):
        rates = [np.mean(task > threshold) for task in tasks]
        variance = sum(p * (1 - p) / (size - 1) for p, size in zip(rates, sizes, strict=True)) / len(sizes) ** 2
        ends = np.mean(rates) + t * np.sqrt(variance) * np.array([-1, 1])
        assert [found.lows[place], found.highs[place]] == pytest.approx(ends.clip(0, 1))
    assert found.method == "Student t, stratified jackknife"


def test_students_bands_of_tasks_that_are_drawn_have_the_standard_error_of_their_mean():
    tasks, thresholds = normal_scores(4, (6,) * 5), [0.4, 0.5]
    found = performance_profile(tasks, thresholds, method="t", resample_tasks=True)
    for place, threshold in enumerate(thresholds):
        rates = [np.mean(task > threshold) for task in tasks]
        ends = stats.t.interval(0.95, 4, np.mean(rates), stats.sem(rates))
        assert [found.lows[place], found.highs[place]] == pytest.approx(np.clip(ends, 0, 1))


def test_with_tasks_resampled_the_band_is_wider():
    tasks = [task + place for place, task in enumerate(normal_scores(5))]
    fixed, drawn = (
        performance_profile(tasks, [1.0, 2.0], replicates=2_000, resample_tasks=flag) for flag in (False, True)
    )
    assert np.all(np.subtract(drawn.highs, drawn.lows) > 2 * np.subtract(fixed.highs, fixed.lows))


@pytest.mark.parametrize("sizes", [(5,) * 4, (3, 7, 4)])
@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("resample_tasks", [False, True])
def test_neither_order_nor_threads_nor_the_company_of_thresholds_change_a_digit(sizes, average, resample_tasks):
    tasks, thresholds = normal_scores(6, sizes), [0.3, 0.4, 0.5, 0.6]
    profile = functools.partial(
        performance_profile, average=average, replicates=9_000, resample_tasks=resample_tasks, missing=2
    )
    once = profile(tasks, thresholds)
    assert profile([task[::-1] for task in tasks[::-1]], thresholds, threads=2) == once
    alone = profile(tasks, thresholds[2:3])
    assert (alone.points, alone.lows, alone.highs) == (once.points[2:3], once.lows[2:3], once.highs[2:3])
    assert once.missing == 2
    turned = profile(tasks, thresholds[::-1])
    assert (turned.lows, turned.highs) == (once.lows[::-1], once.highs[::-1])


def test_a_band_without_width_and_one_seed_a_task_are_warned_of():
    beyond = performance_profile(normal_scores(7), [-5.0, 0.4, 5.0], replicates=100)
    assert (beyond.points[0], beyond.lows[0], beyond.points[2], beyond.highs[2]) == (1, 1, 0, 0)
    assert beyond.warnings == ("At 2 of 3 thresholds every resample gave the same share: the band has no width there.",)
    alone = performance_profile([[1.0], [2.0]], [1.5])
    assert (alone.points, alone.lows, alone.highs) == ((0.5,), None, None)
    assert alone.warnings == ("One seed a task: nothing is known of the spread between seeds.",)


def test_of_one_task_that_is_drawn_there_is_no_band_and_a_warning():
    found = performance_profile([[0.1, 0.2, 0.3, 0.4, 0.5]], [0.25], resample_tasks=True)
    assert (found.lows, found.highs) == (None, None)
    assert found.warnings == ("One task is drawn: nothing is known of the spread between tasks.",)
    few = performance_profile(normal_scores(8), [0.45], resample_tasks=True, replicates=50)
    assert few.warnings[0] == "Fewer than 5 tasks are drawn (4): little is known of other tasks."


def test_of_one_task_and_few_seeds_the_band_is_students_and_said_to_be():
    found = performance_profile([[0.1, 0.2, 0.3, 0.4]], [0.25])
    assert found.method == "Student t, stratified jackknife"
    assert "One task and fewer than 5 seeds: Student's interval is given instead of a bootstrap." in found.warnings


@pytest.mark.parametrize(
    ("tasks", "thresholds", "options", "message"),
    [
        ([], [0.5], {}, "at least one score"),
        ([[1.0, float("nan")]], [0.5], {}, "not finite"),
        ([[1.0, 2.0]], [], {}, "at least one"),
        ([[1.0, 2.0]], [[0.5]], {}, "one row of finite numbers"),
        ([[1.0, 2.0]], [float("inf")], {}, "one row of finite numbers"),
        ([[1.0, 2.0]], [0.5], {"average": "mean"}, r"Unknown average 'mean'\. Known: runs, tasks"),
        ([[1.0, 2.0]], [0.5], {"method": "bca"}, "Unknown method 'bca'. Known: expanded, percentile, t"),
        ([[1.0, 2.0, 3.0]] * 3, [0.5], {"replicates": 0}, "needs replicates"),
        ([[1.0, 2.0, 3.0]] * 3, [0.5], {"threads": 0}, "needs a thread"),
    ],
)
def test_what_has_no_profile_is_refused(tasks, thresholds, options, message):
    with pytest.raises(ValueError, match=message):
        performance_profile(tasks, thresholds, **options)
