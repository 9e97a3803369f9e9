"""Does this policy fit this environment? Asked before the first episode, and answered naming both sides."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rlgauge.core.errors import UserError
from rlgauge.episodes.observations import make_batch
from rlgauge.episodes.policies.actions import action_fault, as_array
from rlgauge.episodes.policies.protocol import Action, BatchPolicy, Illegal, Observations, WrongActionError
from rlgauge.episodes.policies.spaces import (
    Box,
    Dict,
    Spec,
    describe,
    is_image,
    size,
)

if TYPE_CHECKING:
    import gymnasium

_SEED = 0


def check_policy(
    policy: BatchPolicy,
    *,
    observation_space: gymnasium.Space[Any],
    action_space: gymnasium.Space[Any],
    observation: Any,  # noqa: ANN401  # as the environment gave it
    width: int,
    name: str = "given",
    environment: str = "the environment",
) -> None:
    """Raises UserError unless the policy answers a reset observation in all rows with actions of the action space.

    `name` and `environment` appear in the message. The policy begins its episodes after this with `begin` as always.
    """
    observed, space = describe(observation_space), describe(action_space)
    _check_observation(observation, observed, environment)
    batch = _batch(observation_space, observation, width, range(width))
    try:
        for row in range(width):
            policy.begin(row, _SEED)
        actions = policy.act(batch, range(width))
    except UserError:
        raise
    except WrongActionError as error:
        raise UserError(f"The policy {name} {error} ({environment}).") from error
    except Exception as error:  # a policy is anybody's code and may raise anything
        raise UserError(
            f"The policy {name} failed on the first observation of {environment} ({observed.text}): {_in_short(error)}"
            + _observation_hint(observed, str(error))
        ) from error
    if len(actions) != width:
        raise UserError(f"The policy {name} returned {len(actions)} actions for {width} observations.")
    for action in actions:
        if isinstance(action, Illegal):
            raise UserError(f"The policy {name} {action.fault} ({environment}).")
        fault = action_fault(action, space)
        if fault is not None:
            raise UserError(f"The policy {name} returned {fault}, but {environment} takes {space.text}.")


def row_dependence(
    policy: BatchPolicy,
    *,
    observation_space: gymnasium.Space[Any],
    observation: Any,  # noqa: ANN401  # as the environment gave it
    width: int,
) -> bool:
    """True when the action bits for one observation and one seed differ between rows, calls or neighbours.

    A difference is a proof, its absence is none.
    """
    rows = range(width)
    bits: set[bytes] = set()
    for active in (rows, rows, rows[:1], rows[-1:]):
        bits.update(_action_bits(policy, _batch(observation_space, observation, width, active), active))
    return len(bits) > 1


def _action_bits(policy: BatchPolicy, batch: Observations, active: Sequence[int]) -> Iterator[bytes]:
    for row in active:
        policy.begin(row, _SEED)
    actions = policy.act(batch, active)
    for row in active:
        yield _bits(actions[row])


def _bits(action: Action) -> bytes:
    array = as_array(action)
    return repr(action).encode() if array.dtype.hasobject else array.tobytes()


def _batch(
    space: gymnasium.Space[Any],
    observation: Any,  # noqa: ANN401  # as the environment gave it
    width: int,
    active: Sequence[int],
) -> Observations:
    """The observation in the active rows, zeros in the others."""
    batch = make_batch(space, width)
    for row in active:
        batch.put(row, observation)
    value: Observations = batch.value
    return value


def _check_observation(observation: Any, space: Spec, environment: str) -> None:  # noqa: ANN401
    """Raises UserError where the environment does not keep its own word."""
    if isinstance(space, Dict):
        for key, part in space.spaces.items():
            if key not in observation:
                raise UserError(f"{environment} declares the observation {key!r}, but its reset gave none.")
            _check_observation(observation[key], part, f"{environment} ({key!r})")
        return
    shape = size(space)
    if shape is not None and np.shape(observation) != shape:
        raise UserError(f"{environment} declares {space.text}, but its reset gave the shape {np.shape(observation)}.")
    if isinstance(space, Box) and not np.can_cast(np.asarray(observation).dtype, space.dtype, "same_kind"):
        given = np.asarray(observation).dtype
        raise UserError(f"{environment} declares {space.text}, but its reset gave {given}, which would be cut off.")


def _in_short(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    if not lines:
        return type(error).__name__
    said = lines[-1] if lines[0].startswith("The following operation failed in the TorchScript") else lines[0]
    return f"{type(error).__name__}: {said.strip().removeprefix('RuntimeError: ')}"


def _observation_hint(space: Spec, message: str) -> str:
    """What most often lies behind an error of this kind; empty where nothing is known."""
    if isinstance(space, Box) and is_image(space.shape):
        return (
            f" Observations are images of shape {space.shape} (height, width, channels) and {space.dtype}: a policy "
            "that wants channels first or floats has to convert them."
        )
    if (
        isinstance(space, Box)
        and space.dtype == np.float64
        and re.search("double|float64|dtype", message, re.IGNORECASE)
    ):
        return " Observations are float64: a policy of float32 weights has to convert them."
    return ""
