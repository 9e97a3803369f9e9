"""Whether an environment does the same again: the same seed and actions, the same observations and rewards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import gymnasium

_STEPS = 5
_SEED = 20_000_003


def repeats(env: gymnasium.Env[Any, Any], seed: int) -> bool:
    """False where a few steps, played twice, differ in a bit. A difference is a proof, its absence is none.

    The environment is reset by its next episode. One that raises or hangs is found out by playing, not here.
    """
    try:
        first, again = (list(_steps(env, seed)) for _ in range(2))
    except Exception:  # noqa: BLE001  # an environment may raise anything
        return True
    return len(first) == len(again) and all(map(_is_same, first, again))


def _steps(env: gymnasium.Env[Any, Any], seed: int) -> Iterator[Any]:
    env.action_space.seed(_SEED)
    observation, _ = env.reset(seed=seed)
    yield _kept(observation)
    for _ in range(_STEPS):
        observation, reward, terminated, truncated, _ = env.step(env.action_space.sample())
        yield _kept(observation), float(reward), bool(terminated), bool(truncated)
        if terminated or truncated:
            return


def _kept(observation: Any) -> Any:  # noqa: ANN401  # of the environment's own type
    """The observation as it is now: an environment may reuse its array."""
    if isinstance(observation, dict):
        return {key: _kept(part) for key, part in observation.items()}
    if isinstance(observation, tuple):
        return tuple(_kept(part) for part in observation)
    return observation.copy() if isinstance(observation, np.ndarray) else observation


def _is_same(one: Any, other: Any) -> bool:  # noqa: ANN401  # nested arrays and scalars
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_is_same(one[key], other[key]) for key in one)
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(_is_same, one, other))
    if isinstance(one, np.ndarray):
        return one.tobytes() == np.asarray(other).tobytes()
    return bool(one == other) or (one != one and other != other)  # noqa: PLR0124  # NaN
