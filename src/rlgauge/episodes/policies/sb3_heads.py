"""How policies of Stable-Baselines3 turn observations into actions.

The same numbers as theirs, without a distribution object for every step, and with noise that each episode owns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rlgauge.episodes.policies.actions import NO_LARGEST, clipped, greedy
from rlgauge.episodes.policies.protocol import Action
from rlgauge.episodes.policies.spaces import Box, Discrete, describe

if TYPE_CHECKING:
    import torch
    from stable_baselines3.common.policies import ActorCriticPolicy, BasePolicy

_Finish = Callable[[NDArray[Any]], Sequence[Action]]

_CLOSE = 1e-5
"""Logits that differ by more, relative to their size, can't round to the same float32 probability."""


class Head(Protocol):
    """The last step of a policy."""

    def mode(self, observation: Any) -> Sequence[Action]:  # noqa: ANN401  # a tensor or a dictionary of them
        """The deterministic actions of all rows."""

    def sample(self, observation: Any, rngs: Sequence[np.random.Generator], active: Sequence[int]) -> Sequence[Action]:  # noqa: ANN401
        """Actions with the noise of each active row's own generator."""


def head_of(policy: BasePolicy) -> Head:
    """The head that fits; `Opaque` for a policy that changed how the library acts, and for other distributions."""
    from stable_baselines3.common import distributions
    from stable_baselines3.common.policies import ActorCriticPolicy
    from stable_baselines3.sac.policies import Actor, SACPolicy

    if isinstance(policy, ActorCriticPolicy) and _unchanged(
        policy, ActorCriticPolicy, "_predict", "get_distribution", "_get_action_dist_from_latent"
    ):
        if type(policy.action_dist) is distributions.CategoricalDistribution:
            return Categorical(_latent(policy))
        if type(policy.action_dist) is distributions.DiagGaussianDistribution:
            latent, log_std = _latent(policy), policy.log_std
            return Gaussian(lambda observation: (latent(observation), log_std), _finishing(policy), squashed=False)
    if (
        isinstance(policy, SACPolicy)
        and _unchanged(policy, SACPolicy, "_predict")
        and type(actor := policy.actor) is Actor
        and _is_exactly(actor.action_dist, distributions.SquashedDiagGaussianDistribution)
    ):
        return Gaussian(
            lambda observation: actor.get_action_dist_params(observation)[:2], _finishing(policy), squashed=True
        )
    return Opaque(policy)


def _is_exactly(thing: object, kind: type) -> bool:
    return type(thing) is kind


_FIRST, _SECOND = np.int64(0), np.int64(1)


def clear_winners(values_LA: NDArray[Any]) -> list[Action] | None:
    """The greatest of every row; None where some row has a close second, or a NaN."""
    if values_LA.shape[1] == 2:  # noqa: PLR2004  # two actions are common, and quicker without arrays
        pairs = values_LA.tolist()
        if all(abs(a - b) > _CLOSE * (1.0 + max(abs(a), abs(b))) for a, b in pairs):
            return [_SECOND if b > a else _FIRST for a, b in pairs]
        return None
    best = np.maximum.reduce(values_LA, axis=1, keepdims=True)
    rivals = values_LA > best - _CLOSE * (1.0 + np.abs(best))
    if np.count_nonzero(rivals) == len(values_LA):  # one a row, and no NaN
        return list(values_LA.argmax(1))
    return None


class Categorical:
    """One of n actions."""

    def __init__(self, logits: Callable[[Any], torch.Tensor]) -> None:
        self._logits = logits

    def mode(self, observation: Any) -> Sequence[Action]:  # noqa: ANN401
        """The likeliest actions: by probability, as in the library, where two close logits may round to one."""
        logits = self._logits(observation)
        actions = clear_winners(logits.cpu().numpy())
        return greedy(_probabilities(logits)) if actions is None else actions

    def sample(self, observation: Any, rngs: Sequence[np.random.Generator], active: Sequence[int]) -> Sequence[Action]:  # noqa: ANN401
        """Inverse transform sampling: one uniform number for each active row."""
        cumulative_LA = _probabilities(self._logits(observation)).astype(np.float64).cumsum(1)
        actions: list[Action] = [None] * len(cumulative_LA)
        for row in active:
            cumulative = cumulative_LA[row]
            index = int(cumulative.searchsorted(rngs[row].random() * cumulative[-1], side="right"))
            actions[row] = index if cumulative[-1] == cumulative[-1] else NO_LARGEST  # NaN
        return actions


