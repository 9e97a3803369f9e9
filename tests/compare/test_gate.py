from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from rlgauge.compare.comparison import Outcome
from rlgauge.compare.line import Verdict
from rlgauge.compare.references import Normalisation
from rlgauge.compare.seeds import STOPPED, typical
from rlgauge.core.errors import UserError
from rlgauge.core.reading import Reading, Total
from rlgauge.core.run import Status
from tests.compare.making import checkpoint, compared, draw_medians, failed, processes, reading, seeds

STUDIES = 1500
"""A share of 5 % of them has a standard error of 0.6 points, one of 70 % of 1.2."""
FIVE = [1000.0, 1010.0, 990.0, 1005.0, 995.0]


def scaled(values: list[float], factor: float) -> list[float]:
    return [value * factor for value in values]


def share_of_regressions(*, ratio: float, tolerance: float, seed: int) -> float:
    rng = np.random.default_rng(seed)
    ours_SP, theirs_SP = draw_medians(rng, STUDIES, ratio=ratio), draw_medians(rng, STUDIES)
    found = [
        compared(processes(ours), processes(theirs), tolerance=tolerance).outcome is Outcome.WORSE
        for ours, theirs in zip(ours_SP, theirs_SP, strict=True)
    ]
    return sum(found) / STUDIES


@pytest.mark.parametrize("tolerance", [0.0, 0.02])
def test_what_did_not_change_is_called_slower_in_at_most_5_percent_of_studies(tolerance):
    assert share_of_regressions(ratio=1.0, tolerance=tolerance, seed=1) <= 0.05 + 2 * 0.006


def test_a_slowdown_of_5_percent_is_found_in_70_percent_of_studies_or_more():
    assert share_of_regressions(ratio=0.95, tolerance=0.0, seed=2) >= 0.70


def test_the_default_tolerance_costs_little_of_that():
    assert share_of_regressions(ratio=0.95, tolerance=0.02, seed=2) >= 0.70


def test_a_slowdown_of_10_percent_is_found_nearly_always():
    assert share_of_regressions(ratio=0.90, tolerance=0.02, seed=3) >= 0.99


def test_over_ten_lines_any_false_alarm_comes_in_at_most_5_percent_of_studies():
    rng = np.random.default_rng(4)
    studies = 500
    ours_STP = draw_medians(rng, studies * 10).reshape(studies, 10, 5)
    theirs_STP = draw_medians(rng, studies * 10).reshape(studies, 10, 5)
    alarms = 0
    for ours_TP, theirs_TP in zip(ours_STP, theirs_STP, strict=True):
        candidate, baseline = (
            [one for task, medians in enumerate(side) for one in processes(medians, task=f"task {task}")]
            for side in (ours_TP, theirs_TP)
        )
        alarms += compared(candidate, baseline, tolerance=0.0).outcome is Outcome.WORSE
    assert alarms / studies <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / studies)


def test_a_clear_slowdown_is_a_regression_and_says_who_is_slower():
    comparison = compared(processes(scaled(FIVE, 0.9)), processes(FIVE))
    (line,) = comparison.lines
    assert comparison.outcome is Outcome.WORSE
    assert (line.verdict, line.word, line.is_regression) == (Verdict.WORSE, "slower", True)
    assert line.difference == pytest.approx(0.9)
    assert comparison.verdict.startswith("Regression: candidate new is slower than baseline old: ")


def test_the_same_change_the_other_way_round_is_faster_and_fine():
    comparison = compared(processes(FIVE), processes(scaled(FIVE, 0.9)))
    assert comparison.outcome is Outcome.FINE
    assert comparison.lines[0].word == "faster"
    assert "candidate new is faster than baseline old" in comparison.verdict


def test_more_memory_is_a_regression_and_less_is_not():
    for factor, outcome, word in ((1.1, Outcome.WORSE, "larger"), (0.9, Outcome.FINE, "smaller")):
        comparison = compared(processes(scaled(FIVE, factor), "peak_bytes"), processes(FIVE, "peak_bytes"))
        assert (comparison.outcome, comparison.lines[0].word) == (outcome, word)


