"""References: what random actions and an expert reach, played once."""

from __future__ import annotations

import gymnasium
import pytest

from rlgauge.core.errors import UserError
from rlgauge.kinds.train.experts import references as module
from rlgauge.kinds.train.experts.expert import find_expert
from rlgauge.kinds.train.experts.references import random_reference, references

ENV = "seals/CartPole-v0"
SEEDS = range(4)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RLGAUGE_CACHE", str(tmp_path))
    return tmp_path / "references"


@pytest.fixture
def plays(monkeypatch):
    """The seeds of what was played."""
    seen = []

    def play(make_env, label, *, seeds):
        seen.append(list(seeds))
        return module_play(make_env, label, seeds=seeds)

    module_play = module.play
    monkeypatch.setattr(module, "play", play)
    return seen


def test_the_expert_is_better_than_random_and_there_is_no_warning():
    found = references(ENV, find_expert(ENV), seeds=SEEDS)
    assert found.random.mean < 100
    assert found.expert.mean > 400
    assert found.expert.seeds == found.random.seeds == list(SEEDS)
    assert found.warning is None


def test_they_are_played_once(plays, cache):
    first = references(ENV, find_expert(ENV), seeds=SEEDS)
    num = len(plays)
    assert num == len(SEEDS) + 1
    assert references(ENV, find_expert(ENV), seeds=SEEDS) == first
    assert len(plays) == num
    assert len(list(cache.iterdir())) == 2


def test_other_seeds_and_another_expert_are_played_anew_and_random_is_not(plays):
    first = references(ENV, find_expert(ENV), seeds=SEEDS)
    plays.clear()
    second = references(ENV, find_expert("zero"), seeds=SEEDS)
    assert plays == [list(SEEDS)]
    assert second.random == first.random
    plays.clear()
    assert random_reference(ENV, seeds=range(2)).returns == first.random.returns[:2]
    assert plays == [[0], [1]]


def test_damaged_files_are_played_again(cache):
    first = random_reference(ENV, seeds=SEEDS)
    (path,) = cache.iterdir()
    path.write_text("{")
    assert random_reference(ENV, seeds=SEEDS) == first


def test_an_expert_that_is_worse_than_random_is_warned_about(monkeypatch):
    found = references("seals/MountainCar-v0", find_expert("zero"), seeds=SEEDS)
    assert found.warning.startswith("The expert zero is no better than random in seals/MountainCar-v0: its mean return")
    assert "over 4 episodes is -200" in found.warning


def test_random_actions_are_those_of_their_seed():
    env = gymnasium.make("seals/CartPole-v0")
    env.reset(seed=2)
    env.action_space.seed(2)
    total = sum(env.step(env.action_space.sample())[1] for _ in range(500))
    assert random_reference(ENV, seeds=[2]).returns == [total]


def test_rewards_that_are_no_numbers_are_named(monkeypatch):
    monkeypatch.setattr(module, "_random_return", lambda _env_id, _seed: float("nan"))
    with pytest.raises(UserError, match=r"Rewards of CartPole-v1 are not finite: random reaches nan"):
        random_reference("CartPole-v1", seeds=[1])
