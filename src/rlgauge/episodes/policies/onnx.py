"""Policies as ONNX files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlgauge.core.errors import UserError
from rlgauge.episodes.policies.actions import network_actions
from rlgauge.episodes.policies.protocol import Action, Observations, WrongActionError
from rlgauge.episodes.policies.spaces import Dict, Spec, layout_hint, size

_DTYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
}

_Feed = dict[str, NDArray[Any]]


class OnnxPolicy:
    """An ONNX model on one CPU thread; its output is read as `actions.network_actions` says.

    The batch dimension is free, or the width, or 1 (then it is called row by row). Inputs are cast to the model's own
    dtype. A dictionary of observations goes to inputs of the same names. Of several outputs the one named `action` or
    `actions` is taken, else the first.
    """

    bit_stable = True

    def __init__(self, path: Path, *, observation_space: Spec, action_space: Spec, width: int, name: str) -> None:
        self._session = _session(path, name)
        inputs = {node.name: node for node in self._session.get_inputs()}
        _match(inputs, observation_space, name)
        self._rows = 1 if _one_by_one(inputs, width, name) else width
        self._feed = _feeding(inputs, observation_space)
        outputs = [node.name for node in self._session.get_outputs()]
        self._output = [next((output for output in outputs if output in {"action", "actions"}), outputs[0])]
        self._actions = _actions(action_space, self._rows, name)
        self._width = width

    def begin(self, row: int, seed: int) -> None:
        """Nothing is remembered."""

    def act(self, observations: Observations, active: Sequence[int]) -> Sequence[Action]:
        """One call for all rows, or one for each where the model takes one. Raises WrongActionError."""
        feed = self._feed(observations)
        if self._rows == self._width:
            return self._actions(self._session.run(self._output, feed)[0])
        actions: list[Action] = [None] * self._width
        for row in active:
            one = {key: array[row : row + 1] for key, array in feed.items()}
            actions[row] = self._actions(self._session.run(self._output, one)[0])[0]
        return actions

    def close(self) -> None:
        """The session goes with this object."""


def _session(path: Path, name: str) -> Any:  # noqa: ANN401  # the library has no types
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.use_deterministic_compute = True
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    errors = onnxruntime.capi.onnxruntime_pybind11_state
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except (
        errors.InvalidProtobuf,
        errors.InvalidGraph,
        errors.Fail,
        errors.InvalidArgument,
        errors.NotImplemented,
    ) as error:
        reason = str(error).strip().splitlines()[-1]
        raise UserError(f"The policy {name} is not a usable ONNX file: {reason}") from error


def _match(inputs: Mapping[str, Any], space: Spec, name: str) -> None:
    """Raises UserError unless the model's inputs are the environment's observations."""
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


def _match_shape(node: Any, space: Spec, name: str, where: str) -> None:  # noqa: ANN401
    shape = size(space)
    if shape is None or node.type not in _DTYPES:
        raise UserError(f"The policy {name} takes {node.type}{where}, but the environment gives {space.text}.")
    wanted = tuple(node.shape[1:])
    if len(wanted) == len(shape) and all(
        not isinstance(want, int) or want == have for want, have in zip(wanted, shape, strict=True)
    ):
        return
    shown = "(" + ", ".join(map(str, wanted)) + ("," if len(wanted) == 1 else "") + ")"
    raise UserError(
        f"The policy {name} takes observations of shape {shown}{where}, but the environment gives {shape}."
        + layout_hint(shape, wanted)
    )


def _one_by_one(inputs: Mapping[str, Any], width: int, name: str) -> bool:
    """True when the model's batch is fixed at 1 and the width is not. Raises UserError for another fixed size."""
    fixed = {node.shape[0] for node in inputs.values() if node.shape and isinstance(node.shape[0], int)}
    if not fixed or fixed == {width}:
        return False
    if fixed == {1}:
        return True
    raise UserError(
        f"The policy {name} takes batches of {' and '.join(map(str, sorted(fixed)))}, but the run has {width} lanes: "
        "use as many lanes, or export the model with a free batch dimension."
    )


def _feeding(inputs: Mapping[str, Any], space: Spec) -> Callable[[Any], _Feed]:
    dtypes = {key: np.dtype(_DTYPES[node.type]) for key, node in inputs.items()}
    if isinstance(space, Dict):
        return lambda observations: {key: _cast(observations[key], dtype) for key, dtype in dtypes.items()}
    ((key, dtype),) = dtypes.items()
    return lambda observations: {key: _cast(observations, dtype)}


def _cast(array: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(array, dtype)


def _actions(space: Spec, rows: int, name: str) -> Callable[[NDArray[Any]], Sequence[Action]]:
    try:
        return network_actions(space, rows)
    except WrongActionError as error:
        raise UserError(f"The policy {name} {error}.") from error
