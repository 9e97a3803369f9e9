from __future__ import annotations

import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest
import torch

from rlgauge.core.errors import UserError
from rlgauge.episodes.policy import BatchPolicy, open_policy, parse_source, wrap_policy
from tests.episodes.policies.models import linear_onnx

OBSERVATIONS = gym.spaces.Box(-np.inf, np.inf, (4,), np.float32)
ACTIONS = gym.spaces.Discrete(2)
BATCH = np.zeros((3, 4), np.float32)

MODULE = """
import torch

def act(observation):
    return int(observation.sum() > 0)

class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 2)
        for weights in self.parameters():
            torch.nn.init.ones_(weights)

    def forward(self, observation):
        return self.layer(observation)

class Loaded:
    @classmethod
    def load_from_checkpoint(cls, path):
        self = cls()
        self.action = int(open(path).read())
        return self

    def select_action(self, observation):
        return self.action
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "toy.py").write_text(MODULE)
    (tmp_path / "one.ckpt").write_text("1")
    linear_onnx(tmp_path / "m.onnx")
    torch.manual_seed(0)
    return tmp_path


def opened(uri, ckpt_path=None):
    return open_policy(parse_source(uri, ckpt_path), observation_space=OBSERVATIONS, action_space=ACTIONS, width=3)


@pytest.mark.parametrize("uri", ["random", "zero", "toy.py:act", "py:toy.py:Network", "onnx:m.onnx"])
def test_every_scheme_opens_to_a_batch_policy_that_acts_in_the_space(folder, uri):
    policy = opened(uri)
    assert isinstance(policy, BatchPolicy)
    for row in range(3):
        policy.begin(row, row)
    actions = policy.act(BATCH, [0, 2])
    assert len(actions) == 3
    assert actions[0] in ACTIONS
    assert actions[2] in ACTIONS
    policy.close()


def test_a_class_path_with_a_checkpoint_acts_as_its_checkpoint_says(folder):
    assert opened("toy.py:Loaded", "one.ckpt").act(BATCH, [1])[1] == 1


def test_an_error_of_an_open_policy_names_the_uri_that_was_given(folder):
    (folder / "bad.py").write_text("class Nothing:\n    pass\n")
    with pytest.raises(UserError, match=r"The policy py:bad\.py:Nothing is of type 'Nothing', which has no act"):
        opened("bad.py:Nothing")


def test_a_live_torch_module_is_called_in_batches_and_without_dropout():
    module = torch.nn.Sequential(torch.nn.Linear(4, 50), torch.nn.Dropout(0.5), torch.nn.Linear(50, 2)).train()
    box = gym.spaces.Box(-9, 9, (2,))
    policy = wrap_policy(module, observation_space=OBSERVATIONS, action_space=box, width=3)
    first, second = (policy.act(BATCH + 1, range(3)) for _ in range(2))
    assert np.array_equal(first, second)
    assert not module.training


def test_a_torch_module_with_a_method_of_its_own_is_asked_by_that_method():
    class Own(torch.nn.Module):
        def select_action(self, observation):
            assert observation.shape == (4,)
            return torch.tensor([1])

    policy = wrap_policy(Own(), observation_space=OBSERVATIONS, action_space=ACTIONS, width=3)
    assert policy.act(BATCH, [0])[0] == 1


def test_naming_and_hashing_a_policy_imports_no_heavy_library(folder):
    code = (
        "import sys\nfrom rlgauge.episodes.policy import parse_source\n"
        "parse_source('onnx:m.onnx').digest(), parse_source('toy.py:act').digest()\n"
        "print({'torch', 'gymnasium', 'onnxruntime', 'stable_baselines3'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"
