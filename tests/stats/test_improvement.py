from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, special, stats

from rlgauge.stats.improvement import _contest, _table, improvement_by_task, probability_of_improvement

METHODS = ["logit-t", "percentile"]
SCORES = st.lists(st.integers(-3, 6).map(float), min_size=1, max_size=7)
GAMES = st.lists(st.tuples(SCORES, SCORES), min_size=1, max_size=4)


def improvement(candidate, baseline, **options):
    return probability_of_improvement(candidate=candidate, baseline=baseline, **options)


def normal_scores(seed, *, shift, sizes=((10, 10),) * 5):
    random = np.random.default_rng(seed)
    return [random.normal(shift, 1, m) for m, _ in sizes], [random.normal(0, 1, n) for _, n in sizes]


def counted(candidate, baseline):
    pairs = list(itertools.product(candidate, baseline))
    return (sum(x > y for x, y in pairs) + sum(x == y for x, y in pairs) / 2) / len(pairs)


def coverage(truth, summaries):
    return np.mean([summary.low <= truth <= summary.high for summary in summaries])


def test_a_better_candidate_is_above_a_half_and_a_worse_one_below():
    better, worse = [[3.0, 4.0, 5.0, 6.0, 7.0]], [[0.0, 1.0, 2.0, 3.5, 2.5]]
    assert improvement(better, worse).point == 24 / 25
    assert improvement(worse, better).point == 1 / 25


def test_the_direction_cannot_be_left_to_the_position():
    with pytest.raises(TypeError, match="positional"):
        probability_of_improvement([[1.0]], [[2.0]])


@given(GAMES)
def test_it_is_the_counted_share_of_pairs_averaged_over_tasks_of_any_lengths(games):
    candidate, baseline = zip(*games, strict=True)
    expected = np.mean([counted(*game) for game in games])
    assert improvement(candidate, baseline).point == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("decimals", [0, 6])
def test_on_one_task_it_is_mann_and_whitneys_u(decimals):
    random = np.random.default_rng(3)
    candidate, baseline = random.normal(1, 1, 13).round(decimals), random.normal(0, 2, 8).round(decimals)
    u = stats.mannwhitneyu(candidate, baseline).statistic
    assert improvement([candidate], [baseline]).point == u / (13 * 8)


@pytest.mark.parametrize("decimals", [0, 6])
def test_it_is_what_rliable_says(decimals):
    metrics = pytest.importorskip("rliable.metrics", exc_type=ImportError)
    random = np.random.default_rng(8)
    candidate_RT, baseline_RT = random.normal(1, 1, (7, 6)).round(decimals), random.normal(0, 1, (9, 6)).round(decimals)
    expected = metrics.probability_of_improvement(candidate_RT, baseline_RT)
    assert improvement(candidate_RT.T, baseline_RT.T).point == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("sizes", [((9, 14),), ((5, 5),) * 4, ((4, 12), (20, 3), (7, 7))])
def test_the_interval_is_brunner_and_munzels_on_the_log_odds(sizes):
    """The variances from ranks, as they wrote them; those of several tasks add up."""
    candidate, baseline = normal_scores(5, shift=0.8, sizes=sizes)
    terms, points = [], []
    for x, y in zip(candidate, baseline, strict=True):
        m, n = len(x), len(y)
        ranks = stats.rankdata([*x, *y])
        points.append((ranks[:m].mean() - (m + 1) / 2) / n)
        terms += [
            (np.var(ranks[:m] - stats.rankdata(x), ddof=1) / n**2 / m, m - 1),
            (np.var(ranks[m:] - stats.rankdata(y), ddof=1) / m**2 / n, n - 1),
        ]
    variance, point = sum(value for value, _ in terms), np.mean(points)
    df = variance**2 / sum(value**2 / degrees for value, degrees in terms)
    half = stats.t.ppf(0.95, df) * math.sqrt(variance) / len(sizes) / (point * (1 - point))
    summary = improvement(candidate, baseline, confidence=0.9)
    assert (summary.low, summary.high) == pytest.approx(special.expit(special.logit(point) + np.array([-half, half])))


