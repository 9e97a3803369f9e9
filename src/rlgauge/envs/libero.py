"""One task of LIBERO as a Gymnasium environment, over whatever simulates it.

Observations, which every policy sees under these keys:

| key | what |
|---|---|
| `image` | the camera in front of the table (`agentview`), (height, width, 3) uint8 |
| `image2` | the camera at the hand (`robot0_eye_in_hand`), the same |
| `state` | (8,) float32: the hand's place (3, m), its turn as axis times angle (3, rad), the two fingers (2, m) |
| `task` | the instruction, a text |

Actions are (7,) within -1 and 1: move, turn, and the gripper, which -1 opens and 1 closes.

Liu et al. 2023, "LIBERO: Benchmarking Knowledge Transfer for Lifelong Robot Learning".
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

import gymnasium
import msgspec
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from rlgauge.core.errors import UserError, unknown

ControlMode = Literal["relative", "absolute"]
Orientation = Literal["rotated", "upright", "raw"]
CONTROL_MODES: tuple[ControlMode, ...] = ("relative", "absolute")
ORIENTATIONS: tuple[Orientation, ...] = ("rotated", "upright", "raw")
MAX_STEPS: Mapping[str, int] = {
    "libero_spatial": 280,
    "libero_object": 280,
    "libero_goal": 300,
    "libero_10": 520,
    "libero_90": 400,
}
"""The suites, and after how many steps an episode of each is cut off."""
CAMERAS: Mapping[str, str] = {"image": "agentview_image", "image2": "robot0_eye_in_hand_image"}
"""What the simulator calls the images that are observed."""
DUMMY_ACTION = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0)
"""Stand still with the gripper open: what is done while objects settle."""
SETTLING_STEPS = 10
SIMULATOR_SEED = 0
"""Of every reset: furniture stands where it leaves it, whatever the initial state says."""
_STATE = ("robot0_eef_pos", "robot0_eef_quat", "robot0_gripper_qpos")
_NUM_STATE, _NUM_ACTION = 8, 7
_LETTERS = string.ascii_letters + string.digits + string.punctuation + " "
_FPS = 20


class LiberoTask(msgspec.Struct, frozen=True, kw_only=True):
    """One task of a suite: its place there from 0, its file's name, and what the robot is told.

    `definition` tells from another task of that name: a hash of the task's file and of its initial states, of which
    there are `num_initial_states`.
    """

    suite: str
    index: int
    name: str
    language: str
    definition: str
    num_initial_states: int


class Simulator(Protocol):
    """What LIBERO's `OffScreenRenderEnv` has."""

    robots: Sequence[Any]

    def seed(self, seed: int) -> None:
        """Seed the places of what is not in an initial state."""

    def reset(self) -> Mapping[str, Any]:
        """What is observed after a reset to places of its own."""

    def set_init_state(self, init_state: NDArray[np.float64]) -> Mapping[str, Any]:
        """What is observed in a given state."""

    def step(self, action: Sequence[float]) -> tuple[Mapping[str, Any], float, bool, Mapping[str, Any]]:
        """What is observed after an action, the reward, whether it is over, and more."""

    def check_success(self) -> bool:
        """Whether the goal is reached now."""

    def close(self) -> None:
        """End it."""


class Backend(Protocol):
    """Where tasks and their simulators come from: LIBERO itself, or what has its interface."""

    versions: Mapping[str, str]
    """Of what decides how a task behaves."""

    @property
    def is_bottom_up(self) -> bool:
        """Whether the first row of its images is the lowest, as OpenGL has it."""

    def tasks(self, suite: str) -> Sequence[LiberoTask]:
        """All tasks of a suite, in its order."""

    def initial_states(self, task: LiberoTask) -> NDArray[np.float64]:
        """A task's initial states, one a row."""

    def open(self, task: LiberoTask, *, height: int, width: int) -> Simulator:
        """A simulator of the task, with images of that size. Raises UserError where something is missing."""


