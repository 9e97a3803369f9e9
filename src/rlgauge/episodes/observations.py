"""The batch of observations that a policy sees: one row a lane, reused in place.

Shapes: L rows (lanes), then the shape of the space.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from gymnasium import Space
    from numpy.typing import NDArray


class Batch(Protocol):
    """Rows of observations; `value` is what a policy is given."""

    value: Any

    def put(self, row: int, observation: Any) -> None:  # noqa: ANN401  # whatever the space holds
        """Set one row."""

    def clear(self, row: int) -> None:
        """Set one row to zeros."""

    def is_finite(self) -> bool:
        """Whether every number of every row is finite."""

    def is_row_finite(self, row: int) -> bool:
        """Whether every number of one row is finite."""


def make_batch(space: Space[Any], width: int) -> Batch:
    """An empty batch for a space: arrays where the space has them, a list of raw observations elsewhere."""
    from gymnasium import spaces

    if isinstance(space, spaces.Dict) and all(_is_array(part) for part in space.spaces.values()):
        return DictBatch({name: make_batch(part, width) for name, part in space.spaces.items()})
    if _is_array(space):
        return ArrayBatch(np.zeros((width, *(space.shape or ())), space.dtype))
    return ListBatch(width)


class ArrayBatch:
    """One array (L, ...)."""

    def __init__(self, value: NDArray[Any]) -> None:
        """Keep rows in `value`."""
        self.value = value
        self.put = value.__setitem__
        self._flat = value.reshape(-1)
        self._zeros = np.zeros_like(self._flat) if np.issubdtype(value.dtype, np.floating) else None

    def clear(self, row: int) -> None:
        """Set one row to zeros."""
        self.value[row] = 0

    def is_finite(self) -> bool:
        """Whether every number is finite: a product with zeros is zero unless something is infinite or NaN."""
        return self._zeros is None or math.isfinite(self._flat.dot(self._zeros))

    def is_row_finite(self, row: int) -> bool:
        """Whether every number of one row is finite."""
        return self._zeros is None or bool(np.isfinite(self.value[row]).all())


class DictBatch:
    """A dictionary of arrays (L, ...)."""

    def __init__(self, parts: dict[str, Batch]) -> None:
        """Keep rows in `parts`."""
        self._parts = parts
        self.value = {name: part.value for name, part in parts.items()}

    def put(self, row: int, observation: dict[str, Any]) -> None:
        """Set one row of every part."""
        for name, part in self._parts.items():
            part.put(row, observation[name])

    def clear(self, row: int) -> None:
        """Set one row of every part to zeros."""
        for part in self._parts.values():
            part.clear(row)

    def is_finite(self) -> bool:
        """Whether every number of every part is finite."""
        return all(part.is_finite() for part in self._parts.values())

    def is_row_finite(self, row: int) -> bool:
        """Whether every number of one row is finite."""
        return all(part.is_row_finite(row) for part in self._parts.values())


class ListBatch:
    """Observations that are no arrays, as the environment gave them."""

    def __init__(self, width: int) -> None:
        """Begin with no observation in any row."""
        self.value: list[Any] = [None] * width
        self.put = self.value.__setitem__

    def clear(self, row: int) -> None:
        """Forget one row."""
        self.value[row] = None

    def is_finite(self) -> bool:
        """Whether every number in every row is finite."""
        return all(map(_is_finite, self.value))

    def is_row_finite(self, row: int) -> bool:
        """Whether every number in one row is finite."""
        return _is_finite(self.value[row])


def _is_array(space: Space[Any]) -> bool:
    from gymnasium import spaces

    return isinstance(space, (spaces.Box, spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary))


def _is_finite(observation: Any) -> bool:  # noqa: ANN401  # whatever the space holds
    if isinstance(observation, dict):
        return all(map(_is_finite, observation.values()))
    if isinstance(observation, np.ndarray):
        return not np.issubdtype(observation.dtype, np.floating) or bool(np.isfinite(observation).all())
    if isinstance(observation, (float, np.floating)):
        return math.isfinite(observation)
    if isinstance(observation, Iterable) and not isinstance(observation, (str, bytes)):
        return all(map(_is_finite, observation))
    return True
