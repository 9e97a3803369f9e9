from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlgauge.core.reading import Curve
from rlgauge.stats.normalise import Reference
from rlgauge.stats.table import Scores, Table

SCORE = st.one_of(st.none(), st.integers(-5, 9).map(float))
ALGORITHMS, TASKS = ["ppo", "sac", "td3"], ["Ant", "Hopper"]


@st.composite
def keyed(draw, *insides):
    """Scores of some runs, of each at some steps or episodes, in any order."""
    names = ["algorithm", "task", "seed", *insides]
    keys = st.tuples(st.sampled_from(ALGORITHMS), st.sampled_from(TASKS), *[st.integers(0, 3)] * (len(names) - 2))
    scores = draw(st.dictionaries(keys, SCORE, min_size=1, max_size=25))
    return names, scores


def rows_of(names, scores):
    return [{**dict(zip(names, key, strict=True)), "score": score} for key, score in scores.items()]


def row(algorithm="ppo", task="Hopper", seed=0, score=1.0, **inside):
    return {"algorithm": algorithm, "task": task, "seed": seed, "score": score, **inside}


def flat(scores):
    """Scores and how many are missing, by algorithm, task and seed."""
    found = {}
    for algorithm, (place, task) in itertools.product(scores.algorithms, enumerate(scores.tasks)):
        seeds = scores.seeds(algorithm, task)
        found |= {
            (algorithm, task, seed): score
            for seed, score in zip(seeds, scores.of(algorithm)[place].tolist(), strict=True)
        }
    return found, {algorithm: scores.missing(algorithm) for algorithm in scores.algorithms}


@given(keyed())
def test_scores_are_those_of_the_rows_and_runs_without_score_are_counted(given_rows):
    names, scores = given_rows
    found, missing = flat(Table.from_rows(rows_of(names, scores)).scores())
    assert found == {key: score for key, score in scores.items() if score is not None}
    assert missing == {
        name: sum(key[0] == name and score is None for key, score in scores.items())
        for name in {key[0] for key in scores}
    }


@given(keyed(), st.integers(-9, 0).map(float))
def test_failed_runs_have_the_declared_score_and_are_counted_all_the_same(given_rows, floor):
    table = Table.from_rows(rows_of(*given_rows))
    found, missing = flat(table.scores(failed=floor))
    assert found == {key: floor if score is None else score for key, score in given_rows[1].items()}
    assert missing == flat(table.scores())[1]


@given(keyed("episode"))
def test_a_run_has_the_mean_of_its_episodes_and_none_if_one_of_them_has_none(given_rows):
    names, scores = given_rows
    runs = {}
    for key, score in scores.items():
        runs.setdefault(key[:3], []).append(score)
    means = {key: None if None in own else float(sum(map(Fraction, own)) / len(own)) for key, own in runs.items()}
    found, missing = flat(Table.from_rows(rows_of(names, scores)).mean_over("episode").scores())
    assert found == pytest.approx({key: mean for key, mean in means.items() if mean is not None}, rel=1e-15)
    assert sum(missing.values()) == list(means.values()).count(None)


@given(keyed("step", "episode"))
def test_episodes_and_steps_may_go_in_either_order(given_rows):
    table = Table.from_rows(rows_of(*given_rows))
    step = next(iter(given_rows[1]))[3]
    for last in (Table.last_step, lambda some: some.at_step(step)):
        first, second = last(table.mean_over("episode")), last(table).mean_over("episode")
        assert flat(first.scores()) == flat(second.scores())


@given(keyed("step", "episode"))
def test_the_mean_over_steps_is_that_of_each_episode(given_rows):
    names, scores = given_rows
    found = Table.from_rows(rows_of(names, scores)).mean_over("step")
    assert found.dimensions == ("algorithm", "task", "seed", "episode")
    by_hand = Table.from_rows(
        [{**line, "episode": line["step"], "step": line["episode"]} for line in rows_of(names, scores)]
    )
    episode = next(iter(scores))[4]
    assert flat(Table.from_rows(relabelled(found)).at_step(episode).scores()) == flat(
        by_hand.mean_over("episode").at_step(episode).scores()
    )


def relabelled(table):
    """The rows of a table, whose episodes are called steps."""
    return [
        {**dict(zip(("algorithm", "task", "seed", "step"), key, strict=True)), "score": score}
        for key, score in table._rows.items()
    ]


def test_a_step_that_no_run_has_is_refused_with_the_three_nearest():
    table = Table.from_rows([row(step=step) for step in (0, 100, 200, 300, 1e6)])
    with pytest.raises(ValueError, match=r"no row is at step 220; the nearest are 100, 200, 300"):
        table.at_step(220)


@given(keyed("step"), st.integers(0, 3))
def test_at_a_step_a_run_has_its_score_there_or_is_missing(given_rows, step):
    names, scores = given_rows
    table = Table.from_rows(rows_of(names, scores))
    if step not in {key[3] for key in scores}:
        with pytest.raises(ValueError, match=f"no row is at step {step}; the nearest are"):
            table.at_step(step)
        return
    found, missing = flat(table.at_step(step).scores())
    assert found == {key[:3]: score for key, score in scores.items() if key[3] == step and score is not None}
    assert len(found) + sum(missing.values()) == len({key[:3] for key in scores})