def test_a_significant_change_within_the_tolerance_is_no_regression():
    slower = processes(scaled(FIVE, 0.96))
    assert compared(slower, processes(FIVE), tolerance=0.02).outcome is Outcome.WORSE
    slower = processes(scaled(FIVE, 0.94))  # and its interval not inside 5 %
    within = compared(slower, processes(FIVE), tolerance=0.08)
    assert (within.outcome, within.lines[0].verdict) == (Outcome.FINE, Verdict.WORSE)
    assert "within the tolerance" in within.verdict


def test_an_interval_inside_5_percent_is_the_same():
    comparison = compared(processes(FIVE), processes(scaled(FIVE, 1.001)))
    assert comparison.lines[0].verdict is Verdict.SAME


@pytest.mark.parametrize("ratio", [0.96, 1.04])
def test_an_interval_that_leaves_5_percent_on_either_side_is_not_the_same(ratio):
    noisy = [1000.0, 1060.0, 940.0, 1030.0, 970.0]
    (line,) = compared(processes(scaled(noisy, ratio)), processes(noisy)).lines
    assert line.verdict is Verdict.INCONCLUSIVE


def test_the_median_of_a_process_counts_not_its_mean():
    """From its samples where they are kept; an outlier is worth no more than any other sample."""
    samples = [1000.0] * 9 + [1.0]
    kept = [checkpoint(samples, "steps_per_second", seed=seed) for seed in range(3)]
    told = [msgspec.structs.replace(one, episodes=()) for one in kept]
    assert typical(told[0], "steps_per_second") == 1000.0
    merged = msgspec.structs.replace(kept[0].totals["steps_per_second"], median=None)
    unknown = msgspec.structs.replace(kept[0], totals={"steps_per_second": merged})
    assert typical(unknown, "steps_per_second") == 1000.0
    assert typical(msgspec.structs.replace(unknown, episodes=()), "steps_per_second") == pytest.approx(900.1)


def test_deviating_processes_are_inconclusive_which_only_strict_minds():
    noisy = [1000.0, 1200.0, 800.0, 1100.0, 900.0]
    comparison = compared(processes(noisy), processes(scaled(noisy, 1.02)))
    assert (comparison.outcome, comparison.lines[0].verdict) == (Outcome.FINE, Verdict.INCONCLUSIVE)
    assert comparison.lines[0].more > 10
    strict = compared(processes(noisy), processes(scaled(noisy, 1.02)), strict=True)
    assert strict.outcome is Outcome.INCONCLUSIVE


def test_one_process_a_side_has_no_interval_and_a_warning():
    (line,) = compared(processes([900.0]), processes([1000.0])).lines
    assert (line.low, line.high, line.p_worse, line.verdict) == (None, None, None, Verdict.INCONCLUSIVE)
    assert "measure at least two on both sides" in line.warnings[0]


def test_sizes_that_never_deviate_are_compared_exactly_and_without_an_interval():
    larger = compared(processes([110.0] * 5, "peak_bytes"), processes([100.0] * 5, "peak_bytes"))
    (line,) = larger.lines
    assert (larger.outcome, line.low, line.high) == (Outcome.WORSE, None, None)
    assert line.p_worse == pytest.approx(1 / math.comb(10, 5))
    assert line.warnings
    same = compared(processes([100.0] * 5, "peak_bytes"), processes([100.0] * 5, "peak_bytes"))
    assert same.lines[0].verdict is Verdict.SAME
    assert same.lines[0].warnings


def test_two_constant_runs_a_side_are_too_few_to_tell():
    (line,) = compared(processes([110.0] * 2, "peak_bytes"), processes([100.0] * 2, "peak_bytes")).lines
    assert line.verdict is Verdict.INCONCLUSIVE
    assert line.more == 1  # 1 of the 20 ways to divide six


def test_a_process_at_a_speed_of_zero_has_failed():
    comparison = compared(processes([0.0, *FIVE]), processes(FIVE))
    (line,) = comparison.lines
    assert (line.num_candidate, line.missing_candidate) == (5, 1)
    assert any("1 run measured no steps_per_second above 0" in note for note in comparison.notes)
    (run,) = comparison.failed
    assert (comparison.outcome, run.status, run.seed) == (Outcome.WORSE, Status.FAILED, 0)
    assert "did nothing" in run.reason
    assert compared(processes(FIVE), processes([0.0, *FIVE]), allow_missing=True).outcome is Outcome.FINE


