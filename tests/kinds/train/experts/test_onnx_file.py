"""An ONNX file acts as the model that it was made of."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from stable_baselines3 import DQN, PPO, SAC
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize
from torch import nn

from rlgauge.core.errors import UserError
from rlgauge.envs.gymnasium import make
from rlgauge.episodes.policy import open_policy, parse_source
from rlgauge.kinds.train.experts.onnx_file import as_onnx
from rlgauge.kinds.train.experts.playing import WIDTH, labelling

SMALL = {"net_arch": [8, 8]}


def act(content, env_id, observations, folder):
    path = folder / "policy.onnx"
    path.write_bytes(content)
    env = make(env_id)
    spaces = {"observation_space": env.observation_space, "action_space": env.action_space}
    return labelling(open_policy(parse_source(f"onnx:{path}"), width=WIDTH, **spaces), env.action_space)(observations)


def observed(env_id, num=100):
    """Observations of random steps, some of them far out."""
    env = make(env_id)
    env.action_space.seed(0)
    env.reset(seed=0)
    seen = np.stack([env.step(env.action_space.sample())[0] for _ in range(num)])
    return seen * np.where(np.arange(num) % 3, 1, 50)[:, None].astype(seen.dtype)


@pytest.mark.parametrize("activation", [nn.Tanh, nn.ReLU])
@pytest.mark.parametrize("env_id", ["seals/Swimmer-v1", "seals/CartPole-v0"])
def test_a_normalised_model_of_ppo_becomes_a_file_that_acts_alike(env_id, activation, tmp_path):
    envs = VecNormalize(DummyVecEnv([lambda: make(env_id)]))
    model = PPO("MlpPolicy", envs, n_steps=64, seed=0, policy_kwargs={**SMALL, "activation_fn": activation})
    model.learn(128)
    seen = observed(env_id)
    wanted = model.predict(envs.normalize_obs(seen), deterministic=True)[0]
    found = act(as_onnx(model.policy, envs), env_id, seen, tmp_path)
    assert np.allclose(found, wanted, atol=1e-5)
    assert len(np.unique(found, axis=0)) > 1


def test_actions_beyond_the_bounds_are_clipped(tmp_path):
    env_id = "seals/Swimmer-v1"
    model = PPO("MlpPolicy", make(env_id), n_steps=64, seed=0, policy_kwargs=dict(SMALL))
    nn.init.constant_(model.policy.action_net.bias, 7.0)
    found = act(as_onnx(model.policy, None), env_id, observed(env_id), tmp_path)
    assert (found == 1.0).all()


def test_a_model_of_sac_is_stretched_to_the_bounds(tmp_path):
    env_id = "seals/Hopper-v1"
    wide = gymnasium.spaces.Box(np.float32([-1, -2, 0]), np.float32([1, 4, 1]))
    env = gymnasium.wrappers.TransformAction(make(env_id), lambda action: action, wide)
    model = SAC("MlpPolicy", env, seed=0, policy_kwargs=dict(SMALL), buffer_size=100)
    seen = observed(env_id)
    wanted = model.predict(seen, deterministic=True)[0]
    path = tmp_path / "policy.onnx"
    path.write_bytes(as_onnx(model.policy, None))
    spaces = {"observation_space": env.observation_space, "action_space": wide}
    found = labelling(open_policy(parse_source(f"onnx:{path}"), width=WIDTH, **spaces), wide)(seen)
    assert np.allclose(found, wanted, atol=1e-5)


def test_another_kind_of_policy_is_refused():
    model = DQN("MlpPolicy", make("seals/CartPole-v0"), buffer_size=100)
    with pytest.raises(UserError, match="A policy of DQNPolicy can't be written as ONNX: those of PPO and SAC can"):
        as_onnx(model.policy, None)


def test_another_kind_of_layer_is_refused():
    policy = {**SMALL, "activation_fn": nn.ELU}
    model = PPO("MlpPolicy", make("seals/CartPole-v0"), n_steps=64, policy_kwargs=policy)
    with pytest.raises(UserError, match="A layer ELU can't be written as ONNX"):
        as_onnx(model.policy, None)
