"""The two tasks of gym-aloha: two arms that hand a cube over, or put a peg into a socket.

Zhao et al. 2023, "Learning Fine-Grained Bimanual Manipulation with Low-Cost Hardware", arXiv:2304.13705, whose episodes
have 400 steps.
"""

from __future__ import annotations

import importlib
from typing import Any, Literal, TypeAlias

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from rlgauge.core.errors import unknown
from rlgauge.envs import distributions

Observed: TypeAlias = Literal["pixels_agent_pos", "environment_state_agent_pos"]
TASKS = {"AlohaTransferCube-v0": "transfer_cube", "AlohaInsertion-v0": "insertion"}
"""What gym-aloha registers them as, and what it calls them itself."""
MAX_STEPS = 400
IMAGE_SIZE, FILM_SIZE = (480, 640), (240, 320)
"""Rows and columns; gym-aloha draws no other image."""
CAMERA = "top"
_NUM_JOINTS, _NUM_ARM = 6, 8
"""Of an arm's joints, and of its actuators, the last two of which move a finger each."""


def is_installed() -> bool:
    """Whether this Python has the gym-aloha that works with what is imported here."""
    return distributions.has("gym-aloha", "0.1")


def versions() -> dict[str, str]:
    """Of what decides how an episode goes."""
    return distributions.versions("gym-aloha", "dm-control", "mujoco", "numpy")


class Aloha(gymnasium.Env[Any, Any]):
    """One task. An episode ends where gym-aloha's reward is 4, its best, which `info["is_success"]` tells.

    Actions are the 14 places that the arms' joints are sent to, in radians, and of the grippers 0 (closed) to 1 (open).
    The bounds are the actuators', beyond which they do not go; gym-aloha declares -1 to 1, where the arms can't even
    stay as they are at the start.
    """

    def __init__(self, task: str, *, observation: Observed = "pixels_agent_pos") -> None:
        """Make the simulator, which draws images only where they are observed."""
        if task not in TASKS:
            raise unknown("task of Aloha", task, TASKS)
        module: Any = importlib.import_module("gym_aloha.env")
        made = module.AlohaEnv(task=TASKS[task], obs_type="pixels_agent_pos")
        self._aloha, self._physics, self._task = made, made._env.physics, made._env.task  # noqa: SLF001  # no public ones
        self._is_seen = observation == "pixels_agent_pos"
        self._task.get_observation = self._raw
        self.metadata = made.metadata
        self.render_mode = "rgb_array"
        self.action_space = spaces.Box(*self._bounds(), dtype=np.float32)
        self.observation_space = self._space()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """What is seen at the start; things are placed by the seed."""
        del options
        super().reset(seed=seed)
        observed, info = self._aloha.reset(seed=seed)
        return self._observed(observed), info

    def step(self, action: NDArray[np.float32]) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """What is seen after an action."""
        observed, reward, terminated, truncated, info = self._aloha.step(np.asarray(action, np.float64))
        return self._observed(observed), float(reward), bool(terminated), truncated, info

    def render(self) -> NDArray[np.uint8]:
        """A frame of the camera above the table, (240, 320, 3)."""
        return self._drawn(FILM_SIZE)

    def close(self) -> None:
        """End the simulator."""
        self._physics.free()

    def _raw(self, physics: object) -> dict[str, Any]:
        """What gym-aloha's own task tells, without the cameras that nobody looks through."""
        image = self._drawn(IMAGE_SIZE) if self._is_seen else np.zeros(0, np.uint8)
        return {"qpos": self._task.get_qpos(physics), "images": {CAMERA: image}}

    def _observed(self, given: dict[str, Any]) -> dict[str, Any]:
        if self._is_seen:
            return given
        placed = np.asarray(self._task.get_env_state(self._physics))
        return {"agent_pos": given["agent_pos"], "environment_state": placed}

    def _drawn(self, size: tuple[int, int]) -> NDArray[np.uint8]:
        height, width = size
        return np.array(self._physics.render(height=height, width=width, camera_id=CAMERA))

    def _bounds(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Of the actuators: an arm's joints, then its gripper, whose fingers are told as one number."""
        reach = np.asarray(self._physics.model.actuator_ctrlrange).reshape(2, _NUM_ARM, 2)[:, :_NUM_JOINTS]
        low, high = (
            np.insert(reach[..., side], _NUM_JOINTS, side, axis=1).ravel().astype(np.float32) for side in (0, 1)
        )
        return low, high

    def _space(self) -> spaces.Dict:
        def numbers(num: int) -> spaces.Box:
            return spaces.Box(-np.inf, np.inf, (num,), np.float64)

        arms = numbers(2 * (_NUM_JOINTS + 1))
        if self._is_seen:
            image = spaces.Box(0, 255, (*IMAGE_SIZE, 3), np.uint8)
            return spaces.Dict({"pixels": spaces.Dict({CAMERA: image}), "agent_pos": arms})
        placed = np.size(self._task.get_env_state(self._physics))
        return spaces.Dict({"agent_pos": arms, "environment_state": numbers(placed)})


def make(**settings: Any) -> Aloha:  # noqa: ANN401  # its own
    """The environment of a task, by the gym-aloha that this Python has."""
    return Aloha(**settings)
