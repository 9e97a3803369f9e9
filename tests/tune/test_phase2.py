from __future__ import annotations

import pytest

from rlgauge.stats.intervals import student_t
from rlgauge.stats.unpaired import welch
from rlgauge.tune.phase2 import Judged, _compared, _winner, check_fresh, fresh_seeds
from rlgauge.tune.trial import State, Trial, best


def trial(number, objective, state=State.COMPLETE, **values):
    return Trial(number=number, state=state, values=values, objective=objective)


def judged(number, returns):
    mean = student_t(returns) if returns else None
    found = dict(enumerate(returns))
    return Judged(
        number=number, values={}, searched=None, num_searched=0, returns=found, problems={}, mean=mean, deviation=None
    )


def test_fresh_seeds_are_none_of_those_that_were_used():
    assert fresh_seeds({0, 1, 2}, 3) == [3, 4, 5]
    assert fresh_seeds({7, 1}, 2) == [8, 9]
    assert fresh_seeds(set(), 2) == [0, 1]


def test_a_seed_of_phase_1_is_refused_in_phase_2():
    check_fresh([3, 4], [0, 1, 2])
    with pytest.raises(RuntimeError, match=r"\[2\] of phase 2 were used in phase 1"):
        check_fresh([2, 3], [0, 1, 2])


def test_the_best_are_different_complete_trials_the_earlier_of_equal_ones_first():
    trials = [
        trial(0, 1.0, a=1),
        trial(1, 5.0, a=2),
        trial(2, 9.0, State.PRUNED, a=3),
        trial(3, 5.0, a=4),
        trial(4, 5.0, a=2),
        trial(5, None, State.FAILED, a=5),
    ]
    assert [one.number for one in best(trials, 2)] == [1, 3]
    assert [one.number for one in best(trials, 9)] == [1, 3, 0]


def test_the_gain_is_welch_with_the_confidence_asked_for():
    ours, theirs = [5.0, 6.0, 7.0], [1.0, 2.0, 4.0]
    found = _compared(judged(3, ours), judged(None, theirs), confidence=0.975)
    assert found.gain == welch(candidate=ours, baseline=theirs, confidence=0.975).difference
    assert found.gain.point == pytest.approx(6 - 7 / 3)


def test_without_a_return_on_one_side_there_is_no_gain():
    assert _compared(judged(3, []), judged(None, [1.0, 2.0]), confidence=0.95).gain is None
    assert _compared(judged(3, [1.0]), judged(None, []), confidence=0.95).gain is None


@pytest.mark.parametrize(
    ("returns", "winner"),
    [
        ([[1.0, 2.0], [500.0], [3.0, 4.0]], 2),
        ([[1.0, 2.0], [500.0], []], 0),
        ([[], [500.0], [3.0, 4.0]], 2),
        ([[2.0, 2.0], [2.0, 2.0], []], 0),
        ([[9.0], [500.0], []], 1),
        ([[], [], []], None),
    ],
)
def test_a_mean_over_fewer_seeds_never_wins_over_one_of_more(returns, winner):
    assert _winner([judged(place or None, some) for place, some in enumerate(returns)]) == winner
