"""SARSA by hand on environments with few states (Rummery and Niranjan 1994): `python sarsa.py --env FrozenLake-v1`."""

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

    def chosen(state: int, step: int) -> int:
        if rng.random() < max(least_random, 1 - 2 * step / total_steps):
            return int(rng.integers(num_actions))
        return int(Q[state].argmax())

    state, _ = world.reset(seed=seed)
    action = chosen(state, 0)
    for step in range(total_steps):
        following, reward, terminated, truncated, _ = world.step(action)
        next_action = chosen(following, step + 1)
        target = reward + (0.0 if terminated else discount * Q[following, next_action])
        Q[state, action] += learning_rate * (target - Q[state, action])
        state, action = following, next_action
        if terminated or truncated:
            state, _ = world.reset()
            action = chosen(state, step + 1)
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
