"""Small real models, built on the spot."""

from __future__ import annotations

from pathlib import Path

import gymnasium as gym
import numpy as np
import onnx
import onnx.helper as oh
from onnx import TensorProto, numpy_helper

CARTPOLE_OBSERVATIONS = gym.spaces.Box(-np.inf, np.inf, (4,), np.float32)


def weights(rows: int, columns: int) -> np.ndarray:
    return np.random.default_rng(rows * 100 + columns).standard_normal((rows, columns)).astype(np.float32)


def linear_onnx(
    path: Path,
    *,
    inputs: int = 4,
    outputs: int = 2,
    batch: int | str = "batch",
    matrix: np.ndarray | None = None,
    integer: bool = False,
) -> Path:
    """observations @ matrix, or its argmax."""
    matrix = weights(inputs, outputs) if matrix is None else matrix
    nodes = [oh.make_node("MatMul", ["obs", "W"], ["logits"])]
    outs = [oh.make_tensor_value_info("logits", TensorProto.FLOAT, [batch, outputs])]
    if integer:
        nodes.append(oh.make_node("ArgMax", ["logits"], ["action"], axis=1, keepdims=0))
        outs = [oh.make_tensor_value_info("action", TensorProto.INT64, [batch])]
    graph = oh.make_graph(
        nodes,
        "linear",
        [oh.make_tensor_value_info("obs", TensorProto.FLOAT, [batch, inputs])],
        outs,
        [numpy_helper.from_array(matrix, "W")],
    )
    return save(graph, path)


def save(graph: onnx.GraphProto, path: Path) -> Path:
    model = oh.make_model(graph, opset_imports=[oh.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def chunk_onnx(path: Path, matrix: np.ndarray, *, length: int) -> Path:
    """observations @ matrix as chunks of `length` actions."""
    outputs = matrix.shape[1] // length
    graph = oh.make_graph(
        [oh.make_node("MatMul", ["obs", "W"], ["flat"]), oh.make_node("Reshape", ["flat", "shape"], ["action"])],
        "chunks",
        [oh.make_tensor_value_info("obs", TensorProto.FLOAT, ["batch", matrix.shape[0]])],
        [oh.make_tensor_value_info("action", TensorProto.FLOAT, ["batch", length, outputs])],
        [
            numpy_helper.from_array(matrix, "W"),
            numpy_helper.from_array(np.array([-1, length, outputs], np.int64), "shape"),
        ],
    )
    return save(graph, path)
