"""What a network in a file takes, held against what an environment observes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rlgauge.core.errors import UserError
from rlgauge.episodes.policies.spaces import Dict, Spec, layout_hint, size

Feed = dict[str, NDArray[Any]]


class Input(NamedTuple):
    """One input, its batch in front: sizes that are free have a name. `dtype` is None where arrays can't be it.

    `text` is what the format calls its type.
    """

    shape: tuple[int | str | None, ...]
    dtype: np.dtype[Any] | None
    text: str


def match(inputs: Mapping[str, Input], space: Spec, name: str) -> None:
    """Raises UserError unless the inputs are the environment's observations."""
    if isinstance(space, Dict):
        if inputs.keys() != space.spaces.keys():
            raise UserError(
                f"The policy {name} takes the inputs {', '.join(sorted(inputs))}, but the environment observes "
                f"{', '.join(sorted(space.spaces))}."
            )
        parts = {key: (space.spaces[key], f" ({key!r})") for key in inputs}
    elif len(inputs) == 1:
        parts = dict.fromkeys(inputs, (space, ""))
    else:
        raise UserError(
            f"The policy {name} takes the inputs {', '.join(sorted(inputs))}, but the environment gives one "
            f"observation, {space.text}."
        )
    for key, (part, where) in parts.items():
        _match_shape(inputs[key], part, name, where)


def _match_shape(given: Input, space: Spec, name: str, where: str) -> None:
    shape = size(space)
    if shape is None or given.dtype is None:
        raise UserError(f"The policy {name} takes {given.text}{where}, but the environment gives {space.text}.")
    wanted = given.shape[1:]
    if len(wanted) == len(shape) and all(
        not isinstance(want, int) or want == have for want, have in zip(wanted, shape, strict=True)
    ):
        return
    shown = "(" + ", ".join(map(str, wanted)) + ("," if len(wanted) == 1 else "") + ")"
    raise UserError(
        f"The policy {name} takes observations of shape {shown}{where}, but the environment gives {shape}."
        + layout_hint(shape, wanted)
    )


def is_row_by_row(inputs: Mapping[str, Input], width: int, name: str) -> bool:
    """True when the network's batch is fixed at 1 and the width is not. Raises UserError for another fixed size."""
    fixed = {given.shape[0] for given in inputs.values() if given.shape and isinstance(given.shape[0], int)}
    if not fixed or fixed == {width}:
        return False
    if fixed == {1}:
        return True
    raise UserError(
        f"The policy {name} takes batches of {' and '.join(map(str, sorted(fixed)))}, but the run has {width} lanes: "
        "use as many lanes, or export the model with a free batch dimension."
    )


def feeding(inputs: Mapping[str, Input], space: Spec) -> Callable[[Any], Feed]:
    """A function from observations to the inputs, each of its own dtype."""
    dtypes = {key: given.dtype or np.dtype(np.float32) for key, given in inputs.items()}
    if isinstance(space, Dict):
        return lambda observations: {key: _cast(observations[key], dtype) for key, dtype in dtypes.items()}
    ((key, dtype),) = dtypes.items()
    return lambda observations: {key: _cast(observations, dtype)}


def _cast(array: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(array, dtype)
