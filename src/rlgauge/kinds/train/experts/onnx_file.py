"""A policy of Stable-Baselines3 as an ONNX file: what it does without noise, from observation to action."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium import spaces

from rlgauge.core.errors import UserError

if TYPE_CHECKING:
    from stable_baselines3.common.policies import BasePolicy
    from stable_baselines3.common.vec_env import VecNormalize

_OPSET, _FORMAT = 17, 8
"""Old enough for any onnxruntime that goes with our NumPy."""


def as_onnx(policy: BasePolicy, normalize: VecNormalize | None) -> bytes:
    """The file; its input `observation` is (batch, *obs), its output `action` lies in the action space.

    Observations are normalised by the statistics of `normalize` as they are now. Raises UserError for a policy that is
    no stack of linear layers.
    """
    import onnx

    graph = _Graph()
    value = _normalised(graph, normalize) if normalize is not None else graph.add("Cast", "observation", to=_float())
    for layer in _layers(policy):
        value = _layer(graph, layer, value)
    _finish(graph, value, policy)
    observation = onnx.helper.make_tensor_value_info(
        "observation", onnx.TensorProto.DOUBLE, ["batch", *(policy.observation_space.shape or ())]
    )
    kind = onnx.TensorProto.INT64 if isinstance(policy.action_space, spaces.Discrete) else _float()
    action = onnx.helper.make_tensor_value_info("action", kind, ["batch", *(policy.action_space.shape or ())])
    made = onnx.helper.make_graph(graph.nodes, "expert", [observation], [action], graph.constants)
    model = onnx.helper.make_model(
        made, opset_imports=[onnx.helper.make_opsetid("", _OPSET)], ir_version=_FORMAT, producer_name="rlgauge"
    )
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


class _Graph:
    """Nodes and constants, each named after its place."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, array: Any) -> str:  # noqa: ANN401  # array or number
        from onnx import numpy_helper

        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(array), name))
        return name

    def add(self, operation: str, *inputs: str, name: str | None = None, **attributes: Any) -> str:  # noqa: ANN401
        from onnx import helper

        output = name or f"value_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operation, list(inputs), [output], **attributes))
        return output


def _float() -> int:
    import onnx

    return int(onnx.TensorProto.FLOAT)


def _normalised(graph: _Graph, normalize: VecNormalize) -> str:
    """In double precision, as VecNormalize does it; the policy then takes single."""
    statistics: Any = normalize.obs_rms
    deviation = np.sqrt(statistics.var + normalize.epsilon)
    value = graph.add("Sub", "observation", graph.constant(np.asarray(statistics.mean, np.float64)))
    value = graph.add("Div", value, graph.constant(np.asarray(deviation, np.float64)))
    limit = np.float64(normalize.clip_obs)
    value = graph.add("Clip", value, graph.constant(-limit), graph.constant(limit))
    return graph.add("Cast", value, to=_float())


def _layers(policy: Any) -> list[Any]:  # noqa: ANN401  # told apart below
    """From the flat observation to the mean or the logits of the action."""
    from stable_baselines3.common.policies import ActorCriticPolicy
    from stable_baselines3.sac.policies import SACPolicy

    if isinstance(policy, ActorCriticPolicy):
        return [*policy.mlp_extractor.policy_net, policy.action_net]
    if isinstance(policy, SACPolicy):
        return [*policy.actor.latent_pi, policy.actor.mu]
    raise UserError(f"A policy of {type(policy).__name__} can't be written as ONNX: those of PPO and SAC can.")


def _layer(graph: _Graph, layer: Any, value: str) -> str:  # noqa: ANN401  # a torch module
    from torch import nn

    match layer:
        case nn.Linear():
            weight, bias = (graph.constant(part.detach().cpu().numpy()) for part in (layer.weight, layer.bias))
            return graph.add("Gemm", value, weight, bias, transB=1)
        case nn.Tanh():
            return graph.add("Tanh", value)
        case nn.ReLU():
            return graph.add("Relu", value)
        case _:
            raise UserError(f"A layer {type(layer).__name__} can't be written as ONNX: linear, tanh and ReLU can.")


def _finish(graph: _Graph, value: str, policy: BasePolicy) -> None:
    """From the network's output to the action: the largest logit; else tanh, stretched to the bounds, or a clip."""
    space = policy.action_space
    if isinstance(space, spaces.Discrete):
        graph.add("ArgMax", value, axis=1, keepdims=0, name="action")
        return
    if not isinstance(space, spaces.Box):
        raise UserError(f"Actions in {space} can't be written as ONNX: Box and Discrete can.")
    low, high = (np.asarray(bound, np.float32) for bound in (space.low, space.high))
    if policy.squash_output:
        value = graph.add("Tanh", value)
        half = graph.add("Mul", value, graph.constant((high - low) / 2))
        value = graph.add("Add", half, graph.constant((high + low) / 2))
    value = graph.add("Max", value, graph.constant(low))
    graph.add("Min", value, graph.constant(high), name="action")
