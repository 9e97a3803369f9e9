"""A2C (Mnih et al. 2016), as Stable-Baselines3 has it: `python a2c.py --env Pendulum-v1 --total-steps 100000`."""

from __future__ import annotations

import argparse
import importlib

from stable_baselines3 import A2C
from stable_baselines3.common.env_util import make_vec_env


def main(
    env: str = "Pendulum-v1",
    seed: int = 0,
    total_steps: int = 100_000,
    learning_rate: float = 7e-4,
    gamma: float = 0.99,
    num_envs: int = 4,
    module: str = "",
) -> A2C:
    """The trained model; `module` is one that registers the environment."""
    if module:
        importlib.import_module(module)
    world = make_vec_env(env, n_envs=num_envs, seed=seed)
    model = A2C("MlpPolicy", world, learning_rate=learning_rate, gamma=gamma, seed=seed)
    model.learn(total_steps)
    return model


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--env", default="Pendulum-v1")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--total-steps", type=int, default=100_000)
    parser.add_argument("--learning-rate", type=float, default=7e-4)
    parser.add_argument("--gamma", type=float, default=0.99, help="the discount of a step")
    parser.add_argument("--num-envs", type=int, default=4, help="environments that are stepped together")
    parser.add_argument("--module", default="", help="a module that registers environments, imported first")
    main(**vars(parser.parse_args()))
