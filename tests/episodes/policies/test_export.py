"""Programs of torch.export: whatever they take, checked against what there is."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch

from rlgauge import Benchmark
from rlgauge.core.errors import UserError
from rlgauge.episodes.policy import open_policy, parse_source
from tests.episodes.policies.models import CARTPOLE_OBSERVATIONS, weights

TWO = gym.spaces.Discrete(2)
PAIR = (torch.zeros(2, 4),)
LIMITED = torch.export.Dim("batch", min=1, max=8)
FREE = torch.export.Dim.DYNAMIC
KEYED = gym.spaces.Dict(
    {
        "state": gym.spaces.Box(-1, 1, (4,), np.float64),
        "image": gym.spaces.Box(0, 255, (8, 8, 3), np.uint8),
    }
)


class Linear(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.matrix = torch.nn.Parameter(torch.from_numpy(weights(4, 2)))

    def forward(self, obs):
        return obs @ self.matrix


class Keyed(Linear):
    def forward(self, obs):
        brightness = obs["image"].float().mean((1, 2, 3))
        return {"value": brightness, "action": super().forward(obs["state"]) + brightness[:, None]}


class Named(Keyed):
    def forward(self, image, *, state):
        return super().forward({"state": state, "image": image})["action"], image


class Half(Linear):
    def forward(self, obs):
        return super().forward(obs).bfloat16()


def save(path, module, arguments=PAIR, keywords=None, shapes=None):
    torch.export.save(torch.export.export(module, arguments, keywords, dynamic_shapes=shapes), path)
    return f"export:{path}"


def opened(uri, seen=CARTPOLE_OBSERVATIONS, acted=TWO, width=4, *, trust=True):
    return open_policy(parse_source(uri), observation_space=seen, action_space=acted, width=width, trust=trust)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "policy.pt2"


@pytest.fixture
def seen():
    return np.random.default_rng(0).standard_normal((4, 4)).astype(np.float32)


@pytest.mark.parametrize("shapes", [({0: LIMITED},), ({0: FREE},)])
@pytest.mark.parametrize("width", [1, 4])
def test_a_dynamic_batch_is_called_once(path, seen, shapes, width):
    policy = opened(save(path, Linear(), shapes=shapes), width=width)
    assert list(policy.act(seen[:width], range(width))) == list((seen[:width] @ weights(4, 2)).argmax(1))
    assert policy.bit_stable


def test_a_batch_of_one_is_called_row_by_row(path, seen):
    policy = opened(save(path, Linear(), (torch.zeros(1, 4),)))
    expected = (seen @ weights(4, 2)).argmax(1)
    assert policy.act(seen, [0, 2]) == [expected[0], None, expected[2], None]


def test_a_box_is_clipped_to_its_bounds(path, seen):
    acted = gym.spaces.Box(-0.5, 0.5, (2,), np.float32)
    actions = opened(save(path, Linear(), shapes=({0: FREE},)), acted=acted).act(seen, range(4))
    np.testing.assert_allclose(actions, np.clip(seen @ weights(4, 2), -0.5, 0.5), rtol=1e-5)


def test_what_numpy_has_no_type_for_is_converted(path, seen):
    acted = gym.spaces.Box(-9, 9, (2,), np.float32)
    actions = opened(save(path, Half(), shapes=({0: FREE},)), acted=acted).act(seen, range(4))
    np.testing.assert_allclose(actions, seen @ weights(4, 2), rtol=1e-2)


def test_a_dictionary_goes_in_by_its_keys_or_as_arguments_of_the_same_names(path, seen):
    image, state = torch.zeros(2, 8, 8, 3, dtype=torch.uint8), torch.zeros(2, 4)
    dynamic = {"state": {0: FREE}, "image": {0: FREE}}
    uris = [
        save(path, Keyed(), ({"state": state, "image": image},), shapes=(dynamic,)),
        save(path.with_name("named.pt2"), Named(), (image,), {"state": state}, shapes=dynamic),
    ]
    pictures = np.random.default_rng(1).integers(0, 256, (4, 8, 8, 3), np.uint8)
    acted = gym.spaces.Box(-999, 999, (2,), np.float32)
    expected = seen @ weights(4, 2) + pictures.mean((1, 2, 3), np.float32)[:, None]
    for uri in uris:
        actions = opened(uri, KEYED, acted).act({"image": pictures, "state": seen.astype(np.float64)}, range(4))
        np.testing.assert_allclose(actions, expected, rtol=1e-5)


def test_what_does_not_fit_names_both_sides(path):
    uri = save(path, Linear(), shapes=({0: LIMITED},))
    with pytest.raises(UserError, match=r"takes observations of shape \(4,\), but the environment gives \(3,\)"):
        opened(uri, gym.spaces.Box(-1, 1, (3,)))
    with pytest.raises(UserError, match="takes the inputs obs, but the environment observes image, state"):
        opened(uri, KEYED)
    with pytest.raises(UserError, match="takes batches of 1 to 8, but the run has 9 lanes"):
        opened(uri, width=9)
    with pytest.raises(UserError, match="takes batches of 2, but the run has 4 lanes"):
        opened(save(path, Linear()))
    with pytest.raises(UserError, match="is a network, and has no way to act in Text"):
        opened(save(path, Linear(), shapes=({0: FREE},)), acted=gym.spaces.Text(3))


def test_nothing_is_read_without_trust(path):
    path.write_bytes(b"never looked at")
    with pytest.raises(UserError, match=r"runs code stored in the file; pass --trust"):
        opened(f"export:{path}", trust=False)


@pytest.mark.parametrize("content", [b"no archive", b""])
def test_what_is_no_program_is_told_without_a_trace(path, content, caplog):
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"is not a usable program of torch\.export"):
        opened(f"export:{path}")
    assert caplog.text == ""


def test_a_module_saved_otherwise_is_no_program(path):
    torch.save(Linear().state_dict(), path)
    with pytest.raises(UserError, match=r"is not a usable program of torch\.export"):
        opened(f"export:{path}")


def test_it_plays_as_the_same_network_in_another_file_does(path, tmp_path):
    from tests.episodes.policies.models import linear_onnx

    uri = save(path, Linear(), shapes=({0: FREE},))
    onnx = linear_onnx(tmp_path / "same.onnx", matrix=weights(4, 2))
    benchmark = Benchmark(gyms=[lambda: gym.make("CartPole-v1")], num_episodes=4)
    results = benchmark.evaluate({"export": uri, "onnx": f"onnx:{onnx}"}, lanes=2, trust=True)
    assert results.results[0].mean_reward == results.results[1].mean_reward
