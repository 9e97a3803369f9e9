"""The settings of training are data, one set for each environment and algorithm."""

from __future__ import annotations

import pytest

from rlgauge.core.errors import UserError
from rlgauge.envs import seals
from rlgauge.envs.gymnasium import make
from rlgauge.kinds.train.experts import training
from rlgauge.kinds.train.experts.settings import _all, settings_for


def test_every_environment_of_seals_has_settings():
    assert set(_all()) == set(seals.NAMES)


@pytest.mark.parametrize(
    ("env_id", "algorithm"), [(env_id, name) for env_id, found in _all().items() for name in found]
)
def test_an_algorithm_takes_its_settings(env_id, algorithm):
    _, settings = settings_for(env_id, algorithm)
    model = training._model(env_id, algorithm, settings, 0)
    assert model.action_space == make(env_id).action_space


def test_steps_can_be_said():
    _, settings = settings_for("seals/Hopper-v1", num_steps=7)
    assert settings.num_steps == 7


def test_what_there_are_no_settings_for_is_refused():
    with pytest.raises(UserError, match=r"Unknown environment with settings .* Did you mean 'seals/Hopper-v1'\?"):
        settings_for("seals/Hoper-v1")
    with pytest.raises(UserError, match=r"Unknown algorithm with settings for seals/CartPole-v0 'sac'.*Known: ppo"):
        settings_for("seals/CartPole-v0", "sac")
    with pytest.raises(UserError, match="can't be trained for 0 steps"):
        settings_for("seals/CartPole-v0", num_steps=0)
