from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlgauge.stats.improvement import probability_of_improvement
from rlgauge.stats.ranks import _aligned, _expected_ranks, _Field, _rank_shares, average_ranks, rank_distribution

RUNS = st.lists(st.integers(0, 4).map(float), min_size=1, max_size=4)
NAMES = "abcd"


@st.composite
def fields(draw, most=4):
    """Runs of two to four algorithms on one to three tasks; scores tie often, tasks differ in runs."""
    num_tasks = draw(st.integers(1, 3))
    return {name: [draw(RUNS) for _ in range(num_tasks)] for name in NAMES[: draw(st.integers(2, most))]}


def shares_of(by_algorithm):
    """By the definition, (tasks, algorithms, ranks): every combination of runs, those that tie sharing their ranks."""
    tasks = []
    for runs in zip(*by_algorithm.values(), strict=True):
        combinations = np.array(list(itertools.product(*runs)))
        shares = np.zeros((len(runs), len(runs)))
        for row in combinations:
            for place, score in enumerate(row):
                above, equal = np.sum(row > score), np.sum(row == score)
                shares[place, above : above + equal] += 1 / equal
        tasks.append(shares / len(combinations))
    return np.array(tasks)


def normal_runs(seed, sizes=(5, 5, 5), names="abc"):
    rng = np.random.default_rng(seed)
    return {name: [rng.normal(place * 0.3, 1, size) for size in sizes] for place, name in enumerate(names)}


@given(fields())
def test_the_distribution_is_that_of_all_combinations_of_runs(by_algorithm):
    expected = shares_of(by_algorithm)
    found = rank_distribution(by_algorithm, method="t")
    for place, distribution in enumerate(found.values()):
        assert [one.point for one in distribution.shares] == pytest.approx(expected.mean(0)[place], abs=1e-12)
        assert np.array(distribution.by_task) == pytest.approx(expected[:, place], abs=1e-12)


@given(fields())
def test_the_average_rank_is_the_mean_of_its_distribution_and_all_add_up(by_algorithm):
    ranks = np.arange(1, len(by_algorithm) + 1)
    found = [one.point for one in average_ranks(by_algorithm, method="t").values()]
    assert found == pytest.approx(shares_of(by_algorithm).mean(0) @ ranks, abs=1e-12)
    assert sum(found) == pytest.approx(ranks.sum())


@given(fields(most=2))
def test_of_two_algorithms_the_better_has_the_better_rank_by_the_probability_of_improvement(by_algorithm):
    ranks = average_ranks(by_algorithm, method="t")
    better = probability_of_improvement(candidate=by_algorithm["a"], baseline=by_algorithm["b"]).point
    assert ranks["a"].point == pytest.approx(2 - better, abs=1e-12)


@pytest.mark.parametrize("decimals", [0, 6])
def test_runs_drawn_at_random_as_rliables_authors_do_have_these_ranks_in_the_mean(decimals):
    """One run of each algorithm drawn 20,000 times a task, ties broken by chance; 5 standard errors."""
    rng = np.random.default_rng(5)
    by_algorithm = {name: [task.round(decimals) for task in tasks] for name, tasks in normal_runs(1).items()}
    num = 20_000
    found = rank_distribution(by_algorithm, method="t")
    for task in range(3):
        scores_AB = np.stack([rng.choice(tasks[task], num) for tasks in by_algorithm.values()])
        order_AB = np.lexsort((rng.random(scores_AB.shape), -scores_AB), axis=0)
        for place, name in enumerate(by_algorithm):
            drawn = np.mean(order_AB == place, axis=1)
            exact = np.array(found[name].by_task[task])
            assert np.all(np.abs(drawn - exact) <= 5 * np.sqrt(exact * (1 - exact) / num) + 1e-12)


@pytest.mark.parametrize("sizes", [(3, 3), (1, 4)])
@pytest.mark.parametrize("decimals", [0, 6])
def test_ranks_of_a_resample_are_those_of_the_runs_in_it(sizes, decimals):
    by_algorithm = {name: [task.round(decimals) for task in tasks] for name, tasks in normal_runs(2, sizes).items()}
    names, strata = _aligned(by_algorithm)
    field = _Field(strata)
    rng = np.random.default_rng(0)
    drawn = [one.draw(rng, 30) for one in strata]
    weights_BN = field.drawn(drawn)
    shares_BAK, ranks_BA1 = _rank_shares(field, weights_BN), _expected_ranks(field, weights_BN)
    for row in range(30):
        resampled = {
            name: np.split(np.concatenate(one.tasks)[drawn_BN[row]], one.starts_T[1:])
            for name, one, drawn_BN in zip(names, strata, drawn, strict=True)
        }
        expected = shares_of(resampled).mean(0)
        assert shares_BAK[row] == pytest.approx(expected, abs=1e-12)
        assert ranks_BA1[row, :, 0] == pytest.approx(expected @ [1, 2, 3], abs=1e-12)


