from __future__ import annotations

import pytest

from rlgauge.kinds.train.algorithm_workload import AlgorithmWorkload
from rlgauge.kinds.train.journal import Journal
from rlgauge.tune.base import Base
from rlgauge.tune.curve import Curve, Milestones, milestones_of, points

TENTHS = Milestones(tuple(range(100, 1100, 100)), is_total=True)


@pytest.fixture
def journal(tmp_path):
    """What a training writes, open."""
    found = Journal(tmp_path)
    yield found
    found.close()


def test_a_milestone_has_the_mean_of_the_last_ten_episodes_that_had_ended_by_then(tmp_path, journal):
    curve = Curve(tmp_path, TENTHS)
    for number in range(1, 13):
        journal.episode(float(number), 20, 20 * number)
    curve.look()
    assert curve.values == [3.0, 5.5], "of five episodes, and of the last ten; the 200th step is passed, not reached"
    journal.episode(100.0, 200, 440)
    curve.look()
    assert curve.values[2:] == [7.5, 7.5], "an episode that has not ended is no part of it"


def test_before_an_episode_has_ended_there_is_no_value(tmp_path, journal):
    curve = Curve(tmp_path, TENTHS)
    journal.episode(1.0, 250, 250)
    curve.look()
    assert curve.values == [None, None]


def test_at_the_end_the_last_episodes_stand_for_what_is_left_where_the_total_is_known(tmp_path, journal):
    journal.episode(1.0, 450, 450)
    journal.episode(2.0, 500, 950)
    journal.close()
    known = Curve(tmp_path, TENTHS)
    known.end()
    assert known.values == [None] * 4 + [1.0] * 5 + [1.5]
    unknown = Curve(tmp_path, TENTHS._replace(is_total=False))
    unknown.end()
    assert unknown.values == [None] * 4 + [1.0] * 5


def test_a_training_without_episodes_has_no_curve(tmp_path):
    curve = Curve(tmp_path, TENTHS)
    curve.end()
    assert curve.values == []


def test_points_are_means_over_as_many_seeds_where_all_have_a_value():
    first = points([[None, 2.0, 4.0]], TENTHS)
    assert [(one.place, one.value, one.num_steps, one.num_seeds) for one in first] == [
        (2, 2.0, 200, 1),
        (3, 4.0, 300, 1),
    ]
    second = points([[None, 2.0, 4.0], [9.0, 6.0]], TENTHS)
    assert [(one.place, one.value, one.num_steps, one.num_seeds) for one in second] == [(12, 4.0, 200, 2)]
    assert second[0].text == "after 200 steps of its seed 2, with a training return of 4"


def test_the_milestones_are_those_of_the_default_configuration_whatever_varies():
    gail = AlgorithmWorkload("gail", env="seals/CartPole-v0", config={"total_timesteps": 2048}, num_tests=1)
    found = milestones_of(Base.of(gail))
    assert found.steps == (204, 409, 614, 819, 1024, 1228, 1433, 1638, 1843, 2048)
    assert found.is_total
    assert milestones_of(Base.of(gail, {"total_timesteps": 4096})).steps[-1] == 4096


@pytest.mark.parametrize("algo", ["bc", "dagger"])
def test_algorithms_whose_episodes_do_not_show_what_is_learnt_have_none(algo):
    assert milestones_of(Base.of(AlgorithmWorkload(algo, env="seals/CartPole-v0", num_tests=1))) is None
