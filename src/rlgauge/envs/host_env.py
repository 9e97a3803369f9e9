"""What an environment outside of JAX must offer to be measured: many of them behind one call, one, or compiled loops.

Shapes: N environments.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


class HostOutcome(NamedTuple):
    """What a step of N environments gives: what was seen, rewards (N,), and which episodes ended (N,).

    `num_steps` is how many of the N were steps of an episode: a call that starts an episode is none.
    """

    observation: Any
    reward: NDArray[np.floating[Any]]
    is_over: NDArray[np.bool_]
    num_steps: int


@runtime_checkable
class HostVecEnv(Protocol):
    """N environments behind one call, which start the next episode by themselves. Made for a number of environments."""

    kind: Literal["vector"]

    def reset(self, seed: int) -> Any:  # noqa: ANN401  # observations of the library's own kind
        """The first observations of all."""

    def sample(self, rng: np.random.Generator) -> Any:  # noqa: ANN401  # actions of the library's own kind
        """Random actions, one an environment."""

    def step(self, actions: Any) -> HostOutcome:  # noqa: ANN401
        """A step of each."""

    def close(self) -> None:
        """Give back what they hold."""


@runtime_checkable
class HostEnv(Protocol):
    """One environment; whoever steps it starts its episodes."""

    kind: Literal["single"]

    def reset(self, seed: int | None) -> Any:  # noqa: ANN401
        """The first observation of an episode."""

    def sample(self, rng: np.random.Generator) -> Any:  # noqa: ANN401
        """A random action."""

    def step(self, action: Any) -> tuple[Any, float, bool]:  # noqa: ANN401
        """What was seen, the reward, and whether the episode is over."""

    def close(self) -> None:
        """Give back what it holds."""


class NativeCounts(NamedTuple):
    """What compiled loops did: episodes that ended, and the sum of the rewards."""

    num_episodes: int
    reward: float


@runtime_checkable
class NativeEnv(Protocol):
    """N environments whose whole loop is compiled, random actions included. Made for a number of environments."""

    kind: Literal["native"]

    def reset(self, seed: int) -> None:
        """All at the start of an episode."""

    def run(self, num_steps: int) -> NativeCounts:
        """So many steps of each."""
