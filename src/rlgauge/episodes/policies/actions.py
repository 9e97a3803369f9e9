"""From what a policy returns to what `env.step` takes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeGuard, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from rlgauge.episodes.policies.protocol import Action, Illegal, WrongActionError
from rlgauge.episodes.policies.spaces import Box, Chunk, Discrete, MultiBinary, MultiDiscrete, Other, Spec, size

One = Callable[[Any], Action]
Batch = Callable[[NDArray[Any]], Sequence[Action]]
Quick = Callable[[object], Sequence[Action] | None]
NO_LARGEST = Illegal("returned NaN, of which no value is the largest")
_NAN = "NaN"


@runtime_checkable
class _Tensor(Protocol):
    """A torch tensor, seen from outside."""

    def detach(self) -> _Tensor: ...

    def cpu(self) -> _Tensor: ...

    def numpy(self) -> NDArray[Any]: ...


def as_array(value: object) -> NDArray[Any]:
    """The value as an array; a tensor comes to the host and loses its gradient. Raises WrongActionError."""
    if isinstance(value, (np.ndarray, np.generic)):
        return np.asarray(value)
    if isinstance(value, _Tensor):
        return value.detach().cpu().numpy()
    try:
        return np.asarray(value)
    except ValueError:
        raise WrongActionError(f"returned {value!r:.100}, which is not an array") from None


def one_action(space: Spec) -> One:
    """A function that turns one returned action into what `env.step` takes, or into Illegal."""
    match space:
        case Discrete():
            first, last = space.start, space.start + space.n - 1
            return lambda value: value if type(value) is int and first <= value <= last else _legal(value, space)
        case Box() | MultiDiscrete() | MultiBinary():
            return lambda value: _legal(value, space)
        case Chunk():
            one = one_action(space.of)
            return lambda value: _chunk(value, space, one)
        case _:
            return lambda value: value


def ready_actions(space: Spec, width: int) -> Quick:
    """A function that takes a whole batch where it has the very form of L legal actions; None where rows must be seen.

    Gymnasium checks NumPy's integers quicker than Python's, so integers stay what they are.
    """
    match space:
        case Discrete():
            return lambda value: _ready_integers(value, space) if _has_form(value, "iu", (width,)) else None
        case Box():
            shape = (width, *space.shape)
            return lambda value: _ready_rows(value, space) if _has_form(value, "f", shape) else None
        case _:
            return lambda _value: None


def _ready_integers(values: NDArray[Any], space: Discrete) -> Sequence[Action] | None:
    actions: list[Action] = list(values)
    return actions if space.start <= min(actions) and max(actions) < space.start + space.n else None


def _ready_rows(values: NDArray[Any], space: Box) -> Sequence[Action] | None:
    is_ready = values.dtype == space.dtype and (values >= space.low).all() and (values <= space.high).all()
    return list(values) if is_ready else None


def _legal(value: object, space: Box | Discrete | MultiDiscrete | MultiBinary) -> Action:
    """The action as the space has it; Illegal for what it does not hold, such as NaN."""
    try:
        action = _integer(value, space) if isinstance(space, Discrete) else _array(value, space)
    except WrongActionError as error:
        return Illegal(str(error))
    fault = action_fault(action, space)
    if fault is None:
        return action
    return _fault_of(fault, space)


def _chunk(value: object, space: Chunk, one: One) -> Action:
    """The actions of a chunk, each as its space has it; Illegal for what is no sequence."""
    try:
        rows = value if isinstance(value, (list, tuple)) else as_array(value)
    except WrongActionError as error:
        return Illegal(str(error))
    shape = size(space.of)
    if isinstance(rows, np.ndarray) and shape is not None:
        while rows.ndim > len(shape) + 1 and len(rows) == 1:
            rows = rows[0]
        if rows.ndim == len(shape):
            return Illegal(f"returned one action of shape {rows.shape} where a chunk of actions is asked for (horizon)")
    return [one(row) for row in rows]


def _has_form(value: object, kinds: str, shape: tuple[int, ...]) -> TypeGuard[NDArray[Any]]:
    return type(value) is np.ndarray and value.shape == shape and value.dtype.kind in kinds


def _integer(value: object, space: Discrete) -> Action:
    if isinstance(value, np.integer):
        return int(value)
    array = as_array(value)
    if array.size != 1:
        raise WrongActionError(
            f"returned an action of shape {array.shape}, but the action space {space.text} takes one integer"
        )
    number = array.item()
    # What is no whole number is handed on: `action_fault` names it.
    return int(number) if isinstance(number, (int, float)) and float(number).is_integer() else number


def _array(value: object, space: Box | MultiDiscrete | MultiBinary) -> Action:
    array = as_array(value)
    if array.dtype.kind not in "biuf":
        raise WrongActionError(f"returned {value!r:.100}, but the action space is {space.text}")
    if array.shape != space.shape:
        array = _reshaped(array, space)
    if array.dtype == space.dtype:
        return array
    if array.dtype.kind == "f" and space.dtype.kind != "f" and not (array == np.floor(array)).all():
        raise WrongActionError(f"returned {value!r:.100}, but the action space {space.text} takes integers")
    return array.astype(space.dtype)


def _reshaped(array: NDArray[Any], space: Box | MultiDiscrete | MultiBinary) -> NDArray[Any]:
    """The same numbers without, or with, leading dimensions of one."""
    if _without_ones(array.shape) != _without_ones(space.shape):
        raise WrongActionError(
            f"returned an action of shape {array.shape}, but the action space is {space.text}"
            + _chunk_hint(array.shape, space.shape)
        )
    return array.reshape(space.shape)


def _chunk_hint(given: tuple[int, ...], expected: tuple[int, ...]) -> str:
    """What to do about a chunk of actions where one is expected; empty for any other shape."""
    given = _without_ones(given)
    return f"; of {given[0]} at once, horizon=N executes the first N" if given[1:] == expected and expected else ""


def _without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    start = next((index for index, length in enumerate(shape) if length != 1), len(shape))
    return shape[start:]


def action_fault(action: Action, space: Spec) -> str | None:
    """What is wrong with the action, as the object of "returned"; None if nothing is."""
    match space:
        case Discrete():
            return _integer_fault(action, space)
        case Box() | MultiDiscrete() | MultiBinary():
            return _array_fault(action, space)
        case Other():
            return None if space.space.contains(action) else f"{action!r:.100}"
        case _:
            return None


def _integer_fault(action: Action, space: Discrete) -> str | None:
    if isinstance(action, float) and math.isnan(action):
        return _NAN
    if not isinstance(action, (int, np.integer)):
        return f"{action!r:.100}"
    return None if space.start <= action < space.start + space.n else f"the action {action}"


def _array_fault(action: Action, space: Box | MultiDiscrete | MultiBinary) -> str | None:
    array = as_array(action)
    if array.shape != space.shape:
        return f"an action of shape {array.shape}"
    if array.dtype.kind not in "biuf":
        return f"an action of {array.dtype}"
    if np.isnan(array).any():
        return _NAN
    low, high = _bounds(space)
    outside = np.argwhere((array < low) | (array > high))
    if not len(outside):
        return None
    index = tuple(outside[0])
    where = f" in place {', '.join(map(str, index))}" if index else ""
    return f"{array[index]:g}{where}, outside [{low[index]:g}, {high[index]:g}]"


def _bounds(space: Box | MultiDiscrete | MultiBinary) -> tuple[NDArray[Any], NDArray[Any]]:
    match space:
        case Box():
            return space.low, space.high
        case MultiDiscrete():
            return space.start, space.start + space.nvec - 1
        case MultiBinary():
            return np.zeros(space.shape), np.ones(space.shape)


def network_actions(space: Spec, width: int) -> Batch:
    """A function from a network's output for L rows to L actions; it raises WrongActionError.

    Discrete: float (L, n) are logits or values, of which the largest is taken; integers (L,) are actions. Box: float
    (L, *shape) are actions and are clipped to the bounds, as Stable-Baselines3 does. Chunk: the same with H actions for
    each row, (L, H, ...).
    """
    match space:
        case Discrete():
            return lambda output: _discrete(output, space, width)
        case Box():
            return lambda output: clipped(_rows(output, space, width), space)
        case MultiDiscrete() | MultiBinary():
            return lambda output: list(_integers(_rows(output, space, width), space))
        case Chunk():
            return lambda output: _chunks(output, space, width)
        case _:
            raise WrongActionError(f"is a network, and has no way to act in {space.text}")


def _discrete(output: NDArray[Any], space: Discrete, width: int) -> Sequence[Action]:
    if output.dtype.kind == "f" and output.shape == (width, space.n):
        actions = greedy(output)
        return actions if space.start == 0 else [_shifted(action, space.start) for action in actions]
    if output.dtype.kind in "iu" and output.shape in {(width,), (width, 1)}:
        return list(output.reshape(width))
    raise WrongActionError(
        f"returned {output.dtype} of shape {output.shape} for {width} observations, but the action space {space.text} "
        f"takes ({width}, {space.n}) logits or ({width},) integers"
    )


def _shifted(action: Action, start: int) -> Action:
    return action if isinstance(action, Illegal) else action + start


def greedy(values: NDArray[Any]) -> list[Action]:
    """The index of the largest value of each row; Illegal for a row with a NaN."""
    actions: list[Action] = list(values.argmax(1))
    total = np.add.reduce(values, axis=None)
    if total != total:  # noqa: PLR0124  # the quickest test for NaN
        for row in np.flatnonzero(np.isnan(values).any(1)):
            actions[row] = NO_LARGEST
    return actions


def clipped(actions: NDArray[Any], space: Box) -> list[Action]:
    """The rows within the bounds and of the space's dtype; Illegal for a row with a NaN."""
    within = np.minimum(np.maximum(actions, space.low), space.high)
    found: list[Action] = list(within if within.dtype == space.dtype else within.astype(space.dtype))
    is_nan = np.isnan(within)
    if is_nan.any():
        for row in np.flatnonzero(is_nan.reshape(len(found), -1).any(1)):
            found[row] = _fault_of(_NAN, space)
    return found