class Libero(gymnasium.Env[Any, Any]):
    """One task. The simulator is opened by the first reset.

    Initial states are taken by `options["episode"]`, or else by the seed, modulo their number: nothing else
    decides where an episode begins. It ends where the goal is reached; `info["is_success"]` tells.
    """

    def __init__(
        self,
        backend: Backend,
        task: LiberoTask,
        *,
        height: int = 256,
        width: int = 256,
        control_mode: ControlMode = "relative",
        image_orientation: Orientation = "rotated",
    ) -> None:
        """Nothing is opened yet. Raises UserError for an unknown control mode or orientation."""
        check_choices(control_mode, image_orientation)
        self.task = task
        self.metadata = {
            "render_modes": ["rgb_array"],
            "render_fps": _FPS,
            "image_orientation": image_orientation,
            "control_mode": control_mode,
        }
        self.render_mode = "rgb_array"
        image = spaces.Box(0, 255, (height, width, 3), np.uint8)
        self.observation_space = spaces.Dict(
            {
                **dict.fromkeys(CAMERAS, image),
                "state": spaces.Box(-np.inf, np.inf, (_NUM_STATE,), np.float32),
                "task": spaces.Text(max(1, len(task.language)), charset=_LETTERS),
            }
        )
        self.action_space = spaces.Box(-1.0, 1.0, (_NUM_ACTION,), np.float32)
        self._backend = backend
        self._size = height, width
        self._control_mode = control_mode
        self._orientation = image_orientation
        self._simulator: Simulator | None = None
        self._initial_states: NDArray[np.float64] | None = None
        self._frame: NDArray[np.uint8] | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """What is seen in the episode's initial state, after everything has settled."""
        super().reset(seed=seed)
        simulator, states = self._opened()
        episode = int((options or {}).get("episode", seed or 0))
        simulator.seed(SIMULATOR_SEED)
        simulator.reset()
        raw = simulator.set_init_state(states[episode % len(states)])  # after the reset, which would discard it
        for _ in range(SETTLING_STEPS):
            raw, *_ = simulator.step(DUMMY_ACTION)
        for robot in simulator.robots:
            robot.controller.use_delta = self._control_mode == "relative"
        return self._observation(raw), {"is_success": bool(simulator.check_success())}

    def step(self, action: NDArray[np.float32]) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """What is seen after an action; the suite's limit of steps is the benchmark's to keep."""
        if self._simulator is None:
            raise UserError("The environment is stepped before it was reset.")
        raw, reward, _, _ = self._simulator.step(np.asarray(action, np.float64).tolist())
        is_success = bool(self._simulator.check_success())
        return self._observation(raw), float(reward), is_success, False, {"is_success": is_success}

    def render(self) -> NDArray[np.uint8]:
        """What the camera in front of the table sees, upright, whatever orientation the policy is shown."""
        if self._frame is None:
            raise UserError("There is nothing to be seen before the first reset.")
        return self._frame

    def close(self) -> None:
        """Close the simulator."""
        if self._simulator is not None:
            simulator, self._simulator = self._simulator, None
            simulator.close()

    def _opened(self) -> tuple[Simulator, NDArray[np.float64]]:
        if self._initial_states is None:
            self._initial_states = np.asarray(self._backend.initial_states(self.task), np.float64)
        if self._simulator is None:
            height, width = self._size
            self._simulator = self._backend.open(self.task, height=height, width=width)
        return self._simulator, self._initial_states

    def _observation(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        lacking = [name for name in (*CAMERAS.values(), *_STATE) if name not in raw]
        if lacking:
            raise UserError(f"The simulator observes no {', '.join(lacking)}, but {', '.join(sorted(raw))}.")
        upright = {key: self._upright(np.asarray(raw[name]), name) for key, name in CAMERAS.items()}
        self._frame = upright["image"]
        return {
            **{key: np.ascontiguousarray(oriented(image, self._orientation)) for key, image in upright.items()},
            "state": state_of(*(np.asarray(raw[name]) for name in _STATE)),
            "task": self.task.language,
        }

    def _upright(self, image: NDArray[Any], name: str) -> NDArray[np.uint8]:
        if image.shape != (*self._size, 3) or image.dtype != np.uint8:
            raise UserError(f"{name} is {image.dtype} of shape {image.shape}, not uint8 of {(*self._size, 3)}.")
        return image[::-1].copy() if self._backend.is_bottom_up else image.copy()


def oriented(upright: NDArray[np.uint8], orientation: Orientation) -> NDArray[np.uint8]:
    """An upright image as policies are shown it.

    OpenGL gives the lowest row first: "raw" is that, upside down. "rotated" is that turned by 180 degrees, which most
    policies were trained on: upright, with left and right exchanged.
    """
    match orientation:
        case "rotated":
            return upright[:, ::-1]
        case "upright":
            return upright
        case "raw":
            return upright[::-1]
    raise unknown("image orientation", orientation, ORIENTATIONS)


def state_of(place: NDArray[Any], quaternion: NDArray[Any], fingers: NDArray[Any]) -> NDArray[np.float32]:
    """(8,) float32 of the hand's place (3,), its turn as a quaternion x, y, z, w (4,) and the fingers (2,)."""
    return np.concatenate([place, axis_angle(quaternion), fingers]).astype(np.float32)


def axis_angle(quaternion: NDArray[Any]) -> NDArray[np.float64]:
    """The turn (3,) of a unit quaternion x, y, z, w: its axis times its angle, which is 0 to 2 pi."""
    *axis, cosine = np.asarray(quaternion, np.float64)
    cosine = float(np.clip(cosine, -1.0, 1.0))
    sine = np.sqrt(1.0 - cosine * cosine)
    return np.zeros(3) if sine < _NO_TURN else np.asarray(axis) * (2.0 * np.arccos(cosine) / sine)


_NO_TURN = 1e-8


def check_choices(control_mode: str, image_orientation: str) -> None:
    """Raise UserError for an unknown control mode or image orientation."""
    if control_mode not in CONTROL_MODES:
        raise unknown("control mode", control_mode, CONTROL_MODES)
    if image_orientation not in ORIENTATIONS:
        raise unknown("image orientation", image_orientation, ORIENTATIONS)


def check_suite(name: str) -> None:
    """Raise UserError for an unknown suite."""
    if name not in MAX_STEPS:
        raise unknown("LIBERO suite", name, MAX_STEPS)
