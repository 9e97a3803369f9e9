"""All that rliable 1.2.0 computes, against ours; and where it errs, against the definition.

Intervals of both are made of random numbers. Theirs must lie between ours at tails five standard errors wider and
narrower: what the quantiles of so many replicates, theirs and ours, deviate by.
"""

from __future__ import annotations

import importlib
import math
import re
import warnings
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from rliable import library, metrics, plot_utils
from scipy import stats

from rlgauge.core.reading import Curve
from rlgauge.stats.aggregate import aggregate, aggregates
from rlgauge.stats.improvement import probability_of_improvement
from rlgauge.stats.metrics import METRICS
from rlgauge.stats.profiles import performance_profile
from rlgauge.stats.sample_efficiency import sample_efficiency

SHAPES = [(1, 1), (1, 5), (2, 3), (3, 1), (5, 4), (7, 7), (10, 5), (4, 26), (50, 3)]
KINDS = ["normal", "tied", "skewed", "equal"]
PAGE = (Path(__file__).parents[2] / "docs" / "statistics.md").read_text()
OURS = 40_000
THEIRS = 4_000


def scores_of(kind, shape, seed=0):
    """Scores by run and task, as rliable has them; those that tie are rates of ten episodes."""
    rng = np.random.default_rng([seed, *shape])
    levels = np.linspace(0.3, 0.7, shape[1])
    match kind:
        case "normal":
            return rng.normal(levels, 0.1, shape)
        case "tied":
            return rng.binomial(10, levels, shape) / 10
        case "skewed":
            return rng.lognormal(np.log(levels), 1.0, shape) - 0.5
        case _:
            return np.full(shape, 0.7) + np.zeros(shape) * levels


def same(values):
    return pytest.approx(values, rel=1e-12, abs=1e-12)


def their_metrics(scores_RT):
    return np.array(
        [
            metrics.aggregate_iqm(scores_RT),
            metrics.aggregate_mean(scores_RT),
            metrics.aggregate_median(scores_RT),
            metrics.aggregate_optimality_gap(scores_RT),
        ]
    )


def theirs(scores, func, *, reps=THEIRS, **options):
    """Points and intervals; the global generator is the one that rliable draws from."""
    np.random.seed(0)  # noqa: NPY002
    points, intervals = library.get_interval_estimates({"it": scores}, func, reps=reps, **options)
    return points["it"], intervals["it"]


def their_mean(scores_RT):
    return np.array([metrics.aggregate_mean(scores_RT)])


def their_curve(scores_RTK):
    return np.array([metrics.aggregate_iqm(scores_RTK[..., step]) for step in range(scores_RTK.shape[2])])


def confidences(confidence, *, reps=THEIRS, bias_too=False):
    """A wider and a narrower one.

    The tail at p is off by sqrt(p (1 - p) / B); BCa's in addition by the normal's density there, times twice the
    error of the bias, which is sqrt(pi / 2 / B).
    """
    p = (1 - confidence) / 2
    variance = p * (1 - p)
    if bias_too:
        variance += 2 * math.pi * stats.norm.pdf(stats.norm.ppf(p)) ** 2
    margin = 5 * math.sqrt(variance * (1 / reps + 1 / OURS))
    assert margin < p
    return 1 - 2 * (p - margin), 1 - 2 * (p + margin)


def assert_between(interval, wide, narrow):
    low, high = interval
    assert wide.low - 1e-12 <= low <= narrow.low + 1e-12
    assert narrow.high - 1e-12 <= high <= wide.high + 1e-12


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_points_of_the_metrics_are_theirs(kind, shape):
    scores_RT = scores_of(kind, shape)
    found = aggregates(scores_RT.T, method="t")
    assert [found[metric].point for metric in METRICS] == same(their_metrics(scores_RT))
    for optimum in (0.5, 2.0, -1.0):
        gap = metrics.aggregate_optimality_gap(scores_RT, gamma=optimum)
        assert aggregate(scores_RT.T, "optimality_gap", method="t", optimum=optimum).point == same(gap)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("average", ["runs", "tasks"])
