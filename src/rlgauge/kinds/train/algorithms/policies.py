"""New policies of Stable-Baselines3 as a configuration describes them."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import torch
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import nn

from rlgauge.core.errors import UserError
from rlgauge.kinds.train.algorithms.norm import NormalizeFeaturesExtractor
from rlgauge.kinds.train.algorithms.uncompiled import step_uncompiled

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import gymnasium

    from rlgauge.kinds.train.algorithms.config import Policy

_ACTIVATIONS: Mapping[str, type[nn.Module]] = {
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}
_ADAM = {"eps": 1e-5, "fused": True}
"""What Stable-Baselines3 gives Adam, and that all parameters are stepped at once: the same numbers up to rounding."""


def policy_kwargs(config: Policy) -> dict[str, Any]:
    """What the constructor of an `ActorCriticPolicy` is given, besides the spaces and the learning rate."""
    kwargs: dict[str, Any] = {
        "net_arch": {"pi": list(config.towers.pi), "vf": list(config.towers.vf)},
        "activation_fn": _ACTIVATIONS[config.activation_fn],
        "optimizer_kwargs": dict(_ADAM),
    }
    if config.normalize_features:
        kwargs["features_extractor_class"] = NormalizeFeaturesExtractor
    return kwargs


def new_policy(
    observation_space: gymnasium.Space[Any], action_space: gymnasium.Space[Any], config: Policy, *, seed: int
) -> ActorCriticPolicy:
    """A policy with fresh weights, the same for the same seed; the state of torch's generator stays as it was.

    Its own optimiser is of no use: who trains it brings one.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return ActorCriticPolicy(observation_space, action_space, lambda _: 0.0, **policy_kwargs(config))


def new_optimizer(
    class_path: str, kwargs: Mapping[str, Any], parameters: Iterable[nn.Parameter]
) -> torch.optim.Optimizer:
    """An optimiser by class path, fused where it can be and nothing else is said. Raises UserError."""
    module, _, name = class_path.rpartition(".")
    if module not in {"torch.optim", ""} or not isinstance(kind := getattr(torch.optim, name, None), type):
        raise UserError(f"There is no optimiser {class_path!r}: name one of torch.optim, such as torch.optim.Adam.")
    given = dict(kwargs)
    if "fused" in inspect.signature(kind).parameters and not given.keys() & {"fused", "foreach"}:
        given["fused"] = True
    try:
        optimizer: torch.optim.Optimizer = kind(list(parameters), **given)
    except (TypeError, ValueError) as error:
        raise UserError(f"{class_path} can't be made with {dict(kwargs)}: {error}") from error
    step_uncompiled(optimizer)
    return optimizer
