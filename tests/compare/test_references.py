from __future__ import annotations

import pytest

from rlgauge.compare.quantity import quantity_of
from rlgauge.compare.references import Normalisation, References, read_references, unlike, with_references
from rlgauge.core.errors import UserError
from rlgauge.stats.normalise import Reference
from tests.compare.making import compared, failed, processes, seeds

RETURN = quantity_of("return", "reward")
BOTH = Normalisation("random", "expert")


def expert(score: float, **fields):
    return seeds([1.0], references={"expert": score}, **fields)


def test_what_a_run_says_itself_comes_first():
    (own,), others = expert(10.0), expert(20.0, algorithm="other")
    found = References([own, *others], RETURN, Normalisation(0.0, "expert")).of(own)
    assert found == Reference(0.0, 10.0)


def test_a_run_that_says_nothing_takes_what_its_algorithm_says_then_what_others_say():
    normalisation = Normalisation(0.0, "expert")
    bare = failed()
    own, others = expert(10.0) + expert(12.0), expert(20.0, algorithm="other")
    assert References([bare, *own, *others], RETURN, normalisation).of(bare) == Reference(0.0, 11.0)
    assert References([bare, *others], RETURN, normalisation).of(bare) == Reference(0.0, 20.0)


def test_an_algorithm_of_the_references_name_gives_the_mean_of_its_runs():
    runs = seeds([1.0, 2.0], algorithm="random") + seeds([9.0, 10.0], algorithm="expert") + seeds([5.0])
    assert References(runs, RETURN, BOTH).of(runs[-1]) == Reference(1.5, 9.5)


def test_a_reference_that_nobody_knows_is_named_with_what_to_do():
    runs = seeds([1.0], references={"expert": 3.0})
    with pytest.raises(UserError, match=r"The random score of CartPole-v1 is not known: give it with --references"):
        References(runs, RETURN, BOTH).of(runs[0])


def test_equal_references_are_refused():
    runs = seeds([1.0], references={"expert": 3.0, "random": 3.0})
    with pytest.raises(UserError, match="are both 3: nothing can be normalised by them"):
        References(runs, RETURN, BOTH).of(runs[0])


def test_references_by_which_the_worse_run_would_be_the_better_are_refused():
    (run,) = expert(-178.0)
    with pytest.raises(
        UserError, match="On CartPole-v1 the expert score is -178, below 0, though more return is better"
    ):
        References([run], RETURN, Normalisation(0.0, "expert")).of(run)
    assert References([run], quantity_of("seconds", "s"), Normalisation(0.0, "expert")).of(run) == Reference(
        0.0, -178.0
    )


def test_references_that_differ_within_a_task_are_told_the_widest_first():
    runs = expert(10.0) + expert(11.0) + expert(100.0, task="Far") + expert(400.0, task="Far")
    (told,) = References(runs, RETURN, Normalisation(0.0, "expert")).doubts(runs)
    assert told.startswith("The expert scores that runs give for one task differ on Far (100 to 400), CartPole-v1 (10")
    assert References(expert(10.0), RETURN, Normalisation(0.0, "expert")).doubts(expert(10.0)) == []


def test_a_file_of_references_replaces_what_runs_say(tmp_path):
    (tmp_path / "references.csv").write_text("env,random,expert\nCartPole-v1,20,500\nCartPole-v1,20,\n")
    found = read_references(tmp_path / "references.csv")
    (run,) = with_references(expert(10.0), found)
    assert found == {"CartPole-v1": {"random": 20.0, "expert": 500.0}}
    assert run.references == {"expert": 500.0, "random": 20.0}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "has no rows"),
        ("env,random\n", "has no rows"),
        ("name,random\nA,1\n", "has no column 'task': its columns are name, random"),
        ("task,random\nA,one\n", "the random score of A is no number: 'one'"),
        ("task,random\nA,nan\n", "the random score of A is no number: 'nan'"),
        ("task,random\nA,1\nA,2\n", "gives two random scores for A: 1 and 2"),
        ("task,random\nA,1,2\n", "more or fewer cells than columns"),
        ("random,task\n1\n", "more or fewer cells than columns"),
    ],
)
def test_a_file_that_is_no_table_of_references_is_refused(tmp_path, text, told):
    (tmp_path / "references.csv").write_text(text)
    with pytest.raises(UserError, match=told):
        read_references(tmp_path / "references.csv")


def test_a_file_that_is_missing_or_no_text_is_refused(tmp_path):
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00")
    for name, told in (("nowhere.csv", "There is no references file"), ("bytes.csv", "Can't read the references file")):
        with pytest.raises(UserError, match=told):
            read_references(tmp_path / name)


def test_a_file_of_other_tasks_is_refused():
    with pytest.raises(UserError, match=r"Unknown task in the references file 'CartPole'. Did you mean 'CartPole-v1'"):
        with_references(expert(1.0), {"CartPole": {"random": 1.0}})


def test_scores_that_are_not_normalised_are_doubted_where_the_sides_references_differ():
    ours, theirs = seeds([1.0, 2.0], references={"expert": 437.0}), seeds([3.0, 4.0], references={"expert": 2631.0})
    asked = "The expert scores that runs give for one task differ on CartPole-v1 (437 to 2631): was it the same task"
    for metric in (None, "improvement", "iqm"):
        assert compared(ours, theirs, metric=metric).notes[0].startswith(asked)
    own = compared(ours, theirs, normalisation=Normalisation(0.0, "expert")).notes
    assert not any("was it the same task" in note for note in own)
    assert any("every run is normalised by its own" in note for note in own)


def test_references_that_differ_by_chance_are_no_doubt():
    ours = seeds([1.0], references={"expert": 100.0}) + seeds([2.0], references={"expert": 110.0})
    theirs = seeds([3.0], references={"expert": 108.0}) + seeds([2.0], references={"random": 1.0})
    assert list(unlike([(ours, theirs)])) == []
    assert len(list(unlike([(ours, seeds([1.0], references={"expert": 111.0}))]))) == 1


def test_speeds_and_success_rates_have_no_references_to_doubt():
    for name in ("steps_per_second", "success"):
        ours, theirs = (processes([0.5, 0.4], name, references={"expert": score}) for score in (1.0, 2.0))
        assert not any("expert" in note for note in compared(ours, theirs).notes)
