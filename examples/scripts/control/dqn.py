"""DQN (Mnih et al. 2015), as Stable-Baselines3 has it: `python dqn.py --env CartPole-v1 --total-steps 50000`."""

from __future__ import annotations

import argparse
import importlib

from stable_baselines3 import DQN
from stable_baselines3.common.env_util import make_vec_env


def main(
    env: str = "CartPole-v1",
    seed: int = 0,
    total_steps: int = 50_000,
    learning_rate: float = 2.3e-3,
    gamma: float = 0.99,
    module: str = "",
) -> DQN:
    """The trained model; `module` is one that registers the environment."""
    if module:
        importlib.import_module(module)
    world = make_vec_env(env, seed=seed)
    model = DQN(
        "MlpPolicy",
        world,
        learning_rate=learning_rate,
        gamma=gamma,
        learning_starts=1000,
        train_freq=256,
        gradient_steps=128,
        target_update_interval=10,
        batch_size=64,
        exploration_fraction=0.16,
        exploration_final_eps=0.04,
        policy_kwargs={"net_arch": [256, 256]},
        seed=seed,
    )
    model.learn(total_steps)
    return model


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--env", default="CartPole-v1")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--total-steps", type=int, default=50_000)
    parser.add_argument("--learning-rate", type=float, default=2.3e-3)
    parser.add_argument("--gamma", type=float, default=0.99, help="the discount of a step")
    parser.add_argument("--module", default="", help="a module that registers environments, imported first")
    main(**vars(parser.parse_args()))