def test_where_all_processes_are_at_zero_the_side_is_named_that_has_no_speed():
    comparison = compared(processes([0.0] * 5), processes(FIVE))
    assert [one.side for one in comparison.missing] == ["candidate"]
    assert (comparison.outcome, len(comparison.failed)) == (Outcome.WORSE, 5)


def test_a_process_with_another_speed_or_a_score_has_not_failed():
    """A rate of what seldom happens may be 0."""
    totals = {"crashes_per_second": Total(n=1, mean=0.0), "steps_per_second": Total(n=1, mean=9.0)}
    units = {"crashes_per_second": "crashes/s", "steps_per_second": "steps/s"}
    runs = [Reading(algorithm="toy", task="T", seed=seed, totals=totals, units=units) for seed in range(3)]
    assert compared(runs, runs).failed == []


def test_sizes_of_zero_on_both_sides_have_no_ratio_and_are_not_missing():
    for theirs, sides in (([0.0, 0.0], []), ([5.0, 5.0], ["candidate"])):
        ours = [*processes([0.0, 0.0], "peak_bytes"), *processes([0.0, 0.0], "peak_bytes", task="B")]
        comparison = compared(ours, [*processes(theirs, "peak_bytes"), *processes([0.0, 0.0], "peak_bytes", task="B")])
        assert [one.side for one in comparison.missing] == sides
        assert any("no peak_bytes above 0" in note for note in comparison.notes)


def test_training_seeds_are_the_unit_of_scores():
    rng = np.random.default_rng(5)
    better, worse = rng.normal(100, 5, 8), rng.normal(60, 5, 8)
    comparison = compared(seeds(worse), seeds(better))
    (line,) = comparison.lines
    assert (comparison.outcome, line.word, line.noun) == (Outcome.WORSE, "worse", "run")
    assert line.difference == pytest.approx(worse.mean() - better.mean())
    assert (line.num_candidate, line.num_baseline) == (8, 8)


def test_the_tolerance_of_a_return_is_a_part_of_the_mean_of_the_baseline():
    rng = np.random.default_rng(6)
    noise = rng.normal(0, 0.1, 10)
    ours, theirs = seeds(-206 + noise), seeds(-200 + noise[::-1])
    assert compared(ours, theirs, tolerance=0.02).outcome is Outcome.WORSE
    assert compared(ours, theirs, tolerance=0.04).outcome is Outcome.FINE


def test_the_tolerance_of_a_success_rate_is_in_points():
    rates = np.array([0.50, 0.51, 0.49, 0.50, 0.52])
    ours, theirs = seeds(rates - 0.05, "success"), seeds(rates, "success")
    assert compared(ours, theirs, tolerance=0.02).outcome is Outcome.WORSE
    assert compared(ours, theirs, tolerance=0.06).outcome is Outcome.FINE


def test_two_checkpoints_on_the_same_episodes_are_compared_in_pairs():
    ours, theirs = [1.0] * 20 + [0.0] * 20, [1.0] * 38 + [0.0] * 2
    paired = compared([checkpoint(ours, "success")], [checkpoint(theirs, "success")]).lines[0]
    assert paired.method.startswith("McNemar")
    assert (paired.word, paired.num_candidate) == ("worse", 40)
    apart = compared([checkpoint(ours, "success")], [checkpoint(theirs, "success", first_seed=900)]).lines[0]
    assert apart.method.startswith("Boschloo")
    assert "not of other training seeds" in " ".join(apart.warnings)


def test_returns_of_the_same_episodes_are_compared_in_pairs():
    rng = np.random.default_rng(7)
    base = rng.normal(100, 30, 40)
    ours = base - 5 + rng.normal(0, 1, 40)
    paired = compared([checkpoint(list(ours))], [checkpoint(list(base))]).lines[0]
    apart = compared([checkpoint(list(ours), first_seed=0)], [checkpoint(list(base))]).lines[0]
    assert (paired.word, paired.is_regression) == ("worse", True)
    assert paired.difference == pytest.approx((ours - base).mean())
    assert apart.verdict is Verdict.INCONCLUSIVE


