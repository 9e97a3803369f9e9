from __future__ import annotations

import pytest

from rlgauge.core.errors import UserError
from rlgauge.kinds.train.algorithms.config import CONFIGS, AirlConfig, BcConfig, DaggerConfig, GailConfig
from rlgauge.kinds.train.algorithms.interface import ALGORITHMS, find
from rlgauge.kinds.train.algorithms.reading import as_data, overridden, read
from rlgauge.kinds.train.algorithms.schedules import ExponentialBeta


def test_what_is_left_out_is_as_by_default() -> None:
    assert read("bc", {}) == BcConfig()
    assert read("airl", {"rl": {}}) == AirlConfig()


def test_a_configuration_survives_being_plain_data() -> None:
    for algorithm, kind in CONFIGS.items():
        assert read(algorithm, as_data(kind())) == kind()
    config = read("dagger", {"dagger": {"beta_schedule": {"kind": "exponential", "decay_probability": 0.5}}})
    assert isinstance(config, DaggerConfig)
    assert config.dagger.beta_schedule == ExponentialBeta(decay_probability=0.5)
    assert read("dagger", as_data(config)) == config


def test_every_algorithm_has_a_configuration_and_can_be_found() -> None:
    assert set(ALGORITHMS) == set(CONFIGS)
    for algorithm in ALGORITHMS:
        assert callable(find(algorithm))


def test_an_unknown_algorithm_is_named_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"Unknown algorithm 'gial'\. Did you mean 'gail'"):
        read("gial", {})
    with pytest.raises(UserError, match=r"Unknown algorithm 'BC'\. Did you mean 'bc'"):
        find("BC")


@pytest.mark.parametrize(
    ("algorithm", "data", "sentence"),
    [
        ("bc", {"bc": {"l2_wieght": 1}}, r"Unknown setting 'bc.l2_wieght'. Did you mean 'l2_weight'"),
        ("bc", {"dagger": {}}, r"Unknown setting 'dagger'"),
        ("bc", {"n_batches": 50}, r"Unknown setting 'n_batches'. Did you mean 'bc.n_batches'"),
        ("gail", {"rl": {"ppo": {"gama": 1}}}, r"Unknown setting 'rl.ppo.gama'. Did you mean 'gamma'"),
        ("gail", {"reward": {"is_shaped": True}}, r"Unknown setting 'reward.is_shaped'"),
        (
            "dagger",
            {"dagger": {"beta_schedule": {"kind": "linear", "rampdown": 3}}},
            r"Unknown setting 'dagger.beta_schedule.rampdown'. Did you mean 'rampdown_rounds'",
        ),
        ("dagger", {"dagger": {"beta_schedule": {"rampdown_rounds": 3}}}, r"dagger.beta_schedule.kind"),
        ("bc", {"bc": {"batch_size": 0}}, r"bc.batch_size: expected int >= 1"),
        ("bc", {"bc": {"batch_size": "many"}}, r"bc.batch_size: expected int, got str"),
        ("bc", {"bc": {"n_epochs": 1, "n_batches": 1}}, r"bc: give n_epochs or n_batches, not both"),
        ("bc", {"bc": {"batch_size": 9, "minibatch_size": 2}}, r"minibatch_size 2 does not divide batch_size 9"),
        ("bc", {"bc": {"optimizer_kwargs": {"weight_decay": 1}}}, r"give l2_weight instead of weight_decay"),
        ("bc", {"policy": {"net_arch": {"pi": [8], "vf": [8]}}}, r"give net_arch with MlpPolicy"),
        ("gail", {"rl": {"batch_size": 2049}}, r"num_envs 8 does not divide rl.batch_size 2049"),
        ("gail", {"total_timesteps": 100}, r"total_timesteps 100 is less than a round of 2048"),
        ("airl", {"demo_batch_size": 10, "demo_minibatch_size": 4}, r"does not divide demo_batch_size 10"),
        ("gail", {"reward": {"use_state": False, "use_action": False}}, r"it sees nothing"),
    ],
)
def test_what_is_wrong_is_said_with_its_path(algorithm: str, data: dict, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        read(algorithm, data)


def test_overrides_change_a_copy() -> None:
    data = {"bc": {"l2_weight": 1.0}}
    changed = overridden(data, {"bc.l2_weight": 1e-4, "policy.policy_cls": "MlpPolicy"})
    assert data == {"bc": {"l2_weight": 1.0}}
    config = read("bc", changed)
    assert isinstance(config, BcConfig)
    assert config.bc.l2_weight == 1e-4
    assert config.policy.policy_cls == "MlpPolicy"


def test_an_override_below_a_value_is_refused() -> None:
    with pytest.raises(UserError, match=r"bc.l2_weight.deep can't be set: l2_weight is a value \(1.0\)"):
        overridden({"bc": {"l2_weight": 1.0}}, {"bc.l2_weight.deep": 1})


def test_gail_and_airl_have_the_networks_of_the_library() -> None:
    assert GailConfig().reward.hid_sizes == (32, 32)
    assert AirlConfig().reward.hid_sizes == (32,)
    assert AirlConfig().reward.potential_hid_sizes == (32, 32)
