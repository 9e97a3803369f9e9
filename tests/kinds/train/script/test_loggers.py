from __future__ import annotations

import numpy as np
import pytest

import rlgauge
from rlgauge.core.errors import UserError
from rlgauge.kinds.train.journal import Journal, read_scalars
from rlgauge.kinds.train.script import loggers


@pytest.fixture
def logged(tmp_path):
    """A function that gives what was logged so far: values and step."""
    loggers.open_log(Journal(tmp_path))
    return lambda: [(one.values, one.step) for one in read_scalars(tmp_path)]


def test_numbers_are_logged_with_their_step(logged):
    rlgauge.log({"loss": 0.5, "episode_return": 12}, step=3)
    rlgauge.log({"loss": np.float32(0.25)})
    rlgauge.log({"loss": float("inf")}, step=np.int64(5))
    rlgauge.log({})
    assert logged() == [({"loss": 0.5, "episode_return": 12.0}, 3), ({"loss": 0.25}, None), ({"loss": None}, 5)]
    assert (loggers.num_scalars(), loggers.num_returns()) == (4, 1)


def test_what_is_no_number_is_refused_in_a_sentence(logged):
    with pytest.raises(UserError, match=r"rlgauge\.log records numbers: 'name' is a str\."):
        rlgauge.log({"loss": 1.0, "name": "ppo"})
    assert logged() == []


def test_outside_a_run_logging_does_nothing(monkeypatch):
    monkeypatch.setattr(loggers, "_log", loggers._Log())
    rlgauge.log({"loss": 1.0})
    loggers.record("loss", 1.0, 1)
    loggers.record_all({"loss": 1.0}, 1)
    assert loggers.num_scalars() == 0


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (1, 1.0),
        (True, 1.0),
        (np.float32(0.5), 0.5),
        (np.array(2), 2.0),
        (np.array([[3.0]]), 3.0),
        (np.array([1.0, 2.0]), None),
        ("4", None),
        (None, None),
        ([1.0], None),
        ({}, None),
    ],
)
def test_a_number_is_what_stands_for_one(value, number):
    assert loggers.number(value) == number


@pytest.mark.parametrize(
    ("step", "whole"), [(3, 3), (None, None), (np.int32(4), 4), (5.0, 5), ("6", None), (np.nan, None)]
)
def test_a_step_is_a_whole_number_or_none(step, whole):
    assert loggers.whole(step) == whole


def test_mappings_in_mappings_are_logged_by_names_with_slashes_and_the_rest_passed_over(logged):
    loggers.record_all({"loss": {"actor": 1, "critic": 2.0}, "picture": np.zeros((2, 2)), "text": "x"}, 7)
    loggers.record_all({"text": "x"}, 8)
    loggers.record("text", "x", 8)
    assert logged() == [({"loss/actor": 1.0, "loss/critic": 2.0}, 7)]


@pytest.mark.parametrize(
    "name",
    [
        "charts/episodic_return",
        "rollout/ep_rew_mean",
        "episode_reward",
        "EpRet",
        "EpisodeReturn",
        "train/mean_reward",
        "Average_reward",
        "reward_mean",
        "ep_score",
        "total_reward",
    ],
)
def test_returns_are_known_by_their_names(name):
    assert loggers.is_return(name)


@pytest.mark.parametrize(
    "name",
    [
        "losses/value_loss",
        "charts/SPS",
        "rollout/ep_len_mean",
        "eval/mean_reward",
        "test_return",
        "reward",
        "charts/episodic_length",
    ],
)
def test_other_numbers_are_no_returns(name):
    assert not loggers.is_return(name)
