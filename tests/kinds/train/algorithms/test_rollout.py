from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv

from rlgauge.core.errors import UserError
from rlgauge.kinds.train.algorithms.config import Lanes
from rlgauge.kinds.train.algorithms.data import Transitions
from rlgauge.kinds.train.algorithms.lanes import InProcess, make_lanes
from rlgauge.kinds.train.algorithms.replay import Replay
from rlgauge.kinds.train.algorithms.rollout import LateRewards, Watched
from tests.kinds.train.algorithms.toys import Fallible, Target, weights


def stepped(lanes: Any, number: int) -> list[Any]:
    lanes.seed(5)
    found = [lanes.reset()]
    actions = np.random.default_rng(0).uniform(-1, 1, (number, lanes.num_envs, 2)).astype(np.float32)
    for action in actions:
        observations, rewards, dones, infos = lanes.step(action)
        ends = [info.get("terminal_observation") for info in infos]
        cut = [info.get("TimeLimit.truncated", False) for info in infos]
        found.append((observations, rewards.astype(np.float32), dones, ends, cut))
    return found


def same(first: Any, second: Any) -> bool:
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(same, first, second))
    return bool(np.array_equal(first, second))


def test_lanes_step_as_those_of_stable_baselines() -> None:
    assert same(stepped(InProcess([Fallible] * 3), 60), stepped(DummyVecEnv([Fallible] * 3), 60))


def test_environments_with_parts_are_refused() -> None:
    class Parts(Target):
        observation_space = spaces.Dict({"a": spaces.Discrete(2)})  # type: ignore[assignment]

    with pytest.raises(UserError, match="must be one of Box"):
        make_lanes(Parts, Lanes(num_envs=1))


def watched(num_steps: int) -> Watched:
    lanes = Watched(InProcess([lambda: Target(4)] * 2), num_steps=num_steps)
    lanes.seed(0)
    lanes.reset()
    return lanes


def test_a_rollout_is_its_transitions_with_last_observations_and_without_rewards() -> None:
    lanes = watched(6)
    seen = [lanes._last]
    for index in range(6):
        observations, rewards, _, _ = lanes.step(np.full((2, 2), index / 10, np.float32))
        assert not rewards.any()
        seen.append(observations)
    found = lanes.transitions()
    np.testing.assert_allclose(found.observations.reshape(6, 2, 3), np.array(seen[:-1]), rtol=1e-6)
    moved = (found.next_observations - found.observations)[:, [0, 2]].reshape(6, 2, 2)
    np.testing.assert_allclose(moved[:, :, 0], np.repeat(0.03 * np.arange(6)[:, None], 2, 1), atol=1e-5)
    assert found.dones.reshape(6, 2).tolist() == [[0, 0]] * 3 + [[1, 1]] + [[0, 0]] * 2


def test_returns_true_and_learned_are_summed_over_rollouts() -> None:
    lanes, alone = watched(3), Target(4)
    ended: list[Any] = []
    for _ in range(3):
        for _ in range(3):
            lanes.step(np.zeros((2, 2), np.float32))
        ended += lanes.ended(np.ones((3, 2)))
    alone.reset(seed=0)
    expected = sum(alone.step(np.zeros(2))[1] for _ in range(4))
    assert [episode.length for episode in ended] == [4] * 4
    assert [episode.learned_return for episode in ended] == [4] * 4
    assert ended[0].true_return == pytest.approx(expected)


def test_fragments_come_as_the_library_keeps_them() -> None:
    lanes = watched(3)
    lanes._dones = np.array([[False, False], [True, False], [False, True]])
    # lane 0 ends at step 1, lane 1 at step 2; under way is step 2 of lane 0. An index is 2 * step + lane.
    assert lanes.by_fragments().tolist() == [0, 2, 1, 3, 5, 4]


def test_rewards_that_come_late_give_the_advantages_of_rewards_that_come_at_once() -> None:
    """PPO learns the same of a reward given at every step and of one given with the whole rollout."""

    class Rewarded(InProcess):
        def step_wait(self) -> Any:
            observations, _, dones, infos = super().step_wait()
            rewards = np.abs(self.actions).sum(1).astype(np.float32)
            return observations, rewards, dones, infos

    def late() -> Any:
        return np.abs(lanes._actions).sum(2).astype(np.float32)

    lanes = Watched(InProcess([Target] * 2), num_steps=32)
    kwargs: dict[str, Any] = {"rollout_buffer_class": LateRewards, "rollout_buffer_kwargs": {"rewards": late}}
    made = [("MlpPolicy", Rewarded([Target] * 2), {}), ("MlpPolicy", lanes, kwargs)]
    found = []
    for policy, env, given in made:
        ppo = PPO(policy, env, n_steps=32, batch_size=16, n_epochs=2, seed=0, device="cpu", **given)
        ppo.learn(128)
        found.append(weights(ppo.policy))
    assert found[0] == found[1]


def transitions(first: int, number: int) -> Transitions:
    rows = torch.arange(first, first + number, dtype=torch.float32)
    return Transitions(rows[:, None], rows[:, None], rows[:, None], rows)


def test_the_replay_keeps_the_newest() -> None:
    replay, chance = Replay(5), torch.Generator().manual_seed(0)
    replay.add(transitions(0, 3))
    assert set(replay.sample(100, chance).dones.tolist()) == {0, 1, 2}
    replay.add(transitions(3, 4))
    assert set(replay.sample(200, chance).dones.tolist()) == {2, 3, 4, 5, 6}
    replay.add(transitions(10, 9))
    assert set(replay.sample(200, chance).dones.tolist()) == {14, 15, 16, 17, 18}
