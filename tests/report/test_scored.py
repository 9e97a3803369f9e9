from __future__ import annotations

import math

import pytest

from rlgauge.compare.quantity import quantity_of
from rlgauge.compare.references import Normalisation
from rlgauge.core.errors import UserError
from rlgauge.core.reading import Reading, Total
from rlgauge.core.run import Status
from rlgauge.report.question import Question
from rlgauge.report.scored import Runs, score_runs
from tests.compare.making import checkpoint, failed, reading, seeds


def scored(readings: list[Reading], **asked) -> tuple[Runs, list[str]]:
    told: list[str] = []
    return score_runs(readings, quantity_of("return", "reward"), Question(**asked), told), told


def test_every_run_is_found_and_every_seed_counts_once():
    runs, told = scored([failed(seed=0, source="a"), *seeds([3.0, 4.0])])
    assert [run.score for run in runs.seeds] == [3.0, 4.0]
    assert [(run.score, run.is_used) for run in runs.found] == [(None, False), (3.0, True), (4.0, True)]
    assert told == ["toy on CartPole-v1, seed 0: 1 run without a score was repeated."]


def test_two_trainings_of_one_seed_are_one_seed_with_their_mean():
    runs, told = scored([*seeds([3.0, 10.0]), *seeds([5.0])])
    assert [run.score for run in runs.seeds] == [4.0, 10.0]
    assert [run.is_used for run in runs.found] == [True, True, True]
    assert told == ["toy on CartPole-v1, seed 0 was run 2 times: their mean is the score of that one seed."]


def test_a_seed_that_failed_again_and_again_is_one_missing_seed():
    runs, told = scored([failed(seed=0), failed(seed=0, status=Status.DIED), *seeds([1.0], algorithm="b")])
    assert [run.score for run in runs.seeds] == [1.0, None]
    assert len(runs.found) == 3
    assert told == ["toy on CartPole-v1, seed 0 was tried 2 times and has no score: it is one missing seed."]


def test_the_same_checkpoint_evaluated_twice_is_not_twice_the_episodes():
    short, long = checkpoint([1.0, 3.0], checkpoint="x"), checkpoint([2.0, 3.0, 7.0], checkpoint="x")
    runs, told = scored([short, long])
    assert [run.score for run in runs.seeds] == [4.0]
    assert [run.is_used for run in runs.found] == [False, True]
    assert told == ["toy on CartPole-v1 was evaluated 2 times with one checkpoint: the most episodes count."]


def test_of_two_checkpoints_under_one_name_the_later_measured_counts():
    old = reading("return", [9.0], checkpoint="old", started="2026-01-01T00:00:00")
    new = reading("return", [2.0], checkpoint="new", started="2026-01-02T00:00:00")
    for readings in ([new, old], [old, new]):
        runs, told = scored(readings)
        assert [run.score for run in runs.seeds] == [2.0]
        assert told == ["toy on CartPole-v1 was measured with 2 different checkpoints: the one measured last counts."]


def test_runs_without_seed_and_checkpoint_are_all_counted():
    runs, told = scored([reading("return", [1.0]), reading("return", [2.0])])
    assert [run.score for run in runs.seeds] == [1.0, 2.0]
    assert told == ["Results that name no training seed are taken for one seed each: toy on CartPole-v1 (2)."]


def test_algorithms_and_settings_that_are_pooled_are_told():
    runs, told = scored([*seeds([1.0]), *seeds([2.0], algorithm="b", settings="x")], by=("kind",))
    assert [run.score for run in runs.seeds] == [1.0, 2.0]
    assert told == [
        "Algorithms are pooled in kind=none on CartPole-v1: tell them apart with --by kind,algorithm.",
        "Runs with different settings are pooled in kind=none on CartPole-v1: tell them apart with --by kind,settings.",
    ]


