from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces

from rlgauge.core.errors import UserError
from rlgauge.episodes.policy import wrap_policy
from rlgauge.kinds.train.algorithms import bc
from rlgauge.kinds.train.algorithms.config import BcConfig, Cloning, Policy
from rlgauge.kinds.train.algorithms.finite import DivergedError
from rlgauge.kinds.train.algorithms.policies import new_policy
from rlgauge.kinds.train.algorithms.reading import read
from tests.kinds.train.algorithms.toys import (
    Remembering,
    Target,
    balance,
    make_cartpole,
    mean_return,
    show,
    to_target,
    weights,
)

CHANCE = np.random.default_rng(0)
SEEN = torch.as_tensor(CHANCE.normal(size=(8, 3)), dtype=torch.float32)
ACTED = torch.as_tensor(CHANCE.uniform(-1, 1, (8, 2)), dtype=torch.float32)
SHOWN = show(Target, to_target, 3)


def policy_of(**kwargs: Any) -> Any:
    return new_policy(Target.observation_space, Target.action_space, Policy(**kwargs), seed=0)


def ignore(_values: Any) -> None:
    pass


def test_the_likelihood_of_a_gaussian_is_the_closed_form() -> None:
    policy = policy_of()
    with torch.no_grad():
        policy.action_net.weight.zero_()
        policy.action_net.bias.copy_(torch.tensor([0.3, -0.2]))
        policy.log_std.copy_(torch.tensor([0.5, -1.0]))
        found = bc.likelihood(policy, SEEN, ACTED)
    scaled = (ACTED - torch.tensor([0.3, -0.2])) / torch.tensor([0.5, -1.0]).exp()
    each = -0.5 * (scaled**2).sum(1) - (0.5 - 1.0) - math.log(2 * math.pi)
    torch.testing.assert_close(found.log_probs, each)
    assert float(found.entropy) == pytest.approx(0.5 - 1.0 + math.log(2 * math.pi * math.e), rel=1e-5)


@pytest.mark.parametrize(
    ("space", "acted"),
    [
        (spaces.Box(-1, 1, (2,)), ACTED),
        (spaces.Discrete(3), torch.tensor([0, 1, 2, 0, 1, 2, 0, 1])),
        (spaces.MultiDiscrete([2, 3]), torch.tensor([[0, 2], [1, 1]] * 4)),
    ],
)
def test_the_likelihood_is_what_the_policy_itself_says(space: Any, acted: Any) -> None:
    policy = new_policy(Target.observation_space, space, Policy(normalize_features=True), seed=0)
    policy.set_training_mode(False)
    found = bc.likelihood(policy, SEEN, acted)
    _, log_probs, entropy = policy.evaluate_actions(SEEN, acted)
    assert entropy is not None
    torch.testing.assert_close(found.log_probs, log_probs)
    torch.testing.assert_close(found.entropy, entropy.mean())


def loss_by_hand(policy: Any, seen: Any, acted: Any, *, ent_weight: float, l2_weight: float) -> Any:
    """The loss as the library writes it."""
    _, log_prob, entropy = policy.evaluate_actions(seen, acted)
    squares = sum((weight**2).sum() for weight in policy.parameters())
    return -log_prob.mean() - ent_weight * entropy.mean() + l2_weight * 0.5 * squares


def test_a_step_follows_the_gradient_of_the_whole_loss() -> None:
    config = Cloning(
        batch_size=8, ent_weight=0.7, l2_weight=0.3, optimizer_cls="torch.optim.SGD", optimizer_kwargs={"lr": 1.0}
    )
    policy, expected = policy_of(), policy_of()
    told: list[dict[str, float]] = []
    bc.Fit(policy, config, seed=0).run(SEEN, ACTED, num_batches=1, report=lambda values: told.append(dict(values)))
    loss = loss_by_hand(expected, SEEN, ACTED, ent_weight=0.7, l2_weight=0.3)
    loss.backward()
    for stepped, before in zip(policy.parameters(), expected.parameters(), strict=True):
        assert before.grad is not None
        torch.testing.assert_close(stepped, before - before.grad, rtol=1e-4, atol=1e-6)
    assert told[0]["bc/loss"] == pytest.approx(loss.item(), rel=1e-5)
    parts = told[0]["bc/neglogp"] + told[0]["bc/ent_loss"] + told[0]["bc/l2_loss"]
    assert told[0]["bc/loss"] == pytest.approx(parts)