def test_identical_checkpoints_are_the_same_without_an_interval():
    (line,) = compared([checkpoint([5.0] * 10)], [checkpoint([5.0] * 10)]).lines
    assert (line.verdict, line.low) == (Verdict.SAME, None)
    assert line.warnings


def test_a_failed_run_of_the_candidate_is_1_whatever_is_allowed():
    ours = [*processes(FIVE), failed(seed=9)]
    for allow_missing in (False, True):
        comparison = compared(ours, processes(FIVE), allow_missing=allow_missing)
        assert comparison.outcome is Outcome.WORSE
    assert "1 run of the candidate failed" in comparison.verdict


def test_a_failed_run_that_was_repeated_does_not_count():
    ours = [failed(seed=0), *processes(FIVE)]
    assert compared(ours, processes(FIVE)).outcome is Outcome.FINE


def test_a_failed_run_of_the_baseline_can_be_allowed():
    theirs = [*processes(FIVE), failed(seed=9)]
    assert compared(processes(FIVE), theirs).outcome is Outcome.WORSE
    assert compared(processes(FIVE), theirs, allow_missing=True).outcome is Outcome.FINE


@pytest.mark.parametrize("side", ["candidate", "baseline"])
def test_a_task_that_one_side_lacks_fails_unless_allowed(side):
    both, more = processes(FIVE), processes(FIVE, task="Pendulum-v1")
    ours, theirs = (both, [*both, *more]) if side == "candidate" else ([*both, *more], both)
    comparison = compared(ours, theirs)
    assert comparison.outcome is Outcome.MISSING
    assert [(one.side, one.task) for one in comparison.missing] == [(side, "Pendulum-v1")]
    assert f"the {side} has no toy on Pendulum-v1" in comparison.verdict
    assert compared(ours, theirs, allow_missing=True).outcome is Outcome.FINE


def test_a_regression_is_graver_than_what_is_missing():
    ours = processes(scaled(FIVE, 0.8))
    theirs = [*processes(FIVE), *processes(FIVE, task="Pendulum-v1")]
    assert compared(ours, theirs).outcome is Outcome.WORSE


def test_a_quantity_that_one_side_lacks_is_missing():
    comparison = compared(processes(FIVE), processes(FIVE, "peak_bytes"))
    assert comparison.outcome is Outcome.MISSING
    assert {(one.side, one.quantity) for one in comparison.missing} == {
        ("candidate", "peak_bytes"),
        ("baseline", "steps_per_second"),
    }


def test_sides_without_a_common_task_are_refused():
    with pytest.raises(UserError, match="have nothing in common: toy on CartPole-v1 against toy on Pendulum-v1"):
        compared(processes(FIVE), processes(FIVE, task="Pendulum-v1"))


def test_algorithms_of_one_name_are_compared_with_each_other():
    ours = [*processes(FIVE, algorithm="a"), *processes(scaled(FIVE, 0.5), algorithm="b")]
    theirs = [*processes(FIVE, algorithm="a"), *processes(FIVE, algorithm="b")]
    words = {line.algorithm: line.word for line in compared(ours, theirs).lines}
    assert words == {"a": "same", "b": "slower"}


def test_configurations_that_both_sides_have_are_lines_of_their_own():
    ours, theirs = (
        [
            *processes(FIVE, settings="x", labels={"num_envs": "100"}),
            *processes(scaled(FIVE, factor), settings="y", labels={"num_envs": "1000"}),
        ]
        for factor in (0.5, 1.0)
    )
    words = {line.task: line.word for line in compared(ours, theirs).lines}
    assert words == {"CartPole-v1 (num_envs=100)": "same", "CartPole-v1 (num_envs=1000)": "slower"}


