"""Policies that are served to others."""

from __future__ import annotations

import numpy as np


class Filtered:
    """Balances by a filtered angle, with noise of its own: it remembers."""

    def reset(self, seed=None):
        self.rng = np.random.default_rng(seed)
        self.angle = 0.0

    def act(self, observation):
        self.angle = 0.5 * self.angle + float(observation[2]) + 0.5 * float(observation[3])
        return int(self.angle + 0.3 * self.rng.standard_normal() > 0)
