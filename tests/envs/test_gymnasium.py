from __future__ import annotations

import gymnasium
import pytest

from rlgauge.core.errors import UserError
from rlgauge.envs.gymnasium import find_spec, make


def test_frames_are_to_be_had_where_asked():
    with make("CartPole-v1", render=True) as env:
        assert env.render_mode == "rgb_array"
    with make("CartPole-v1") as env:
        assert env.render_mode is None


@pytest.mark.parametrize(
    ("env_id", "told"),
    [
        ("CartPol-v1", "Unknown environment 'CartPol-v1'. Did you mean 'CartPole-v1'"),
        ("CartPole-v9", "CartPole-v9"),
        ("no_such_module_anywhere:Env-v0", "needs 'no_such_module_anywhere', which is not installed"),
    ],
)
def test_an_unknown_environment_is_said_with_the_nearest_known(env_id, told):
    with pytest.raises(UserError, match=told):
        find_spec(env_id)


def test_an_argument_that_the_environment_does_not_take_is_said():
    with pytest.raises(UserError, match=r"'CartPole-v1' can't be made: .*gravitas"):
        make("CartPole-v1", gravitas=3)


class Plain(gymnasium.Env):
    """Its constructor knows of no render mode."""

    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012  # as Gymnasium has it

    observation_space = gymnasium.spaces.Discrete(2)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, length: int = 3) -> None:
        self.length = length


def test_an_environment_that_knows_of_no_render_mode_is_made_as_gymnasium_makes_it(monkeypatch):
    monkeypatch.setattr(gymnasium.envs.registration, "registry", dict(gymnasium.registry))
    gymnasium.register("Plain-v0", entry_point=Plain)
    with make("Plain-v0", length=4) as env:
        assert env.unwrapped.length == 4
    with pytest.raises(UserError, match=r"'Plain-v0' can't be made: .*render_mode"):
        make("Plain-v0", render=True)
