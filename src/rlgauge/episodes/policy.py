"""Policies by URI or as live objects, all called in batches of a fixed width.

`py:` and live objects go through the adapters of `policies.objects`; files have a module each.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from rlgauge.episodes.policies import code, lightning, objects
from rlgauge.episodes.policies.actions import one_action, ready_actions
from rlgauge.episodes.policies.chunks import ChunkedPolicy, chunk_space
from rlgauge.episodes.policies.hub import source_in_repository
from rlgauge.episodes.policies.mapping import read_mapping
from rlgauge.episodes.policies.onnx import OnnxPolicy
from rlgauge.episodes.policies.protocol import Action, BatchPolicy, Observations, WrongActionError
from rlgauge.episodes.policies.random_actions import RandomPolicy
from rlgauge.episodes.policies.sb3 import (
    Sb3Policy,
    check_spaces,
    is_sb3,
    load_normalizer,
    load_policy,
    normalizer_of,
    policy_of,
)
from rlgauge.episodes.policies.source import PolicySource, parse_source
from rlgauge.episodes.policies.spaces import describe
from rlgauge.episodes.policies.torchscript import TorchPolicy, is_module, load_module
from rlgauge.episodes.policies.zero import ZeroPolicy

if TYPE_CHECKING:
    import gymnasium
    from stable_baselines3.common.policies import BasePolicy

__all__ = [
    "Action",
    "BatchPolicy",
    "Observations",
    "PolicySource",
    "WrongActionError",
    "open_policy",
    "parse_source",
    "wrap_policy",
]


def open_policy(
    source: PolicySource,
    *,
    observation_space: gymnasium.Space[Any],
    action_space: gymnasium.Space[Any],
    width: int,
    trust: bool = False,
) -> BatchPolicy:
    """The policy, loaded, for these spaces and `width` rows. Raises UserError.

    `trust` allows files that run code when they are read.
    """
    if source.scheme == "hf":
        source = source_in_repository(source)
    seen, acted = observation_space, action_space
    adapted = None
    if (mapping := read_mapping(source)) is not None:
        adapted = mapping.between(observation_space, action_space)
        seen, acted = adapted.observation_space, adapted.action_space
    horizon = None if source.scheme in _WITH_OWN_CHUNKS else source.horizon
    policy = _OPENERS[source.scheme](
        source,
        observation_space=seen,
        action_space=acted if horizon is None else chunk_space(acted),
        width=width,
        trust=trust,
    )
    if adapted is not None:
        policy = adapted.wrap(policy, width=width)
    return policy if horizon is None else ChunkedPolicy(policy, horizon=horizon, width=width, name=source.uri)


class _Opener(Protocol):
    """Loads the policies of one scheme."""

    def __call__(
        self,
        source: PolicySource,
        *,
        observation_space: gymnasium.Space[Any],
        action_space: gymnasium.Space[Any],
        width: int,
        trust: bool,
    ) -> BatchPolicy: ...


def _random(source: PolicySource, *, action_space: gymnasium.Space[Any], width: int, **_: object) -> BatchPolicy:  # noqa: ARG001
    return RandomPolicy(action_space, width=width)


def _zero(source: PolicySource, *, action_space: gymnasium.Space[Any], width: int, **_: object) -> BatchPolicy:  # noqa: ARG001
    return ZeroPolicy(describe(action_space), width=width)


def _onnx(
    source: PolicySource,
    *,
    observation_space: gymnasium.Space[Any],
    action_space: gymnasium.Space[Any],
    width: int,
    trust: bool,  # noqa: ARG001  # the file holds no code
) -> BatchPolicy:
    return OnnxPolicy(
        Path(source.target),
        observation_space=describe(observation_space),
        action_space=describe(action_space),
        width=width,
        name=source.uri,
    )


def _torchscript(
    source: PolicySource, *, action_space: gymnasium.Space[Any], width: int, trust: bool, **_: object
) -> BatchPolicy:
    device, name = source.option("device"), source.uri
    module = load_module(Path(source.target), device=device, trust=trust, name=name)
    return TorchPolicy(module, action_space=describe(action_space), width=width, device=device, name=name)


def _sb3(
    source: PolicySource,
    *,
    observation_space: gymnasium.Space[Any],
    action_space: gymnasium.Space[Any],
    width: int,
    trust: bool,
) -> BatchPolicy:
    name, normalize = source.uri, None
    policy = load_policy(Path(source.target), device=source.option("device"), trust=trust, name=name)
    if source.normalizer is not None:
        normalize = load_normalizer(source.normalizer, trust=trust, name=name)
    check_spaces(policy, observation_space=observation_space, action_space=action_space, name=name, normalize=normalize)
    deterministic = source.option("deterministic") == "true"
    return Sb3Policy(policy, width=width, deterministic=deterministic, name=name, normalize=normalize)


def _py(
    source: PolicySource,
    *,
    observation_space: gymnasium.Space[Any],
    action_space: gymnasium.Space[Any],
    width: int,
    trust: bool,  # of a checkpoint: naming the code is trusting it
) -> BatchPolicy:
    if source.ckpt_path is not None and lightning.is_module_class(code.resolve(source.target)):
        return lightning.load_policy(
            source, observation_space=observation_space, action_space=action_space, width=width, trust=trust
        )
    found = code.load(
        source.target, ckpt_path=source.ckpt_path, observation_space=observation_space, action_space=action_space
    )
    return wrap_policy(
        found, observation_space=observation_space, action_space=action_space, width=width, name=source.uri
    )


def _from(module: str) -> _Opener:
    """Loads by `load_policy` of a module that is imported when it is needed."""

    def load(source: PolicySource, **asked: Any) -> BatchPolicy:  # noqa: ANN401  # as an opener is asked
        found: _Loads = cast("_Loads", importlib.import_module(f"rlgauge.episodes.policies.{module}"))
        return found.load_policy(source, **asked)

    return load


class _Loads(Protocol):
    load_policy: _Opener


_OPENERS: Mapping[str, _Opener] = {
    "random": _random,
    "zero": _zero,
    "py": _py,
    "onnx": _onnx,
    "torchscript": _torchscript,
    "sb3": _sb3,
    "export": _from("export"),
    "lerobot": _from("lerobot"),
    "lightning": lightning.load_policy,
    "ws": _from("websocket"),
    "wss": _from("websocket"),
}
"""What loads the policies of each scheme; a repository of the hub holds one of them."""
_WITH_OWN_CHUNKS = ("lerobot",)
"""Schemes whose policies execute chunks by themselves."""


def wrap_policy(
    obj: object,
    *,
    observation_space: gymnasium.Space[Any],
    action_space: gymnasium.Space[Any],
    width: int,
    name: str | None = None,
) -> BatchPolicy:
    """A live object as a policy of `width` rows. Raises UserError for an object that has no way to act.

    In this order: a BatchPolicy as it is; a model or policy of Stable-Baselines3 (deterministic, and the model with the
    VecNormalize that it was trained with, as it is now); `act(obs)`,
    `predict(obs)`, `select_action(obs)`; a torch module without these; a callable.
    """
    name = name or type(obj).__name__
    if is_sb3(obj):
        policy: BasePolicy = policy_of(obj)
        normalize = normalizer_of(obj)
        check_spaces(
            policy, observation_space=observation_space, action_space=action_space, name=name, normalize=normalize
        )
        return Sb3Policy(policy, width=width, deterministic=True, name=name, normalize=normalize)
    if is_module(obj):
        obj.eval()
        if not objects.acts(obj):
            device = str(next((parameter.device for parameter in obj.parameters()), "cpu"))
            return TorchPolicy(obj, action_space=describe(action_space), width=width, device=device, name=name)
    space = describe(action_space)
    return objects.adapt(obj, one_action(space), ready=ready_actions(space, width), width=width, name=name)
