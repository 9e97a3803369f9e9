"""The gene circuit in NumPy, as plain as it can be written: what the one in JAX is checked against.

Same names, same random numbers; one environment and one reaction at a time, in minutes, in float64, nothing tabulated.

Shapes: N environments.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from math import inf
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rlgauge.envs.reference import counters

if TYPE_CHECKING:
    from collections.abc import Callable

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

TARGET, MAX_STEPS = 25, 288
CHANGES = ((1, 0), (-1, 0), (0, 1), (0, 1), (0, -1))
"""Of activator and reporter, by each of the five reactions."""


class State(NamedTuple):
    """See `rlgauge.envs.reference.gene_circuit.State`."""

    activator: Counts
    reporter: Counts
    num_steps: Counts
    stream: NDArray[np.uint32]
    clock: NDArray[np.uint32]

    @property
    def observation(self) -> Floats:
        """GFP, its target now and its target one step on, in units of 80 molecules, (N, 3)."""
        return _observed(self.reporter)


class Step(NamedTuple):
    """See `rlgauge.envs.reference.gene_circuit.Step`."""

    observation: Floats
    reward: Floats
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    final_observation: Floats


class GeneCircuit:
    """The environment, with the methods of the one in JAX, but for `run`."""

    @np.errstate(over="ignore")  # random numbers are made of products beyond 32 bits
    def reset(self, seed: int, num_envs: int) -> State:
        """The start of an episode in each of so many environments."""
        nothing = np.zeros(num_envs, np.int64)
        return State(nothing, nothing, nothing, counters.streams(np, seed, num_envs), np.zeros(num_envs, np.uint32))

    @np.errstate(over="ignore")
    def sample(self, state: State) -> Counts:
        """Random actions, (N,)."""
        return np.asarray(counters.drawn(np, state.stream, state.clock) >> 31).astype(np.int64)

    def step(self, state: State, action: ArrayLike) -> tuple[State, Step]:
        """The next state and what was seen."""
        lit = zip(state.activator, state.reporter, np.asarray(action), strict=True)
        draws = [Numbers(*own) for own in zip(state.stream, state.clock, strict=True)]
        ends = [
            simulated(int(activator), int(reporter), light=int(light), draw=draw)
            for (activator, reporter, light), draw in zip(lit, draws, strict=True)
        ]
        activator, reporter = np.array(ends).T
        num_steps = state.num_steps + 1
        is_over = num_steps >= MAX_STEPS
        clock = np.array([draw.clock for draw in draws])
        kept = ~is_over
        after = State(activator * kept, reporter * kept, num_steps * kept, state.stream, clock)
        reward = -np.abs(reporter - TARGET).astype(np.float64)
        return after, Step(after.observation, reward, np.zeros_like(is_over), is_over, _observed(reporter))


class Numbers:
    """Pairs of random numbers in [0, 1), of one stream, from the time after this one on."""

    def __init__(self, stream: np.uint32, clock: np.uint32) -> None:
        self.stream = stream
        self.clock = np.uint32(int(clock) + 1)

    @np.errstate(over="ignore")
    def __call__(self) -> tuple[float, float]:
        """The next pair."""
        _, first, second, _ = counters.uniforms(np, counters.drawn(np, self.stream, self.clock))
        self.clock = np.uint32(int(self.clock) + 1)
        return float(first), float(second)


def simulated(activator: int, reporter: int, *, light: int, draw: Callable[[], tuple[float, float]]) -> tuple[int, int]:
    """The counts five minutes later: Gillespie's direct method."""
    time_left = 5.0
    while True:
        limits = list(accumulate(rates(activator, reporter, light=light)))
        of_wait, of_kind = draw()
        time_left -= inf if limits[-1] == 0 or of_wait == 0 else -np.log(of_wait) / limits[-1]
        if time_left <= 0:
            return activator, reporter
        by_activator, by_reporter = CHANGES[bisect_right(limits, of_kind * limits[-1])]
        activator, reporter = activator + by_activator, reporter + by_reporter


def rates(activator: int, reporter: int, *, light: int) -> list[float]:
    """Of each reaction, per minute."""
    by_activator = 0.5 * activator**3.6 / (90**3.6 + activator**3.6)
    by_reporter = 0.5 * reporter**3.6 / (30**3.6 + reporter**3.6)
    return [1.0 * light, 0.01 * activator, by_activator, by_reporter, 0.01 * reporter]


def _observed(reporter: Counts) -> Floats:
    target = np.full(len(reporter), TARGET / 80)
    return np.stack([reporter / 80, target, target], axis=1)
