"""Environments whose episodes are over at once and succeed by chance, more often for one action than for the other."""

from __future__ import annotations

import time
from typing import Any

from rlgauge import Benchmark
from tests.gyms import Toy


class Chance(Toy):
    """One step; action a succeeds, and returns 1, in `rates[a]` of the episodes, by the episode's seed."""

    def __init__(self, rates: tuple[float, float], fault: str = "", gain: float = 1.0) -> None:
        super().__init__(length=1)
        self.rates = rates
        self.fault = fault
        self.gain = gain

    def reset(self, *, seed=None, options=None):
        observation, info = super().reset(seed=seed)
        self.draws = self.np_random.random(3)
        return observation, info

    def step(self, action):
        success = bool(self.draws[int(action)] < self.rates[int(action)])
        is_struck = self.draws[2] < 0.2
        if self.fault == "raises" and is_struck and action == 1:
            raise RuntimeError("the simulator said no")
        info = {"is_success": success}
        if self.fault == "tells successes only":
            info = {"is_success": True} if success else {}
        if self.fault == "tells nothing":
            info = {}
        return self.observe(), self.gain * success + self.gain * 0.1 * self.draws[2], True, False, info


class Chances(Benchmark):
    """One task a pair of rates."""

    def __init__(self, rates: list[list[float]], fault: str = "", gain: float = 1.0, **settings: Any) -> None:
        super().__init__(record_mode="none", **settings)
        self.rates = rates
        self.fault = fault
        self.gain = gain

    def create_gyms(self):
        return [lambda rates=rates: Chance(tuple(rates), self.fault, self.gain) for rates in self.rates]


def one(observation: Any) -> int:
    return 1


def like_one(observation: Any) -> int:
    return 1


def slow_one(observation: Any) -> int:
    time.sleep(0.01)
    return 1


def breaks(observation: Any) -> int:
    """Plays action 1, and raises in some episodes, by their seed."""
    if observation[1] > 0.9:
        raise RuntimeError("the policy gave up")
    return 1
