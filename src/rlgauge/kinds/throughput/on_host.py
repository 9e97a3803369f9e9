"""Environments outside of JAX, ready to be stepped: the loop in Python that any user of them writes.

Shapes: N environments.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rlgauge.core.errors import UserError
from rlgauge.envs.host_env import HostEnv, HostOutcome, HostVecEnv, NativeEnv
from rlgauge.kinds.throughput.border import check_native, check_single, check_vector, in_plain_words
from rlgauge.kinds.throughput.point import Point
from rlgauge.kinds.throughput.prepared import LOOKS, Done

_PREDRAWN = 64
"""Steps whose actions are drawn before the clock starts."""


class _InPython:
    """Environments that are stepped by a loop in Python, a step of each in a trip."""

    steps_per_trip = 1

    def __init__(self, make: Callable[[], Any], point: Point, seed: int) -> None:
        """Make and reset them. Raises UserError for what only JAX can do."""
        refuse(point, "scan_chunk_size", "block", "rng", "devices", why="has no compiled loop")
        start = time.perf_counter()
        self._envs = [make() for _ in range(self._num_objects(point))]
        self.phases = {"make": time.perf_counter() - start}
        self.facts: dict[str, Any] = {"observed": "returned by every step"}
        self._seed = seed
        self._name = point.environment
        self._num_envs = point.num_envs
        self._rng = np.random.default_rng(seed)
        self._emit = point.emit == "write"
        self._first: Any = None
        self._last: Any = None
        self.reset()
        self._actions = _drawn(self._envs[0].sample, self._rng, point.policy)
        self._written: list[Any] = [None] * _PREDRAWN
        self._num = 0

    def go(self, num_trips: int) -> Done:
        """What so many steps of each did. Raises UserError for a step that returns what it must not."""
        with in_plain_words(self._check_step):
            return self._go(num_trips)

    def _go(self, num_trips: int) -> Done:
        raise NotImplementedError

    def _check_step(self) -> None:
        """Raise UserError where a step of the first one returns what it must not."""
        env = self._envs[0]
        action = env.sample(self._rng) if self._actions is None else self._actions[0]
        self._check_returned(self._name, env.step(action))

    _check_returned: Callable[[str, object], None]

    def reset(self) -> None:
        """All at the start of an episode."""
        seen = [env.reset(self._seed + number) for number, env in enumerate(self._envs)]
        self._first = _copied(seen[-1])

    def device_peak_bytes(self) -> None:
        """They hold the host's memory."""

    def has_changed(self) -> bool:
        """Whether what was seen last is another than at the start, of the last of single ones."""
        return not _is_same(self._first, self._last)

    def stands_still(self, num_trips: int) -> bool:
        """Whether so many trips more leave what is seen as it was, of the last of single ones."""
        before = _copied(self._last)
        for trips in (num_trips, *LOOKS):
            done = self.go(trips)
            if done.num_episodes or done.reward or not _is_same(before, self._last):
                return False
        return True

    def roofline(self) -> None:
        """How much a library moves is not known."""

    def close(self) -> None:
        """Close the environments."""
        for env in self._envs:
            env.close()

    @staticmethod
    def _num_objects(point: Point) -> int:
        """How many have to be made."""
        return point.num_envs


class Vectorised(_InPython):
    """N environments behind one call."""

    _check_returned = staticmethod(check_vector)

    @staticmethod
    def _num_objects(point: Point) -> int:
        del point
        return 1

    def _go(self, num_trips: int) -> Done:
        """What so many steps of each did."""
        env: HostVecEnv = self._envs[0]
        rng, actions, written = self._rng, self._actions, self._written
        num_steps = num_episodes = 0
        reward = 0.0
        for number in range(num_trips):
            outcome = env.step(env.sample(rng) if actions is None else actions[(self._num + number) % len(actions)])
            num_steps += outcome.num_steps
            num_episodes += int(np.count_nonzero(outcome.is_over))
            reward += float(outcome.reward.sum())
            if self._emit:
                written[number % _PREDRAWN] = _copied(outcome.observation)
        self._num += num_trips
        self._last = outcome.observation
        self._check(outcome, num_steps, num_trips)
        return Done(num_steps, num_episodes, reward)

    def _check(self, last: HostOutcome, num_steps: int, num_trips: int) -> None:
        """Raise UserError for an outcome that is not one of so many environments."""
        shapes = np.shape(last.reward), np.shape(last.is_over)
        if shapes != ((self._num_envs,), (self._num_envs,)):
            raise UserError(
                f"A step of {self._num_envs} environments gave rewards of shape {shapes[0]} and ends of shape "
                f"{shapes[1]}; both must be ({self._num_envs},)."
            )
        if num_steps > num_trips * self._num_envs:
            raise UserError(f"{num_trips} steps of {self._num_envs} environments can't be {num_steps} steps in all.")


