"""LIBERO: 130 tasks of a robot arm at a table, told in words, seen by two cameras."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import gymnasium
import msgspec

from rlgauge.core.errors import UserError
from rlgauge.core.seeding import episode_seed
from rlgauge.core.workload import import_object
from rlgauge.envs import libero_installed
from rlgauge.envs.apart import Apart, call
from rlgauge.envs.libero import (
    CAMERAS,
    MAX_STEPS,
    SETTLING_STEPS,
    SIMULATOR_SEED,
    Backend,
    ControlMode,
    Libero,
    LiberoTask,
    Orientation,
    check_choices,
    check_suite,
)
from rlgauge.kinds.evaluate.benchmark import Benchmark
from rlgauge.kinds.evaluate.gyms import Gym, Task
from rlgauge.kinds.evaluate.simulators import interpreter

ENVIRONMENT = "libero"
"""The isolated environment that holds LIBERO and robosuite."""


class LiberoBenchmark(Benchmark):
    """The tasks of one suite of LIBERO, all of them or those of `task_ids`.

    An episode begins where its number says, modulo the task's initial states (50), whatever the `seed`, which is of
    the policy's own randomness. It ends where the goal is reached, or after `max_steps`, which each suite has its own
    number of. The simulator runs in a process beside the worker, one at a time: by this Python where hf-libero is
    installed, otherwise by an isolated environment that is built when it is first asked for.

    `control_mode` says whether actions are steps from where the hand is ("relative") or places ("absolute"),
    `image_orientation` how images are shown: "rotated", as most policies were trained, "upright" or "raw". `backend` is
    the path `MODULE:CLASS` of something with LIBERO's interface, which is played in the worker itself.
    """

    defined_by_task = (
        *("task_suite", "task_ids", "observation_height", "observation_width"),
        *("control_mode", "image_orientation", "backend"),
    )
    usual_lanes = 1

    def __init__(
        self,
        task_suite: str = "libero_10",
        task_ids: Sequence[int] | None = None,
        *,
        num_episodes: int = 20,
        max_steps: int | None = None,
        seed: int = 42,
        observation_height: int = 256,
        observation_width: int = 256,
        video_dir: str | Path | None = None,
        record_mode: str = "failures",
        control_mode: ControlMode = "relative",
        image_orientation: Orientation = "rotated",
        backend: str | None = None,
    ) -> None:
        """Keep the settings; nothing is built, imported or opened. Raises UserError."""
        check_suite(task_suite)
        check_choices(control_mode, image_orientation)
        self.task_suite = task_suite
        self.task_ids = None if task_ids is None else [int(index) for index in task_ids]
        self.observation_height = observation_height
        self.observation_width = observation_width
        self.control_mode = control_mode
        self.image_orientation = image_orientation
        self.backend = backend
        super().__init__(
            num_episodes=num_episodes,
            max_steps=MAX_STEPS[task_suite] if max_steps is None else max_steps,
            seed=seed,
            video_dir=video_dir,
            record_mode=record_mode,
        )

    @property
    def num_starts(self) -> int:  # type: ignore[override]  # told by the tasks, and not set
        """How many initial states a task has, that with the fewest."""
        return min(task.num_initial_states for task in self._chosen()[1])

    def prepare(self, listen: Callable[[str], None]) -> None:
        """Build the isolated environment where it is needed and is not there; `listen` is told how it goes."""
        if self.backend is None:
            interpreter(ENVIRONMENT, is_here=libero_installed.is_installed(), listen=listen)

    def can_be_filmed(self) -> bool:
        """Always: a film shows what the camera in front of the table sees."""
        return True

    def tasks(self) -> list[Task]:
        """The chosen tasks with all that defines them; no simulator is opened.

        Raises UserError where LIBERO's meshes are missing, with the command that brings them.
        """
        versions, chosen = self._chosen()
        shown = {
            "height": self.observation_height,
            "width": self.observation_width,
            "orientation": self.image_orientation,
            "cameras": list(CAMERAS.values()),
        }
        played = {
            "control_mode": self.control_mode,
            "settling_steps": SETTLING_STEPS,
            "simulator_seed": SIMULATOR_SEED,
        }
        return [
            Task(
                task_name(task),
                {
                    "gym_id": None,
                    "entry_point": "rlgauge.envs.libero:Libero",
                    "task": msgspec.to_builtins(task),
                    "images": shown,
                    "played": played,
                    "backend": self.backend,
                    "versions": versions,
                },
            )
            for task in chosen
        ]

    def create_gyms(self) -> list[Gym]:
        """A function a task; calling it starts the task's process, and its first reset opens the simulator."""
        return [partial(self._make, task) for task in self._chosen()[1]]

    def _make(self, task: LiberoTask) -> gymnasium.Env[Any, Any]:
        settings: dict[str, Any] = {
            "height": self.observation_height,
            "width": self.observation_width,
            "control_mode": self.control_mode,
            "image_orientation": self.image_orientation,
        }
        made: gymnasium.Env[Any, Any]
        if self.backend is None:
            arguments = {"task": msgspec.to_builtins(task), **settings}
            python = interpreter(ENVIRONMENT, is_here=libero_installed.is_installed())
            made = Apart("rlgauge.envs.libero_installed:make", arguments, python=python)
        else:
            made = Libero(_backend(self.backend), task, **settings)
        return ByEpisode(made, seed=self.seed, task_id=task_name(task), num_episodes=self.num_episodes)

    def _chosen(self) -> tuple[dict[str, str], list[LiberoTask]]:
        """The versions that decide how tasks behave, and the tasks. Raises UserError for numbers that are no task's."""
        versions, found = _told(self.task_suite, self.backend)
        wanted = range(len(found)) if self.task_ids is None else self.task_ids
        for index in wanted:
            if not 0 <= index < len(found):
                raise UserError(f"task_ids has {index}: {self.task_suite} has the tasks 0 to {len(found) - 1}.")
        if not wanted or len(set(wanted)) < len(wanted):
            raise UserError(f"task_ids={self.task_ids}: name at least one task, and none twice.")
        return versions, [found[index] for index in wanted]


