from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rlgauge.core.errors import UserError
from rlgauge.kinds.train.algorithms import dagger
from rlgauge.kinds.train.algorithms.config import DaggerConfig, Lanes, Policy
from rlgauge.kinds.train.algorithms.finite import DivergedError
from rlgauge.kinds.train.algorithms.gathering import gather
from rlgauge.kinds.train.algorithms.lanes import make_lanes
from rlgauge.kinds.train.algorithms.policies import new_policy
from rlgauge.kinds.train.algorithms.reading import overridden, read
from tests.kinds.train.algorithms.toys import (
    Fallible,
    Remembering,
    Target,
    balance,
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
    "bc": {"n_epochs": 2},
    "dagger": {"total_timesteps": 160, "rollout_round_min_timesteps": 40, "rollout_round_min_episodes": 1},
}


def config_of(**overrides: Any) -> Any:
    return read("dagger", overridden(SMALL, {name.replace("__", "."): value for name, value in overrides.items()}))


class Asked:
    """An expert that counts how often it is asked, and remembers in which observations."""

    def __init__(self, *, stops_after: int | None = None) -> None:
        self.seen: list[Any] = []
        self._stops_after = stops_after

    def __call__(self, observations: Any) -> Any:
        if len(self.seen) == self._stops_after:
            raise KeyboardInterrupt
        self.seen.append(np.array(observations))
        return to_target(observations)


def gathered(beta: float, *, make: Any = Target, label: Any = to_target, **minima: Any) -> Any:
    lanes = make_lanes(make, Lanes(num_envs=2))
    policy = new_policy(lanes.observation_space, lanes.action_space, Policy(), seed=0)
    torch.manual_seed(0)
    return gather(lanes, label, policy, beta=beta, seed=0, **{"min_episodes": 1, "min_steps": 1, **minima})


def test_every_state_is_labelled_by_the_expert_whoever_acts() -> None:
    for beta in (0.0, 0.5, 1.0):
        found = gathered(beta)
        np.testing.assert_array_equal(found.actions, to_target(found.observations))
        assert found.observations.shape == (40, 3)


def test_beta_is_how_often_the_expert_acts() -> None:
    by_expert, by_policy = gathered(1.0), gathered(0.0)
    assert by_expert.returns.mean() > by_policy.returns.mean() + 1
    moved = np.diff(by_expert.observations[:20, [0, 2]], axis=0)
    np.testing.assert_allclose(moved, 0.3 * by_expert.actions[:19], atol=1e-6)


def test_between_the_two_each_step_is_drawn() -> None:
    found = gathered(0.5, min_episodes=40)
    moved = np.diff(found.observations[:, [0, 2]].reshape(-1, 20, 2), axis=1)
    wanted = 0.3 * found.actions.reshape(-1, 20, 2)[:, :-1]
    share = np.isclose(moved, wanted, atol=1e-6).all(-1).mean()
    assert 0.4 < share < 0.6


def test_a_round_goes_on_until_both_minima_are_reached_and_episodes_are_over() -> None:
    assert len(gathered(1.0, min_episodes=3).returns) == 4
    assert len(gathered(1.0, min_steps=41).returns) == 4
    assert len(gathered(1.0, min_episodes=2, min_steps=40).returns) == 2


def test_lanes_whose_episodes_end_early_wait_for_the_others() -> None:
    found = gathered(0.0, make=Fallible, min_episodes=5)
    assert len(found.returns) >= 5
    assert len(found.observations) == len(found.actions)


def test_rounds_are_gathered_with_the_beta_of_the_schedule_and_told() -> None:
    context = Remembering(label=to_target)
    config = config_of(dagger__beta_schedule={"kind": "exponential", "decay_probability": 0.5})
    dagger.train(Target, SHOWN, config, context)
    assert context.scalars("dagger/beta") == [1, 0.5, 0.25, 0.125]
    assert context.scalars("dagger/num_steps") == [40] * 4
    assert [step for step, _ in context.logged] == [40, 80, 120, 160]
    assert context.done[-1] == (160, 160)
    assert context.scalars("bc/samples_so_far") == [64, 128, 192, 320]