def test_minibatches_add_up_to_the_batch() -> None:
    whole, parts = policy_of(), policy_of()
    for policy, minibatch_size in ((whole, None), (parts, 2)):
        config = Cloning(batch_size=8, minibatch_size=minibatch_size, l2_weight=0.3)
        bc.Fit(policy, config, seed=0).run(SEEN, ACTED, num_epochs=3, report=ignore)
    for one, other in zip(whole.parameters(), parts.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_a_last_batch_that_is_incomplete_counts_by_its_part() -> None:
    sgd = {"optimizer_cls": "torch.optim.SGD", "optimizer_kwargs": {"lr": 1.0}}
    policy, expected = policy_of(), policy_of()
    fit = bc.Fit(policy, Cloning(batch_size=12, minibatch_size=4, l2_weight=0.3, ent_weight=0.0, **sgd), seed=0)
    fit.run(SEEN, ACTED, num_epochs=1, report=ignore)
    (loss_by_hand(expected, SEEN, ACTED, ent_weight=0.0, l2_weight=0.3) * 8 / 12).backward()
    for stepped, before in zip(policy.parameters(), expected.parameters(), strict=True):
        assert before.grad is not None
        torch.testing.assert_close(stepped, before - before.grad, rtol=1e-4, atol=1e-6)
    assert fit.num_batches == 1


def test_epochs_and_batches_say_how_long() -> None:
    for length, expected in (({"num_epochs": 3}, 6), ({"num_batches": 7}, 7)):
        fit = bc.Fit(policy_of(), Cloning(batch_size=3), seed=0)
        fit.run(SEEN, ACTED, report=ignore, **length)
        assert fit.num_batches == expected


def test_scalars_come_every_interval_and_at_the_end() -> None:
    context = Remembering()
    config = read("bc", {"bc": {"batch_size": 20, "n_epochs": 4, "log_interval": 5}})
    bc.train(Target, SHOWN, config, context)
    assert [step for step, _ in context.logged] == [1, 6, 11, 12]
    assert context.scalars("bc/epoch") == [0, 1, 3, 3]
    assert context.scalars("bc/samples_so_far") == [20, 120, 220, 240]
    assert context.done[-1] == (240, 240)


def test_without_a_length_it_is_that_of_the_librarys_script(monkeypatch: pytest.MonkeyPatch) -> None:
    assert bc._NUM_BATCHES == 50_000
    monkeypatch.setattr(bc, "_NUM_BATCHES", 5)
    context = Remembering()
    bc.train(Target, SHOWN, BcConfig(), context)
    assert context.logged[-1][0] == 5


def test_too_few_steps_for_a_batch_are_said() -> None:
    with pytest.raises(UserError, match="There are 60 labelled steps, and a batch takes 64"):
        bc.train(Target, SHOWN, read("bc", {"bc": {"batch_size": 64, "n_epochs": 1}}), Remembering())


def test_demonstrations_of_another_environment_are_refused() -> None:
    with pytest.raises(UserError, match=r"have the shape \(3,\), those of the environment \(4,\)"):
        bc.train(make_cartpole, SHOWN, BcConfig(), Remembering())


def test_a_training_that_diverges_says_so() -> None:
    config = read("bc", {"bc": {"n_epochs": 5, "optimizer_kwargs": {"lr": 1e38}}})
    with pytest.raises(DivergedError, match=r"The training diverged: .*A smaller learning rate may help"):
        bc.train(Target, SHOWN, config, Remembering())


def test_the_same_seed_gives_the_same_bits() -> None:
    config = read("bc", {"bc": {"n_epochs": 2}, "policy": {"normalize_features": True}})
    first, same, other = (weights(bc.train(Target, SHOWN, config, Remembering(seed))) for seed in (3, 3, 4))
    assert first == same != other


def test_statistics_are_of_training_and_stay_as_they_are_in_evaluation() -> None:
    config = read("bc", {"bc": {"n_epochs": 1, "batch_size": 60}, "policy": {"normalize_features": True}})
    policy = bc.train(Target, SHOWN, config, Remembering())
    normalize: Any = policy.features_extractor.normalize
    np.testing.assert_allclose(normalize.mean, SHOWN.observations.mean(0), rtol=1e-4, atol=1e-6)
    before = weights(policy)
    policy.predict(SHOWN.observations)
    assert weights(policy) == before


def test_it_learns_cartpole_from_a_controller() -> None:
    shown = show(make_cartpole, balance, 4)
    config = read("bc", {"bc": {"n_epochs": 15, "optimizer_kwargs": {"lr": 2e-3}}})
    policy = bc.train(make_cartpole, shown, config, Remembering())
    assert mean_return(policy, make_cartpole) > 450


def test_it_learns_to_steer() -> None:
    config = read("bc", {"bc": {"n_epochs": 60, "optimizer_kwargs": {"lr": 3e-3}, "batch_size": 20}})
    shown = show(Target, to_target, 20)
    policy = bc.train(Target, shown, config, Remembering())
    assert mean_return(policy, Target) == pytest.approx(shown.returns.mean(), abs=1.0)


def test_what_is_trained_is_evaluated_as_it_is() -> None:
    policy = bc.train(Target, SHOWN, read("bc", {"bc": {"n_epochs": 1}}), Remembering())
    wrapped = wrap_policy(policy, observation_space=Target.observation_space, action_space=Target.action_space, width=4)
    for row in range(4):
        wrapped.begin(row, seed=row)
    found = wrapped.act(SHOWN.observations[:4], range(4))
    np.testing.assert_allclose(found, policy.predict(SHOWN.observations[:4], deterministic=True)[0], rtol=1e-5)
