from __future__ import annotations

import numpy as np
import pytest
from torch import nn

from rlgauge.kinds.train.script.beginnings import Call, beginning_of, calls_beside_reset, others_beginning
from rlgauge.kinds.train.script.found import Thing

SCRIPT = """
def main(env="CartPole-v1"):
    env = gymnasium.make(env)
    agent.reset()
    for _ in range(12):
        {lines}
"""


def found(lines):
    return calls_beside_reset([SCRIPT.format(lines=lines.replace("\n", "\n        "))])


def test_what_is_called_beside_an_environment_s_reset_begins_an_episode():
    assert found("obs, _ = env.reset()\nagent.reset()\nself.noise.reset_noise()") == [
        Call("agent", "reset"),
        Call("self.noise", "reset_noise"),
    ]
    assert found("obs, _ = lake.reset(seed=1)\nagent.begin_episode()") == [Call("agent", "begin_episode")]
    assert found("obs = self.env.reset()[0]\nagent.reset()") == [Call("agent", "reset")]
    assert found("if done:\n    obs, _ = env.reset()\n    agent.reset()") == [Call("agent", "reset")]


@pytest.mark.parametrize(
    "lines",
    [
        "agent.reset()",  # beside no environment's reset
        "obs, _ = env.reset()\nagent.update()",
        "obs, _ = env.reset()\nagent.reset(obs)",
        "obs, _ = env.reset()\nbuffer.reset()\nself.episode_logger.reset()",
        "obs, _ = env.reset()\neval_env.reset()",
        "obs, _ = env.reset()\nstate = agent.reset()",
    ],
)
def test_nothing_else_does(lines):
    assert found(lines) == []


def test_a_text_that_does_not_parse_says_nothing():
    assert calls_beside_reset(["%matplotlib inline", "\0"]) == []


class Agent:
    def __init__(self):
        self.q_table = np.ones((3, 2))
        self.hidden = np.ones(4)

    def reset(self):
        self.hidden = np.zeros(4)

    def begin_episode(self, observation):
        pass


class Forgetful(Agent):
    def reset(self):
        self.q_table = np.zeros((3, 2))


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def reset(self):
        nn.init.zeros_(self.layer.weight)


CALLS = [Call("agent", "reset")]


def test_a_method_that_the_script_calls_is_the_beginning_and_no_other():
    agent = Agent()
    assert beginning_of(agent, CALLS) == agent.reset
    assert beginning_of(agent, []) is None
    assert beginning_of(agent, [Call("agent", "begin_episode")]) is None


@pytest.mark.parametrize("kind", [Forgetful, Network])
def test_a_method_that_undoes_what_was_learned_is_not_called(kind):
    agent = kind()
    before = agent.q_table.copy() if kind is Forgetful else agent.layer.weight.detach().clone()
    assert beginning_of(agent, CALLS) is None
    assert others_beginning([Thing("agent", agent)], CALLS) == []
    assert (before == (agent.q_table if kind is Forgetful else agent.layer.weight)).all()


def test_others_are_found_by_the_names_that_the_script_left():
    agent, noise = Agent(), Agent()
    agent.noise = noise
    for call in (Call("agent.noise", "reset"), Call("self.agent.noise", "reset")):
        assert others_beginning([Thing("trainer.agent", agent)], [call]) == [noise.reset]
    assert others_beginning([Thing("agent", agent)], [Call("other", "reset")]) == []
