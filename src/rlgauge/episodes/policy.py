"""Policies by URI or as live objects, all called in batches of a fixed width.

`py:` and live objects go through the adapters of `policies.objects`; files have a module each.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlgauge.episodes.policies import code, objects
from rlgauge.episodes.policies.actions import one_action, ready_actions
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
    name, path = source.uri, Path(source.target)
    match source.scheme:
        case "random":
            return RandomPolicy(action_space, width=width)
        case "zero":
            return ZeroPolicy(describe(action_space), width=width)
        case "onnx":
            return OnnxPolicy(
                path,
                observation_space=describe(observation_space),
                action_space=describe(action_space),
                width=width,
                name=name,
            )
        case "torchscript":
            device = source.option("device")
            module = load_module(path, device=device, trust=trust, name=name)
            return TorchPolicy(module, action_space=describe(action_space), width=width, device=device, name=name)
        case "sb3":
            policy = load_policy(path, device=source.option("device"), trust=trust, name=name)
            normalize = None
            if source.normalizer is not None:
                normalize = load_normalizer(source.normalizer, trust=trust, name=name)
            check_spaces(
                policy, observation_space=observation_space, action_space=action_space, name=name, normalize=normalize
            )
            deterministic = source.option("deterministic") == "true"
            return Sb3Policy(policy, width=width, deterministic=deterministic, name=name, normalize=normalize)
        case _:
            found = code.load(
                source.target,
                ckpt_path=source.ckpt_path,
                observation_space=observation_space,
                action_space=action_space,
            )
            return wrap_policy(
                found, observation_space=observation_space, action_space=action_space, width=width, name=name
            )


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