@given(keyed("step"))
def test_the_last_step_is_that_of_the_algorithm_on_the_task(given_rows):
    names, scores = given_rows
    lasts = {}
    for key in scores:
        lasts[key[:2]] = max(lasts.get(key[:2], -1), key[3])
    found, missing = flat(Table.from_rows(rows_of(names, scores)).last_step().scores())
    at_end = {key[:3]: score for key, score in scores.items() if key[3] == lasts[key[:2]] and score is not None}
    assert found == at_end
    assert len(found) + sum(missing.values()) == len({key[:3] for key in scores})


@given(keyed("step"), st.sampled_from(ALGORITHMS))
def test_curves_hold_every_step_that_was_scored_in_rising_order(given_rows, algorithm):
    names, scores = given_rows
    table = Table.from_rows(rows_of(names, scores))
    if algorithm not in {key[0] for key in scores}:
        with pytest.raises(ValueError, match=f"Unknown algorithm '{algorithm}'"):
            table.curves(algorithm)
        return
    curves = table.curves(algorithm)
    assert len(curves) == len({key[1] for key in scores})
    for task, runs in zip(sorted({key[1] for key in scores}), curves, strict=True):
        expected = []
        for seed in dict.fromkeys(key[2] for key in scores if key[:2] == (algorithm, task)):
            own = sorted((key[3], score) for key, score in scores.items() if key[:3] == (algorithm, task, seed))
            own = [point for point in own if point[1] is not None]
            expected.append(Curve(tuple(step for step, _ in own), tuple(score for _, score in own)))
        assert list(runs) == expected


def test_tasks_and_algorithms_are_in_the_order_of_their_names_and_seeds_as_they_came():
    table = Table.from_rows(
        [row("b", "z", 7, 3.0), row("b", "a", 1, 1.0), row("a", "z", 0, 2.0), row("b", "z", 2, 4.0)]
    )
    scores = table.scores()
    assert (scores.algorithms, scores.tasks) == (("a", "b"), ("a", "z"))
    assert [task.tolist() for task in scores.of("b")] == [[1], [3, 4]]
    assert [task.tolist() for task in scores.of("a")] == [[], [2]]
    assert (scores.seeds("b", "z"), scores.seeds("a", "a")) == ((7, 2), ())


def test_paired_scores_are_those_of_the_seeds_that_both_have():
    rows = [row("a", seed=seed, score=10.0 + seed) for seed in (3, 1, 2)]
    rows += [row("b", seed=seed, score=20.0 + seed) for seed in (2, 4, 3)] + [row("b", "Ant", 3, 1.0)]
    ours, theirs = Table.from_rows(rows).scores().paired("a", "b")
    assert [task.tolist() for task in ours] == [[], [13, 12]]
    assert [task.tolist() for task in theirs] == [[], [23, 22]]


def test_a_failed_run_has_no_pair():
    scores = Table.from_rows([row("a"), row("b", score=None), row("a", seed=1), row("b", seed=1, score=2.0)]).scores()
    assert [[task.tolist() for task in side] for side in scores.paired("a", "b")] == [[[1.0]], [[2.0]]]


@given(keyed(), st.sets(st.sampled_from(ALGORITHMS)), st.sets(st.sampled_from(TASKS)))
def test_what_is_selected_keeps_its_scores_and_its_failures(given_rows, algorithms, tasks):
    scores = Table.from_rows(rows_of(*given_rows)).scores()
    algorithms, tasks = algorithms & set(scores.algorithms), tasks & set(scores.tasks)
    found, missing = flat(scores.select(algorithms=algorithms, tasks=tasks))
    assert found == {key: score for key, score in flat(scores)[0].items() if key[0] in algorithms and key[1] in tasks}
    failed = [key for key, score in given_rows[1].items() if score is None and key[0] in algorithms and key[1] in tasks]
    assert sum(missing.values()) == len(failed)
    assert flat(scores.select()) == flat(scores)


def test_selecting_what_is_not_there_is_refused_with_a_suggestion():
    scores = Table.from_rows([row()]).scores()
    with pytest.raises(ValueError, match=r"Unknown algorithm 'pp'\. Did you mean 'ppo'\? Known: ppo"):
        scores.select(algorithms=["pp"])
    with pytest.raises(ValueError, match=r"Unknown task 'Hoper'\. Did you mean 'Hopper'\?"):
        scores.select(tasks=["Hoper"])
    for refused in (lambda: scores.of("sac"), lambda: scores.missing("sac"), lambda: scores.paired("ppo", "sac")):
        with pytest.raises(ValueError, match="Unknown algorithm 'sac'"):
            refused()
    with pytest.raises(ValueError, match="Unknown task 'Ant'"):
        scores.seeds("ppo", "Ant")


