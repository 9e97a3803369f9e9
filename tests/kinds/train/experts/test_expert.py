"""Experts by name, and those that are shipped."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile

import numpy as np
import pytest
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from rlgauge.core.errors import UserError
from rlgauge.envs import seals
from rlgauge.envs.gymnasium import make
from rlgauge.kinds.train.experts import expert as experts
from rlgauge.kinds.train.experts.expert import find_expert, shipped
from rlgauge.kinds.train.experts.playing import play
from tests.kinds.train.experts.hubs import COMMIT, as_downloaded, make_repository

SHIPPED = sorted(shipped())
NAME = "HumanCompatibleAI/ppo-seals-CartPole-v0"


@pytest.fixture(scope="module")
def model():
    envs = VecNormalize(DummyVecEnv([lambda: make("seals/CartPole-v0")]))
    made = PPO("MlpPolicy", envs, n_steps=64, seed=0, policy_kwargs={"net_arch": [8]})
    made.learn(128)
    return made


def observations(num=50):
    return np.random.default_rng(0).normal(size=(num, 4)).astype(np.float32)


def test_every_environment_of_seals_has_an_expert():
    assert set(SHIPPED) == set(seals.NAMES)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_file_is_small_and_is_the_one_of_its_record(name):
    record = shipped()[name]
    content = experts._file(name).read_bytes()
    assert len(content) == record.num_bytes < 1_000_000
    assert hashlib.sha256(content).hexdigest() == record.sha256
    assert record.command.startswith(f"rlgauge expert train {name}")


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_expert_reaches_what_its_record_says(name):
    record = shipped()[name]
    seeds = range(record.first_episode_seed, record.first_episode_seed + 6)
    returns = play(lambda: make(name), find_expert(name).label(make(name)), seeds=seeds).returns
    width = 6 * record.return_deviation / np.sqrt(len(returns)) + 0.02 * abs(record.return_mean)
    assert returns.mean() == pytest.approx(record.return_mean, abs=width)


def test_an_expert_of_another_environment_is_refused_with_both_shapes():
    with pytest.raises(UserError, match=r"takes observations of shape \(18,\).* environment gives \(4,\)"):
        find_expert("seals/HalfCheetah-v1").label(make("seals/CartPole-v0"))


def test_the_same_content_has_the_same_digest_under_another_name(tmp_path):
    copy = tmp_path / "copy.onnx"
    shutil.copy(experts._file("seals/CartPole-v0"), copy)
    one, other = find_expert("seals/CartPole-v0"), find_expert(str(copy))
    assert one.digest() == other.digest() == find_expert(f"onnx:{copy}").digest()
    assert one.digest() != find_expert("seals/MountainCar-v0").digest()
    assert other.record is None


def test_a_folder_of_a_training_is_an_expert_with_its_record(tmp_path):
    shutil.copy(experts._file("seals/CartPole-v0"), tmp_path / "policy.onnx")
    with pytest.raises(UserError, match=r"holds no expert: 'policy.onnx' and 'expert.json'"):
        find_expert(str(tmp_path))
    shutil.copy(experts._file("seals/CartPole-v0").with_suffix(".json"), tmp_path / "expert.json")
    assert find_expert(str(tmp_path)).record == shipped()["seals/CartPole-v0"]
    (tmp_path / "expert.json").write_text("{")
    with pytest.raises(UserError, match="is damaged"):
        find_expert(str(tmp_path))


def test_a_zip_of_stable_baselines_is_an_expert_where_it_is_trusted(model, tmp_path):
    model.save(tmp_path / "model.zip")
    with pytest.raises(UserError, match="trust"):
        find_expert(str(tmp_path / "model.zip")).label(make("seals/CartPole-v0"))
    with pytest.raises(UserError, match="pass --trust"):
        find_expert(str(tmp_path / "model.zip")).check_trusted()
    find_expert(str(tmp_path / "model.zip"), trust=True).check_trusted()
    label = find_expert(str(tmp_path / "model.zip"), trust=True).label(make("seals/CartPole-v0"))
    assert np.array_equal(label(observations()), model.predict(observations(), deterministic=True)[0])


@pytest.mark.parametrize("statistics", ["vec_normalize.pkl", "vecnormalize.pkl", None])
def test_a_repository_of_the_hub_is_an_expert_with_the_statistics_beside_it(model, statistics, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    folder = make_repository(tmp_path, NAME)
    model.save(folder / "ppo-seals-CartPole-v0.zip")
    with zipfile.ZipFile(folder / "train_eval_metrics.zip", "w") as archive:  # of RL Baselines3 Zoo
        archive.writestr("evaluations.npz", b"")
    seen = observations()
    if statistics is not None:
        model.get_vec_normalize_env().save(str(folder / statistics))
        seen = model.get_vec_normalize_env().normalize_obs(seen)
    as_downloaded(folder)
    expert = find_expert(f"hf:{NAME}@main", trust=True)
    assert expert.commit == COMMIT
    found = expert.label(make("seals/CartPole-v0"))(observations())
    assert np.array_equal(found, model.predict(seen, deterministic=True)[0])


def test_a_repository_without_a_model_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    folder = make_repository(tmp_path, NAME)
    for name in ("curves.zip", "more.zip"):
        with zipfile.ZipFile(folder / name, "w") as archive:
            archive.writestr("evaluations.npz", b"")
    with pytest.raises(UserError, match=r"must hold one model .*'ppo-seals-CartPole-v0.zip'; it holds curves.zip"):
        find_expert(f"hf:{NAME}@{COMMIT}", trust=True)


def test_a_repository_whose_one_model_has_another_name_is_an_expert(model, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    folder = make_repository(tmp_path, NAME)
    model.save(folder / "model.zip")
    (folder / "train_eval_metrics.zip").write_bytes(b"no zip")
    label = find_expert(f"hf:{NAME}@main", trust=True).label(make("seals/CartPole-v0"))
    assert np.array_equal(label(observations()), model.predict(observations(), deterministic=True)[0])


def test_an_unknown_name_is_answered_with_the_nearest_one():
    with pytest.raises(UserError, match=r"Unknown expert 'seals/Hoper-v1'\. Did you mean 'seals/Hopper-v1'\?"):
        find_expert("seals/Hoper-v1")
    with pytest.raises(UserError, match=r"Unknown expert 'mine'\. Known: seals/Ant-v1"):
        find_expert("mine")
    with pytest.raises(UserError, match=r"A repository of the hub is written hf:me/ppo-Ant@REVISION\.$"):
        find_expert("me/ppo-Ant@main")


def test_a_file_that_is_not_there_or_is_no_policy_is_told(tmp_path):
    with pytest.raises(UserError, match=r"There is no file '.*gone\.zip' with an expert"):
        find_expert(str(tmp_path / "gone.zip"))
    (tmp_path / "model.pt").write_bytes(b"")
    with pytest.raises(UserError, match=r"The file '.*model\.pt' is no expert: \*\.zip and \*\.onnx can be read"):
        find_expert(str(tmp_path / "model.pt"))


def test_a_model_with_classes_of_a_library_that_is_missing_names_it(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    path = make_repository(tmp_path, NAME) / "model.zip"
    with zipfile.ZipFile(path, "w") as archive:
        told = {"features_extractor_class": "<class 'no_such_library.policies.base.NormalizeFeaturesExtractor'>"}
        archive.writestr("data", json.dumps({"policy_kwargs": told, "policy_class": "<class 'abc.ABCMeta'>"}))
    for name in (str(path), f"hf:{NAME}@main"):
        with pytest.raises(UserError, match="made with classes of no_such_library, which is not installed"):
            find_expert(name, trust=True)
