"""Uniformly random actions, fixed by the episode's seed."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rlgauge.episodes.policies.protocol import Action, Observations
from rlgauge.episodes.policies.spaces import Box, Discrete, MultiBinary, MultiDiscrete, Spec, describe

if TYPE_CHECKING:
    import gymnasium

_Draw = Callable[[np.random.Generator, int], Iterable[Action]]

_FIRST_BLOCK, _LARGEST_BLOCK = 32, 512
"""Actions drawn at once: few for a short episode, many for a long one."""


class RandomPolicy:
    """Random actions that depend only on the seed given to `begin` and on the step.

    Box is uniform within finite bounds, exponential from one finite bound and normal without any, as in Gymnasium.
    """

    bit_stable = True

    def __init__(self, action_space: gymnasium.Space[Any], *, width: int) -> None:
        self._space = action_space
        self._draw = _draw(describe(action_space))
        self._streams: list[Iterator[Action]] = [iter(())] * width

    def begin(self, row: int, seed: int) -> None:
        """The row's actions are drawn anew from `seed`."""
        if self._draw is None:
            self._streams[row] = _samples(self._space, seed)
        else:
            self._streams[row] = _drawn(self._draw, np.random.default_rng(seed))

    def act(self, observations: Observations, active: Sequence[int]) -> Sequence[Action]:  # noqa: ARG002
        """The next action of each active row."""
        actions: list[Action] = [None] * len(self._streams)
        for row in active:
            actions[row] = next(self._streams[row])
        return actions

    def close(self) -> None:
        """Nothing is held."""


def _drawn(draw: _Draw, rng: np.random.Generator) -> Iterator[Action]:
    count = _FIRST_BLOCK
    while True:
        yield from draw(rng, count)
        count = min(2 * count, _LARGEST_BLOCK)


def _samples(space: gymnasium.Space[Any], seed: int) -> Iterator[Action]:
    """The space's own samples, from a copy with its own generator."""
    own = copy.deepcopy(space)
    own.seed(seed)
    while True:
        yield own.sample()


def _draw(space: Spec) -> _Draw | None:
    match space:
        case Discrete():
            return lambda rng, count: rng.integers(space.start, space.start + space.n, count).tolist()
        case MultiDiscrete():
            low, high = space.start, space.start + space.nvec
            return lambda rng, count: rng.integers(low, high, (count, *space.shape)).astype(space.dtype)
        case MultiBinary():
            return lambda rng, count: rng.integers(0, 2, (count, *space.shape), np.int8)
        case Box() if space.dtype.kind == "f":
            return lambda rng, count: _floats(space, rng, count)
        case Box() if space.dtype.kind in "iu" and space.dtype != np.uint64:
            low, high = space.low.astype(np.int64), space.high.astype(np.int64)
            return lambda rng, count: rng.integers(low, high, (count, *space.shape), endpoint=True).astype(space.dtype)
        case _:
            return None


def _floats(space: Box, rng: np.random.Generator, count: int) -> NDArray[Any]:
    shape = (count, *space.shape)
    low, high = space.low.astype(np.float64), space.high.astype(np.float64)
    below, above = np.isfinite(low), np.isfinite(high)
    if (below & above).all():
        return (low + rng.random(shape) * (high - low)).astype(space.dtype)
    finite_low, finite_high = np.where(below, low, 0.0), np.where(above, high, 0.0)
    uniform = finite_low + rng.random(shape) * (finite_high - finite_low)
    tail = rng.standard_exponential(shape)
    one_sided = np.where(below, finite_low + tail, finite_high - tail)
    values = np.where(below & above, uniform, np.where(below | above, one_sided, rng.standard_normal(shape)))
    return values.astype(space.dtype)
