"""The Fetch tasks of gymnasium-robotics: an arm that reaches a place, or brings a block there.

Plappert et al. 2018, "Multi-Goal Reinforcement Learning: Challenging Robotics Environments and Request for Research",
arXiv:1802.09464.
"""

from __future__ import annotations

import importlib
from typing import Any

import gymnasium
import numpy as np

from rlgauge.core.errors import unknown
from rlgauge.envs import distributions

TASKS = ("FetchReach-v4", "FetchPush-v4", "FetchSlide-v4", "FetchPickAndPlace-v4")
FILM_SIZE = 256
MAX_STEPS = 50


def is_installed() -> bool:
    """Whether this Python has a gymnasium-robotics with these versions of the tasks."""
    return distributions.has("gymnasium-robotics", "1.4")


def versions() -> dict[str, str]:
    """Of what decides how an episode goes."""
    return distributions.versions("gymnasium-robotics", "mujoco", "numpy")


_READ_BY_STEPS = ("qacc_warmstart", "xpos", "xquat")
"""Where the solver begins, and from where the hand is moved on."""


class Unmoved(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Leaves an episode as it is where a frame is drawn.

    gymnasium-robotics computes everything anew before it draws, and the next step begins from that: a filmed episode
    would go otherwise than one that is not, where the fingers move by some millimetres.
    """

    def render(self) -> Any:  # noqa: ANN401  # as Gymnasium has it
        """A frame."""
        unwrapped: Any = self.unwrapped
        kept = {name: np.array(getattr(unwrapped.data, name)) for name in _READ_BY_STEPS}
        try:
            return self.env.render()
        finally:
            for name, values in kept.items():
                getattr(unwrapped.data, name)[:] = values


def make(task: str) -> gymnasium.Env[Any, Any]:
    """The environment as gymnasium-robotics has it, without a limit of steps; films are square and upright.

    It never ends by itself; `info["is_success"]` tells whether the goal is reached, which may be lost again.
    """
    if task not in TASKS:
        raise unknown("Fetch task", task, TASKS)
    gymnasium.register_envs(importlib.import_module("gymnasium_robotics"))
    made = gymnasium.make(task, render_mode="rgb_array", width=FILM_SIZE, height=FILM_SIZE, disable_env_checker=True)
    return Unmoved(made.unwrapped)
