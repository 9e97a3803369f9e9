"""Environments that hold much memory, and nothing that takes long to import."""

from __future__ import annotations

import time

import numpy as np

from rlgauge.envs.host_env import HostOutcome


class Heavy:
    """Holds 10,000 bytes for each environment, long enough to be seen."""

    kind = "vector"

    def __init__(self, num_envs):
        self.held = np.ones((num_envs, 10_000), np.uint8)

    def reset(self, seed):
        return self.held[:, 0]

    def sample(self, rng):
        return rng.random(len(self.held))

    def step(self, actions):
        time.sleep(0.5 if len(self.held) > 20_000 else 0.001)
        ones = np.ones(len(self.held))
        return HostOutcome(ones, ones, ones > 0, len(self.held))

    def close(self):
        pass
