"""What the rollout asks of a policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Observations: TypeAlias = "NDArray[Any] | dict[str, NDArray[Any]] | list[object]"
"""L rows: one array (L, *shape), a dictionary of such arrays, or a list of L observations as the environment gave them.

The arrays are reused between calls; the rows of idle lanes are zero or stale.
"""

Action: TypeAlias = Any
"""What `env.step` takes: int for Discrete, an array of the space's dtype for Box."""


class WrongActionError(ValueError):
    """An action that does not fit the action space. The message continues a sentence that begins with the policy."""


@dataclass(frozen=True)
class Illegal:
    """Stands for an action that the environment must not see; its episode ends with an error.

    `fault` continues a sentence that begins with the policy.
    """

    fault: str


@runtime_checkable
class BatchPolicy(Protocol):
    """Acts for all L rows in one call.

    `bit_stable` claims that one row's action bits depend neither on the other rows nor on which row it is;
    `spec_check.row_dependence` tests the claim.
    """

    bit_stable: bool

    def begin(self, row: int, seed: int) -> None:
        """Row `row` starts an episode whose own action randomness is seeded with `seed`; what it knew is forgotten."""

    def act(self, observations: Observations, active: Sequence[int]) -> Sequence[Action]:
        """L actions, of which only the rows in `active` are used."""

    def close(self) -> None:
        """Files, processes and devices are given back."""


@runtime_checkable
class CountsCalls(Protocol):
    """A policy that does not decide at each step, as one that executes chunks of actions."""

    @property
    def num_calls(self) -> int:
        """How often `act` had to decide anew."""


def observation_of(observations: Observations, row: int) -> Any:  # noqa: ANN401  # of the environment's own type
    """One row's observation, copied: a policy may keep it although the batch is reused."""
    if isinstance(observations, dict):
        return {key: _copied(array[row]) for key, array in observations.items()}
    if isinstance(observations, np.ndarray):
        return _copied(observations[row])
    return observations[row]


def _copied(value: Any) -> Any:  # noqa: ANN401  # an array, or a scalar where the space has no dimensions
    return value.copy() if isinstance(value, np.ndarray) else value
