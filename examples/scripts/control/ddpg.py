"""DDPG (Lillicrap et al. 2016), as Stable-Baselines3 has it: `python ddpg.py --env Pendulum-v1 --total-steps 20000`."""

from __future__ import annotations

import argparse
import importlib

import numpy as np
from stable_baselines3 import DDPG
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.noise import NormalActionNoise


def main(
    env: str = "Pendulum-v1",
    seed: int = 0,
    total_steps: int = 20_000,
    learning_rate: float = 1e-3,
    gamma: float = 0.98,
    module: str = "",
) -> DDPG:
    """The trained model; `module` is one that registers the environment."""
    if module:
        importlib.import_module(module)
    world = make_vec_env(env, seed=seed)
    shape = world.action_space.shape
    noise = NormalActionNoise(np.zeros(shape), np.full(shape, 0.1))
    model = DDPG("MlpPolicy", world, learning_rate=learning_rate, gamma=gamma, action_noise=noise, seed=seed)
    model.learn(total_steps)
    return model


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--env", default="Pendulum-v1")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--total-steps", type=int, default=20_000)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--gamma", type=float, default=0.98, help="the discount of a step")
    parser.add_argument("--module", default="", help="a module that registers environments, imported first")
    main(**vars(parser.parse_args()))