@given(GAMES, st.sampled_from([0.5, 0.95]))
def test_exchanging_the_two_mirrors_point_and_interval(games, confidence):
    candidate, baseline = zip(*games, strict=True)
    ours = improvement(candidate, baseline, confidence=confidence)
    mirrored = improvement(baseline, candidate, confidence=confidence)
    assert (ours.low, ours.point, ours.high) == pytest.approx(
        (1 - mirrored.high, 1 - mirrored.point, 1 - mirrored.low), abs=1e-12
    )


@given(GAMES, st.sampled_from(METHODS), st.randoms())
def test_neither_the_order_of_runs_nor_a_growing_function_of_scores_changes_a_digit(games, method, random):
    candidate, baseline = zip(*games, strict=True)
    changed = [
        [[math.exp(score) - 7 for score in random.sample(scores, len(scores))] for scores in side]
        for side in (candidate, baseline)
    ]
    options = {"method": method, "replicates": 20}
    assert improvement(*changed, **options) == improvement(candidate, baseline, **options)


@given(GAMES)
def test_the_interval_lies_in_0_to_1_and_always_has_a_width(games):
    candidate, baseline = zip(*games, strict=True)
    summary = improvement(candidate, baseline)
    assert 0 <= summary.low < summary.high <= 1
    assert summary.low <= summary.point <= summary.high


@pytest.mark.parametrize("sizes", [((5, 5),) * 5, ((10, 30),), ((1, 1),)])
def test_where_every_run_wins_the_limit_is_that_of_as_many_coins_that_all_fell_alike(sizes):
    candidate, baseline = (
        [side + 100 * who for side in scores]
        for who, scores in (
            (1, normal_scores(1, shift=0, sizes=sizes)[0]),
            (0, normal_scores(1, shift=0, sizes=sizes)[1]),
        )
    )
    tosses = sum(min(size) for size in sizes)
    summary = improvement(candidate, baseline)
    assert (summary.low, summary.point, summary.high) == (pytest.approx(0.025 ** (1 / tosses)), 1.0, 1.0)
    assert "ended alike" in summary.warnings[-1]


@pytest.mark.parametrize(("sizes", "level"), [((4, 6), 1.0), ((3, 3, 3), 0.5)])
def test_where_all_tasks_end_alike_the_limit_is_the_least_mean_not_excluded(sizes, level):
    candidate = [np.full(size, level + 0.5) for size in sizes]
    baseline = [np.ones(size + 1) for size in sizes]
    summary = improvement(candidate, baseline)
    share, k = summary.point, np.array(sizes)
    for ours, weight in ((summary.low, share), (1 - summary.high, 1 - share)):
        least = optimize.minimize(  # over the logarithms of the probabilities of so uniform an outcome
            lambda log_q, weight=weight: weight * np.exp(log_q).mean(),
            np.full(len(k), math.log(0.025) / k.sum()),
            bounds=[(-20, 0)] * len(k),
            constraints={"type": "ineq", "fun": lambda log_q: k @ log_q - math.log(0.025)},
            options={"ftol": 1e-14, "maxiter": 1000},
        )
        assert ours == pytest.approx(least.fun, abs=1e-6)
    assert "ended alike" in summary.warnings[-1]


@pytest.mark.parametrize("num_tasks", [10, 50])
def test_of_one_run_a_task_the_interval_is_about_that_of_as_many_coins(num_tasks):
    rng = np.random.default_rng(num_tasks)
    missed = 0
    for _ in range(400):
        ours, theirs = rng.normal(size=(2, num_tasks, 1))
        summary = improvement(list(ours), list(theirs))
        missed += not summary.low <= 0.5 <= summary.high
    assert missed <= 400 * 0.05 + 2 * math.sqrt(400 * 0.05 * 0.95)
    won = [np.array([1.0])] * 29 + [np.array([-1.0])] * 21
    summary = improvement(won, [np.zeros(1)] * 50)
    exact = stats.binomtest(29, 50).proportion_ci(method="exact")
    assert (summary.low, summary.high) == pytest.approx((exact.low, exact.high), abs=0.01)


def test_a_near_perfect_record_excludes_nothing_that_a_perfect_one_does_not():
    baseline = [np.linspace(0, 1, 50)]
    perfect, near = np.linspace(2, 3, 50), np.linspace(2, 3, 50)
    near[0] = 0.99
    assert improvement([near], baseline).low <= improvement([perfect], baseline).low == pytest.approx(0.025**0.02)


