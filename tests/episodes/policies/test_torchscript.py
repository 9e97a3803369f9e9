from __future__ import annotations

import pickle
import warnings

import gymnasium as gym
import numpy as np
import pytest
import torch

from rlgauge.core.errors import UserError
from rlgauge.episodes.policies.spaces import describe
from rlgauge.episodes.policies.torchscript import TorchPolicy, load_module

BATCH = np.random.default_rng(1).standard_normal((8, 4))
BOX = gym.spaces.Box(-0.5, 0.5, (2,))
ALL = range(8)


def network() -> torch.nn.Module:
    torch.manual_seed(3)
    return torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.Tanh(), torch.nn.Dropout(0.5), torch.nn.Linear(16, 2))


@pytest.fixture
def scripted(tmp_path):
    path = tmp_path / "p.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(network().eval(), torch.zeros(1, 4)), path)
    return path


def opened(path, space, *, trust=False, width=8):
    module = load_module(path, device="cpu", trust=trust, name=f"torchscript:{path.name}")
    return TorchPolicy(module, action_space=describe(space), width=width, device="cpu", name=path.name)


def expected() -> np.ndarray:
    with torch.no_grad():
        return network().eval()(torch.from_numpy(BATCH.astype(np.float32))).numpy()


def test_a_traced_module_acts_as_the_module_does(scripted):
    assert list(opened(scripted, gym.spaces.Discrete(2)).act(BATCH, ALL)) == expected().argmax(1).tolist()
    actions = opened(scripted, BOX).act(BATCH, ALL)
    assert np.allclose(actions, np.clip(expected(), -0.5, 0.5), atol=1e-6)
    assert all(BOX.contains(action) for action in actions)


def test_the_bits_stay_the_same_from_call_to_call_and_row_to_row(scripted):
    policy = opened(scripted, gym.spaces.Box(-np.inf, np.inf, (2,)))
    first = policy.act(BATCH, ALL)[3].tobytes()
    for row in [*ALL, *ALL]:
        alone = np.zeros_like(BATCH)
        alone[row] = BATCH[3]
        assert policy.act(alone, [row])[row].tobytes() == first


def test_a_dictionary_is_passed_as_tensors(tmp_path):
    class Two(torch.nn.Module):
        def forward(self, x: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
            return x["goal"] - x["position"], x["goal"]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(Two()), tmp_path / "p.pt")
    policy = opened(tmp_path / "p.pt", gym.spaces.Box(-9, 9, (2,)), width=1)
    actions = policy.act({"position": np.full((1, 2), 0.25), "goal": np.full((1, 2), 0.75)}, [0])
    assert actions[0].tolist() == [0.5, 0.5]


class Boom:
    def __reduce__(self):
        return pytest.fail, ("the pickle was run",)


def test_a_pickle_is_not_even_looked_into_without_trust(tmp_path):
    path = tmp_path / "p.pt"
    torch.save(Boom(), path)
    with pytest.raises(UserError, match="runs code stored in the file; pass --trust"):
        opened(path, BOX)
    with pytest.raises(pytest.fail.Exception):
        opened(path, BOX, trust=True)


def test_a_trusted_pickled_module_acts(tmp_path):
    torch.save(network(), tmp_path / "p.pt")
    actions = opened(tmp_path / "p.pt", gym.spaces.Discrete(2), trust=True).act(BATCH, ALL)
    assert list(actions) == expected().argmax(1).tolist()


def test_files_that_hold_no_module_are_named(tmp_path):
    weights, plain = tmp_path / "weights.pt", tmp_path / "plain.pt"
    torch.save(network().state_dict(), weights)
    plain.write_bytes(pickle.dumps([1]))
    with pytest.raises(UserError, match=r"holds a OrderedDict, not a module \(weights alone say not how to act\)"):
        opened(weights, BOX, trust=True)
    with pytest.raises(UserError, match="is not a TorchScript file"):
        opened(plain, BOX, trust=True)


def test_a_device_that_is_not_there_is_said(scripted):
    with pytest.raises(UserError, match=r"asks for the device 'cuda:99', but torch sees \d+ GPUs"):
        load_module(scripted, device="cuda:99", trust=False, name="p")
