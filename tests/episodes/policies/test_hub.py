"""Policies in repositories of the hub: what they hold is found and opened, and told at once where they can't be had."""

from __future__ import annotations

import time

import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3 import PPO

from rlgauge import Benchmark
from rlgauge.core.errors import UserError
from rlgauge.episodes.policies.hub import source_in_repository
from rlgauge.episodes.policies.source import parse_source
from rlgauge.episodes.policy import open_policy
from tests.episodes.policies.models import linear_onnx
from tests.kinds.train.experts.hubs import COMMIT, as_downloaded, make_repository, serving

NAME = "me/cartpole"
URI = f"hf:{NAME}@{COMMIT}"


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """The folder of the commit in a cache of the hub, which is empty, and whose hub nobody answers for."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    return make_repository(tmp_path / "hub", NAME)


def test_a_file_in_a_repository_plays_as_the_file_itself(repository, tmp_path):
    linear_onnx(repository / "policy.onnx")
    as_downloaded(repository)
    own = linear_onnx(tmp_path / "own.onnx")
    benchmark = Benchmark(gyms=[lambda: gym.make("CartPole-v1")], num_episodes=3)
    results = benchmark.evaluate({"hub": URI, "own": f"onnx:{own}"}, lanes=2)
    assert results.results[0].mean_reward == results.results[1].mean_reward


def test_a_policy_is_known_by_repository_and_commit_however_the_revision_is_called(repository):
    linear_onnx(repository / "policy.onnx")
    digest = parse_source(URI).digest()
    assert parse_source(f"hf:{NAME}@main").digest() == digest
    assert parse_source(f"hf:{NAME}@{COMMIT[:7]}").digest() == digest
    assert parse_source(f"{URI}?horizon=2").digest() != digest
    (repository / "policy.onnx").rename(repository / "renamed.onnx")
    assert parse_source(URI).digest() == digest


def test_what_a_repository_holds_is_opened_with_its_options(repository):
    linear_onnx(repository / "policy.onnx")
    assert source_in_repository(parse_source(URI)).uri == f"onnx:{repository / 'policy.onnx'}"
    found = source_in_repository(parse_source(f"{URI}?horizon=3"))
    assert (found.scheme, found.horizon) == ("onnx", 3)
    with pytest.raises(UserError, match="is a policy of 'onnx', which does not take the option 'deterministic'"):
        source_in_repository(parse_source(f"{URI}?deterministic=false"))


def test_a_model_of_the_zoo_is_found_beside_its_curves_and_with_its_statistics(repository):
    PPO("MlpPolicy", "CartPole-v1", device="cpu", n_steps=8).save(repository / "cartpole.zip")
    (repository / "train_eval_metrics.zip").write_bytes(b"curves")
    assert source_in_repository(parse_source(URI)).uri == f"sb3:{repository / 'cartpole.zip'}"
    (repository / "vec_normalize.pkl").write_bytes(b"statistics")
    found = source_in_repository(parse_source(URI))
    assert found.normalizer == repository / "vec_normalize.pkl"
    assert source_in_repository(parse_source(f"{URI}?normalize=none")).normalizer is None
    env = gym.make("CartPole-v1")
    spaces = {"observation_space": env.observation_space, "action_space": env.action_space}
    with pytest.raises(UserError, match=r"cartpole\.zip' runs code stored in the file; pass --trust"):
        open_policy(parse_source(URI), **spaces, width=1)
    policy = open_policy(parse_source(f"{URI}?normalize=none"), **spaces, width=1, trust=True)
    assert policy.act(np.zeros((1, 4), np.float32), [0])[0] in {0, 1}


def test_a_folder_of_lerobot_may_lie_deeper(repository, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: True)
    inner = repository / "checkpoints" / "last" / "pretrained_model"
    inner.mkdir(parents=True)
    for name in ("config.json", "model.safetensors"):
        (inner / name).write_text("{}")
    assert source_in_repository(parse_source(URI)).uri == f"lerobot:{inner}"


@pytest.mark.parametrize(("names", "held"), [((), "none"), (("a.onnx", "b.onnx"), r"onnx:me/cartpole/a\.onnx, onnx:")])
def test_a_repository_with_none_or_several_is_told_with_what_it_holds(repository, names, held):
    for name in names:
        linear_onnx(repository / name)
    (repository / "other.safetensors").write_text("weights of something")
    with pytest.raises(UserError, match=f"{NAME} must hold one policy .*; it holds {held}"):
        source_in_repository(parse_source(URI))


def test_a_hub_that_can_not_be_reached_is_told_at_once(repository):
    start = time.monotonic()
    with pytest.raises(UserError, match=r"The hub http://127.0.0.1:9 can't be reached .*Download it where"):
        parse_source(URI).digest()
    assert time.monotonic() - start < 60  # the library itself would try for minutes


def test_what_is_not_there_yet_is_downloaded_once(repository, tmp_path, monkeypatch):
    pytest.importorskip("huggingface_hub")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "empty"))
    (tmp_path / "there").mkdir()
    linear_onnx(tmp_path / "there" / "policy.onnx")
    (tmp_path / "there" / "replay.mp4").write_text("not read")
    with serving(tmp_path / "there", NAME) as (address, _asked):
        monkeypatch.setenv("HF_ENDPOINT", address)
        digest = parse_source(f"hf:{NAME}@main").digest()
    found = source_in_repository(parse_source(f"hf:{NAME}@main"))
    assert digest == parse_source(URI).digest()
    assert found.target.endswith(f"{COMMIT}/policy.onnx")
    assert not list((tmp_path / "empty").rglob("replay.mp4"))