@pytest.mark.parametrize("kind", ["normal", "lognormal", "bimodal", "success"])
@pytest.mark.parametrize("seeds", [5, 10])
def test_it_covers_the_truth_also_near_1_where_percentiles_do_not(kind, seeds):
    """600 studies of 5 tasks: two standard errors of a coverage of .95 are .018; most cells have .97."""
    random, studies, size = np.random.default_rng(seeds), 600, (600, 5, seeds)
    draw = {
        "normal": lambda shift, size: random.normal(shift, 1, size),
        "lognormal": lambda shift, size: random.lognormal(shift, 1, size),
        "bimodal": lambda shift, size: random.choice([0.0, 4.0], size) + random.normal(1.3 * shift, 0.5, size),
        "success": lambda shift, size: random.binomial(50, 0.5 + 0.09 * shift, size) / 50,
    }[kind]
    for shift in (0.0, 1.0, 3.0, 4.0):
        candidate, baseline = draw(shift, size), draw(0.0, size)
        others, theirs = np.sort(draw(shift, 200_000)), draw(0.0, 200_000)
        below = others.searchsorted(theirs, "left") + others.searchsorted(theirs, "right")
        truth = 1 - below.mean() / 4e5
        summaries = [improvement(candidate[i], baseline[i]) for i in range(studies)]
        assert coverage(truth, summaries) >= 0.93
        if kind == "normal" and shift == 4:
            resampled = [
                improvement(candidate[i], baseline[i], method="percentile", replicates=200) for i in range(200)
            ]
            assert coverage(truth, resampled) < 0.7
            assert truth > 0.99


def test_percentiles_are_those_of_all_possible_resamples():
    candidate, baseline = [[1.0, 3.0], [0.5, 0.7]], [[2.0, 3.0], [0.6, 0.6]]
    tables = [
        [counted(ours, theirs) for ours in itertools.product(x, repeat=2) for theirs in itertools.product(y, repeat=2)]
        for x, y in zip(candidate, baseline, strict=True)
    ]
    means = np.add.outer(*tables).ravel() / 2
    for confidence in (0.5, 0.8, 0.9):
        summary = improvement(candidate, baseline, method="percentile", confidence=confidence, replicates=200_000)
        expected = np.quantile(means, [0.5 - confidence / 2, 0.5 + confidence / 2])
        assert (summary.low, summary.high) == pytest.approx(expected)


def test_the_bootstrap_varies_as_theory_says():
    """Rows, columns and what they leave are drawn with replacement: the variance of the mean has a closed form."""
    (candidate,), (baseline,) = normal_scores(2, shift=0.3, sizes=((30, 20),))
    wins = (candidate[:, None] > baseline).astype(float)
    point, m, n = wins.mean(), 30, 20
    rows, columns = wins.mean(1).var() / m, wins.mean(0).var() / n
    both = (wins - wins.mean(1)[:, None] - wins.mean(0) + point).var() / (m * n)
    summary = improvement([candidate], [baseline], method="percentile", replicates=200_000, confidence=0.6826895)
    assert (summary.high - summary.low) / 2 == pytest.approx(math.sqrt(rows + columns + both), rel=0.02)


@pytest.mark.parametrize("method", METHODS)
def test_the_same_data_have_the_same_interval_and_other_data_another_seed(method):
    candidate, baseline = normal_scores(4, shift=0.5)
    options = {"method": method, "replicates": 300}
    assert improvement(candidate, baseline, **options) == improvement(candidate, baseline, **options)


def test_half_the_precision_is_used_only_where_it_changes_no_digit(monkeypatch):
    candidate, baseline = normal_scores(4, shift=0.5, sizes=((40, 7), (5, 60)))
    options = {"method": "percentile", "replicates": 500}
    short = improvement(candidate, baseline, **options)
    monkeypatch.setattr("rlgauge.stats.improvement._WHOLE_IN_FLOAT32", 0)
    assert improvement(candidate, baseline, **options) == short


def test_tables_whose_sums_need_more_digits_get_them():
    ours, theirs = np.arange(2_900.0), np.arange(2_900.0)
    assert _table(_contest("large", ours, theirs)).dtype == np.float64
    assert _table(_contest("small", ours, theirs[:2_000])).dtype == np.float32


