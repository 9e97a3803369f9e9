"""Playing on a device with a policy that is asked on the host: one batch of observations and of actions a step.

Shapes: L lanes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from time import perf_counter
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from numpy.typing import NDArray

from rlgauge.core.errors import UserError
from rlgauge.envs.jax_env import Bounds, Choices, Evaluable
from rlgauge.episodes import device_ends
from rlgauge.episodes.device_loop import Ended, Lanes, Step
from rlgauge.episodes.device_rollout import Sheet, Task, check_ends, sheets, told
from rlgauge.episodes.latency import Latency, deciding
from rlgauge.episodes.policies.protocol import BatchPolicy, Illegal
from rlgauge.episodes.rollout import Episode, Played

if TYPE_CHECKING:
    import gymnasium

_CHECKED_EVERY = 1000
"""Steps between two looks for an episode that does not end."""


@dataclass(frozen=True)
class Asked:
    """A compiled step, the lanes that it starts from, and the policy, opened for as many rows.

    `actions` is a batch of zeros, (L, ...), that is filled at each step.
    """

    step: Step
    lanes: Lanes
    actions: NDArray[Any]
    policy: BatchPolicy
    latency: Latency

    @cached_property
    def _has_decided(self) -> Callable[[], bool]:
        return deciding(self.policy)

    def play(self, episodes: Sequence[Episode], task: Task) -> Iterator[Played]:
        """Every episode of the list, in the order in which they end. Raises UserError for one that does not end."""
        for sheet in sheets(episodes, num_lanes=len(self.lanes.row)):
            yield from self._play(sheet, task)

    def _play(self, sheet: Sheet, task: Task) -> Iterator[Played]:
        number, refused = 0, np.zeros(len(self.lanes.row), bool)
        lanes, _, began = self.step(self.lanes, sheet.queue, self.actions, refused, task.limit)
        while active := self._begun(lanes, began, sheet):
            refused = self._act(lanes, active)
            lanes, ended, began = self.step(lanes, sheet.queue, self.actions, refused, task.limit)
            yield from told(Ended(*(np.asarray(leaf)[None] for leaf in ended)), sheet, task)
            number += 1
            if number % _CHECKED_EVERY == 0:
                check_ends(lanes, task)

    def _begun(self, lanes: Lanes, began: Any, sheet: Sheet) -> list[int]:  # noqa: ANN401  # an array (L,)
        """The lanes in which an episode is played, after the policy was told which have begun another."""
        rows = np.asarray(lanes.row)
        for lane in np.flatnonzero(began).tolist():
            self.policy.begin(lane, int(sheet.queue.action_seeds[rows[lane], lane]))
        active: list[int] = np.flatnonzero(np.asarray(lanes.end) == device_ends.PLAYING).tolist()
        return active

    def _act(self, lanes: Lanes, active: list[int]) -> NDArray[np.bool_]:
        """Where the policy's action is illegal, (L,); the others are in `actions`."""
        observations = on_host(lanes.observation)
        start = perf_counter()
        chosen = self.policy.act(observations, active)
        seconds = perf_counter() - start
        if self._has_decided():
            self.latency.policy.append(seconds)
        refused = np.zeros(len(self.actions), bool)
        for lane in active:
            action = chosen[lane]
            if isinstance(action, Illegal):
                refused[lane] = True
            else:
                self.actions[lane] = action
        return refused


def on_host(observation: Any) -> Any:  # noqa: ANN401  # an array, or a dictionary of them
    """Observations as policies of the host take them: arrays of their own, which they may write to."""
    if isinstance(observation, dict):
        return {name: np.array(part) for name, part in observation.items()}
    return np.array(observation)


def first_observation(env: Evaluable, seed: int) -> Any:  # noqa: ANN401  # of the environment's own type
    """What one environment shows at its start."""
    seen = jax.jit(env.reset)(jax.random.key(seed)[None])[1]
    return on_host(jax.tree.map(lambda leaf: leaf[0], seen))


def no_actions(env: Evaluable, num_lanes: int) -> NDArray[Any]:
    """A batch of zeros as the environment takes them."""
    keys = jax.eval_shape(lambda: jax.random.split(jax.random.key(0), num_lanes))
    action = jax.eval_shape(lambda keys: env.sample(keys, env.init(keys)), keys)
    return np.zeros(action.shape, action.dtype)


def gymnasium_spaces(env: Evaluable, task_id: str) -> tuple[gymnasium.Space[Any], gymnasium.Space[Any]]:
    """Spaces of observations, of which no bounds are known, and of actions. Raises UserError where there are none."""
    try:
        from gymnasium import spaces
    except ModuleNotFoundError:
        raise UserError(
            "A policy that is asked on the host needs 'gymnasium', which is not installed: pip install 'rlgauge[gym]'."
        ) from None
    acted: gymnasium.Space[Any]
    match env.actions:
        case Choices(num):
            acted = spaces.Discrete(num)
        case Bounds(low, high):
            acted = spaces.Box(np.asarray(low), np.asarray(high), dtype=np.float32)
        case _:
            raise UserError(f"{task_id} takes actions that only functions traced by JAX can give: write it so.")
    keys = jax.eval_shape(lambda: jax.random.split(jax.random.key(0), 1))
    seen = jax.eval_shape(env.reset, keys)[1]
    if isinstance(seen, jax.ShapeDtypeStruct):
        return _box(seen), acted
    if isinstance(seen, dict) and all(isinstance(part, jax.ShapeDtypeStruct) for part in seen.values()):
        return spaces.Dict({name: _box(part) for name, part in seen.items()}), acted
    raise UserError(f"{task_id} gives observations that only functions traced by JAX can take: write it so.")


def _box(seen: Any) -> gymnasium.Space[Any]:  # noqa: ANN401  # a shape with its dtype, N = 1
    from gymnasium import spaces

    dtype: Any = np.dtype(seen.dtype)
    if dtype.kind == "f":
        return spaces.Box(-np.inf, np.inf, seen.shape[1:], dtype)
    low, high = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    return spaces.Box(low, high, seen.shape[1:], np.int8 if dtype.kind == "b" else dtype)