@given(keyed())
def test_scores_are_normalised_task_by_task_and_failures_stay(given_rows):
    references = {"Ant": Reference(-5, 9), "Hopper": Reference(10, 0)}
    scores = Table.from_rows(rows_of(*given_rows)).scores()
    found, missing = flat(scores.normalised(references))
    raw, failed = flat(scores)
    assert found == {key: references[key[1]].normalised(score) for key, score in raw.items()}
    assert missing == failed


def test_a_task_whose_scores_lie_beyond_its_references_is_a_doubt_that_stays():
    scores = Table.from_rows([row(score=1.0), row(task="Ant", score=300.0), row(task="Ant", seed=1)]).scores()
    found = scores.normalised({"Hopper": Reference(0, 1), "Ant": Reference(0, 100), "Pong": Reference(0, 1)})
    assert len(found.doubts) == 1
    assert found.doubts[0].startswith("A normalised score of Ant is 3: do the references")
    assert found.select(tasks=["Hopper"]).doubts == found.doubts
    again = found.normalised({"Hopper": Reference(0, 1), "Ant": Reference(0, 3)})
    assert again.doubts == found.doubts


def test_every_task_needs_references_also_one_whose_runs_all_failed():
    scores = Table.from_rows([row(), row(task="Ant", score=None)]).scores()
    with pytest.raises(ValueError, match="no reference scores of Ant"):
        scores.normalised({"Hopper": Reference(0, 1)})


def test_an_array_that_was_given_out_is_no_way_to_change_the_scores():
    scores = Table.from_rows([row()]).scores()
    scores.of("ppo")[0][:] = 7.0
    assert scores.of("ppo")[0].tolist() == [1.0]
    cells = {("a", "t"): {0: 1.0}}
    kept = Scores(cells, {})
    cells[("a", "t")][0] = 2.0
    assert kept.of("a")[0].tolist() == [1.0]


def test_names_are_text_and_numbers_are_read_from_text():
    table = Table.from_rows([row(1, 2.5, "0", "3.5", step="10"), row("1", "2.5", "1", np.float32(0.5), step=10)])
    scores = table.at_step(10.0).scores()
    assert (scores.algorithms, scores.tasks, scores.of("1")[0].tolist()) == (("1",), ("2.5",), [3.5, 0.5])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "there are no rows"),
        ([row(), row()], "two rows of algorithm ppo, task Hopper, seed 0: give the rows their step or episode; rows"),
        ([{"algorithm": "a", "task": "t", "score": 1}] * 2, "give the rows their seed or step or episode"),
        ([row(step=1, episode=0)] * 2, "seed 0, step 1, episode 0; rows that are not told apart would count as runs"),
        ([row(), {"algorithm": "a", "task": "t", "seed": 1}], "a row lacks score, which all rows have"),
        ([row(episode=0), row(seed=1)], "a row lacks episode, which all rows have"),
        ([row(sede=1)], "Unknown dimension 'sede'. Did you mean 'seed'"),
        ([row(score=math.nan)], r"the score of .* is nan; a failed run has the score None"),
        ([row(score="inf")], r"is inf; a failed run has the score None"),
        ([row(score="many")], "'many' is no number"),
        ([row(seed=math.nan)], "the seed of a row is nan: rows that are not told apart"),
        ([row(episode=math.inf)], "the episode of a row is inf"),
        ([row(step="nan")], "the step of a row is nan"),
        ([row(step="last")], "'last' is no number"),
        ([row(step=10), row(step="10")], "two rows of algorithm ppo, task Hopper, seed 0, step 10"),
    ],
)
def test_rows_that_could_be_mistaken_are_refused(rows, message):
    with pytest.raises(ValueError, match=message):
        Table.from_rows(rows)


def test_runs_are_what_remains_when_steps_and_episodes_are_gone():
    table = Table.from_rows([row(step=10, episode=0)])
    with pytest.raises(ValueError, match=r'rows of episodes are no runs: take mean_over\("episode"\) first'):
        table.scores()
    with pytest.raises(ValueError, match=r"rows of steps are no runs: take at_step\(...\) or last_step\(\) first"):
        table.mean_over("episode").scores()
    with pytest.raises(ValueError, match="runs have an algorithm, a task and a seed; these rows have task, seed"):
        Table.from_rows([{"task": "t", "seed": 0, "score": 1}]).scores()
    with pytest.raises(ValueError, match="the rows have no episode; they have algorithm, task, seed, step"):
        table.mean_over("episode").mean_over("episode")
    with pytest.raises(ValueError, match="the rows have no step"):
        Table.from_rows([row()]).last_step()
    with pytest.raises(
        ValueError, match=r"curves need an algorithm, a task, a seed and a step; these rows have .*episode"
    ):
        table.curves("ppo")


@pytest.mark.parametrize("failed", ["drop", "0", math.nan, math.inf])
def test_a_floor_is_declared_as_a_finite_score(failed):
    with pytest.raises(ValueError, match='give "exclude", or a finite score that failed runs count with'):
        Table.from_rows([row()]).scores(failed=failed)
