"""Policies as ONNX files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlgauge.core.errors import UserError
from rlgauge.episodes.policies.actions import network_actions
from rlgauge.episodes.policies.inputs import Input, feeding, is_row_by_row, match
from rlgauge.episodes.policies.protocol import Action, Observations, WrongActionError
from rlgauge.episodes.policies.spaces import Spec

_DTYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
}


class OnnxPolicy:
    """An ONNX model on one CPU thread; its output is read as `actions.network_actions` says.

    The batch dimension is free, or the width, or 1 (then it is called row by row). Inputs are cast to the model's own
    dtype. A dictionary of observations goes to inputs of the same names. Of several outputs the one named `action` or
    `actions` is taken, else the first.
    """

    bit_stable = True

    def __init__(self, path: Path, *, observation_space: Spec, action_space: Spec, width: int, name: str) -> None:
        self._session = _session(path, name)
        inputs = {node.name: _input(node) for node in self._session.get_inputs()}
        match(inputs, observation_space, name)
        self._rows = 1 if is_row_by_row(inputs, width, name) else width
        self._feed = feeding(inputs, observation_space)
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


def _input(node: Any) -> Input:  # noqa: ANN401  # the library has no types
    dtype = _DTYPES.get(node.type)
    return Input(tuple(node.shape), None if dtype is None else np.dtype(dtype), node.type)


def _actions(space: Spec, rows: int, name: str) -> Callable[[NDArray[Any]], Sequence[Action]]:
    try:
        return network_actions(space, rows)
    except WrongActionError as error:
        raise UserError(f"The policy {name} {error}.") from error
