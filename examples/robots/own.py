"""The policies that Meta-World has for its tasks, by their names: for a Python that has Meta-World."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray


class Own:
    """Meta-World's policy of one task, its actions within their bounds."""

    def __init__(self, task: str) -> None:
        self._make = importlib.import_module("metaworld.policies").ENV_POLICY_MAP[task]

    def reset(self, seed: int | None = None) -> None:
        """Begin with a new one: some of them remember."""
        del seed
        self._policy: Any = self._make()

    def act(self, observation: Array) -> Array:
        """The action for what is seen."""
        return np.clip(np.asarray(self._policy.get_action(observation), np.float32), -1, 1)


def __getattr__(name: str) -> Callable[[], Own]:
    """What makes the policy of a task."""
    if not name.endswith("-v3"):
        raise AttributeError(name)

    class OfTask(Own):
        def __init__(self) -> None:
            super().__init__(name)

    return OfTask
