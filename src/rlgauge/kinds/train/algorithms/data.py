"""Transitions as tensors, made once; and batches of them, by index."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from torch import Tensor

from rlgauge.core.errors import UserError

if TYPE_CHECKING:
    from rlgauge.kinds.train.demonstrations import Demonstrations

_ACTED = (spaces.Box, spaces.Discrete, spaces.MultiDiscrete)
_SEEN = (*_ACTED, spaces.MultiBinary)


class Transitions(NamedTuple):
    """N steps. `dones` is 1 at the last step of an episode, whether it ended or was cut off, as `imitation` has it."""

    observations: Tensor
    """(N, *observation)"""
    actions: Tensor
    """(N, *action)"""
    next_observations: Tensor
    """(N, *observation)"""
    dones: Tensor
    """(N,) float32"""

    def at(self, rows: Tensor | slice) -> Transitions:
        """Those of the rows."""
        return Transitions(*(field[rows] for field in self))


def joined(parts: list[Transitions]) -> Transitions:
    """All of them, in order."""
    return Transitions(*(torch.cat(fields) for fields in zip(*parts, strict=True)))


def as_tensor(values: NDArray[Any]) -> Tensor:
    """A copy of the values; of reals float32, in which networks compute, and of integers what they are."""
    return torch.from_numpy(np.array(values, np.float32 if values.dtype.kind == "f" else None, order="C"))


def check_spaces(observation_space: spaces.Space[Any], action_space: spaces.Space[Any]) -> None:
    """Raise UserError for spaces that these algorithms can't learn in."""
    for what, space, known in (("observations", observation_space, _SEEN), ("actions", action_space, _ACTED)):
        if not isinstance(space, known):
            names = ", ".join(kind.__name__ for kind in known)
            raise UserError(f"The environment's {what} are {space}, and must be one of {names}.")


def check_demonstrations(
    demonstrations: Demonstrations, observation_space: spaces.Space[Any], action_space: spaces.Space[Any]
) -> None:
    """Raise UserError where they are of another environment, do not fit together, or hold what is not finite."""
    num_steps = len(demonstrations.observations)
    for what, values, space in (
        ("observations", demonstrations.observations, observation_space),
        ("actions", demonstrations.actions, action_space),
        ("next observations", demonstrations.next_observations, observation_space),
    ):
        if values.shape[1:] != space.shape:
            raise UserError(
                f"The demonstrations are of another environment: their {what} have the shape {values.shape[1:]}, "
                f"those of the environment {space.shape}."
            )
        if len(values) != num_steps:
            raise UserError(f"The demonstrations have {num_steps} observations, but {len(values)} {what}.")
        if not np.isfinite(values).all():
            raise UserError(f"The demonstrations' {what} hold values that are not finite.")
        if not isinstance(space, spaces.Box) and not (values.dtype.kind in "iu" and _are_in(values, space)):
            raise UserError(f"The demonstrations are of another environment: some {what} are not in {space}.")
    if int(np.sum(demonstrations.lengths)) != num_steps:
        raise UserError(
            f"The lengths of the demonstrations sum to {int(np.sum(demonstrations.lengths))}, "
            f"but there are {num_steps} steps."
        )


def _are_in(values: NDArray[Any], space: spaces.Space[Any]) -> bool:
    if isinstance(space, spaces.Discrete):
        return bool(np.all((values >= space.start) & (values < space.start + space.n)))
    largest = space.nvec if isinstance(space, spaces.MultiDiscrete) else 2
    return bool(np.all((values >= 0) & (values < largest)))


def first_episodes(demonstrations: Demonstrations, number: int | None) -> Demonstrations:
    """Those of the first episodes; None: of all. Raises UserError where there are fewer."""
    if number is None:
        return demonstrations
    if number > len(demonstrations.lengths):
        raise UserError(f"{number} demonstrations are to be learned from, and there are {len(demonstrations.lengths)}.")
    steps = int(np.sum(demonstrations.lengths[:number]))
    observations, actions, next_observations, is_terminated, lengths, returns = demonstrations
    return type(demonstrations)(
        observations[:steps],
        actions[:steps],
        next_observations[:steps],
        is_terminated[:steps],
        lengths[:number],
        returns[:number],
    )


def as_transitions(demonstrations: Demonstrations) -> Transitions:
    """The demonstrations' steps."""
    dones = np.zeros(len(demonstrations.observations), np.float32)
    dones[np.cumsum(demonstrations.lengths) - 1] = 1
    return Transitions(
        as_tensor(demonstrations.observations),
        as_tensor(demonstrations.actions),
        as_tensor(demonstrations.next_observations),
        as_tensor(dones),
    )


def check_enough(num_steps: int, batch_size: int, name: str) -> None:
    """Raise UserError where not one batch can be filled."""
    if num_steps < batch_size:
        raise UserError(f"There are {num_steps} labelled steps, and {name} takes {batch_size}.")


def endless(num_rows: int, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Batches of row indices, (batch_size,), one epoch after the other, each in an order of its own.

    In an epoch is each row once at most: those that do not fill a batch are left out of it.
    """
    while True:
        rows = torch.randperm(num_rows, generator=generator)
        for start in range(0, num_rows - batch_size + 1, batch_size):
            yield rows[start : start + batch_size]
