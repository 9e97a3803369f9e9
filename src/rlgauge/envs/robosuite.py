"""Tasks of robosuite 1.4 as Gymnasium environments, with a Panda that is told where to move its hand.

Observations are `state` (what the robot knows of itself), `object` (where things are) and, with a camera, `image`:
(height, width, 3) uint8, upright, where robosuite's own images are upside down. Actions are (7,) within -1 and 1: move,
turn, and the gripper, which -1 opens and 1 closes.

Zhu et al. 2020, "robosuite: A Modular Simulation Framework and Benchmark for Robot Learning", arXiv:2009.12293.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import random
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from rlgauge.core.errors import UserError, unknown

DISTRIBUTIONS = ("robosuite", "mujoco", "numpy")
TASKS = ("Lift", "Door", "NutAssembly", "NutAssemblySquare", "NutAssemblyRound", "Stack", "PickPlaceCan")
"""The tasks that are known here; every one has its files in the package."""
ROBOT, CONTROLLER, CONTROL_HZ = "Panda", "OSC_POSE", 20
_PARTS = {"state": "robot0_proprio-state", "object": "object-state"}
_FILM_CAMERA, _FILM_SIZE = "agentview", (256, 256)
_MOST_SEED = 2**32 - 1
_NEVER = 2**31 - 1
"""A horizon that no episode reaches: the benchmark cuts episodes."""


def is_installed() -> bool:
    """Whether this Python has robosuite 1.4, the one that works with what is imported here."""
    try:
        return importlib.metadata.version("robosuite").startswith("1.4.")
    except importlib.metadata.PackageNotFoundError:
        return False


def versions() -> dict[str, str]:
    """Of what decides how a task behaves."""
    return {name: importlib.metadata.version(name) for name in DISTRIBUTIONS}


class Robosuite(gymnasium.Env[Any, Any]):
    """One task. An episode ends where the task is solved; `info["is_success"]` tells, and robosuite's reward is given.

    A reset builds the model anew and places everything by the seed: the same seed and actions, the same bits.
    """

    def __init__(
        self,
        task: str,
        *,
        camera: str | None = None,
        height: int = 128,
        width: int = 128,
        is_filmed: bool = False,
    ) -> None:
        """Make the simulator, which renders where a `camera` is named, or the environment is filmed."""
        if task not in TASKS:
            raise unknown("task of robosuite", task, TASKS)
        suite: Any = importlib.import_module("robosuite")
        self._camera, self._height, self._width = camera, height, width
        self._renders = is_filmed or camera is not None
        self.metadata = {"render_modes": ["rgb_array"], "render_fps": CONTROL_HZ, "image_orientation": "upright"}
        self.render_mode = "rgb_array" if self._renders else None
        seeded(0)
        self._simulator = suite.make(
            task,
            robots=ROBOT,
            controller_configs=suite.load_controller_config(default_controller=CONTROLLER),
            control_freq=CONTROL_HZ,
            horizon=_NEVER,
            ignore_done=True,
            has_renderer=False,
            has_offscreen_renderer=self._renders,
            use_camera_obs=camera is not None,
            camera_names=camera or _FILM_CAMERA,
            camera_heights=height,
            camera_widths=width,
        )
        self.observation_space = self._space(self._simulator.observation_spec())
        low, high = self._simulator.action_spec
        self.action_space = spaces.Box(np.asarray(low, np.float32), np.asarray(high, np.float32), dtype=np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """What is seen at the start; everything is placed by the seed, or, without one, by what was drawn before."""
        del options
        super().reset(seed=seed)
        if seed is not None:
            seeded(seed)
        observed = self._observation(self._simulator.reset())
        return observed, {"is_success": self._is_success()}

    def step(self, action: NDArray[np.float32]) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """What is seen after an action."""
        raw, reward, _, _ = self._simulator.step(np.asarray(action, np.float64))
        is_success = self._is_success()
        return self._observation(raw), float(reward), is_success, False, {"is_success": is_success}

    def render(self) -> NDArray[np.uint8]:
        """A frame of the camera in front of the table, (256, 256, 3), upright. Raises UserError without rendering."""
        if not self._renders:
            raise UserError("This environment was made without a camera, so it can't be filmed.")
        height, width = _FILM_SIZE
        drawn = self._simulator.sim.render(height=height, width=width, camera_name=_FILM_CAMERA)
        return np.ascontiguousarray(np.asarray(drawn)[::-1])

    def close(self) -> None:
        """End the simulator."""
        self._simulator.close()

    def _is_success(self) -> bool:
        return bool(self._simulator._check_success())  # noqa: SLF001  # there is no public one

    def _space(self, spec: dict[str, Any]) -> spaces.Dict:
        found: dict[str, gymnasium.Space[Any]] = {
            key: spaces.Box(-np.inf, np.inf, np.shape(spec[name]), np.float32) for key, name in _PARTS.items()
        }
        if self._camera is not None:
            found["image"] = spaces.Box(0, 255, (self._height, self._width, 3), np.uint8)
        return spaces.Dict(found)

    def _observation(self, raw: dict[str, Any]) -> dict[str, Any]:
        observed = {key: np.asarray(raw[name], np.float32) for key, name in _PARTS.items()}
        if self._camera is not None:
            image = raw[f"{self._camera}_image"]
            observed["image"] = np.ascontiguousarray(image[::-1] if _is_bottom_up() else image)
        return observed


def seeded(seed: int) -> None:
    """Seed what robosuite 1.4 draws from: the generators that are the process's own."""
    np.random.seed(seed % (_MOST_SEED + 1))  # noqa: NPY002  # which robosuite uses
    random.seed(seed)


def _is_bottom_up() -> bool:
    return bool(importlib.import_module("robosuite.macros").IMAGE_CONVENTION == "opengl")


def make(task: str, **settings: Any) -> Robosuite:  # noqa: ANN401  # its own
    """The environment of a task, by the robosuite that this Python has."""
    return Robosuite(task, **settings)
