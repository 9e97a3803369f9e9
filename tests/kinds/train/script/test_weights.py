from __future__ import annotations

import json
import pickle
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from rlgauge.kinds.train.script.found import Thing
from rlgauge.kinds.train.script.weights import is_table, safetensors, save

_NUMPY = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "<u1", "BOOL": "?"}


def read_safetensors(path):
    """By the format's own words: a length of eight bytes, JSON, numbers."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    header.pop("__metadata__", None)
    numbers = content[8 + length :]
    assert max(part["data_offsets"][1] for part in header.values()) == len(numbers)
    return {
        name: np.frombuffer(numbers[slice(*part["data_offsets"])], _NUMPY[part["dtype"]]).reshape(part["shape"])
        for name, part in header.items()
    }


def saved(folder, **named):
    result = save([Thing(name, value) for name, value in named.items()], folder)
    assert result.warnings == []
    return result.files


def test_the_weights_of_a_torch_module_are_read_back_from_safetensors(tmp_path):
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    files = saved(tmp_path, agent=net)
    assert files == {"agent": "weights/agent.safetensors"}
    read = read_safetensors(tmp_path / files["agent"])
    assert read.keys() == net.state_dict().keys()
    for name, tensor in net.state_dict().items():
        np.testing.assert_array_equal(read[name], tensor.numpy())
        assert read[name].dtype == tensor.numpy().dtype


def test_tensors_of_every_type_views_and_scalars_are_written_as_they_are(tmp_path):
    class Odd:
        def state_dict(self):
            matrix = torch.arange(6.0).reshape(2, 3)
            return {
                "turned": matrix.T,
                "scalar": torch.tensor(2.5, dtype=torch.float64),
                "none": torch.zeros(0, 3),
                "half": torch.ones(2, dtype=torch.float16),
                "truth": torch.tensor([True, False]),
                "shared": matrix[0],
            }

    read = read_safetensors(tmp_path / saved(tmp_path, odd=Odd())["odd"])
    np.testing.assert_array_equal(read["turned"], [[0, 3], [1, 4], [2, 5]])
    assert read["scalar"] == 2.5
    assert read["scalar"].shape == ()
    assert read["none"].shape == (0, 3)
    assert read["half"].dtype == np.float16
    assert read["truth"].tolist() == [True, False]
    assert read["shared"].tolist() == [0, 1, 2]


def test_bfloat16_keeps_its_bits():
    from rlgauge.kinds.train.script.weights import _of_tensor

    tensor = torch.tensor([1.0, -2.5], dtype=torch.bfloat16)
    dtype, shape, content = _of_tensor(torch, tensor)
    assert (dtype, shape) == ("bfloat16", (2,))
    assert content == tensor.view(torch.int16).numpy().tobytes()
    assert b'"BF16"' in safetensors({"a": (dtype, shape, content)})


def test_the_numbers_begin_at_a_multiple_of_eight_bytes():
    for name in ("a", "ab", "abc", "abcdefgh"):
        content = safetensors({name: ("float32", (1,), b"\0\0\0\0")})
        assert struct.unpack("<Q", content[:8])[0] % 8 == 0


def test_what_is_more_than_tensors_is_saved_as_torch_does_it(tmp_path):
    net = nn.Linear(1, 1)
    files = saved(tmp_path, optimizer=torch.optim.Adam(net.parameters(), lr=0.5))
    assert files == {"optimizer": "weights/optimizer.pt"}
    assert torch.load(tmp_path / files["optimizer"])["param_groups"][0]["lr"] == 0.5


def test_a_model_of_sb3_is_saved_as_its_zip_with_its_normaliser(tmp_path):
    from stable_baselines3 import PPO
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.vec_env import VecNormalize

    env = VecNormalize(make_vec_env("CartPole-v1", 1))
    model = PPO("MlpPolicy", env, n_steps=8, batch_size=8, device="cpu")
    files = saved(tmp_path, model=model)
    assert files == {"model": "weights/model.zip", "model.normalizer": "weights/model.normalizer.pkl"}
    loaded = PPO.load(tmp_path / files["model"], device="cpu")
    for one, other in zip(model.policy.parameters(), loaded.policy.parameters(), strict=True):
        assert torch.equal(one, other)
    with (tmp_path / files["model.normalizer"]).open("rb") as file:
        assert isinstance(pickle.load(file), VecNormalize)


def test_tables_are_saved_as_npy_and_npz(tmp_path):
    files = saved(tmp_path, Q=np.eye(3), values={(1, 2): np.array([0.5, 1.0])}, obs=np.zeros(4))
    assert files == {"Q": "weights/Q.npy", "values": "weights/values.npz"}
    np.testing.assert_array_equal(np.load(tmp_path / files["Q"]), np.eye(3))
    read = np.load(tmp_path / files["values"])
    assert (read["states"].tolist(), read["values"].tolist()) == ([[1, 2]], [[0.5, 1.0]])


@pytest.mark.parametrize("name", ["q", "Q", "q_table", "agent.q_values", "QA", "q1", "Q_a", "V", "policy", "qtable"])
def test_an_array_is_a_table_by_its_name(name):
    assert is_table(name, np.zeros((3, 2)))


@pytest.mark.parametrize("name", ["obs", "rewards", "N", "visit_counts", "q_losses", "value_history", "actions", "e"])
def test_other_arrays_are_no_tables(name):
    assert not is_table(name, np.zeros((3, 2)))


def test_parameters_of_jax_are_saved_by_their_paths(tmp_path):
    import jax.numpy as jnp

    @dataclass
    class State:
        params: Any
        step: int = 3

    params = {"params": {"Dense_0": {"kernel": jnp.arange(6.0).reshape(2, 3)}}}
    files = saved(tmp_path, q_state=State(params), params={"w": jnp.ones(2)}, batch={"obs": jnp.ones(2)})
    assert files == {"q_state": "weights/q_state.safetensors", "params": "weights/params.safetensors"}
    read = read_safetensors(tmp_path / files["q_state"])
    np.testing.assert_array_equal(read["params.Dense_0.kernel"], np.arange(6.0).reshape(2, 3))


def test_what_fails_is_told_and_the_others_are_saved(tmp_path):
    class Broken:
        def state_dict(self):
            raise RuntimeError("no weights today")

    result = save([Thing("broken", Broken()), Thing("net", nn.Linear(1, 1))], tmp_path)
    assert result.files == {"net": "weights/net.safetensors"}
    assert result.warnings == ["The weights of `broken` could not be saved: RuntimeError: no weights today"]


def test_names_that_differ_in_capitals_alone_get_files_of_their_own(tmp_path):
    files = saved(tmp_path, q=np.zeros((1, 1)), Q=np.ones((1, 1)))
    assert files == {"q": "weights/q.npy", "Q": "weights/Q-2.npy"}


def test_nothing_to_save_leaves_no_folder(tmp_path):
    assert saved(tmp_path, numbers=np.zeros(3)) == {}
    assert not (tmp_path / "weights").exists()


def test_what_was_seen_in_training_is_not_saved_as_weights(tmp_path):
    class ReplayBuffer:
        def state_dict(self):
            return {"observations": torch.zeros(3)}

    assert saved(tmp_path, rb=ReplayBuffer()) == {}
