"""Training an expert: the best is kept, measured on other episodes, and described."""

from __future__ import annotations

import hashlib

import pytest

from rlgauge.core.errors import UserError
from rlgauge.envs.gymnasium import make
from rlgauge.kinds.train.experts import training
from rlgauge.kinds.train.experts.playing import play
from rlgauge.kinds.train.experts.record import read_record
from rlgauge.kinds.train.experts.settings import Settings, settings_for

CART_POLE = Settings(
    num_steps=6000,
    num_envs=4,
    is_normalised=True,
    hidden=(8,),
    activation="tanh",
    is_decaying=True,
    options={"n_steps": 64, "batch_size": 128, "learning_rate": 3e-3},
)


def train(folder, settings=CART_POLE, *, env_id="seals/CartPole-v0", algorithm="ppo", tell=lambda _look: None):
    command = "rlgauge expert train"
    return training.train(env_id, algorithm, settings=settings, seed=0, folder=folder, command=command, tell=tell)


@pytest.fixture(scope="module", autouse=True)
def _few_episodes():
    """Fewer than an expert is chosen and judged by: the rules are the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "_CHOOSING", training._CHOOSING[:3])
        patch.setattr(training, "_JUDGING", training._JUDGING[:6])
        yield


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder, looks = tmp_path_factory.mktemp("expert"), []
    return train(folder, tell=looks.append).record, folder, looks


def test_the_record_tells_of_the_file_beside_it(trained):
    record, folder, _ = trained
    content = (folder / "policy.onnx").read_bytes()
    assert read_record((folder / "expert.json").read_bytes()) == record
    assert record.sha256 == hashlib.sha256(content).hexdigest()
    assert record.num_bytes == len(content)
    assert record.settings == CART_POLE
    assert {path.name for path in folder.iterdir()} == {"model.zip", "vecnormalize.pkl", "policy.onnx", "expert.json"}


def test_the_best_that_was_seen_is_kept(trained):
    record, _, looks = trained
    assert len(looks) == 6000 // 500 + 1
    assert looks[-1].best == max(look.mean for look in looks) > looks[0].mean
    assert record.num_steps_of_best == max(look.num_steps for look in looks if look.mean == looks[-1].best)
    assert record.num_steps_trained >= record.num_steps == 6000


def test_the_return_is_that_of_the_file_on_episodes_that_had_no_part_in_choosing_it(trained):
    record, folder, _ = trained
    seeds = range(record.first_episode_seed, record.first_episode_seed + record.num_episodes)
    assert not set(seeds) & set(training._CHOOSING)
    label = training._onnx_label(record.environment, folder)
    returns = play(lambda: make(record.environment), label, seeds=seeds).returns
    assert returns.mean() == pytest.approx(record.return_mean)
    assert returns.std(ddof=1) == pytest.approx(record.return_deviation)


def test_the_file_and_the_model_act_alike(trained):
    record, _, _ = trained
    assert record.agreement.num_steps == 2000
    assert record.agreement.largest_difference == 0
    assert record.agreement.largest_return_difference == 0


def test_the_same_seed_gives_the_same_file_in_a_folder_that_held_another(trained, tmp_path):
    record, _, _ = trained
    (tmp_path / "vecnormalize.pkl").write_text("of another expert")
    assert train(tmp_path).record.sha256 == record.sha256


def test_what_ends_a_training_early_leaves_the_best_so_far(tmp_path):
    def stop(look):
        if look.num_steps >= 1000:
            raise KeyboardInterrupt

    record, ended_by = train(tmp_path, tell=stop)
    assert type(ended_by) is KeyboardInterrupt
    assert 1000 <= record.num_steps_trained < 1500
    assert record.num_steps == 6000
    assert (tmp_path / "policy.onnx").is_file()


def test_sac_is_trained_in_an_environment_of_its_own_and_judged_in_the_true_one(tmp_path):
    settings = Settings(
        num_steps=200,
        num_envs=1,
        is_normalised=False,
        hidden=(8, 8),
        activation="relu",
        is_decaying=False,
        env_options={"terminate_when_unhealthy": True},
        options={"learning_starts": 100, "batch_size": 16},
    )
    record, ended_by = train(tmp_path, settings, env_id="seals/Hopper-v1", algorithm="sac")
    assert ended_by is None
    assert record.algorithm == "sac"
    assert record.agreement.num_steps == 4000
    assert record.agreement.largest_difference < 1e-4
    assert not (tmp_path / "vecnormalize.pkl").exists()
    inner = training._envs("seals/Hopper-v1", settings).envs[0].unwrapped
    assert inner._terminate_when_unhealthy
    assert not make("seals/Hopper-v1").unwrapped._terminate_when_unhealthy


def test_every_setting_reaches_the_algorithm():
    _, settings = settings_for("seals/HalfCheetah-v1")
    model = training._model("seals/HalfCheetah-v1", "ppo", settings, 3)
    assert model.n_envs == settings.num_envs
    assert model.get_vec_normalize_env() is not None
    assert model.get_vec_normalize_env().gamma == settings.options["gamma"] == model.gamma
    assert model.seed == 3
    assert model.policy.net_arch == list(settings.hidden)
    assert float(model.policy.log_std[0].detach()) == settings.log_std_init
    assert model.lr_schedule(0.5) == pytest.approx(settings.options["learning_rate"] / 2)
    for name in ("n_steps", "batch_size", "n_epochs", "gae_lambda", "ent_coef", "max_grad_norm"):
        assert getattr(model, name) == settings.options[name]
    assert model.clip_range(1.0) == settings.options["clip_range"]


def test_what_ends_a_training_before_anything_was_seen_is_passed_on(tmp_path, monkeypatch):
    def stop(*_arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(training._Watch, "look", stop)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_is_missing_behind_the_training_is_told_before_it(tmp_path, monkeypatch):
    monkeypatch.setattr(training.importlib.util, "find_spec", lambda name: None if name == "onnx" else name)
    with pytest.raises(UserError, match="Training an expert needs onnx, which is not installed"):
        train(tmp_path / "never")
    assert not (tmp_path / "never").exists()
