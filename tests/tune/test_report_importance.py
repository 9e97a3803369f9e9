from __future__ import annotations

import random

import pytest

from rlgauge.tune.report_importance import REFITS, importances, place_of, why_not
from rlgauge.tune.space import Choice, read_space
from rlgauge.tune.study import ENOUGH, open_study
from rlgauge.tune.trial import State, Trial

SPACE = read_space(
    {
        "rate": {"low": 1e-5, "high": 1e-1, "log": True},
        "size": {"low": 1, "high": 64},
        "kind": [{"k": 1}, None, [1, 2]],
        "flag": [True, "1"],
    },
    where="here",
)


def trial(number, objective, state=State.COMPLETE, **values):
    return Trial(number=number, state=state, values=values, returns={0: objective or 0.0}, objective=objective)


def some(number, objective):
    return [trial(place, objective(place), rate=10.0**-place, size=1, kind=None, flag=True) for place in range(number)]


@pytest.fixture(scope="module")
def studied(tmp_path_factory):
    """The trials of a study in which only the rate matters, what the study says, and what is told."""
    rng = random.Random(4)
    with open_study(tmp_path_factory.mktemp("studied"), SPACE, sampler="random", seed=1) as study:
        for number in range(40):
            going = study.next(40)
            if number == 5:
                going.fail("it broke", {})
            else:
                going.complete({0: going.values["rate"] ** 0.3 + 0.01 * rng.gauss(0, 1)})
        trials = study.trials()
        return trials, study.importance(), importances(trials, SPACE)


def test_the_parts_are_those_that_the_study_tells(studied):
    _, kept, told = studied
    assert {one.setting: one.share for one in told} == pytest.approx(kept)
    assert [one.share for one in told] == sorted((one.share for one in told), reverse=True)
    assert sum(one.share for one in told) == pytest.approx(1)


def test_only_what_matters_is_told_from_chance(studied):
    _, _, told = studied
    assert [(one.setting, one.is_told) for one in told if one.is_told] == [("rate", True)]
    assert told[0].chance == 1 / (REFITS + 1), "no shuffle came to as much"
    assert all(one.chance > 0.05 / len(told) for one in told[1:])


def test_refits_tell_how_sure_a_part_is(studied):
    _, _, told = studied
    assert all(0 <= one.low < one.high <= 1 for one in told)
    assert told[0].low > max(one.low for one in told[1:])


def test_equal_trials_come_to_equal_numbers(studied):
    trials, _, told = studied
    assert importances(trials, SPACE) == told


def test_too_few_trials_are_said_and_not_told():
    few = [*some(ENOUGH - 1, float), trial(99, None, State.FAILED, rate=1.0)]
    assert importances(few, SPACE) == []
    assert why_not(few, SPACE) == (
        "importance is told from 10 complete trials on, and there are 9: go on with more --trials"
    )
    assert "there is 1" in str(why_not(some(1, float), SPACE))
    assert why_not(some(ENOUGH, float), SPACE) is None


def test_where_nothing_differs_nothing_is_seen_to_matter():
    assert "all 12 complete trials came to the same return" in str(why_not(some(12, lambda _: 500.0), SPACE))
    same = [trial(place, float(place), rate=0.1) for place in range(12)]
    assert "have the same values" in str(why_not(same, SPACE))


def test_true_and_one_are_two_values_of_a_choice():
    choice = Choice([True, 1, "1", {"k": 1}])
    assert [place_of(choice, value) for value in choice.values] == [0, 1, 2, 3]