def test_one_seed_with_several_settings_is_several_measurements():
    both = [*seeds([1.0, 2.0], settings="x"), *seeds([5.0, 6.0], settings="y")]
    runs, told = scored(both)
    assert [(run.reading.task, run.score) for run in runs.seeds] == [
        *(("CartPole-v1 (x)", score) for score in (1.0, 2.0)),
        *(("CartPole-v1 (y)", score) for score in (5.0, 6.0)),
    ]
    assert told == []
    assert [run.score for run in scored(both, tasks=frozenset({"CartPole-v1"}))[0].seeds] == [1.0, 2.0, 5.0, 6.0]
    by_settings, _ = scored(both, by=("algorithm", "settings"))
    assert {run.reading.task for run in by_settings.seeds} == {"CartPole-v1"}


def test_a_checkpoint_of_no_family_measured_with_several_settings_is_no_seed_of_anything():
    runs, _ = scored([checkpoint([1.0], settings="x", checkpoint="c"), checkpoint([5.0], settings="y", checkpoint="c")])
    assert [run.reading.task for run in runs.seeds] == ["CartPole-v1 (x)", "CartPole-v1 (y)"]


def test_settings_that_differ_only_between_seeds_stay_together_and_are_told():
    runs, told = scored([reading("return", [float(seed)], seed=seed, settings=str(seed)) for seed in range(3)])
    assert {run.reading.task for run in runs.seeds} == {"CartPole-v1"}
    assert told == [
        "Runs with different settings are pooled in toy on CartPole-v1: tell them apart with --by algorithm,settings."
    ]


def test_only_what_is_asked_for_is_scored_but_references_are_taken_from_all():
    runs = seeds([0.0], algorithm="random") + seeds([5.0]) + seeds([10.0], algorithm="expert")
    found, _ = scored(runs, algorithms=frozenset({"toy"}), normalisation=Normalisation("random", "expert"))
    assert [(run.group, run.normalised) for run in found.found] == [("toy", 0.5)]


def test_a_failed_run_needs_no_reference_unless_it_has_a_score_to_be_normalised():
    runs = [failed(seed=1), *seeds([5.0], references={"expert": 10.0})]
    normalisation = Normalisation(0.0, "expert")
    assert [run.normalised for run in scored(runs, normalisation=normalisation)[0].seeds] == [0.5, None]
    assert [run.normalised for run in scored(runs, normalisation=normalisation, failed=2.0)[0].seeds] == [0.5, 0.2]


def test_what_a_failed_run_measured_does_not_count():
    (run,) = scored([reading("return", [7.0], status=Status.INTERRUPTED)])[0].seeds
    assert (run.score, run.why_not) == (None, "interrupted")


def test_a_completed_run_that_measured_something_else_is_unmeasured():
    (run,) = scored([reading("success", [1.0])])[0].seeds
    assert (run.score, run.why_not) == (None, "unmeasured")


@pytest.mark.parametrize("score", [1e200, -1e200, math.inf, math.nan])
def test_a_score_beyond_all_measure_is_refused(score):
    broken = Reading(algorithm="toy", task="CartPole-v1", totals={"return": Total(n=1, mean=score)}, source="there")
    with pytest.raises(UserError, match=r"The return of there is .*, too large"):
        scored([broken])


def test_references_too_close_to_divide_by_are_refused():
    with pytest.raises(UserError, match="are too close"):
        scored(seeds([1e90]), normalisation=Normalisation(0.0, 1e-300))


def test_processes_at_a_speed_of_zero_are_unmeasured_and_told():
    told: list[str] = []
    runs = seeds([100.0, 0.0, 101.0], "steps_per_second")
    found = score_runs(runs, quantity_of("steps_per_second", "steps/s"), Question(), told)
    assert [(run.score, run.why_not) for run in found.seeds] == [(100.0, None), (None, "unmeasured"), (101.0, None)]
    assert told == ["1 run measured no steps_per_second above 0: what did nothing counts as unmeasured."]
