"""The 50 tasks of Meta-World: an arm at a table, each task with 50 goals.

Yu et al. 2019, "Meta-World: A Benchmark and Evaluation for Multi-Task and Meta Reinforcement Learning",
arXiv:1910.10897. How its authors evaluate: an episode a goal, 500 steps, a success where the task is solved in any.
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

Observed: TypeAlias = Literal["state", "pixels_agent_pos", "pixels"]
_MT10 = """
    reach push pick-place door-open drawer-open drawer-close button-press-topdown peg-insert-side window-open
    window-close
"""
_MT50 = """
    assembly basketball bin-picking box-close button-press button-press-topdown button-press-topdown-wall
    button-press-wall coffee-button coffee-pull coffee-push dial-turn disassemble door-close door-lock door-open
    door-unlock drawer-close drawer-open faucet-close faucet-open hammer hand-insert handle-press
    handle-press-side handle-pull handle-pull-side lever-pull peg-insert-side peg-unplug-side pick-out-of-hole
    pick-place pick-place-wall plate-slide plate-slide-back plate-slide-back-side plate-slide-side push push-back
    push-wall reach reach-wall shelf-place soccer stick-pull stick-push sweep sweep-into window-close window-open
"""
SETS = {name: tuple(f"{task}-v3" for task in tasks.split()) for name, tasks in (("MT10", _MT10), ("MT50", _MT50))}
"""The tasks of each set, in Meta-World's order for MT10, by name for MT50, which is all of them."""
TASKS = SETS["MT50"]
NUM_GOALS = 50
MAX_STEPS = 500
CAMERA, CAMERA_POSITION = "corner2", (0.75, 0.075, 0.7)
"""Nearer than Meta-World has it, as where LeRobot's data were recorded (Seo et al. 2022, arXiv:2206.14244)."""
_STATE, _HAND = 39, 4


def is_installed() -> bool:
    """Whether this Python has a Meta-World with these tasks."""
    return distributions.has("metaworld", "3")


def versions() -> dict[str, str]:
    """Of what decides how an episode goes."""
    return distributions.versions("metaworld", "mujoco", "numpy", "scipy")


class MetaWorld(gymnasium.Env[Any, Any]):
    """One task. An episode ends where it is solved, which `info["is_success"]` tells.

    `options["episode"]` of a reset says which of the task's goals it has, modulo 50; without it, its seed does. The
    goals are those that Meta-World draws by `goal_seed`. What is seen of a camera that hangs upside down is upright.
    """

    def __init__(
        self,
        task: str,
        *,
        observation: Observed = "state",
        height: int = 480,
        width: int = 480,
        goal_seed: int = 42,
        instruction: str | None = None,
    ) -> None:
        """Make the simulator and draw the goals, which takes a second."""
        if task not in TASKS:
            raise unknown("task of Meta-World", task, TASKS)
        self._mujoco: Any = importlib.import_module("mujoco")
        library: Any = importlib.import_module("metaworld")
        drawn = library.MT1(task, seed=goal_seed)
        self._goals = drawn.train_tasks
        self._env = drawn.train_classes[task](render_mode="rgb_array", camera_name=CAMERA, width=width, height=height)
        self._env.model.camera(CAMERA).pos[:] = CAMERA_POSITION
        self._observation, self._instruction = observation, instruction
        self.metadata = {"render_modes": ["rgb_array"], "render_fps": self._env.metadata["render_fps"]}
        self.render_mode = "rgb_array"
        self.action_space = self._env.action_space
        self.observation_space = self._space(height, width)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """What is seen at the start of an episode with that goal."""
        super().reset(seed=seed)
        index = (options or {}).get("episode", seed or 0)
        self._env.set_task(self._goals[index % NUM_GOALS])
        state, _ = self._env.reset()
        # Its reset leaves goals drawn micrometres from where they are, by what was played before: images would differ
        # in single pixels. This computes places and nothing else: not a bit of what follows changes.
        self._mujoco.mj_kinematics(self._env.model, self._env.data)
        return self._observed(state), {"is_success": False}

    def step(self, action: NDArray[np.float32]) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """What is seen after an action."""
        state, reward, _, truncated, info = self._env.step(action)
        is_success = bool(info["success"])
        return self._observed(state), float(reward), is_success, bool(truncated), {"is_success": is_success}

    def render(self) -> NDArray[np.uint8]:
        """A frame, (height, width, 3), upright."""
        return np.ascontiguousarray(self._env.render()[::-1, ::-1])

    def close(self) -> None:
        """End the simulator."""
        self._env.close()

    def _space(self, height: int, width: int) -> gymnasium.Space[Any]:
        if self._observation == "state":
            return spaces.Box(-np.inf, np.inf, (_STATE,), np.float64)
        parts: dict[str, gymnasium.Space[Any]] = {"pixels": spaces.Box(0, 255, (height, width, 3), np.uint8)}
        if self._observation == "pixels_agent_pos":
            parts["agent_pos"] = spaces.Box(-np.inf, np.inf, (_HAND,), np.float64)
        if self._instruction is not None:
            parts["task"] = spaces.Text(max(1, len(self._instruction)), charset=frozenset(self._instruction))
        return spaces.Dict(parts)

    def _observed(self, state: NDArray[np.float64]) -> Any:  # noqa: ANN401  # of its space
        space = self.observation_space
        if not isinstance(space, spaces.Dict):
            return state
        parts = {"pixels": self.render(), "agent_pos": state[:_HAND], "task": self._instruction}
        return {name: parts[name] for name in space.spaces}


def make(**settings: Any) -> MetaWorld:  # noqa: ANN401  # its own
    """The environment of a task, by the Meta-World that this Python has."""
    return MetaWorld(**settings)