class ByEpisode(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Tells an environment which episode of a benchmark a reset begins: the number whose seed it is given.

    A seed of no episode, as of a trial before the first, stands for itself.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], *, seed: int, task_id: str, num_episodes: int) -> None:
        """Take what a benchmark makes the seeds of its episodes from."""
        super().__init__(env)
        self._episodes: dict[int, int] = {}
        for index in range(num_episodes):
            self._episodes.setdefault(episode_seed(seed, task_id, index), index)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """What the environment's reset gives for the episode of this seed."""
        if seed is None:
            return self.env.reset(options=options)
        return self.env.reset(seed=seed, options={"episode": self._episodes.get(seed, seed), **(options or {})})


def task_name(task: LiberoTask) -> str:
    """What a task is called in results: suite, number and instruction."""
    return f"{task.suite}_{task.index}: {task.language}"


def _told(suite: str, backend: str | None) -> tuple[dict[str, str], list[LiberoTask]]:
    """The versions and all tasks of a suite, by the backend or by LIBERO, wherever that is installed."""
    if backend is not None:
        made = _backend(backend)
        return dict(made.versions), list(made.tasks(suite))
    told = told_by_libero(suite)
    return dict(told["versions"]), msgspec.convert(told["tasks"], list[LiberoTask])


@cache
def told_by_libero(suite: str) -> dict[str, Any]:
    """What LIBERO says of a suite, asked once a process. Raises UserError where its meshes are missing."""
    if libero_installed.is_installed():
        return libero_installed.tell_tasks(suite)
    told: dict[str, Any] = call(
        "rlgauge.envs.libero_installed:tell_tasks", {"suite": suite}, python=interpreter(ENVIRONMENT, is_here=False)
    )
    return told


@cache
def _backend(path: str) -> Backend:
    made: Backend = import_object(path)()
    return made
