from __future__ import annotations

import numpy as np
import pytest

import rlgauge
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


def test_numbers_that_are_not_finite_or_do_not_fit_are_kept_as_none(logged):
    loggers.record_all({"nan": float("nan"), "huge": 10**400, "fine": 1e300, "whole": 2**60}, 10**30)
    assert logged() == [({"nan": None, "huge": None, "fine": 1e300, "whole": 2.0**60}, None)]
    assert loggers.num_scalars() == 4


def test_names_are_texts_whatever_they_were_and_any_text_will_do(logged):
    loggers.record(5, 1.0, 1)
    rlgauge.log({7: 1.0, 'of "quotes"\n': 2.0, "Verlust \u00fc": 3.0})
    assert logged() == [({"5": 1.0}, 1), ({"7": 1.0, 'of "quotes"\n': 2.0, "Verlust \u00fc": 3.0}, None)]


def test_numbers_keep_all_their_digits(logged):
    values = [0.1, 1 / 3, 5e-324, 1.7976931348623157e308, -0.0, 123456789.123456789]
    for value in values:
        loggers.record("loss", value, 0)
    assert [one["loss"] for one, _ in logged()] == values


def test_once_the_log_is_closed_nothing_is_written_and_what_was_counted_stays_known(logged):
    rlgauge.log({"episode_return": 1.0})
    loggers.close_log()
    loggers.close_log()
    rlgauge.log({"episode_return": 2.0})
    loggers.record("loss", 1.0, 1)
    assert logged() == [({"episode_return": 1.0}, None)]
    assert (loggers.num_scalars(), loggers.num_returns()) == (1, 1)


def test_what_is_no_number_is_passed_over_with_a_warning(logged):
    with pytest.warns(UserWarning, match=r"rlgauge\.log records numbers: 'name' is a str, and is passed over\."):
        rlgauge.log({"loss": 1.0, "name": "ppo"})
    assert logged() == [({"loss": 1.0}, None)]


def test_outside_a_run_logging_does_nothing(monkeypatch):
    monkeypatch.setattr(loggers, "current", loggers._Log())
    rlgauge.log({"loss": 1.0})
    loggers.record("loss", 1.0, 1)
    loggers.record_all({"loss": 1.0}, 1)
    assert loggers.num_scalars() == 0


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
