from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from rlgauge.core.errors import UserError
from rlgauge.envs.gymnasium import make
from rlgauge.kinds.train.experts import expert as experts
from rlgauge.kinds.train.experts.expert import find_expert
from rlgauge.kinds.train.original.expert import AskedExpert

HOPPER = "seals/Hopper-v1"


def asked(env, name, folder):
    return AskedExpert(env.observation_space, env.action_space, name=name, folder=folder)


def test_it_acts_as_the_expert_does_and_so_does_its_pickle(tmp_path):
    env = make(HOPPER)
    policy = asked(env, HOPPER, tmp_path)
    observations = np.stack([env.reset(seed=seed)[0] for seed in range(20)])
    expected = find_expert(HOPPER).label(env)(observations)
    np.testing.assert_array_equal(policy.predict(observations)[0], expected)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(policy)).predict(observations)[0], expected)


def test_a_path_begins_in_the_folder_in_which_the_command_was_given(tmp_path, monkeypatch):
    file = Path(experts.__file__).with_name("shipped") / "seals-Hopper-v1.onnx"
    (tmp_path / "given" / "mine").mkdir(parents=True)
    (tmp_path / "given" / "mine" / "best.onnx").write_bytes(file.read_bytes())
    monkeypatch.chdir(tmp_path)
    env = make(HOPPER)
    policy = asked(env, "mine/best.onnx", tmp_path / "given")
    assert policy.predict(np.stack([env.reset(seed=0)[0]]))[0].shape == (1, 3)
    assert Path.cwd() == tmp_path


def test_one_of_another_environment_is_refused(tmp_path):
    with pytest.raises(UserError):
        asked(make("seals/HalfCheetah-v1"), HOPPER, tmp_path)