def test_points_of_profiles_are_theirs(kind, shape, average):
    scores_RT = scores_of(kind, shape)
    thresholds = np.concatenate([np.linspace(-0.55, 1.35, 20), [scores_RT.min() - 1, scores_RT.max()]])
    if average == "runs":
        thresholds = np.concatenate([thresholds, scores_RT[:, 0]])
    found = performance_profile(scores_RT.T, thresholds, average=average, method="t")
    one = library.run_score_deviation if average == "runs" else library.mean_score_deviation
    off_means = ~np.isclose(scores_RT.mean(0)[:, None], thresholds, rtol=0, atol=1e-9).any(0)
    keep = off_means if average == "tasks" else np.full(len(thresholds), fill_value=True)
    assert keep.sum() > 15
    assert np.array(found.points)[keep] == same([one(scores_RT, threshold) for threshold in thresholds[keep]])
    by_score = average == "runs"
    profiles, _ = library.create_performance_profile({"it": scores_RT}, thresholds[keep], by_score, reps=2)
    assert np.array(found.points)[keep] == same(profiles["it"])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shapes", [((1, 1), (1, 1)), ((5, 4), (5, 4)), ((3, 7), (9, 7)), ((20, 2), (1, 2))])
def test_points_of_the_probability_of_improvement_are_theirs(kind, shapes):
    x_RT, y_RT = (scores_of(kind, shape, seed) for seed, shape in enumerate(shapes))
    for candidate, baseline in ((x_RT, y_RT), (y_RT, x_RT), (x_RT, x_RT)):
        found = probability_of_improvement(candidate=candidate.T, baseline=baseline.T)
        assert found.point == same(metrics.probability_of_improvement(candidate, baseline))


@pytest.mark.parametrize("resample_tasks", [False, True])
@pytest.mark.parametrize(
    ("kind", "shape", "confidence"),
    [("normal", (5, 3), 0.95), ("tied", (10, 5), 0.95), ("skewed", (3, 6), 0.8), ("tied", (4, 9), 0.5)],
)
def test_percentile_intervals_of_the_metrics_are_theirs(kind, shape, confidence, resample_tasks):
    scores_RT = scores_of(kind, shape)
    options = {"task_bootstrap": resample_tasks, "confidence_interval_size": confidence}
    points, intervals = theirs(scores_RT, their_metrics, **options)
    wide, narrow = (
        aggregates(
            scores_RT.T, method="percentile", confidence=at, replicates=OURS, resample_tasks=resample_tasks, threads=2
        )
        for at in confidences(confidence)
    )
    for place, metric in enumerate(METRICS):
        assert wide[metric].point == same(points[place])
        assert_between(intervals[:, place], wide[metric], narrow[metric])


@pytest.mark.parametrize("kind", ["normal", "skewed"])
def test_bca_intervals_of_one_task_are_theirs(kind):
    """Of one task: see below for several."""
    scores_R1 = scores_of(kind, (12, 1))
    _, interval = theirs(scores_R1, their_mean, method="bca", confidence_interval_size=0.9)
    wide, narrow = (
        aggregate(scores_R1.T, "mean", method="bca", confidence=at, replicates=OURS)
        for at in confidences(0.9, bias_too=True)
    )
    assert_between(interval[:, 0], wide, narrow)