def test_replicates_are_drawn_in_blocks_that_bound_memory():
    import tracemalloc

    candidate, baseline = normal_scores(4, shift=0.5, sizes=((100, 100),))
    tracemalloc.start()
    improvement(candidate, baseline, method="percentile", replicates=100_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 * 2**20 < 100_000 * 100 * 8


def test_tasks_without_runs_of_both_are_left_out_and_named():
    candidate, baseline = normal_scores(6, shift=1, sizes=((6, 7), (5, 5), (8, 5)))
    candidate[1] = []
    summary = improvement(candidate, baseline, tasks=["Ant", "Hopper", "Walker"])
    kept = improvement(candidate[::2], baseline[::2])
    assert (summary.point, summary.low, summary.high) == (kept.point, kept.low, kept.high)
    assert summary.warnings == ("Left out, for want of runs of both: Hopper.",)
    assert summary.n == 6 + 7 + 8 + 5


def test_without_any_task_of_both_there_is_no_answer():
    with pytest.raises(ValueError, match="no task has runs of both candidate and baseline; tasks: Ant, Hopper"):
        improvement([[1.0], []], [[], [2.0]], tasks=["Ant", "Hopper"])
    with pytest.raises(ValueError, match="tasks: none"):
        improvement([], [])


def test_few_runs_are_warned_of_and_one_run_counts_with_the_largest_variance():
    candidate, baseline = normal_scores(6, shift=0, sizes=((6, 7), (1, 9)))
    summary = improvement(candidate, baseline)
    assert summary.warnings == (
        "Fewer than 5 runs: 1 on task 1.",
        "One run shows no deviation, the largest possible is taken: task 1.",
    )
    first = improvement(candidate[:1], baseline[:1])
    assert summary.high - summary.low > first.high - first.low


def test_a_single_run_of_the_candidate_covers_the_truth():
    """1,000 studies of one run against 5: three standard errors of a coverage of .93 are .024."""
    random = np.random.default_rng(0)
    for shift in (0.0, 1.0, 3.0):
        truth = stats.norm.cdf(shift / math.sqrt(2))
        summaries = [improvement([random.normal(shift, 1, 1)], [random.normal(0, 1, 5)]) for _ in range(1_000)]
        assert coverage(truth, summaries) > 0.95


def test_percentiles_without_width_are_warned_of():
    summary = improvement([[2.0] * 5], [[1.0] * 5], method="percentile", replicates=50)
    assert (summary.low, summary.high) == (1.0, 1.0)
    assert "no width" in summary.warnings[-1]


def test_missing_runs_and_method_are_said():
    summary = improvement([[1.0, 2.0]], [[1.5, 3.0]], missing=3, method="percentile", confidence=0.8, replicates=10)
    assert (summary.missing, summary.method, summary.confidence, summary.n) == (3, "percentile", 0.8, 4)


def test_by_task_every_task_is_judged_alone_and_none_where_runs_lack():
    candidate, baseline = normal_scores(7, shift=1, sizes=((6, 7), (5, 5), (8, 5)))
    baseline[1] = np.array([])
    by_task = improvement_by_task(candidate=candidate, baseline=baseline, tasks=["a", "b", "c"], confidence=0.9)
    assert by_task[0] == improvement(candidate[:1], baseline[:1], confidence=0.9)
    assert by_task[1] is None
    assert by_task[2] == improvement(candidate[2:], baseline[2:], confidence=0.9)


@pytest.mark.parametrize(
    ("candidate", "baseline", "options", "sentence"),
    [
        ([[1.0]], [[1.0], [2.0]], {}, "one array a task: 1 of the candidate, 2 of the baseline"),
        ([[1.0]], [[1.0]], {"tasks": ["a", "b"]}, "2 tasks"),
        ([[1.0, math.nan]], [[1.0]], {}, "finite scores"),
        ([[[1.0]]], [[1.0]], {}, "one row"),
        ([[1.0]], [[1.0]], {"method": "bca"}, "Unknown method 'bca'"),
        ([[1.0]], [[1.0]], {"method": "percentile", "replicates": 0}, "needs replicates"),
        ([[1.0]], [[1.0]], {"confidence": 95}, "between 0 and 1"),
    ],
)
def test_what_cannot_be_compared_is_refused(candidate, baseline, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        improvement(candidate, baseline, **options)
