"""Random actions of Gymnasium's spaces, many at once: what the spaces' own `sample` costs is not the environment's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlgauge.core.errors import UserError

Sample = Callable[[np.random.Generator, int], NDArray[Any]]
"""So many actions, (num, ...)."""


def sampler(space: Any) -> Sample:  # noqa: ANN401  # Gymnasium's, or one that looks like it
    """A function that draws actions uniformly. Raises UserError for a space without bounds, or of another kind."""
    kind = type(space).__name__
    if kind == "Discrete":
        first, num = int(getattr(space, "start", 0)), int(space.n)
        return lambda rng, count: rng.integers(first, first + num, size=count, dtype=space.dtype)
    if kind == "MultiDiscrete":
        highs = np.asarray(space.nvec)
        return lambda rng, count: rng.integers(0, highs, size=(count, *highs.shape)).astype(space.dtype)
    if kind == "Box":
        low, high = np.asarray(space.low, np.float64), np.asarray(space.high, np.float64)
        if not (np.isfinite(low).all() and np.isfinite(high).all()):
            raise UserError("Its actions have no bounds, so there are no random ones: measure it with another policy.")
        return lambda rng, count: rng.uniform(low, high, size=(count, *space.shape)).astype(space.dtype)
    raise UserError(f"Random actions of a {kind} are not known here.")
