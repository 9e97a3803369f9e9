"""Benchmarks whose environments are played by a Python that has their simulator: this one, or one built for them."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, get_args

from rlgauge.core.errors import UserError, unknown
from rlgauge.envs.apart import Apart, Interpreter, call
from rlgauge.kinds.evaluate.benchmark import Benchmark
from rlgauge.kinds.evaluate.gyms import Gym, Task
from rlgauge.kinds.evaluate.libero import ByEpisode
from rlgauge.kinds.evaluate.simulators import interpreter

ROBOTS = "robots"
"""The isolated environment of the simulators that agree with each other."""


class Simulator(NamedTuple):
    """A module with `is_installed()`, `versions()` and `make(...)`, and the isolated environment of its library."""

    module: str
    environment: str = ROBOTS

    def python(self, listen: Callable[[str], None] | None = None) -> Interpreter:
        """The Python that plays it, built where it isn't yet. Raises UserError."""
        is_here: bool = importlib.import_module(self.module).is_installed()
        return interpreter(self.environment, is_here=is_here, listen=listen)


class SimulatedBenchmark(Benchmark):
    """Tasks that a `simulator` makes, each in a process beside the worker, one at a time.

    A subclass names the simulator and says in `task_arguments()` which tasks there are. A reset is given the episode's
    seed, and its number as `options["episode"]`. The process is one of this Python where the simulator's library is
    installed, otherwise of an isolated environment, built when first asked for.
    """

    simulator: ClassVar[Simulator]
    usual_lanes = 1

    most_steps: ClassVar[int | None] = None
    """After how many steps the simulator itself ends an episode; None where it never does."""

    def __init__(
        self, *, num_episodes: int, max_steps: int | None, seed: int, video_dir: str | Path | None, record_mode: str
    ) -> None:
        """Keep the settings. Raises UserError where episodes would never end, or before `max_steps`."""
        super().__init__(
            num_episodes=num_episodes, max_steps=max_steps, seed=seed, video_dir=video_dir, record_mode=record_mode
        )
        self._check_steps()

    def check(self) -> None:
        """Raise UserError where settings can't be, those of the constructor or what they were changed to."""
        super().check()
        self._check_steps()

    def task_arguments(self) -> Mapping[str, Mapping[str, Any]]:
        """What each task is called, and the arguments of the simulator's `make` that define it."""
        raise NotImplementedError

    def prepare(self, listen: Callable[[str], None]) -> None:
        """Build the isolated environment where it is needed and is not there; `listen` is told how it goes."""
        self.simulator.python(listen)

    def can_be_filmed(self) -> bool:
        """Always."""
        return True

    def tasks(self) -> list[Task]:
        """The tasks with all that defines them; no simulator is opened."""
        defined = {
            "gym_id": None,
            "entry_point": f"{self.simulator.module}:make",
            "versions": _versions(self.simulator),
        }
        return [
            Task(name, {**defined, "task": name, "made_with": dict(arguments)})
            for name, arguments in self.task_arguments().items()
        ]

    def create_gyms(self) -> list[Gym]:
        """A function a task; calling it starts the task's process and its simulator."""
        return [partial(self._make, name, arguments) for name, arguments in self.task_arguments().items()]

    def _check_steps(self) -> None:
        name, most = type(self).__name__, self.most_steps
        if self.max_steps is None and most is None:
            raise UserError(
                f"max_steps=None: nothing else ends an episode of {name} that is not solved. Give a number of steps."
            )
        if self.max_steps is not None and most is not None and self.max_steps > most:
            raise UserError(
                f"max_steps={self.max_steps}: the simulator of {name} ends every episode after {most} steps. "
                f"Give {most} at most."
            )

    def _make(self, name: str, arguments: Mapping[str, Any]) -> ByEpisode:
        made = Apart(f"{self.simulator.module}:make", arguments, python=self.simulator.python())
        return ByEpisode(made, seed=self.seed, task_id=name, num_episodes=self.num_episodes)


def check_observation(observation: str, known: object) -> None:
    """Raise UserError unless it is one of a Literal's choices."""
    if observation not in get_args(known):
        raise unknown("observation", observation, get_args(known))


def check_size(height: int, width: int) -> None:
    """Raise UserError where an image would have no pixel."""
    if height < 1 or width < 1:
        raise UserError(
            f"observation_height={height}, observation_width={width}: an image has at least one pixel each."
        )


def chosen(
    tasks: str | Sequence[str], *, known: Sequence[str], where: str, sets: Mapping[str, Sequence[str]] | None = None
) -> list[str]:
    """The names of one or several tasks, or of those in a set. Raises UserError for none, one twice, an unknown one."""
    sets = sets or {}
    names = list(sets.get(tasks, [tasks]) if isinstance(tasks, str) else tasks)
    for name in names:
        if name not in known:
            raise unknown(f"task of {where}", name, [*sets, *known])
    if not names or len(set(names)) < len(names):
        raise UserError(f"task={names}: name at least one task, and none twice.")
    return names


@cache
def _versions(simulator: Simulator) -> dict[str, str]:
    """Asked once a process."""
    module: Any = importlib.import_module(simulator.module)
    if module.is_installed():
        return dict(module.versions())
    return dict(call(f"{simulator.module}:versions", {}, python=simulator.python()))
