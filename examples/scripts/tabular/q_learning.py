"""Q-learning by hand on environments with few states (Watkins 1989): `python q_learning.py --env FrozenLake-v1`."""

from __future__ import annotations

import argparse

import gymnasium
import numpy as np

import rlgauge.envs.nchain  # noqa: F401  # registers rlgauge/NChain-v0


def main(
    env: str = "CliffWalking-v1",
    seed: int = 0,
    total_steps: int = 100_000,
    learning_rate: float = 0.1,
    discount: float = 0.99,
    least_random: float = 0.05,
) -> np.ndarray:
    """The table of values, (states, actions); random actions become rarer over the first half."""
    rng = np.random.default_rng(seed)
    world = gymnasium.make(env)
    num_actions = int(world.action_space.n)
    Q = np.zeros((int(world.observation_space.n), num_actions))
    state, _ = world.reset(seed=seed)
    for step in range(total_steps):
        if rng.random() < max(least_random, 1 - 2 * step / total_steps):
            action = int(rng.integers(num_actions))
        else:
            action = int(Q[state].argmax())
        following, reward, terminated, truncated, _ = world.step(action)
        target = reward + (0.0 if terminated else discount * Q[following].max())
        Q[state, action] += learning_rate * (target - Q[state, action])
        state = world.reset()[0] if terminated or truncated else following
    world.close()
    return Q


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--env", default="CliffWalking-v1")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--total-steps", type=int, default=100_000)
    parser.add_argument("--learning-rate", type=float, default=0.1)
    parser.add_argument("--discount", type=float, default=0.99)
    parser.add_argument("--least-random", type=float, default=0.05, help="the least share of random actions")
    main(**vars(parser.parse_args()))
