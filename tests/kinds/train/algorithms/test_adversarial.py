from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3.common.policies import ActorCriticPolicy

from rlgauge.core.errors import UserError
from rlgauge.kinds.train.algorithms.finite import DivergedError
from rlgauge.kinds.train.algorithms.interface import find
from rlgauge.kinds.train.algorithms.reading import overridden, read
from tests.kinds.train.algorithms.toys import (
    Fallible,
    Remembering,
    Target,
    make_cartpole,
    mean_return,
    show,
    to_target,
    weights,
)

SHOWN = show(Target, to_target, 3)
SMALL = {
    "environment": {"num_envs": 2},
    "policy": {"normalize_features": True},
    "rl": {"batch_size": 64, "ppo": {"batch_size": 32, "n_epochs": 2}},
    "total_timesteps": 200,
    "demo_batch_size": 32,
    "n_disc_updates_per_round": 2,
}

BOTH = pytest.mark.parametrize("algorithm", ["gail", "airl"])


def trained(algorithm: str, overrides: dict[str, Any], context: Remembering, *, make: Any = Target) -> Any:
    return find(algorithm)(make, SHOWN, read(algorithm, overridden(SMALL, overrides)), context)


@BOTH
def test_rounds_are_as_many_as_there_is_room_for(algorithm: str) -> None:
    context = Remembering()
    trained(algorithm, {}, context)
    assert [step for step, _ in context.logged] == [64, 128, 192]
    assert context.done == [(64, 192), (128, 192), (192, 192)]


@BOTH
def test_the_same_seed_gives_the_same_bits(algorithm: str) -> None:
    first, same, other = (weights(trained(algorithm, {}, Remembering(seed))) for seed in (3, 3, 4))
    assert first == same != other


@BOTH
def test_true_and_learned_returns_are_told_apart(algorithm: str) -> None:
    context = Remembering()
    trained(algorithm, {}, context)
    assert all(value < 0 for value in context.scalars("rollout/true_return_mean"))
    assert context.scalars("rollout/episode_length_mean") == [20] * 3
    assert context.scalars("rollout/num_episodes") == [2, 4, 2]
    rewards = context.scalars("rollout/learned_reward_mean")
    if algorithm == "gail":
        assert all(value > 0 for value in rewards)


def test_normalised_rewards_have_mean_nearly_0() -> None:
    plain, normalised = Remembering(), Remembering()
    trained("gail", {}, plain)
    trained("gail", {"reward.normalize_output": True}, normalised)
    assert abs(plain.scalars("rollout/learned_reward_mean")[1]) > 0.5
    assert abs(normalised.scalars("rollout/learned_reward_mean")[1]) < 0.5


@BOTH
def test_the_policy_gets_the_learned_reward_and_not_the_true_one(algorithm: str) -> None:
    class Paid(Target):
        def step(self, action: Any) -> Any:
            observation, reward, *rest = super().step(action)
            return observation, 1000 * reward, *rest

    expected = weights(trained(algorithm, {}, Remembering()))
    assert weights(trained(algorithm, {}, Remembering(), make=Paid)) == expected


@BOTH
def test_what_is_kept_is_what_was_trained(algorithm: str, tmp_path: Path) -> None:
    policy = trained(algorithm, {"checkpoint_interval": 2}, Remembering(folder=tmp_path))
    assert weights(ActorCriticPolicy.load(str(tmp_path / "policy.pt"))) == weights(policy)
    assert torch.load(tmp_path / "reward.pt", weights_only=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["policy.pt", "reward.pt", "round-00002"]


def test_nothing_is_kept_where_nothing_is_to_be(tmp_path: Path) -> None:
    trained("gail", {"checkpoint_interval": -1}, Remembering(folder=tmp_path))
    assert list(tmp_path.iterdir()) == []


@BOTH
def test_episodes_of_different_lengths_are_refused_unless_allowed(algorithm: str) -> None:
    with pytest.raises(UserError, match=r"Episodes have different lengths, from .* set allow_variable_horizon"):
        trained(algorithm, {}, Remembering(), make=Fallible)
    trained(algorithm, {"allow_variable_horizon": True}, Remembering(), make=Fallible)


@BOTH
@pytest.mark.parametrize("path", ["rl.ppo.learning_rate", "disc_optimizer_kwargs.lr"])
def test_a_training_that_diverges_says_so(algorithm: str, path: str) -> None:
    with pytest.raises(DivergedError, match="The training diverged"):
        trained(algorithm, {path: 1e38}, Remembering())


@BOTH
def test_demonstrations_of_another_environment_are_refused(algorithm: str) -> None:
    with pytest.raises(UserError, match=r"have the shape \(3,\), those of the environment \(4,\)"):
        trained(algorithm, {}, Remembering(), make=make_cartpole)


@BOTH
def test_the_policy_is_handed_over_in_evaluation_mode(algorithm: str) -> None:
    policy = trained(algorithm, {}, Remembering())
    before = weights(policy)
    policy.get_distribution(torch.zeros(5, 3))
    assert weights(policy) == before
    assert policy.predict(np.zeros((4, 3)))[0].shape == (4, 2)


@pytest.mark.parametrize(("algorithm", "num_steps", "enough"), [("gail", 12_288, -8), ("airl", 20_480, -10)])
def test_it_learns_to_steer_from_demonstrations_alone(algorithm: str, num_steps: int, enough: float) -> None:
    config = read(
        algorithm,
        {
            "policy": {"normalize_features": True},
            "rl": {"batch_size": 1024, "ppo": {"learning_rate": 1e-3, "gamma": 0.9}},
            "total_timesteps": num_steps,
            "demo_batch_size": 256,
            "n_disc_updates_per_round": 16,
        },
    )
    context = Remembering(1)
    policy = find(algorithm)(Target, show(Target, to_target, 20), config, context)
    assert context.scalars("rollout/true_return_mean")[0] < -20
    assert mean_return(policy, Target) > enough
