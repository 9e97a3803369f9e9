"""Demonstrations of an expert are made once."""

from __future__ import annotations

import numpy as np
import pytest

from rlgauge.envs.gymnasium import make
from rlgauge.kinds.train import demonstrations_made
from rlgauge.kinds.train.demonstrations_made import made_demonstrations
from rlgauge.kinds.train.demonstrations_read import digest, read_npz
from rlgauge.kinds.train.experts.expert import find_expert

ENV = "seals/CartPole-v0"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RLGAUGE_CACHE", str(tmp_path))
    return tmp_path / "demonstrations"


def test_there_is_a_whole_episode_for_each_seed_and_a_record_of_it():
    made, record = made_demonstrations(find_expert(ENV), ENV, seeds=[3, 4])
    assert list(made.lengths) == [500, 500]
    assert made.observations.dtype == np.float32
    assert made.actions.dtype == np.int64
    env = make(ENV)
    assert np.array_equal(made.observations[500], env.reset(seed=4)[0])
    assert record.seeds == [3, 4]
    assert record.expert == record.environment == ENV
    assert record.expert_digest == find_expert(ENV).digest()
    assert record.digest == digest(made)
    assert (record.num_episodes, record.num_transitions) == (2, 1000)
    assert record.return_mean == made.returns.mean()


def test_they_are_played_once(monkeypatch, cache):
    first = made_demonstrations(find_expert(ENV), ENV, seeds=[3])
    monkeypatch.setattr(demonstrations_made, "play", None)
    second = made_demonstrations(find_expert(ENV), ENV, seeds=[3])
    assert second.record == first.record
    assert len(list(cache.iterdir())) == 1


def test_other_seeds_another_expert_and_another_environment_are_others(cache):
    for expert, env_id, seeds in [(ENV, ENV, [1]), (ENV, ENV, [2]), ("zero", ENV, [1]), ("zero", "CartPole-v1", [1])]:
        made_demonstrations(find_expert(expert), env_id, seeds=seeds)
    assert len(list(cache.iterdir())) == 4


def test_a_damaged_file_of_the_cache_is_made_again(cache):
    first = made_demonstrations(find_expert(ENV), ENV, seeds=[3])
    (path,) = cache.iterdir()
    path.write_bytes(path.read_bytes()[:100])
    assert made_demonstrations(find_expert(ENV), ENV, seeds=[3]).record == first.record
    assert read_npz(path).lengths.tolist() == [500]