@pytest.mark.parametrize("average", ["runs", "tasks"])
@pytest.mark.parametrize("resample_tasks", [False, True])
@pytest.mark.parametrize("kind", ["normal", "tied"])
def test_percentile_bands_of_profiles_are_theirs(kind, resample_tasks, average):
    scores_RT = scores_of(kind, (5, 6))
    thresholds = np.linspace(0.111, 0.911, 17)
    np.random.seed(1)  # noqa: NPY002
    profiles, bands = library.create_performance_profile(
        {"it": scores_RT}, thresholds, average == "runs", task_bootstrap=resample_tasks, reps=THEIRS
    )
    wide, narrow = (
        performance_profile(
            scores_RT.T,
            thresholds,
            average=average,
            method="percentile",
            confidence=at,
            replicates=OURS,
            resample_tasks=resample_tasks,
        )
        for at in confidences(0.95)
    )
    assert np.array(wide.points) == same(profiles["it"])
    low_K, high_K = bands["it"]
    for lows, highs in ((np.array(wide.lows), low_K), (low_K, np.array(narrow.lows))):
        assert np.all(lows <= highs + 1e-12)
    for lows, highs in ((np.array(narrow.highs), high_K), (high_K, np.array(wide.highs))):
        assert np.all(lows <= highs + 1e-12)


@pytest.mark.parametrize(("kind", "shapes"), [("normal", ((5, 3), (8, 3))), ("tied", ((6, 2), (4, 2)))])
def test_percentile_intervals_of_the_probability_of_improvement_are_theirs(kind, shapes):
    x_RT, y_RT = (scores_of(kind, shape, seed) for seed, shape in enumerate(shapes))
    num = THEIRS // 4
    point, interval = theirs([x_RT, y_RT], metrics.probability_of_improvement, reps=num, confidence_interval_size=0.9)
    wide, narrow = (
        probability_of_improvement(
            candidate=x_RT.T, baseline=y_RT.T, method="percentile", confidence=at, replicates=OURS
        )
        for at in confidences(0.9, reps=num)
    )
    assert wide.point == same(point)
    assert_between(interval.ravel(), wide, narrow)


def learning(shape, seed=0):
    """Runs that differ throughout, by run, task and step."""
    rng = np.random.default_rng([seed, *shape])
    return rng.normal(0, 0.2, (*shape[:2], 1)) + rng.normal(0.1, 0.05, shape).cumsum(axis=2)


def curves_of(scores_RTK):
    steps = tuple(range(1, scores_RTK.shape[2] + 1))
    return [[Curve(steps, tuple(values_K)) for values_K in values_RK] for values_RK in scores_RTK.swapaxes(0, 1)]


def test_points_and_percentile_intervals_of_sample_efficiency_curves_are_theirs():
    scores_RTK = learning((6, 4, 5))
    points, intervals = theirs(scores_RTK, their_curve)
    wide, narrow = (
        sample_efficiency(curves_of(scores_RTK), method="percentile", confidence=at, replicates=OURS).summaries
        for at in confidences(0.95)
    )
    assert [one.point for one in wide] == same(points)
    for step in range(5):
        assert_between(intervals[:, step], wide[step], narrow[step])


def test_their_axis_of_a_profile_is_the_share_of_runs_at_or_below_the_threshold():
    scores = {name: scores_of("normal", (5, 4), seed) for seed, name in enumerate("abc")}
    thresholds = np.linspace(0, 1, 33)
    found = {name: performance_profile(one.T, thresholds, method="t").points for name, one in scores.items()}
    profiles = {name: np.array(points) for name, points in found.items()}
    axis, ticks, labels = plot_utils._non_linear_scaling(profiles, thresholds, [0.25, 0.5])
    assert axis == same(1 - np.mean(list(found.values()), axis=0))
    assert ticks == same([np.mean(np.stack(list(scores.values())) <= label) for label in labels])


@pytest.fixture(name="plt")
def pyplot():
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    yield plt
    plt.close("all")


def bars(axes):
    return [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in axes.patches if bar.get_alpha() != 0]


def lines(axes):
    return [line.get_ydata() for line in axes.lines]


def marks(axes):
    return [segment[0, 0] for collection in axes.collections for segment in collection.get_segments()]