class Gaussian:
    """Independent normal numbers, squashed by tanh or not."""

    def __init__(
        self,
        mean_and_log_std: Callable[[Any], tuple[torch.Tensor, torch.Tensor]],
        finish: _Finish,
        *,
        squashed: bool,
    ) -> None:
        self._parameters = mean_and_log_std
        self._finish = finish
        self._squashed = squashed

    def mode(self, observation: Any) -> Sequence[Action]:  # noqa: ANN401
        """The mean."""
        return self._finished(self._parameters(observation)[0])

    def sample(self, observation: Any, rngs: Sequence[np.random.Generator], active: Sequence[int]) -> Sequence[Action]:  # noqa: ANN401
        """The mean, moved by normal numbers."""
        mean, log_std = self._parameters(observation)
        noise_LA = np.zeros(tuple(mean.shape), np.float32)
        for row in active:
            rngs[row].standard_normal(dtype=np.float32, out=noise_LA[row])
        return self._finished(mean + log_std.exp() * mean.new_tensor(noise_LA))

    def _finished(self, actions: torch.Tensor) -> Sequence[Action]:
        return self._finish((actions.tanh() if self._squashed else actions).cpu().numpy())


class Opaque:
    """A policy that is asked as a whole; deterministic actions only."""

    def __init__(self, policy: BasePolicy) -> None:
        self._policy = policy
        self._finish = _finishing(policy)

    def mode(self, observation: Any) -> Sequence[Action]:  # noqa: ANN401
        """What the policy says."""
        return self._finish(self._policy._predict(observation, deterministic=True).cpu().numpy())  # noqa: SLF001

    def sample(self, observation: Any, rngs: Sequence[np.random.Generator], active: Sequence[int]) -> Sequence[Action]:  # noqa: ANN401
        """Never called: `Sb3Policy` refuses it before the first episode."""
        raise NotImplementedError


def _probabilities(logits: torch.Tensor) -> NDArray[Any]:
    """Those of torch's Categorical, to the bit."""
    normal = logits - logits.logsumexp(dim=-1, keepdim=True)
    probabilities: NDArray[Any] = normal.softmax(dim=-1).cpu().numpy()
    return probabilities


def _unchanged(policy: BasePolicy, origin: type, *methods: str) -> bool:
    return all(getattr(type(policy), method) is getattr(origin, method) for method in methods)


def _latent(policy: ActorCriticPolicy) -> Callable[[Any], torch.Tensor]:
    """What `get_distribution` computes before it builds the distribution: logits or means."""
    from stable_baselines3.common.policies import BaseModel

    layers = _plain_network(policy)
    if layers is not None:
        return chained(layers)

    def latent(observation: Any) -> torch.Tensor:  # noqa: ANN401
        features = BaseModel.extract_features(policy, observation, policy.pi_features_extractor)
        actions: torch.Tensor = policy.action_net(policy.mlp_extractor.forward_actor(features))
        return actions

    return latent


def _plain_network(policy: ActorCriticPolicy) -> list[torch.nn.Module] | None:
    """The same layers in one row, for vectors and the library's own multilayer perceptron; else None."""
    from stable_baselines3.common.torch_layers import FlattenExtractor, MlpExtractor

    extractor, mlp = policy.pi_features_extractor, policy.mlp_extractor
    space = describe(policy.observation_space)
    if not (isinstance(space, Box) and len(space.shape) == 1):
        return None
    if type(extractor) is not FlattenExtractor or type(mlp) is not MlpExtractor:
        return None
    return [*mlp.policy_net, policy.action_net]


def chained(layers: Sequence[torch.nn.Module]) -> Callable[[Any], torch.Tensor]:
    """Layer after layer, to the bit as `Sequential` does it.

    A module's own call costs as much as the arithmetic of a small layer; linear layers without hooks are called as the
    function that they are.
    """
    functions = [_function(layer) for layer in layers]

    def call(observation: Any) -> torch.Tensor:  # noqa: ANN401
        values: torch.Tensor = observation.float()
        for function in functions:
            values = function(values)
        return values

    return call


def _function(layer: torch.nn.Module) -> Callable[[torch.Tensor], torch.Tensor]:
    import torch
    from torch.nn import functional

    if layer._forward_hooks or layer._forward_pre_hooks:  # noqa: SLF001  # there is no public way to ask
        return layer
    if type(layer) is torch.nn.Linear:
        return partial(functional.linear, weight=layer.weight, bias=layer.bias)
    return torch.tanh if type(layer) is torch.nn.Tanh else layer.forward


def _finishing(policy: BasePolicy) -> _Finish:
    """From the network's actions to the environment's, as `predict` does it: rescaled if squashed, else clipped."""
    space = describe(policy.action_space)
    match space:
        case Discrete():
            return lambda actions: actions.reshape(-1).tolist()
        case Box() if policy.squash_output:
            return lambda actions: list(
                policy.unscale_action(actions.reshape(-1, *space.shape)).astype(space.dtype, copy=False)
            )
        case Box():
            return lambda actions: clipped(actions.reshape(-1, *space.shape), space)
        case _:
            shape = policy.action_space.shape or ()
            return lambda actions: list(actions.reshape(-1, *shape))