def test_a_seed_that_was_run_twice_is_one_run_of_its_mean():
    ours = [*seeds([1.0, 2.0, 3.0, 4.0, 5.0]), *seeds([3.0])]
    comparison = compared(ours, seeds([1.0, 2.0, 3.0, 4.0, 5.0]))
    assert comparison.lines[0].num_candidate == 5
    assert comparison.lines[0].candidate == pytest.approx((2 + 2 + 3 + 4 + 5) / 5)
    assert any("was run 2 times" in note for note in comparison.notes)


def test_what_a_failed_run_measured_is_no_score_and_its_seed_is_missing():
    ours = [*seeds([1.0, 2.0, 3.0]), reading("return", [99.0], seed=3, status=Status.FAILED)]
    comparison = compared(ours, seeds([1.0, 2.0, 3.0]))
    (line,) = comparison.lines
    assert (line.candidate, line.num_candidate, line.missing_candidate) == (2.0, 3, 1)
    assert (comparison.outcome, len(comparison.failed)) == (Outcome.WORSE, 1)


def test_failed_runs_without_a_seed_are_not_taken_for_repeated():
    ours = [*(reading("return", [score]) for score in (1.0, 2.0)), failed(), failed()]
    comparison = compared(ours, seeds([1.0, 2.0]))
    assert (len(comparison.failed), comparison.lines[0].missing_candidate) == (2, 2)


def test_of_two_checkpoints_the_later_measured_counts_and_none_is_a_second_run():
    old = checkpoint([9.0, 8.0], checkpoint="old", started="2026-01-01T00:00:00")
    new = checkpoint([2.0, 3.0], checkpoint="new", started="2026-01-02T00:00:00")
    (line,) = compared([new, old], [checkpoint([2.0, 4.0])]).lines
    assert (line.candidate, line.noun) == (2.5, "episode")


def test_processes_that_share_a_seed_are_processes_all_the_same():
    ours = [*processes(FIVE), *processes(FIVE)]
    (line,) = compared(ours, processes(FIVE)).lines
    assert (line.num_candidate, line.num_baseline) == (10, 5)


def test_two_checkpoints_are_each_normalised_by_their_own_references():
    ours = checkpoint([10.0, 20.0, 30.0], references={"expert": 100.0})
    theirs = checkpoint([10.0, 20.0, 36.0], references={"expert": 200.0})
    comparison = compared([ours], [theirs], normalisation=Normalisation(0.0, "expert"))
    (line,) = comparison.lines
    assert line.difference == pytest.approx(line.candidate - line.baseline) == pytest.approx(0.2 - 0.11)
    assert any("differ on CartPole-v1 (100 to 200)" in note for note in comparison.notes)


def test_lines_of_ratios_are_not_normalised_and_say_so():
    """Nor do they need reference scores, and what there is to say of these is not said."""
    asked = {"normalisation": Normalisation("random", "expert")}
    sides = (processes(FIVE, references={"expert": score}) for score in (1.0, 2.0))
    comparison = compared(*sides, **asked)
    assert not any("expert scores" in note for note in comparison.notes)
    assert comparison.lines[0].unit == "steps/s"
    told = "steps_per_second: speeds, times and sizes are compared by their ratio, not normalised."
    assert told in comparison.notes
    assert told not in compared(processes(FIVE), processes(FIVE)).notes
    scores = seeds([1.0, 2.0, 3.0], references={"random": 0.0, "expert": 9.0})
    assert told not in compared(scores, scores, **asked).notes


def test_differences_equal_but_for_rounding_have_no_interval():
    (line,) = compared([checkpoint([1.1, 2.1, 3.3])], [checkpoint([1.0, 2.0, 3.2])]).lines
    assert (line.low, line.high) == (None, None)
    assert "there is no interval" in line.warnings[0]


def test_an_evaluation_that_was_stopped_early_is_told():
    ours = checkpoint([1.0, 2.0, 4.0], details={STOPPED: "It was stopped."})
    assert "It was stopped." in compared([ours], [checkpoint([1.0, 3.0, 3.0])]).notes


def test_an_unknown_quantity_names_the_nearest():
    with pytest.raises(UserError, match="Did you mean 'steps_per_second'"):
        compared(processes(FIVE), processes(FIVE), scores=("step_per_second",))
