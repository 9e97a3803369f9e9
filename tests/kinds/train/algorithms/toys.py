"""A small environment, demonstrations of hand-written controllers, and a context that remembers what it is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from rlgauge.envs import gymnasium as gyms
from rlgauge.kinds.train.demonstrations import Demonstrations

CARTPOLE = "seals/CartPole-v0"


class Target(gymnasium.Env[Any, Any]):
    """A point in the plane that is to go to the middle; never ends by itself. The second number observed is noise."""

    observation_space = spaces.Box(-10, 10, (3,), np.float64)
    action_space = spaces.Box(-1, 1, (2,), np.float32)

    def __init__(self, length: int = 20) -> None:
        self.length = length

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.place = self.np_random.uniform(-1, 1, 2)
        self.steps = 0
        return self.seen(), {}

    def seen(self) -> Any:
        return np.array([self.place[0], self.np_random.uniform(), self.place[1]])

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.place = np.clip(self.place + 0.3 * np.asarray(action, float), -5, 5)
        self.steps += 1
        return self.seen(), -float(np.abs(self.place).sum()), False, self.steps >= self.length, {"unread": object()}


class Fallible(Target):
    """It ends early where the point is far to the right."""

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        observation, reward, _, is_cut, info = super().step(action)
        return observation, reward, bool(self.place[0] > 0.5), is_cut, info


def to_target(observations: Any) -> Any:
    """The expert of Target."""
    return np.clip(-2 * observations[:, [0, 2]], -1, 1).astype(np.float32)


def balance(observations: Any) -> Any:
    """An expert of CartPole."""
    return (observations @ np.array([0.1, 0.3, 3.0, 1.0]) > 0).astype(np.int64)


def make_cartpole() -> gymnasium.Env[Any, Any]:
    return gyms.make(CARTPOLE)


def show(make_env: Callable[[], Any], label: Callable[[Any], Any], number: int, *, seed: int = 0) -> Demonstrations:
    """So many episodes of an expert."""
    env = make_env()
    seen, acted, following, ends, lengths, returns = [], [], [], [], [], []
    for episode in range(number):
        observation, _ = env.reset(seed=seed + episode)
        rewards: list[float] = []
        is_over = False
        while not is_over:
            action = label(observation[None])[0]
            seen.append(observation)
            acted.append(action)
            observation, reward, is_terminated, is_truncated, _ = env.step(action)
            following.append(observation)
            ends.append(is_terminated)
            rewards.append(float(reward))
            is_over = is_terminated or is_truncated
        lengths.append(len(rewards))
        returns.append(sum(rewards))
    return Demonstrations(
        np.array(seen), np.array(acted), np.array(following), np.array(ends), np.array(lengths), np.array(returns)
    )


def mean_return(policy: Any, make_env: Callable[[], Any], *, number: int = 5) -> float:
    """Of a policy at its best, over episodes that nobody has shown."""
    env = make_env()
    total = 0.0
    for episode in range(number):
        observation, _ = env.reset(seed=10_000 + episode)
        is_over = False
        while not is_over:
            action, _ = policy.predict(observation, deterministic=True)
            observation, reward, is_terminated, is_truncated, _ = env.step(action)
            total += float(reward)
            is_over = is_terminated or is_truncated
    return total / number


def weights(policy: Any) -> bytes:
    """All parameters and statistics, bit for bit."""
    return b"".join(tensor.numpy().tobytes() for tensor in policy.state_dict().values())


class Remembering:
    """A context."""

    def __init__(self, seed: int = 0, folder: Path | None = None, label: Callable[[Any], Any] | None = None) -> None:
        self.seed = seed
        self.folder = folder
        self.label = label
        self.logged: list[tuple[int, dict[str, float]]] = []
        self.done: list[tuple[int, int]] = []
        self.taken_up: list[str] = []

    def log(self, values: Mapping[str, float], *, step: int) -> None:
        self.logged.append((step, dict(values)))

    def progress(self, done: int, total: int) -> None:
        self.done.append((done, total))

    def told(self) -> str:
        return json.dumps(self.logged)

    def take_up(self, told: str, *, where: str) -> None:
        self.taken_up.append(where)
        self.logged = [(step, values) for step, values in json.loads(told)]

    def scalars(self, name: str) -> list[float]:
        return [values[name] for _, values in self.logged if name in values]
