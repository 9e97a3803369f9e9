from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from msgspec.structs import replace

from rlgauge.compare.quantity import quantity_of
from rlgauge.compare.references import Normalisation
from rlgauge.report.best import difference_p_value, mark_best, mark_best_overall
from rlgauge.report.lines import Line, make_line
from rlgauge.report.overall import Overall
from rlgauge.report.overview import make_overview
from rlgauge.report.question import Question
from rlgauge.report.scored import score_runs
from rlgauge.report.sections.answer import section
from rlgauge.report.tables import tables
from rlgauge.stats.aggregate import aggregates
from rlgauge.stats.summary import Summary
from tests.compare.making import seeds

RETURN = quantity_of("return", "reward")
DRAW = np.random.default_rng(5)
SCORES = {
    (group, task): DRAW.normal(mean, 1.0, 6).tolist()
    for group, mean in (("a", 0.0), ("b", 0.6), ("c", 3.0), ("d", 3.2))
    for task in ("One", "Two", "Three")
}


def lines(scores: dict[tuple[str, str], list[float]]) -> list[Line]:
    found = []
    for (group, task), values in scores.items():
        runs = score_runs(seeds(values, algorithm=group, task=task), RETURN, Question(), []).seeds
        found.append(make_line(runs, RETURN, Question()))
    return found


def marked(scores: dict[tuple[str, str], list[float]], *, less: bool = False) -> dict[tuple[str, str], bool | None]:
    found, _ = mark_best(lines(scores), scores, less_is_better=less)
    return {(line.group, line.task): line.is_best for line in found}


def by_holm(p_values: list[float]) -> np.ndarray:
    """Which hypotheses are rejected: the smallest p-values as long as each is at most 0.05 over how many are left."""
    order = np.argsort(p_values)
    is_small = np.sort(p_values) <= 0.05 / np.arange(len(p_values), 0, -1)
    rejected = np.zeros(len(p_values), dtype=bool)
    rejected[order[: int(np.argmin([*is_small, False]))]] = True
    return rejected


@pytest.mark.parametrize("less", [False, True])
def test_what_is_bold_is_what_scipys_tests_and_holm_do_not_find_worse(less):
    choose = min if less else max
    best = {task: choose("abcd", key=lambda group: np.mean(SCORES[group, task])) for task in ("One", "Two", "Three")}
    rivals = [(group, task) for group, task in SCORES if group != best[task]]
    p_values = [scipy.stats.ttest_ind(SCORES[g, t], SCORES[best[t], t], equal_var=False).pvalue for g, t in rivals]
    rejected = by_holm([p * len("abcd") / 2 for p in p_values])
    expected = {(group, task): True for task, group in best.items()} | dict(zip(rivals, ~rejected, strict=True))
    assert marked(SCORES, less=less) == expected
    assert 0 < sum(rejected) < len(rivals)


def test_what_cannot_be_tested_is_not_bold_and_is_told():
    scores = {("a", "One"): [1.0], ("b", "One"): [2.0], ("a", "Two"): [3.0, 3.0], ("b", "Two"): [4.0, 4.0]}
    found, told = mark_best(lines(scores), scores, less_is_better=False)
    assert [line.is_best for line in found] == [None] * 4
    how = "could not be tested over training seeds against the best of the task"
    assert told == [f"a on One {how}: it takes two of either.", f"a on Two {how}: all seeds of either have one score."]


def test_single_runs_are_not_said_to_be_untested_one_by_one():
    scores = {("a", "One"): [1.0], ("b", "One"): [2.0]}
    assert mark_best(lines(scores), scores, less_is_better=False) == (lines(scores), [])


def test_groups_that_all_have_one_score_are_each_the_best():
    scores = {(group, "One"): [-200.0] * 3 for group in "ab"} | {("c", "One"): [-300.0, -310.0, -305.0]}
    found, told = mark_best(lines(scores), scores, less_is_better=False)
    assert [line.is_best for line in found] == [True, True, False]
    assert told == []


def test_where_scores_are_normalised_these_are_compared():
    """Each run by references of its own, so that the highest return is not the highest normalised one."""
    returns = {"a": [440.0, 442.0, 444.0], "b": [2670.0, 2675.0, 2680.0]}
    runs = [
        replace(one, references={"expert": expert})
        for (name, values), expert in zip(returns.items(), (400.0, 2700.0), strict=True)
        for one in seeds(values, algorithm=name)
    ]
    found = make_overview(runs, Question(normalisation=Normalisation(0.0, "expert")))
    assert [line.is_best for line in found.lines] == [True, False]
    scores, *_ = tables(found)
    assert scores.header[4].startswith("normalised")
    assert scores.bold == {(0, 4)}
    (answer, *_) = section(found).body
    assert answer.question == "Which of a and b has the higher normalised return on CartPole-v1?"