def test_neither_any_order_nor_a_growing_function_of_scores_nor_threads_change_a_digit():
    by_algorithm = normal_runs(3, sizes=(5, 7, 6))
    once = average_ranks(by_algorithm, replicates=3_000)
    shares = rank_distribution(by_algorithm, replicates=500)
    other = {name: [np.exp(task[::-1]) for task in tasks[::-1]] for name, tasks in reversed(by_algorithm.items())}
    assert average_ranks(other, replicates=3_000, threads=2) == once
    found = rank_distribution(other, replicates=500, threads=2)
    for name, one in shares.items():
        assert found[name].shares == one.shares
        assert found[name].by_task == one.by_task[::-1]
    assert list(found) == list(other)


def test_the_interval_covers_the_rank_of_the_population():
    """A hundred runs a task are the population, five of them a study; 95 % within 4 standard errors."""
    population = normal_runs(4, sizes=(100,) * 5)
    truth = {name: one.point for name, one in average_ranks(population, method="t").items()}
    rng = np.random.default_rng(0)
    held = []
    for _ in range(150):
        study = {name: [rng.choice(task, 5) for task in tasks] for name, tasks in population.items()}
        held += [one.low <= truth[name] <= one.high for name, one in average_ranks(study, replicates=400).items()]
    assert 0.95 - 4 * np.sqrt(0.05 * 0.95 / 150) < np.mean(held) <= 1.0


@pytest.mark.parametrize("method", ["expanded", "percentile", "bca", "t"])
def test_no_end_lies_beyond_the_ranks_that_exist(method):
    by_algorithm = {"a": [[3.0, 4.0, 5.0, 3.5, 2.5]], "b": [[1.0, 2.0, 3.2, 0.5, 0.1]]}
    for one in average_ranks(by_algorithm, method=method, replicates=500).values():
        assert 1 <= one.low < one.point < one.high <= 2
    for distribution in rank_distribution(by_algorithm, method=method, replicates=500).values():
        assert all(0 <= one.low <= one.high <= 1 for one in distribution.shares)


def test_who_always_comes_first_has_an_interval_without_width_and_a_warning():
    first = average_ranks({"a": [[3.0, 4.0, 5.0, 6.0, 7.0]], "b": [[1.0, 2.0, 0.5, 0.1, 0.2]]}, replicates=200)["a"]
    assert (first.point, first.low, first.high) == (1, 1, 1)
    assert any("no width" in warning for warning in first.warnings)


def test_one_run_of_each_gives_no_interval_and_runs_that_are_copies_are_named():
    alone = average_ranks({"a": [[1.0], [2.0]], "b": [[2.0], [1.0]]}, missing=3)["a"]
    assert (alone.point, alone.low, alone.n, alone.missing) == (1.5, None, 4, 3)
    assert alone.warnings == ("One seed a task: nothing is known of the spread between seeds.",)
    scores = [0.12345678, 0.22345678, 0.32345678, 0.42345678, 0.12345678]
    copied = average_ranks({"a": [scores], "b": [[1.5, 2.5, 3.5, 4.5, 5.5]]}, replicates=100)["b"]
    assert "Some seeds of a task have exactly the same score: are they copies of one run?" in copied.warnings


@pytest.mark.parametrize(
    ("by_algorithm", "message"),
    [
        ({}, "none was given"),
        ({"ppo": [[1.0]]}, "two algorithms; ppo was given"),
        ({"a": [[1.0]], "b": [[1.0], [2.0]]}, "runs of every task"),
        ({"a": [[1.0]], "b": [[]]}, "at least one score"),
        ({"a": [[1.0]], "b": [[float("nan")]]}, "not finite"),
    ],
)
def test_what_cannot_be_ranked_is_refused(by_algorithm, message):
    with pytest.raises(ValueError, match=message):
        average_ranks(by_algorithm)
    with pytest.raises(ValueError, match=message):
        rank_distribution(by_algorithm)
