from __future__ import annotations

import msgspec

from rlgauge.compare.as_junit import to_junit
from rlgauge.compare.comparison import Outcome
from rlgauge.core.reading import Reading
from tests.compare.making import compared, processes

FIVE = [1000.0, 1010.0, 990.0, 1005.0, 995.0]


def of_a_store(name: str, seeds: list[int], **fields) -> list[Reading]:
    """Processes of a store of ours, whose folders are not there: nothing is known of their machine."""
    return [
        msgspec.structs.replace(one, seed=seed, folders=(f"{name}/stepping/T-{seed}/1",))
        for seed, one in zip(seeds, processes(FIVE, **fields), strict=False)
    ]


def test_seeds_of_the_baseline_that_the_candidate_left_out_are_missing():
    ours, theirs = of_a_store("new", [0, 1, 2]), of_a_store("old", [0, 1, 2, 3, 4])
    comparison = compared(ours, theirs)
    assert comparison.outcome is Outcome.MISSING
    (one,) = comparison.missing
    assert (one.side, one.seeds) == ("candidate", [3, 4])
    assert "the candidate has no toy on CartPole-v1 with seeds 3, 4" in comparison.verdict
    assert 'name="toy on CartPole-v1, seed 3, seed 4"' in to_junit(comparison)
    assert compared(ours, theirs, allow_missing=True).outcome is Outcome.FINE


def test_further_seeds_of_the_candidate_are_told_and_change_no_code():
    comparison = compared(of_a_store("new", [0, 1, 2, 3]), of_a_store("old", [0, 1, 2]))
    assert comparison.outcome is Outcome.FINE
    assert "Only the candidate has seed 3 of CartPole-v1." in comparison.notes


def test_processes_of_a_measurement_are_called_so_and_whose_they_are_is_told():
    labels = {"stamp": "20260101_120000"}
    ours, theirs = of_a_store("new", [0, 1, 2, 3], labels=labels), of_a_store("old", [0, 1, 2], labels=labels)
    assert "Only the candidate has process 3 of toy on CartPole-v1." in compared(ours, theirs).notes
    turned = compared(theirs, ours)
    assert "the candidate has no toy on CartPole-v1 with process 3" in turned.verdict
    assert 'name="toy on CartPole-v1, process 3"' in to_junit(turned)


def test_seeds_of_another_system_or_of_another_algorithm_are_told_and_not_missing():
    """What cases there were to be is not known of them."""
    for ours, theirs in (
        (processes(FIVE[:3]), processes(FIVE)),
        (of_a_store("new", [0, 1, 2], algorithm="PPO"), of_a_store("old", [0, 1, 2, 3, 4], algorithm="A2C")),
    ):
        comparison = compared(ours, theirs)
        assert comparison.missing == []
        assert "Only the baseline has seeds 3, 4 of CartPole-v1." in comparison.notes


def test_seeds_that_overlap_are_told_of_both_sides():
    comparison = compared(processes(FIVE[:3]), of_a_store("old", [1, 2, 3, 4]))
    assert {note for note in comparison.notes if note.startswith("Only")} == {
        "Only the candidate has seed 0 of CartPole-v1.",
        "Only the baseline has seeds 3, 4 of CartPole-v1.",
    }


def test_as_many_seeds_of_either_sides_own_are_meant():
    comparison = compared(of_a_store("new", [0, 1, 2]), of_a_store("old", [5, 6, 7]))
    assert (comparison.missing, [note for note in comparison.notes if note.startswith("Only")]) == ([], [])


def test_a_failed_run_is_not_missing_but_failed():
    ours = of_a_store("new", [0, 1, 2])
    broken = msgspec.structs.replace(ours[2], status="FAILED", totals={})
    comparison = compared([*ours[:2], broken], of_a_store("old", [0, 1, 2]))
    assert (comparison.missing, len(comparison.failed)) == ([], 1)