def test_demonstrations_count_only_when_asked_for() -> None:
    with_them, without = Remembering(label=to_target), Remembering(label=to_target)
    dagger.train(Target, SHOWN, config_of(dagger__use_offline_rollouts=True), with_them)
    dagger.train(Target, SHOWN, config_of(), without)
    assert with_them.scalars("bc/samples_so_far")[0] == 192
    assert without.scalars("bc/samples_so_far")[0] == 64


def test_the_same_seed_gives_the_same_bits_and_leaves_the_callers_chance_alone() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    found = []
    for seed in (3, 3, 4):
        torch.manual_seed(0)
        found.append(weights(dagger.train(Target, SHOWN, config_of(), Remembering(seed, label=to_target))))
        assert torch.equal(torch.rand(3), expected)
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize("stops_after", [5, 21, 50])
def test_a_training_that_was_killed_goes_on_and_comes_to_the_same(tmp_path: Path, stops_after: int) -> None:
    whole = Asked()
    told = Remembering(label=whole)
    expected = dagger.train(Target, SHOWN, config_of(), told)
    stopped = Asked(stops_after=stops_after)
    with pytest.raises(KeyboardInterrupt):
        dagger.train(Target, SHOWN, config_of(), Remembering(folder=tmp_path, label=stopped))
    resumed, context = Asked(), Remembering(folder=tmp_path, label=None)
    context.label = resumed
    found = dagger.train(Target, SHOWN, config_of(), context)
    assert weights(found) == weights(expected)
    assert len(resumed.seen) == len(whole.seen) - stops_after // 20 * 20
    assert context.taken_up == ([f"round {stops_after // 20}"] if stops_after > 20 else [])
    assert context.logged == told.logged


def test_a_training_that_is_done_only_reads_what_it_was(tmp_path: Path) -> None:
    first = dagger.train(Target, SHOWN, config_of(), Remembering(folder=tmp_path, label=to_target))
    again = Asked()
    assert weights(dagger.train(Target, SHOWN, config_of(), Remembering(folder=tmp_path, label=again))) == weights(
        first
    )
    assert again.seen == []
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *(f"round-00{index}.npz" for index in range(4)),
        "state.pt",
    ]


def test_a_folder_of_another_training_is_refused(tmp_path: Path) -> None:
    dagger.train(Target, SHOWN, config_of(), Remembering(folder=tmp_path, label=to_target))
    for config, seed in ((config_of(bc__l2_weight=1.0), 0), (config_of(), 1)):
        with pytest.raises(UserError, match="holds rounds of DAgger of another configuration"):
            dagger.train(Target, SHOWN, config, Remembering(seed, tmp_path, to_target))


def test_without_an_expert_it_can_not_be_trained() -> None:
    with pytest.raises(UserError, match="DAgger asks an expert at every step, and there is none"):
        dagger.train(Target, SHOWN, DaggerConfig(), Remembering())


def test_an_expert_of_another_environment_is_refused_with_both_shapes() -> None:
    with pytest.raises(UserError, match=r"have the shape \(2,\), and \(2, 2\) was expected"):
        dagger.train(Target, SHOWN, config_of(), Remembering(label=balance_of_two))


def balance_of_two(observations: Any) -> Any:
    return np.zeros(len(observations))


def test_a_training_that_diverges_says_so() -> None:
    with pytest.raises(DivergedError, match="The training diverged"):
        dagger.train(Target, SHOWN, config_of(bc__optimizer_kwargs={"lr": 1e38}), Remembering(label=to_target))


def test_it_learns_cartpole_from_a_controller() -> None:
    config = read(
        "dagger",
        {
            "dagger": {"total_timesteps": 8_000, "beta_schedule": {"kind": "exponential", "decay_probability": 0.3}},
            "bc": {"n_epochs": 8, "optimizer_kwargs": {"lr": 2e-3}},
        },
    )
    policy = dagger.train(make_cartpole, show(make_cartpole, balance, 1), config, Remembering(label=balance))
    assert mean_return(policy, make_cartpole) > 450