def _fault_of(what: str, space: Spec) -> Illegal:
    return Illegal(f"returned {what}, but the action space is {space.text}")


def _rows(output: NDArray[Any], space: Box | MultiDiscrete | MultiBinary, width: int) -> NDArray[Any]:
    if output.shape == (width, *space.shape):
        return output
    if output.size == width and len(output) == width and space.shape in {(), (1,)}:
        return output.reshape(width, *space.shape)
    raise WrongActionError(
        f"returned an array of shape {output.shape} for {width} observations, but the action space is {space.text}"
        + _chunk_hint(output.shape[1:], space.shape)
    )


def _chunks(output: NDArray[Any], space: Chunk, width: int) -> list[Action]:
    """The chunk of each row: its actions are read as if each were of a row of its own."""
    shape = size(space.of)
    is_scored = isinstance(space.of, Discrete) and output.dtype.kind == "f"
    if shape is not None and output.shape[:1] == (width,) and output.ndim == len(shape) + 2 + is_scored:
        length = output.shape[1]
        flat = output.reshape(width * length, *output.shape[2:])
        actions = network_actions(space.of, width * length)(flat)
        return [actions[start : start + length] for start in range(0, width * length, length)]
    raise WrongActionError(
        f"returned an array of shape {output.shape} for {width} observations, but chunks of actions are asked for "
        f"(horizon), of which each takes {space.of.text}"
    )


def _integers(output: NDArray[Any], space: MultiDiscrete | MultiBinary) -> NDArray[Any]:
    if output.dtype.kind not in "biu":
        raise WrongActionError(f"returned {output.dtype}, but the action space {space.text} takes integers")
    return output.astype(space.dtype)