class Serial(_InPython):
    """N single environments, stepped one after the other."""

    _check_returned = staticmethod(check_single)

    def _go(self, num_trips: int) -> Done:
        """What so many steps of each did; an episode that ends is followed by the next."""
        envs: list[HostEnv] = self._envs
        rng, actions = self._rng, self._actions
        num_episodes = 0
        reward = 0.0
        for number in range(num_trips):
            for env in envs:
                action = env.sample(rng) if actions is None else actions[(self._num + number) % len(actions)]
                observation, gain, is_over = env.step(action)
                reward += gain
                if is_over:
                    num_episodes += 1
                    env.reset(None)
                if self._emit:
                    self._written[number % _PREDRAWN] = _copied(observation)
        self._num += num_trips
        self._last = observation
        check_single(self._name, (observation, gain, is_over))
        return Done(num_trips * len(envs), num_episodes, float(reward))


class Native:
    """N environments in compiled loops."""

    steps_per_trip = 64

    def __init__(self, make: Callable[[], NativeEnv], point: Point, seed: int) -> None:
        """Make and reset them. Raises UserError for what they can't do."""
        refuse(point, "scan_chunk_size", "block", "rng", "devices", "emit", "policy", why="is compiled as it is")
        start = time.perf_counter()
        self._env = make()
        self.phases = {"make": time.perf_counter() - start}
        self.facts: dict[str, Any] = {"observed": "nothing"}
        self._name = point.environment
        self._num_envs = point.num_envs
        self._seed = seed
        self.reset()

    def go(self, num_trips: int) -> Done:
        """What so many trips did."""
        counts = self._env.run(num_trips * self.steps_per_trip)
        check_native(self._name, counts)
        return Done(num_trips * self.steps_per_trip * self._num_envs, counts.num_episodes, counts.reward)

    def reset(self) -> None:
        """All at the start of an episode."""
        self._env.reset(self._seed)

    def device_peak_bytes(self) -> None:
        """They hold the host's memory."""

    def has_changed(self) -> None:
        """Their states are their own."""

    def stands_still(self, num_trips: int) -> bool:
        """Of states that can't be looked at nothing is said."""
        del num_trips
        return False

    def roofline(self) -> None:
        """How much a library moves is not known."""

    def close(self) -> None:
        """Nothing is held."""


def _copied(observation: Any) -> Any:  # noqa: ANN401  # the environment's own
    """All that was observed, in memory of its own."""
    if isinstance(observation, dict):
        return {name: _copied(part) for name, part in observation.items()}
    if isinstance(observation, tuple):
        return tuple(map(_copied, observation))
    return np.array(observation)


def _is_same(one: Any, other: Any) -> bool:  # noqa: ANN401
    """Whether two observations are."""
    if isinstance(one, dict):
        return isinstance(other, dict) and all(_is_same(part, other.get(name)) for name, part in one.items())
    if isinstance(one, tuple):
        return isinstance(other, tuple) and len(one) == len(other) and all(map(_is_same, one, other))
    return np.array_equal(one, other)


def refuse(point: Point, *names: str, why: str) -> None:
    """Raise UserError where a choice was made that would have no effect."""
    default = Point(environment="", library="", num_envs=point.num_envs)
    for name in names:
        if getattr(point, name) != getattr(default, name):
            raise UserError(f"{name}={getattr(point, name)} can't be honoured: {point.library} {why}.")


def _drawn(sample: Callable[[np.random.Generator], Any], rng: np.random.Generator, policy: str) -> Sequence[Any] | None:
    """Actions to go through again and again; None where each step draws its own."""
    if policy == "random":
        return None
    return [sample(rng) for _ in range(1 if policy == "fixed" else _PREDRAWN)]
