"""A few episodes, with all that the policy saw and did kept; and the same observations shown to it once more.

Arrays: N steps, D numbers.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rlgauge.core.errors import UserError
from rlgauge.episodes.latency import Latency
from rlgauge.episodes.observations import make_batch
from rlgauge.episodes.policies.actions import as_array
from rlgauge.episodes.policies.protocol import Action, BatchPolicy, Illegal, Observations, observation_of
from rlgauge.episodes.rollout import Episode, Played, Rollout, Rules

if TYPE_CHECKING:
    import gymnasium

START = 20
"""Steps of an episode's start of which every observation is kept."""
_LARGE_BYTES, _STRIDE = 4096, 25
"""Of observations that take more bytes, every so many are kept after the start."""
_SEED = 0


@dataclass
class Trace:
    """One episode as the policy lived it. `observations` are at the steps `at`; `actions` are of every step."""

    observations: list[Any] = field(default_factory=list)
    at: list[int] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)

    @property
    def start(self) -> list[Any]:
        """The first observations, without a gap."""
        return [one for one, step in zip(self.observations, self.at, strict=True) if step < START]


@dataclass
class Plays:
    """The episodes of one policy in a task; `fault` is what ended them before their time."""

    policy: str
    episodes: list[Played] = field(default_factory=list)
    successes: list[bool | None] = field(default_factory=list)
    traces: list[Trace] = field(default_factory=list)
    fault: str | None = None

    @property
    def returns(self) -> list[float]:
        """Of the episodes without an error."""
        return [one.total_return for one in self.episodes if one.error is None and one.total_return is not None]

    @property
    def lengths(self) -> list[int]:
        """Of the episodes without an error."""
        return [one.length for one in self.episodes if one.error is None]

    @property
    def observations(self) -> list[Any]:
        """All that were kept."""
        return [one for trace in self.traces for one in trace.observations]

    @property
    def actions(self) -> list[Action]:
        """All that the environment could be given."""
        return [one for trace in self.traces for one in trace.actions if not isinstance(one, Illegal)]


class Kept:
    """A policy of which everything is kept."""

    def __init__(self, policy: BatchPolicy) -> None:
        """Keep nothing yet."""
        self._policy = policy
        self._current: dict[int, Trace] = {}
        self.bit_stable = policy.bit_stable
        self.traces: list[Trace] = []

    def begin(self, row: int, seed: int) -> None:
        """A new trace."""
        self._current[row] = Trace()
        self.traces.append(self._current[row])
        self._policy.begin(row, seed)

    def act(self, observations: Observations, active: Sequence[int]) -> Sequence[Action]:
        """The policy's actions."""
        for row in active:
            seen = observation_of(observations, row)
            # Rows of a list are the environment's own objects, which it may change.
            _keep(self._current[row], copy.deepcopy(seen) if isinstance(observations, list) else seen)
        actions = self._policy.act(observations, active)
        for row in active:
            self._current[row].actions.append(actions[row])
        return actions

    def close(self) -> None:
        """The policy belongs to who opened it."""


def _keep(trace: Trace, observation: Any) -> None:  # noqa: ANN401  # of the environment's own type
    step = len(trace.actions)
    size = sum(array.nbytes for array in arrays_of(observation).values())
    if step < START or size <= _LARGE_BYTES or step % _STRIDE == 0:
        trace.observations.append(observation)
        trace.at.append(step)


def play(
    name: str,
    policy: BatchPolicy,
    envs: Sequence[gymnasium.Env[Any, Any]],
    episodes: Sequence[Episode],
    *,
    width: int,
    rules: Rules,
    remake: Callable[[int], gymnasium.Env[Any, Any]],
    success: Callable[[Played], bool | None],
) -> Plays:
    """The episodes, as far as the policy goes."""
    kept = Kept(policy)
    plays = Plays(name, traces=kept.traces)
    rollout = Rollout(envs, kept, width=width, rules=rules, latency=Latency(), remake=remake)
    try:
        for played in rollout.play(episodes):
            plays.episodes.append(replace(played, video=None))
            plays.successes.append(success(played))
    except Exception as error:  # noqa: BLE001  # a policy is anybody's code and may raise anything
        steps = max((len(trace.actions) for trace in kept.traces), default=0)
        told = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        plays.fault = f"step {steps + 1}: {' '.join(told.split()):.300}"
    return plays


def arrays_of(observation: Any, prefix: str = "") -> dict[str, NDArray[Any]]:  # noqa: ANN401
    """The numbers of an observation by name; nested names are joined by a slash, and one array is ''."""
    if isinstance(observation, Mapping):
        found: dict[str, NDArray[Any]] = {}
        for key, part in observation.items():
            found |= arrays_of(part, f"{prefix}/{key}" if prefix else str(key))
        return found
    array = np.asarray(observation)
    return {prefix: array} if array.dtype.kind in "biuf" else {}


def columns(observations: Sequence[Any]) -> dict[str, NDArray[Any]]:
    """The numbers of many observations by name, (N, ...)."""
    rows = [arrays_of(one) for one in observations]
    return {key: np.stack([row[key] for row in rows]) for key in rows[0]} if rows else {}


def action_rows(actions: Sequence[Action]) -> NDArray[np.float64] | None:
    """Actions of numbers, (N, D); None for any others."""
    try:
        found = [as_array(one) for one in actions]
    except ValueError:
        return None
    if not found or any(one.dtype.kind not in "biuf" or one.shape != found[0].shape for one in found):
        return None
    return np.stack(found).reshape(len(found), -1).astype(np.float64)


def show(
    policy: BatchPolicy,
    space: gymnasium.Space[Any],
    sequences: Sequence[Sequence[Any]],
    *,
    width: int,
) -> list[Action]:
    """The actions of a policy that begins anew and sees these observations: sequence by sequence, at most `width`."""
    batch = make_batch(space, width)
    rows = range(min(width, len(sequences)))
    found: list[list[Action]] = [[] for _ in rows]
    for row in rows:
        policy.begin(row, _SEED)
    for step in range(max((len(sequences[row]) for row in rows), default=0)):
        active = [row for row in rows if step < len(sequences[row])]
        for row in active:
            batch.put(row, sequences[row][step])
        actions = policy.act(batch.value, active)
        for row in active:
            found[row].append(actions[row])
    return [action for row in found for action in row]
