from __future__ import annotations

import numpy as np
import scipy.stats
from msgspec.structs import replace

from rlgauge.compare.references import Normalisation
from rlgauge.report.overview import make_overview
from rlgauge.report.question import Question
from rlgauge.report.sections import answer
from rlgauge.report.sections.checkpoints import verdicts
from tests.compare.making import checkpoint, seeds

DRAW = np.random.default_rng(3)
EASE = DRAW.normal(0.0, 10.0, 20)


def of(*readings):
    return make_overview(list(readings), Question())


def played(name, mean, *, task="T", first_seed=100):
    episodes = (EASE + DRAW.normal(mean, 1.0, len(EASE))).tolist()
    return checkpoint(episodes, algorithm=name, task=task, first_seed=first_seed, kind="evaluate")


def test_of_two_policies_the_better_one_is_named_by_their_pairs_of_episodes():
    better, worse = played("b", 2.0), played("a", 0.0)
    gains = [
        one.values["return"] - other.values["return"] for one, other in zip(better.records, worse.records, strict=True)
    ]
    low, high = scipy.stats.t.interval(0.95, len(gains) - 1, np.mean(gains), scipy.stats.sem(gains))
    (told,) = verdicts(of(better, worse))
    assert told == (
        f"b is better than a over the same 20 episodes: return {np.mean(gains):.2f} [{low:.2f}, {high:.2f}] apart."
    )


def test_of_policies_that_played_other_episodes_nothing_is_shown_by_pairs():
    (told,) = verdicts(of(played("b", 2.0), played("a", 0.0, first_seed=500)))
    assert told.startswith("Neither b nor a is shown to be better over 20 episodes: return ")


def test_of_several_the_best_of_each_task_is_told_with_whom_it_is_shown_to_beat():
    found = of(*(played(name, mean, task=task) for task in "TU" for name, mean in (("a", 0), ("b", 4), ("c", 4.1))))
    told = list(verdicts(found))
    assert len(told) == 2
    for task, one in zip("TU", told, strict=True):
        assert one.startswith(f"On {task} ")
        assert " is better than a, but is not shown to be better than " in one
        assert one.endswith(", over the same 20 episodes.")


def test_policies_of_one_mean_are_said_to_have_it():
    top = [500.0] * 20
    same = [checkpoint(top, algorithm=name, task="T", kind="evaluate") for name in "ab"]
    (told,) = verdicts(of(*same, played("c", 0.0), played("d", 0.0)))
    assert told == "a is better than c and d, has the same mean as b, over the same 20 episodes."


def test_where_scores_are_normalised_episodes_are_too():
    """Each policy by references of its own, so that the one of higher returns is not the better one."""
    runs = [
        replace(played(name, mean), references={"expert": expert})
        for name, mean, expert in (("a", 400.0, 400.0), ("b", 900.0, 1000.0))
    ]
    assert next(verdicts(of(*runs))).startswith("b is better than a ")
    normalised = make_overview(runs, Question(normalisation=Normalisation(0.0, "expert")))
    (told,) = verdicts(normalised)
    ours, theirs = ([record.values["return"] for record in run.records] for run in runs)
    gains = np.array(ours) / 400 - np.array(theirs) / 1000
    low, high = scipy.stats.t.interval(0.95, len(gains) - 1, np.mean(gains), scipy.stats.sem(gains))
    by = f"{np.mean(gains):.4f} [{low:.4f}, {high:.4f}] apart"
    assert told == f"a is better than b over the same 20 episodes: normalised return {by}."


def test_the_answer_holds_it_and_says_of_what_it_is():
    (block, *_) = answer.section(of(played("b", 2.0), played("a", 0.0))).body
    assert block.sentences[0].startswith("b is better than a over the same 20 episodes")
    assert block.sentences[1] == "Each is one policy, or one training: of other training seeds this tells nothing."


def test_where_seeds_can_tell_episodes_are_not_asked():
    found = of(*seeds([1.0, 2.0, 3.0], algorithm="a"), *seeds([5.0, 6.0, 7.0], algorithm="b"))
    (block, *_) = answer.section(found).body
    assert "episodes" not in " ".join(block.sentences)


def test_of_policies_that_are_alike_one_is_called_better_no_more_often_than_it_says():
    draw = np.random.default_rng(0)
    num_false = 0
    for _ in range(200):
        policies = [checkpoint(draw.normal(size=20).tolist(), algorithm=name, kind="evaluate") for name in "abcde"]
        num_false += any("is better than" in one for one in verdicts(of(*policies)))
    assert num_false <= scipy.stats.binom.ppf(0.999, 200, 0.05)


def test_ratios_such_as_of_speeds_are_not_asked_of_episodes():
    speeds = [*seeds([1.0], "steps_per_second"), *seeds([2.0], "steps_per_second", algorithm="b")]
    assert list(verdicts(of(*speeds))) == []
