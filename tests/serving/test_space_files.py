from __future__ import annotations

from types import SimpleNamespace

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces

from rlgauge.core.errors import UserError
from rlgauge.serving.space_files import read_spaces, to_json, write_spaces

SPACES = [
    spaces.Box(-1, 1, (3,), np.float32),
    spaces.Box(np.array([0.1, -np.inf]), np.array([np.inf, 0.3]), dtype=np.float64),
    spaces.Box(0, 255, (4, 4, 3), np.uint8),
    spaces.Box(-(2**62) - 1, 2**62 + 1, (), np.int64),
    spaces.Discrete(5, start=-2),
    spaces.MultiDiscrete([[2, 3], [4, 5]], start=[[0, 1], [2, 3]], dtype=np.int32),
    spaces.MultiBinary((2, 3)),
    spaces.Text(20),
    spaces.Dict({"state": spaces.Box(-1, 1, (2,)), "task": spaces.Text(5, min_length=0)}),
    spaces.Tuple([spaces.Discrete(2), spaces.Box(0, 1)]),
]


@pytest.mark.parametrize("space", SPACES, ids=lambda space: type(space).__name__)
def test_spaces_come_back_as_they_were(tmp_path, space):
    path = tmp_path / "spaces.json"
    write_spaces(SimpleNamespace(observation_space=space, action_space=spaces.Discrete(2)), path)
    found = read_spaces(path)
    assert found.observation == space
    assert found.action == spaces.Discrete(2)


def test_those_of_registered_environments_come_back(tmp_path):
    for env_id in ("CartPole-v1", "Pendulum-v1", "Acrobot-v1"):
        env = gym.make(env_id)
        write_spaces(env, tmp_path / "spaces.json")
        assert read_spaces(tmp_path / "spaces.json") == (env.observation_space, env.action_space)
        env.close()


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"observation": {"space": "Ball"}, "action": {"space": "Discrete", "n": 2}}',
     '{"observation": {"space": "Discrete", "n": -1}, "action": {"space": "Discrete", "n": 2}}'],
)  # fmt: skip
def test_a_file_without_spaces_says_how_one_is_written(tmp_path, text):
    path = tmp_path / "spaces.json"
    path.write_text(text)
    with pytest.raises(UserError, match=r"holds no spaces .*write_spaces"):
        read_spaces(path)


def test_a_file_that_is_not_there_and_a_space_without_a_form_are_errors(tmp_path):
    with pytest.raises(UserError, match="Could not read"):
        read_spaces(tmp_path / "none.json")
    with pytest.raises(UserError, match="can't be written as JSON"):
        to_json(spaces.Graph(spaces.Box(0, 1), None))
