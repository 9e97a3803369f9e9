"""Behavioural cloning: a policy fitted to what the expert did, as a classifier or a regression is.

Pomerleau 1991, "Efficient Training of Artificial Neural Networks for Autonomous Navigation"; Bain and Sammut 1995,
"A Framework for Behavioural Cloning". The loss of a batch of n labelled observations is

    L = - 1/n sum log pi(a_i | s_i)  -  ent_weight 1/n sum H(pi(. | s_i))  +  l2_weight 1/2 sum w^2

over all parameters w of the policy, those of the value function too, as in `imitation`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import torch
from stable_baselines3.common.distributions import DiagGaussianDistribution
from torch import Tensor

from rlgauge.core.seeding import derive
from rlgauge.kinds.train.algorithms import data
from rlgauge.kinds.train.algorithms.finite import check_values, check_weights, unchecked_distributions
from rlgauge.kinds.train.algorithms.policies import new_optimizer, new_policy
from rlgauge.kinds.train.algorithms.uncompiled import uncompiled

if TYPE_CHECKING:
    from stable_baselines3.common.policies import ActorCriticPolicy

    from rlgauge.kinds.train.algorithms.config import BcConfig, Cloning
    from rlgauge.kinds.train.algorithms.interface import Context, MakeEnv
    from rlgauge.kinds.train.demonstrations import Demonstrations

_NUM_BATCHES = 50_000
"""Where the configuration says neither epochs nor batches."""


class Likelihood(NamedTuple):
    """What a policy says of n labelled observations."""

    log_probs: Tensor
    """(n,) of the actions."""
    entropy: Tensor
    """() of its actions, the mean over the observations."""

    def loss(self, ent_weight: float) -> Tensor:
        """The loss without the term of the weights, whose gradient needs no backward pass."""
        return -self.log_probs.mean() - ent_weight * self.entropy


def likelihood(policy: ActorCriticPolicy, observations: Tensor, actions: Tensor) -> Likelihood:
    """Of the actions in the observations. The value function is not asked."""
    features = policy.extract_features(observations)
    assert isinstance(features, Tensor)  # noqa: S101  # policy and value function share them
    outputs = policy.action_net(policy.mlp_extractor.forward_actor(features))
    if isinstance(policy.action_dist, DiagGaussianDistribution):
        return _of_gaussian(outputs, policy.log_std, actions)
    distribution = policy.action_dist.proba_distribution(action_logits=outputs)
    entropy = distribution.entropy()
    assert entropy is not None  # noqa: S101  # only squashed Gaussians have none
    return Likelihood(distribution.log_prob(actions), entropy.mean())


def _of_gaussian(means: Tensor, log_std: Tensor, actions: Tensor) -> Likelihood:
    """In closed form, as torch's distributions take most of a step's time: they check, broadcast and copy."""
    scaled = (actions - means) * torch.exp(-log_std)
    volume = log_std.sum()
    constant = 0.5 * log_std.numel() * math.log(2 * math.pi)
    log_probs = -0.5 * scaled.square().sum(dim=1) - volume - constant
    return Likelihood(log_probs, volume + constant + 0.5 * log_std.numel())


class Fit:
    """A policy that is being fitted: it keeps the optimiser's state and the number of batches between calls."""

    def __init__(self, policy: ActorCriticPolicy, config: Cloning, *, seed: int) -> None:
        """Take the policy as it is. Raises UserError for an optimiser that can't be made."""
        self.policy = policy
        self.config = config
        self.optimizer = new_optimizer(config.optimizer_cls, config.optimizer_kwargs, policy.parameters())
        self.generator = torch.Generator().manual_seed(seed)
        self.num_batches = 0
        self._weights = [parameter.detach() for parameter in policy.parameters()]
        for parameter in policy.parameters():
            parameter.grad = torch.zeros_like(parameter)
        self._gradients = [parameter.grad for parameter in policy.parameters() if parameter.grad is not None]

    def run(
        self,
        observations: Tensor,
        actions: Tensor,
        *,
        num_epochs: int | None = None,
        num_batches: int | None = None,
        report: Callable[[Mapping[str, float]], None],
    ) -> None:
        """Fit for so many epochs or batches, one of which is given.

        `report` is given the loss and its parts of every `log_interval`th batch, the first and the last. A batch is put
        together of minibatches, across epochs where these leave it incomplete; one that is incomplete at the very end
        counts by its part, as in `imitation`. Raises DivergedError.
        """
        size = self.config.minibatch_size or self.config.batch_size
        per_batch = self.config.batch_size // size
        per_epoch = len(observations) // size
        data.check_enough(len(observations), size, "a minibatch" if per_batch > 1 else "a batch")
        total = (num_epochs or 0) * per_epoch if num_batches is None else num_batches * per_batch
        self.policy.set_training_mode(True)
        for index, rows in enumerate(islice(data.endless(len(observations), size, self.generator), total)):
            found = self._accumulate(observations[rows], actions[rows], part=1 / per_batch)
            is_last = index == total - 1
            if not is_last and (index + 1) % per_batch:
                continue
            is_told = is_last or index // per_batch % self.config.log_interval == 0
            values = self._values(found, epoch=index // per_epoch, num_samples=(index + 1) * size) if is_told else {}
            check_values(values, when=f"after {self.num_batches} batches")
            self._step(part=(index % per_batch + 1) / per_batch)
            if is_told:
                report(values)
        self.policy.set_training_mode(False)
        check_weights(self.policy, when=f"after {self.num_batches} batches")

    def _accumulate(self, observations: Tensor, actions: Tensor, *, part: float) -> Likelihood:
        """Add the gradient of a minibatch that is so large a part of its batch."""
        found = likelihood(self.policy, observations, actions)
        loss = found.loss(self.config.ent_weight)
        (loss if part == 1 else loss * part).backward()  # type: ignore[no-untyped-call]
        return found

    def _step(self, *, part: float) -> None:
        """Step the optimiser, with d/dw (1/2 w^2) = w added to what was accumulated."""
        if self.config.l2_weight:
            torch._foreach_add_(self._gradients, self._weights, alpha=self.config.l2_weight * part)
        self.optimizer.step()
        torch._foreach_zero_(self._gradients)
        self.num_batches += 1

    @torch.no_grad()
    def _values(self, found: Likelihood, *, epoch: int, num_samples: int) -> dict[str, float]:
        l2_norm = float(sum(float(weight.square().sum()) for weight in self._weights)) / 2
        likely = float(found.loss(self.config.ent_weight))
        return {
            "bc/loss": likely + self.config.l2_weight * l2_norm,
            "bc/neglogp": -float(found.log_probs.mean()),
            "bc/entropy": float(found.entropy),
            "bc/ent_loss": -self.config.ent_weight * float(found.entropy),
            "bc/prob_true_act": float(found.log_probs.exp().mean()),
            "bc/l2_norm": l2_norm,
            "bc/l2_loss": self.config.l2_weight * l2_norm,
            "bc/epoch": float(epoch),
            "bc/samples_so_far": float(num_samples),
        }


@uncompiled()
def train(make_env: MakeEnv, demonstrations: Demonstrations, config: BcConfig, context: Context) -> ActorCriticPolicy:
    """The policy fitted to the demonstrations; scalars are at numbers of batches.

    Raises UserError for demonstrations of another environment, DivergedError.
    """
    env = make_env()
    observation_space, action_space = env.observation_space, env.action_space
    env.close()
    data.check_spaces(observation_space, action_space)
    data.check_demonstrations(demonstrations, observation_space, action_space)
    labelled = data.as_transitions(data.first_episodes(demonstrations, config.demonstrations.n_expert_demos))
    policy = new_policy(observation_space, action_space, config.policy, seed=derive(context.seed, "policy"))
    fit = Fit(policy, config.bc, seed=derive(context.seed, "batches"))
    num_batches = config.bc.n_batches or (None if config.bc.n_epochs else _NUM_BATCHES)
    num_fed = config.bc.batch_size * (num_batches or 0) or (config.bc.n_epochs or 0) * len(labelled.observations)

    def report(values: Mapping[str, float]) -> None:
        context.log(values, step=fit.num_batches)
        context.progress(min(int(values["bc/samples_so_far"]), num_fed), num_fed)

    with unchecked_distributions():
        fit.run(
            labelled.observations,
            labelled.actions,
            num_epochs=config.bc.n_epochs,
            num_batches=num_batches,
            report=report,
        )
    return policy
