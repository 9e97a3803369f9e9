"""Environments whose episodes are known beforehand, and a run that counts them."""

from __future__ import annotations

import gymnasium
import numpy as np

LENGTHS = (3, 1, 4, 2)


class Countdown(gymnasium.Env):
    """Episodes of the lengths in turn, each reward 1, 2, 3 ...; every second one is cut off rather than ended."""

    action_space = gymnasium.spaces.Discrete(2)
    observation_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)

    def __init__(self, lengths=LENGTHS):
        self.lengths = lengths
        self.num_resets = -1
        self.left = 0
        self.time = 0
        self.seeds = []

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.seeds.append(seed)
        self.num_resets += 1
        self.left = self.lengths[self.num_resets % len(self.lengths)]
        self.time = 0
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.time += 1
        is_over = self.time >= self.left
        is_cut = bool(self.num_resets % 2)
        return np.zeros(1, np.float32), float(self.time), is_over and not is_cut, is_over and is_cut, {}


def expected(num, lengths=LENGTHS):
    """Returns, lengths and cuts of the first episodes of a Countdown."""
    chosen = [lengths[index % len(lengths)] for index in range(num)]
    return [(sum(range(1, length + 1)), length, bool(index % 2)) for index, length in enumerate(chosen)]


def play(env, num_episodes, action=0):
    """Play episodes as a script does; the return and length of each."""
    found = []
    for _ in range(num_episodes):
        env.reset()
        total, length, is_over = 0.0, 0, False
        while not is_over:
            _, reward, ended, cut, _ = env.step(action)
            total, length, is_over = total + float(reward), length + 1, ended or cut
        found.append((total, length))
    return found