def ends(found):
    return np.array([[one.low for one in found], [one.high for one in found]])


def test_their_figures_of_metrics_and_improvement_draw_our_numbers(plt):
    scores = {name: scores_of("normal", (5, 4), seed) for seed, name in enumerate("ab")}
    found = {name: list(aggregates(one.T, replicates=100).values()) for name, one in scores.items()}
    points = {name: [one.point for one in own] for name, own in found.items()}
    _, axes_M = plot_utils.plot_interval_estimates(points, {name: ends(own) for name, own in found.items()}, METRICS)
    for place, axes in enumerate(axes_M):
        drawn = [(own[place].low, own[place].high) for own in found.values()]
        assert np.array(bars(axes)) == same(np.array(drawn))
        assert marks(axes) == same([own[place].point for own in found.values()])
    better = probability_of_improvement(candidate=scores["a"].T, baseline=scores["b"].T)
    axes = plot_utils.plot_probability_of_improvement({"a,b": better.point}, {"a,b": ends([better])})
    assert np.array(bars(axes)) == same(np.array([(better.low, better.high)]))
    assert marks(axes) == same([better.point])


def test_their_figures_of_profiles_and_curves_draw_our_numbers(plt):
    scores_RT, scores_RTK = scores_of("normal", (5, 4)), learning((5, 4, 6))
    profile = performance_profile(scores_RT.T, np.linspace(0, 1, 9), replicates=100)
    _, axes = plt.subplots()
    band = {"it": np.array([profile.lows, profile.highs])}
    plot_utils.plot_performance_profiles({"it": profile.points}, profile.thresholds, band, ax=axes)
    assert lines(axes)[0] == same(profile.points)
    found = sample_efficiency(curves_of(scores_RTK), replicates=100)
    points = [one.point for one in found.summaries]
    _, axes = plt.subplots()
    plot_utils.plot_sample_efficiency_curve(found.steps, {"it": points}, {"it": ends(found.summaries)}, ax=axes)
    assert lines(axes)[0] == same(points)


def test_their_random_state_changes_nothing_and_ours_follows_from_the_data():
    scores_RT = scores_of("normal", (5, 4))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        np.random.seed(0)  # noqa: NPY002
        intervals = [
            library.get_interval_estimates(
                {"it": scores_RT}, their_mean, reps=50, random_state=np.random.RandomState(1)
            )[1]["it"]
            for _ in range(2)
        ]
    assert not np.array_equal(*intervals)
    state = np.random.get_state()[1].tolist()  # noqa: NPY002
    once = aggregate(scores_RT.T, "mean", replicates=50)
    assert np.random.get_state()[1].tolist() == state  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    assert aggregate(scores_RT.T, "mean", replicates=50) == once


def test_theirs_draws_other_runs_at_every_step_so_that_a_mean_over_steps_is_too_narrow_by_their_root():
    """Runs that never change: over 16 steps they say no more than at one. Ours draws the same runs at all steps."""
    scores_RT1 = scores_of("normal", (6, 4))[..., None]
    scores_RTK = np.repeat(scores_RT1, 16, axis=2)
    _, of_mean = theirs(scores_RTK, lambda scores_RTK: np.array([scores_RTK.mean()]))
    _, of_one = theirs(scores_RT1, lambda scores_RTK: np.array([scores_RTK.mean()]))
    assert np.ptp(of_mean) / np.ptp(of_one) == pytest.approx(1 / 4, rel=0.1)
    found = sample_efficiency(curves_of(scores_RTK), "mean", method="percentile", replicates=OURS).summaries
    assert len({(one.low, one.high) for one in found}) == 1
    assert (found[0].high - found[0].low) / np.ptp(of_one) == pytest.approx(1, rel=0.1)


