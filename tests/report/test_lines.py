from __future__ import annotations

import msgspec
import numpy as np
import pytest
import scipy.stats

from rlgauge.compare.quantity import quantity_of
from rlgauge.compare.references import Normalisation
from rlgauge.core.reading import Reading
from rlgauge.core.run import Status
from rlgauge.report.lines import STOPPED, Line, make_line
from rlgauge.report.question import Question
from rlgauge.report.scored import score_runs
from rlgauge.stats.rates import success_over_seeds
from tests.compare.making import UNITS, checkpoint, failed, seeds


def line(readings: list[Reading], score: str = "return", **asked) -> Line:
    question = Question(**asked)
    quantity = quantity_of(score, UNITS[score])
    return make_line(score_runs(readings, quantity, question, []).seeds, quantity, question)


def wilson(won: int, num: int) -> tuple[float, float]:
    found = scipy.stats.binomtest(won, num).proportion_ci(method="wilson")
    return found.low, found.high


def ends(found: Line) -> tuple[float | None, float | None]:
    return found.score.low, found.score.high


def test_several_seeds_have_students_interval_and_the_deviation_of_a_sample():
    scores = [3.0, 5.0, 4.5, 9.0, 1.0]
    found = line(seeds(scores), confidence=0.9)
    expected = scipy.stats.t.interval(0.9, 4, np.mean(scores), scipy.stats.sem(scores))
    assert ends(found) == pytest.approx(expected)
    assert found.sd == pytest.approx(np.std(scores, ddof=1))
    assert (found.score.point, found.num_runs, found.score.method) == (pytest.approx(4.5), 5, "Student t")


def test_one_seed_has_the_interval_of_its_episodes_and_says_so():
    episodes = [3.0, 5.0, 4.5, 9.0, 1.0, 7.0]
    found = line([checkpoint(episodes)])
    assert ends(found) == pytest.approx(scipy.stats.t.interval(0.95, 5, np.mean(episodes), scipy.stats.sem(episodes)))
    assert found.sd is None
    assert found.num_runs == 1
    assert found.score.method == "Student t over episodes"
    assert "One training seed: the interval is over its episodes" in found.score.warnings[0]


def test_one_seed_whose_episodes_are_all_alike_has_no_interval():
    found = line([checkpoint([2.0, 2.0, 2.0])])
    assert ends(found) == (None, None)
    assert "there is no interval" in found.score.warnings[0]


def test_one_score_has_no_interval():
    found = line(seeds([2.0]))
    assert ends(found) == (None, None)
    assert found.score.warnings


def test_success_of_one_seed_has_wilsons_interval_over_its_episodes():
    found = line([checkpoint([True] * 17 + [False] * 3, "success")], "success")
    assert ends(found) == pytest.approx(wilson(17, 20))
    assert found.score.method == "Wilson"
    assert "One training seed" in found.score.warnings[0]


def test_success_of_several_seeds_has_the_interval_over_seeds_not_over_pooled_episodes():
    won = [2, 9, 10, 4, 7]
    runs = [checkpoint([True] * w + [False] * (10 - w), "success", seed=seed) for seed, w in enumerate(won)]
    found = line(runs, "success")
    expected = success_over_seeds(won, [10] * 5)
    assert ends(found) == (expected.low, expected.high)
    assert found.score.method == "logit-t over seeds"
    assert found.score.n == 5
    low, high = wilson(sum(won), 50)
    assert found.score.high - found.score.low > 1.5 * (high - low)


def test_seeds_that_always_succeed_have_no_interval_of_no_width():
    runs = [checkpoint([True] * 10, "success", seed=seed) for seed in range(5)]
    found = line(runs, "success")
    assert ends(found) == pytest.approx(wilson(5, 5))
    assert found.score.warnings


def test_rates_without_their_episodes_have_students_interval_that_stays_within_a_rate():
    found = line(seeds([0.91, 0.97, 0.99], "success"), "success")
    low, high = scipy.stats.t.interval(0.95, 2, np.mean([0.91, 0.97, 0.99]), scipy.stats.sem([0.91, 0.97, 0.99]))
    assert high > 1
    assert ends(found) == (pytest.approx(low), 1.0)


def test_a_failed_seed_that_counts_as_no_success_failed_in_all_episodes():
    runs = [checkpoint([True] * 8 + [False] * 2, "success", seed=seed) for seed in range(3)]
    found = line([*runs, failed(seed=3)], "success", failed=0.0)
    expected = success_over_seeds([8, 8, 8, 0], [10] * 4)
    assert (found.score.point, *ends(found)) == pytest.approx((0.6, expected.low, expected.high))
    assert (found.num_runs, found.num_missing, found.unmeasured) == (4, 0, {"failed": 1})


def test_missing_seeds_are_counted_by_why():
    runs = [*seeds([1.0, 2.0]), failed(seed=2), failed(seed=3, status=Status.RUNNING), failed(seed=4)]
    found = line(runs)
    assert (found.num_runs, found.num_missing) == (2, 3)
    assert found.unmeasured == {"failed": 2, "running": 1}
    assert found.score.missing == 3


def test_a_line_without_a_score_has_none():
    found = line([failed()])
    assert (found.score, found.sd, found.normalised, found.num_runs) == (None, None, None, 0)


def test_normalised_scores_are_summarised_run_by_run():
    runs = [*seeds([3.0], references={"expert": 6.0}), *seeds([2.0, 8.0], references={"expert": 10.0})[1:]]
    found = line(runs, normalisation=Normalisation(0.0, "expert"))
    assert found.normalised.point == pytest.approx(0.65)
    assert found.normalised_sd == pytest.approx(np.std([0.5, 0.8], ddof=1))


def test_the_interval_of_one_run_is_normalised_with_it():
    for low, high in ((0.0, 10.0), (-5.0, 3.0)):
        found = line([checkpoint([3.0, 5.0, 4.0])], normalisation=Normalisation(low, high))
        expected = tuple((end - low) / (high - low) for end in ends(found))
        assert (found.normalised.low, found.normalised.high) == pytest.approx(expected)


def test_an_evaluation_that_was_stopped_early_says_that_its_interval_does_not_hold():
    found = line([checkpoint([3.0, 5.0, 4.0], details={STOPPED: "It was stopped."})])
    assert found.score.warnings[-1] == "It was stopped."


def test_the_mean_of_two_trainings_of_a_seed_is_no_rate_of_their_episodes():
    """1 of 1 and 0 of 99 are no 50 of 100."""
    trainings = [checkpoint([1.0], "success"), checkpoint([0.0] * 99, "success")]
    found = line([msgspec.structs.replace(one, seed=0) for one in trainings], "success")
    assert (found.score.point, ends(found)) == (0.5, (None, None))


def test_a_rate_of_untold_episodes_beside_others_is_no_rate_of_one_episode():
    found = line([*seeds([1.0], "success"), checkpoint([1.0, 0.0, 1.0], "success", seed=1)], "success")
    assert found.score.method == "Student t"
