"""robosuite: a robot arm that lifts a cube, opens a door, puts nuts on pegs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

from rlgauge.core.errors import UserError, unknown
from rlgauge.envs import robosuite
from rlgauge.envs.apart import Apart, Interpreter, call
from rlgauge.kinds.evaluate.benchmark import Benchmark
from rlgauge.kinds.evaluate.gyms import Gym, Task
from rlgauge.kinds.evaluate.libero import ENVIRONMENT
from rlgauge.kinds.evaluate.simulated import check_size
from rlgauge.kinds.evaluate.simulators import interpreter

MAX_STEPS = 200
"""Ten seconds, the usual length of an episode of these tasks."""
CAMERAS = ("agentview", "birdview", "frontview", "robot0_eye_in_hand", "robot0_robotview", "sideview")
_WITHOUT = {"PickPlaceCan": "sideview"}
"""A task, and the camera that it has not."""


class RobosuiteBenchmark(Benchmark):
    """Tasks of robosuite with a Panda: Lift, Door, NutAssembly and others.

    An episode ends where the task is solved, or after `max_steps`. Policies see what the robot knows of itself and
    where things are, and, where a `camera` is named (such as "agentview"), its image. The simulator runs in a process
    beside the worker, one at a time: by this Python where robosuite 1.4 is installed, otherwise by the isolated
    environment of LIBERO.
    """

    defined_by_task = ("env", "env_names", "camera", "observation_height", "observation_width")
    usual_lanes = 1

    def __init__(
        self,
        env: str | Sequence[str] = ("Lift", "Door", "NutAssembly"),
        *,
        num_episodes: int = 20,
        max_steps: int | None = MAX_STEPS,
        seed: int = 42,
        camera: str | None = None,
        observation_height: int = 128,
        observation_width: int = 128,
        video_dir: str | Path | None = None,
        record_mode: str = "failures",
    ) -> None:
        """Keep the settings; nothing is built, imported or opened. Raises UserError."""
        self.env_names = [env] if isinstance(env, str) else list(env)
        for name in self.env_names:
            if name not in robosuite.TASKS:
                raise unknown("task of robosuite", name, robosuite.TASKS)
        if not self.env_names or len(set(self.env_names)) < len(self.env_names):
            raise UserError(f"env={self.env_names}: name at least one task, and none twice.")
        cameras = [name for name in CAMERAS if name not in {_WITHOUT.get(task) for task in self.env_names}]
        if camera is not None and camera not in cameras:
            raise unknown("camera", camera, cameras)
        self.camera = camera
        self.observation_height = observation_height
        self.observation_width = observation_width
        super().__init__(
            num_episodes=num_episodes, max_steps=max_steps, seed=seed, video_dir=video_dir, record_mode=record_mode
        )
        self._check_steps()
        check_size(observation_height, observation_width)

    def check(self) -> None:
        """Raise UserError where settings can't be, those of the constructor or what they were changed to."""
        super().check()
        self._check_steps()

    def prepare(self, listen: Callable[[str], None]) -> None:
        """Build the isolated environment where it is needed and is not there; `listen` is told how it goes."""
        _python(listen)

    def can_be_filmed(self) -> bool:
        """Always: a film shows what the camera in front of the table sees."""
        return True

    def tasks(self) -> list[Task]:
        """The tasks with all that defines them; no simulator is opened."""
        seen = {"camera": self.camera, "height": self.observation_height, "width": self.observation_width}
        defined = {
            "gym_id": None,
            "entry_point": "rlgauge.envs.robosuite:Robosuite",
            "images": None if self.camera is None else {**seen, "orientation": "upright"},
            "played": {
                "robot": robosuite.ROBOT,
                "controller": robosuite.CONTROLLER,
                "control_hz": robosuite.CONTROL_HZ,
            },
            "versions": _versions(),
        }
        return [Task(name, {**defined, "task": name}) for name in self.env_names]

    def create_gyms(self) -> list[Gym]:
        """A function a task; calling it starts the task's process and its simulator."""
        return [partial(self._make, name) for name in self.env_names]

    def _check_steps(self) -> None:
        if self.max_steps is None:
            raise UserError(
                "max_steps=None: nothing else ends an episode of RobosuiteBenchmark that is not solved. Give a number "
                f"of steps, such as {MAX_STEPS}."
            )

    def _make(self, name: str) -> Apart:
        arguments: dict[str, Any] = {
            "task": name,
            "camera": self.camera,
            "height": self.observation_height,
            "width": self.observation_width,
            "is_filmed": self.video_dir is not None and self.record_mode != "none",
        }
        return Apart("rlgauge.envs.robosuite:make", arguments, python=_python())


def _python(listen: Callable[[str], None] | None = None) -> Interpreter:
    return interpreter(ENVIRONMENT, is_here=robosuite.is_installed(), listen=listen)


@cache
def _versions() -> dict[str, str]:
    if robosuite.is_installed():
        return robosuite.versions()
    told: dict[str, str] = call("rlgauge.envs.robosuite:versions", {}, python=_python())
    return told