def test_the_best_of_many_alike_shows_one_to_be_worse_no_more_often_than_it_says():
    """The best was chosen by the data: without that, 8 alike on one task are told apart in a tenth of the studies."""
    draw = np.random.default_rng(0)
    studies = [{(name, "One"): draw.normal(size=10).tolist() for name in "abcdefgh"} for _ in range(400)]
    num_false = sum(not all(marked(scores).values()) for scores in studies)
    assert num_false <= scipy.stats.binom.ppf(0.999, len(studies), 0.05)


def test_equal_means_are_bold_both():
    scores = {("a", "One"): [1.0, 3.0], ("b", "One"): [2.0, 2.5, 1.5]}
    assert marked(scores) == {("a", "One"): True, ("b", "One"): True}


def overall(group: str, scores_by_task: list[np.ndarray], tasks: tuple[str, ...] = ("One", "Two")) -> Overall:
    num = sum(map(len, scores_by_task))
    return Overall(
        group=group,
        tasks=list(tasks),
        num_tasks=len(tasks),
        num_runs=num,
        num_missing=0,
        unmeasured={},
        metrics=aggregates(scores_by_task, replicates=2000),
        degrees=num - len(tasks),
    )


def scores(mean: float, seed: int, deviation: float = 0.1) -> list[np.ndarray]:
    draw = np.random.default_rng(seed)
    return [draw.normal(mean, deviation, 10) for _ in range(2)]


def test_over_all_tasks_what_is_not_shown_to_be_worse_is_marked_in_every_metric():
    rows, told = mark_best_overall(
        [overall("best", scores(0.9, 1)), overall("near", scores(0.88, 2)), overall("far", scores(0.4, 3))],
        less_is_better=False,
    )
    assert told == []
    for row, expected in zip(rows, (True, True, False), strict=True):
        assert row.best == dict.fromkeys(("iqm", "mean", "median", "optimality_gap"), expected)


def test_where_less_is_better_the_smallest_is_the_best_but_for_the_gap():
    rows, _ = mark_best_overall(
        [overall("small", scores(0.2, 1)), overall("large", scores(0.8, 2))], less_is_better=True
    )
    assert rows[0].best == {"iqm": True, "mean": True, "median": True, "optimality_gap": False}
    assert rows[1].best == {"iqm": False, "mean": False, "median": False, "optimality_gap": True}


def test_rows_of_unequal_tasks_are_not_compared():
    rows, told = mark_best_overall(
        [overall("a", scores(0.9, 1)), overall("b", scores(0.1, 2), ("One", "Three"))], less_is_better=False
    )
    assert [row.best for row in rows] == [{}, {}]
    assert told == ["Over all tasks none is marked as best: not all have a score on the same tasks."]


def test_rows_without_intervals_or_of_no_width_are_not_compared():
    single = [overall(name, [np.array([value])] * 2) for name, value in (("a", 0.3), ("b", 0.3))]
    constant = [overall(name, [np.full(3, value)] * 2) for name, value in (("a", 1 / 3), ("b", 0.7))]
    for rows in (single, constant):
        assert [row.best for row in mark_best_overall(rows, less_is_better=False)[0]] == [{}, {}]


def test_one_row_is_not_marked():
    assert mark_best_overall([overall("a", scores(0.9, 1))], less_is_better=False)[0][0].best == {}


def test_the_p_value_is_welchs_where_the_intervals_are_students():
    ours, theirs = [1.0, 2.0, 4.0, 4.5], [3.0, 5.0, 5.5, 6.0, 8.0]
    rows = []
    for name, values in (("a", ours), ("b", theirs)):
        low, high = scipy.stats.t.interval(0.95, len(values) - 1, np.mean(values), scipy.stats.sem(values))
        summary = Summary(point=float(np.mean(values)), low=low, high=high, n=len(values), method="Student t")
        rows.append(
            Overall(
                group=name,
                tasks=["One"],
                num_tasks=1,
                num_runs=len(values),
                num_missing=0,
                unmeasured={},
                metrics={"mean": summary},
                degrees=len(values) - 1,
            )
        )
    expected = scipy.stats.ttest_ind(ours, theirs, equal_var=False).pvalue
    assert difference_p_value(*rows, "mean") == difference_p_value(*rows[::-1], "mean") == pytest.approx(expected)


def test_equal_algorithms_are_seldom_told_apart():
    draw, num = np.random.default_rng(0), 150
    p_values = []
    for _ in range(num):
        sides = [draw.binomial(50, 0.7, (5, 5)) / 50 for _ in range(2)]
        rows = [
            Overall(
                group=name,
                tasks=list("abcde"),
                num_tasks=5,
                num_runs=25,
                num_missing=0,
                unmeasured={},
                metrics=aggregates(list(side), ("iqm", "mean"), replicates=500),
                degrees=20,
            )
            for name, side in zip("ab", sides, strict=True)
        ]
        p_values.append([difference_p_value(*rows, metric) for metric in ("iqm", "mean")])
    shares = (np.array(p_values) < 0.05).mean(axis=0)
    assert (shares <= 0.05 + 3 * (0.05 * 0.95 / num) ** 0.5).all()
