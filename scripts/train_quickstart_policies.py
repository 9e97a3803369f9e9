"""Trains the policies that `rlgauge quickstart` evaluates, and writes them as ONNX files.

    OMP_NUM_THREADS=1 python scripts/train_quickstart_policies.py [--env ENV_ID] [--out FOLDER]

Needs the test extra (Stable-Baselines3 and onnx). A few minutes for each environment on one core.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env

FOLDER = Path(__file__).resolve().parents[1] / "src" / "rlgauge" / "quickstart" / "policies"
HIDDEN = [64, 64]
NUM_EPISODES = 100
FIRST_SEED = 10_000  # of the evaluation; training resets with small seeds

Act = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Recipe:
    """How one policy is trained with PPO."""

    num_steps: int
    num_envs: int
    seed: int
    arguments: dict[str, Any]


def falling(start: float) -> Callable[[float], float]:
    """A schedule from `start` to zero, linear in what remains of the training."""
    return lambda remaining: start * remaining


# Close to the tuned settings of RL Baselines3 Zoo (hyperparams/ppo.yml), without its observation normalisation.
RECIPES = {
    "CartPole-v1": Recipe(
        num_steps=100_000,
        num_envs=8,
        seed=0,
        arguments={
            "n_steps": 32,
            "batch_size": 256,
            "n_epochs": 20,
            "gamma": 0.98,
            "gae_lambda": 0.8,
            "learning_rate": falling(1e-3),
            "clip_range": falling(0.2),
        },
    ),
    "Acrobot-v1": Recipe(
        num_steps=400_000,
        num_envs=16,
        seed=0,
        arguments={
            "n_steps": 256,
            "batch_size": 256,
            "n_epochs": 4,
            "gamma": 0.99,
            "gae_lambda": 0.94,
            "learning_rate": falling(1e-3),
        },
    ),
    "Pendulum-v1": Recipe(
        num_steps=150_000,
        num_envs=4,
        seed=0,
        arguments={
            "n_steps": 1024,
            "batch_size": 64,
            "n_epochs": 10,
            "gamma": 0.9,
            "gae_lambda": 0.95,
            "learning_rate": falling(1e-3),
            "use_sde": True,
            "sde_sample_freq": 4,
        },
    ),
}


def train(env_id: str, recipe: Recipe) -> PPO:
    """The trained model."""
    torch.set_num_threads(1)
    envs = make_vec_env(env_id, n_envs=recipe.num_envs, seed=recipe.seed)
    network = {"net_arch": HIDDEN, "activation_fn": torch.nn.Tanh}
    model = PPO("MlpPolicy", envs, seed=recipe.seed, policy_kwargs=network, device="cpu", **recipe.arguments)
    model.learn(recipe.num_steps)
    envs.close()
    return model


def export(model: PPO, env_id: str, recipe: Recipe) -> onnx.ModelProto:
    """The deterministic actor: (batch, observation) to (batch, logits), or to (batch, action) within its bounds."""
    layers = [*model.policy.mlp_extractor.policy_net, model.policy.action_net]
    linear = [layer for layer in layers if isinstance(layer, torch.nn.Linear)]
    nodes: list[onnx.NodeProto] = []
    weights: list[onnx.TensorProto] = []
    value = "observation"
    for index, layer in enumerate(linear):
        weights += [tensor(layer.weight, f"weight_{index}"), tensor(layer.bias, f"bias_{index}")]
        nodes.append(helper.make_node("Gemm", [value, f"weight_{index}", f"bias_{index}"], [f"sum_{index}"], transB=1))
        nodes.append(helper.make_node("Tanh", [f"sum_{index}"], [f"hidden_{index}"]))
        value = f"hidden_{index}"
    output = "action" if isinstance(model.action_space, gymnasium.spaces.Box) else "logits"
    del nodes[-1]  # the last layer is linear
    nodes[-1].output[0] = output
    if isinstance(model.action_space, gymnasium.spaces.Box):
        nodes[-1].output[0] = "mean"
        bounds = {"low": float(model.action_space.low.min()), "high": float(model.action_space.high.max())}
        weights += [numpy_helper.from_array(np.float32(bound), name) for name, bound in bounds.items()]
        nodes.append(helper.make_node("Clip", ["mean", "low", "high"], [output]))
    return packed(nodes, weights, sizes=(linear[0].in_features, linear[-1].out_features), output=output, about=about(env_id, recipe))


def tensor(parameter: torch.nn.Parameter, name: str) -> onnx.TensorProto:
    """The parameter as an initializer."""
    return numpy_helper.from_array(parameter.detach().numpy(), name)