def test_their_bca_of_several_tasks_depends_on_which_runs_share_a_row_and_ours_does_not():
    """Seeds are drawn task by task, so that a mean of 2 R scores has a sixth of their skewness over sqrt(2 R)."""
    task_R = scores_of("skewed", (8, 1))[:, 0]
    exact = stats.skew(task_R) / 6 / math.sqrt(2 * len(task_R))
    pairs = [np.stack([task_R, np.roll(task_R, shift)], axis=1) for shift in range(8)]
    found = [library.StratifiedBootstrap(pair)._bca_acceleration(their_mean, None).item() for pair in pairs]
    assert found[0] == same(math.sqrt(2) * exact)
    assert min(found) < 0.9 * exact
    assert len({aggregate(pair.T, "mean", method="bca", replicates=200) for pair in pairs}) == 1


@pytest.mark.parametrize(
    ("rates", "threshold"),
    [([0.1, 0.2], 0.15), ([0.1, 0.2, 0.3], 0.2), ([0.1, 0.1, 0.4], 0.2), ([-0.3, 0.1, 0.2], 0.0)],
)
def test_a_mean_that_is_the_threshold_is_not_above_it_and_theirs_is_by_rounding(rates, threshold):
    assert library.mean_score_deviation(np.array([rates]).T, threshold) == 1
    assert performance_profile([rates], [threshold], average="tasks").points == (0,)
    for apart in (-1e-9, 1e-9):
        share = performance_profile([rates], [threshold + apart], average="tasks").points[0]
        assert share == library.mean_score_deviation(np.array([rates]).T, threshold + apart) == (apart < 0)


def test_theirs_counts_a_run_without_score_as_one_below_every_threshold_and_ours_refuses_it():
    scores_RT = scores_of("normal", (5, 4))
    scores_RT[0, 0] = np.nan
    assert library.run_score_deviation(scores_RT, -1e9) == 19 / 20
    with pytest.raises(ValueError, match="a failed run has no score"):
        performance_profile(scores_RT.T, [-1e9])


def test_of_one_run_a_task_theirs_has_an_interval_without_width_and_ours_none():
    scores_1T = scores_of("normal", (1, 4))
    point, interval = theirs(scores_1T, their_mean, reps=50)
    assert interval.ravel() == same([point[0], point[0]])
    alone = aggregate(scores_1T.T, "mean")
    assert (alone.low, alone.high) == (None, None)
    assert "nothing is known of the spread between seeds" in alone.warnings[0]


def test_of_perfect_improvement_theirs_excludes_everything_else_and_ours_what_so_few_runs_can():
    """Five runs win against five with probability at most p^5."""
    x_RT, y_RT = np.arange(5.0)[:, None] + 10, np.arange(5.0)[:, None]
    _, interval = theirs([x_RT, y_RT], metrics.probability_of_improvement, reps=50)
    assert interval.ravel().tolist() == [1, 1]
    found = probability_of_improvement(candidate=x_RT.T, baseline=y_RT.T)
    assert (found.low, found.high) == same((0.025 ** (1 / 5), 1))


def test_the_page_says_of_all_that_rliable_offers_where_it_is():
    for module in (library, metrics, plot_utils):
        offered = [
            name
            for name, value in vars(module).items()
            if not name.startswith("_") and getattr(value, "__module__", "").startswith("rliable")
        ]
        assert len(offered) >= 4
        assert [name for name in offered if f"{name}`" not in PAGE and f"{name}(" not in PAGE] == []
    assert "`score_distributions`" in PAGE
    assert "`average_score_distributions`" in PAGE


def test_functions_are_in_the_modules_that_the_page_names():
    rows = re.findall(r"^\|[^|]*\|[^|]*\| ([^|]*) \| `(\w+)` \|$", PAGE, re.MULTILINE)
    assert len(rows) >= 13
    for functions, module in rows:
        home = importlib.import_module(f"rlgauge.stats.{module}")
        for name in re.findall(r"`(\w+)`", functions):
            assert getattr(home, name).__module__ == home.__name__
