"""ARCLE (github.com/ConfeitoHS/arcle): ARC as environments of Gymnasium, one at a time."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rlgauge.core.errors import UserError, unknown
from rlgauge.envs.arc_sets import Kind, Pair, TaskSet, find, names
from rlgauge.envs.host_env import HostEnv

_OWN = "ARCLE/"
"""What the names begin with under which it is registered."""
MAX_STEPS = 100
"""Of an episode with our tasks, as in JaxARC and in our own environment; a submission ends it, too."""
Selection = NDArray[np.int8]


def point(rng: np.random.Generator, size: tuple[int, int]) -> Selection:
    """One cell, all equally likely."""
    selection = np.zeros(size, np.int8)
    selection[tuple(rng.integers(0, size))] = 1
    return selection


def box(rng: np.random.Generator, size: tuple[int, int]) -> Selection:
    """The rectangle between two cells, all equally likely."""
    selection = np.zeros(size, np.int8)
    (top, left), (bottom, right) = np.sort(rng.integers(0, size, (2, 2)), axis=0)
    selection[top : bottom + 1, left : right + 1] = 1
    return selection


def mask(rng: np.random.Generator, size: tuple[int, int]) -> Selection:
    """Each cell or not, equally likely."""
    return rng.integers(0, 2, size, np.int8)


SELECT: Mapping[Kind, Callable[[np.random.Generator, tuple[int, int]], Selection]] = {
    "point": point,
    "box": box,
    "mask": mask,
}
"""Random selections of cells, of a grid of that height and width."""


class Arcle:
    """An environment of ARCLE, and random actions: all its operations, and all selections of the kind, equally likely.

    Every episode draws its task and pair from our random numbers, since those of ARCLE are the process's.
    """

    kind: Literal["single"] = "single"

    def __init__(self, env: Any, selects: Kind, max_steps: int | None) -> None:  # noqa: ANN401  # Gymnasium's
        """Adapt `env`, whose episodes end after `max_steps` at the latest where that is a number."""
        self._env = env
        self._max_steps = max_steps
        self._num_operations = len(env.unwrapped.operations)
        self._size: tuple[int, int] = env.unwrapped.H, env.unwrapped.W
        self._select = SELECT[selects]
        self._rng = np.random.default_rng()
        self._num_steps = 0

    def reset(self, seed: int | None) -> Any:  # noqa: ANN401
        """The first observation of an episode."""
        if seed is not None:
            self._rng = np.random.default_rng(seed)
        self._num_steps = 0
        data = self._env.unwrapped.loader.data
        task = int(self._rng.integers(len(data)))
        pair = int(self._rng.integers(len(data[task][0])))
        return self._env.reset(options={"prob_index": task, "subprob_index": pair})[0]

    def sample(self, rng: np.random.Generator) -> Any:  # noqa: ANN401
        """A random operation on a random selection."""
        return {"operation": int(rng.integers(self._num_operations)), "selection": self._select(rng, self._size)}

    def step(self, action: Any) -> tuple[Any, float, bool]:  # noqa: ANN401
        """What was seen, the reward, and whether the episode is over."""
        observation, reward, terminated, truncated, _ = self._env.step(action)
        self._num_steps += 1
        return observation, float(reward), terminated or truncated or self._num_steps == self._max_steps

    def close(self) -> None:
        """Close it."""
        self._env.close()


def make(name: str) -> HostEnv:
    """One environment: registered by ARCLE, or point, box, mask, mini-point and so on with tasks of ours.

    The registered ones have the 400 tasks for training of ARC, and their actions are masks. Raises UserError.
    """
    import arcle.envs

    if name in names():
        selects, size, loader = _tasks(name)
        env = arcle.envs.O2ARCv2Env(loader, max_grid_size=(size, size), max_trial=1)
        return Arcle(env, selects, MAX_STEPS)
    return Arcle(_registered(name), "mask", max_steps=None)


def _registered(name: str) -> Any:  # noqa: ANN401  # Gymnasium's
    import gymnasium

    known = [env_id for env_id in gymnasium.registry if env_id.startswith(_OWN)]
    if name not in known:
        raise unknown("ARCLE environment", name, [*known, *names()])
    try:
        return gymnasium.make(name, disable_env_checker=True)
    except AttributeError as error:  # ARCEnv-v0 of 0.2.6 lacks eight of its own operations
        raise UserError(f"ARCLE can't make its own {name}: {error}") from error


@functools.cache
def _tasks(name: str) -> tuple[Kind, int, Any]:
    """What actions select, the size of grids, and what gives ARCLE the tasks, which all environments share."""
    selects, tasks = find(name, of="ARCLE")
    return selects, tasks.size, _loader(tasks)


def _loader(tasks: TaskSet) -> Any:  # noqa: ANN401  # ARCLE's
    """What gives ARCLE these tasks."""
    from arcle.loaders import Loader

    class OurLoader(Loader):  # type: ignore[misc]  # it has no types
        """Tasks that are there already."""

        def get_path(self, **_: object) -> list[str]:
            """No file is read."""
            return []

        def parse(self, **_: object) -> list[Any]:
            """Inputs and targets of examples and of tests, and a description, for each task."""
            return [(*_parts(task.examples), *_parts(task.tests), {}) for task in tasks.tasks]

    return OurLoader()


def _parts(pairs: tuple[Pair, ...]) -> tuple[list[Any], list[Any]]:
    return [pair.start for pair in pairs], [pair.target for pair in pairs]
