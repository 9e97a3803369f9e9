from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

from rlgauge.core.errors import UserError
from rlgauge.kinds.train.algorithms import airl, data, gail
from rlgauge.kinds.train.algorithms.config import AirlConfig, GailConfig, Policy
from rlgauge.kinds.train.algorithms.data import Transitions
from rlgauge.kinds.train.algorithms.discriminator import Discriminator, cross_entropy
from rlgauge.kinds.train.algorithms.networks import RewardNet
from rlgauge.kinds.train.algorithms.policies import new_policy
from tests.kinds.train.algorithms.toys import Target, show, to_target

EXPERT = data.as_transitions(show(Target, to_target, 2))
OTHERS = data.as_transitions(show(Target, lambda seen: -to_target(seen), 2, seed=50))


class Linear(nn.Module):
    """weight * first number observed."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(0.5))

    def forward(self, transitions: Transitions) -> Any:
        return self.weight * transitions.observations[:, 0]


def policy_of(*, normalize: bool = False) -> Any:
    return new_policy(Target.observation_space, Target.action_space, Policy(normalize_features=normalize), seed=0)


def discriminator(sense: Any, config: Any) -> Discriminator:
    found = Discriminator(Linear(), sense, EXPERT, config, seed=0)
    found.replay.add(OTHERS)
    return found


def test_the_loss_is_the_cross_entropy_by_hand() -> None:
    logits = torch.tensor([2.0, -1.0, 0.5, -3.0])
    expert = math.log(1 / (1 + math.exp(-2.0))) + math.log(1 / (1 + math.exp(1.0)))
    generated = math.log(1 - 1 / (1 + math.exp(-0.5))) + math.log(1 - 1 / (1 + math.exp(3.0)))
    assert float(cross_entropy(logits)) == pytest.approx(-(expert + generated) / 4)


def test_gail_rewards_what_looks_like_the_expert() -> None:
    output = torch.tensor([-4.0, 0.0, 3.0])
    probability = torch.sigmoid(output)
    torch.testing.assert_close(gail.reward(output), -torch.log(1 - probability))
    assert torch.equal(gail.logits(output, torch.zeros(3)), output)


def test_the_discriminator_of_airl_is_the_equation() -> None:
    output, log_probs = torch.tensor([-1.0, 0.5]), torch.tensor([-2.0, 0.3])
    expected = output.exp() / (output.exp() + log_probs.exp())
    torch.testing.assert_close(torch.sigmoid(airl.logits(output, log_probs)), expected)
    assert torch.equal(airl.reward(output), output)


def test_airl_asks_the_policy_how_likely_the_actions_were() -> None:
    policy = policy_of()
    found = discriminator(airl.SENSE, AirlConfig(demo_batch_size=8)).logits(EXPERT, policy)
    log_probs = policy.evaluate_actions(EXPERT.observations, EXPERT.actions)[1]
    torch.testing.assert_close(found, 0.5 * EXPERT.observations[:, 0] - log_probs)


@pytest.mark.parametrize("minibatch_size", [None, 10])
def test_a_step_follows_the_gradient_of_the_loss_on_both_halves(minibatch_size: int | None) -> None:
    config = GailConfig(
        demo_batch_size=40,
        demo_minibatch_size=minibatch_size,
        n_disc_updates_per_round=1,
        disc_optimizer_cls="torch.optim.SGD",
        disc_optimizer_kwargs={"lr": 1.0},
    )
    found = discriminator(gail.SENSE, config)
    drawn = torch.Generator().manual_seed(0)
    torch.randperm(40, generator=drawn)
    generated = found.replay.sample(40, drawn)
    told = found.fit(policy_of())
    weight = torch.tensor(0.5, requires_grad=True)
    loss = cross_entropy(weight * torch.cat([EXPERT.observations[:, 0], generated.observations[:, 0]]))
    loss.backward()
    assert weight.grad is not None
    torch.testing.assert_close(found.net.weight, weight - weight.grad, rtol=1e-5, atol=1e-6)
    assert told["discriminator/loss"] == pytest.approx(loss.item(), rel=1e-5)


def test_it_learns_to_tell_the_two_apart() -> None:
    config = GailConfig(demo_batch_size=40, n_disc_updates_per_round=100, disc_optimizer_kwargs={"lr": 0.01})
    net = RewardNet(Target.observation_space, Target.action_space, config.reward)
    found = Discriminator(net, gail.SENSE, EXPERT, config, seed=0)
    found.replay.add(OTHERS)
    first, last = found.fit(policy_of()), found.fit(policy_of())
    assert last["discriminator/loss"] < first["discriminator/loss"] < math.log(2)
    assert 0 < last["discriminator/entropy"] < first["discriminator/entropy"] < math.log(2)
    assert last["discriminator/accuracy_expert"] > 0.9
    assert last["discriminator/accuracy_generated"] > 0.9
    assert found.reward(EXPERT).mean() > found.reward(OTHERS).mean() + 1


@pytest.mark.parametrize(("sense", "config"), [(gail.SENSE, GailConfig), (airl.SENSE, AirlConfig)])
def test_the_policys_normaliser_counts_what_the_discriminator_is_shown(sense: Any, config: Any) -> None:
    policy = policy_of(normalize=True)
    discriminator(sense, config(demo_batch_size=10, n_disc_updates_per_round=3)).fit(policy)
    assert policy.features_extractor.normalize.count == 60


def test_too_few_demonstrations_for_a_batch_are_said() -> None:
    with pytest.raises(UserError, match="There are 40 labelled steps, and a batch of the discriminator takes 1024"):
        discriminator(gail.SENSE, GailConfig())
