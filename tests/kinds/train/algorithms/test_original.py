from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from rlgauge.core.errors import UserError
from rlgauge.kinds.train.algorithms.config import AirlConfig, BcConfig, DaggerConfig, GailConfig, Towers
from rlgauge.kinds.train.algorithms.original import as_ours, converted
from rlgauge.kinds.train.algorithms.schedules import ExponentialBeta, LinearBeta
from rlgauge.kinds.train.algorithms.tuned import name_for, names, tuned

ORIGINAL: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("imitation_tuned_hps.json").read_bytes())


def test_there_are_twenty_tuned_configurations_of_the_same_names() -> None:
    assert names() == sorted(ORIGINAL)
    assert len(names()) == 20


@pytest.mark.parametrize("name", sorted(ORIGINAL))
def test_the_shipped_data_are_what_the_librarys_files_are_converted_to(name: str) -> None:
    found = tuned(name)
    assert found.data == json.loads(json.dumps(as_ours(found.algorithm, ORIGINAL[name])))
    assert found.config == converted(found.algorithm, ORIGINAL[name])
    assert found.env_id == ORIGINAL[name]["environment"]["gym_id"]
    assert name_for(found.algorithm, found.env_id) == name


@pytest.mark.parametrize("name", [name for name in sorted(ORIGINAL) if name[:4] in {"gail", "airl"}])
def test_every_number_of_an_adversarial_configuration_is_taken_over(name: str) -> None:
    theirs, config = ORIGINAL[name], tuned(name).config
    assert isinstance(config, GailConfig | AirlConfig)
    assert {field: getattr(config.rl.ppo, field) for field in theirs["rl"]["rl_kwargs"]} == theirs["rl"]["rl_kwargs"]
    kwargs = theirs["algorithm_kwargs"]
    assert {field: getattr(config, field) for field in kwargs} == kwargs
    assert config.rl.batch_size == theirs["rl"]["batch_size"]
    assert config.total_timesteps == theirs["total_timesteps"]
    assert config.evaluation.n_episodes == theirs["policy_evaluation"]["n_episodes_eval"]
    assert config.policy.normalize_features
    assert config.reward.normalize_input
    assert config.reward.normalize_output == name.startswith("airl")


@pytest.mark.parametrize("name", [name for name in sorted(ORIGINAL) if name.startswith(("bc", "dagger"))])
def test_every_number_of_a_cloning_configuration_is_taken_over(name: str) -> None:
    theirs, config = ORIGINAL[name]["bc"], tuned(name).config
    assert isinstance(config, BcConfig | DaggerConfig)
    for field in ("batch_size", "l2_weight", "optimizer_kwargs"):
        assert getattr(config.bc, field) == theirs[field]
    for field, value in theirs["train_kwargs"].items():
        assert getattr(config.bc, field) == value
    assert config.bc.optimizer_cls == "torch.optim.Adam"
    assert config.policy.normalize_features


def test_schedules_minima_and_layers_are_taken_over() -> None:
    linear, exponential = tuned("dagger_seals_ant").config, tuned("dagger_seals_hopper").config
    assert isinstance(linear, DaggerConfig)
    assert isinstance(exponential, DaggerConfig)
    assert linear.dagger.beta_schedule == LinearBeta(rampdown_rounds=15)
    assert exponential.dagger.beta_schedule == ExponentialBeta(decay_probability=0.7)
    assert exponential.dagger.rollout_round_min_episodes == 10
    policy = tuned("gail_seals_hopper").config.policy
    assert policy.towers == Towers(pi=(64, 64), vf=(64, 64))
    assert policy.activation_fn == "relu"


def changed(name: str, path: str, value: Any) -> dict[str, Any]:
    data = copy.deepcopy(ORIGINAL[name])
    *folders, last = path.split(".")
    part = data
    for folder in folders:
        part = part[folder]
    part[last] = value
    return data


@pytest.mark.parametrize(
    ("name", "path", "value", "sentence"),
    [
        ("gail_seals_ant", "rl.rl_cls", {"py/type": "stable_baselines3.sac.sac.SAC"}, "sac.SAC has no counterpart"),
        ("gail_seals_ant", "reward.net_cls", {"py/type": "my.Net"}, "my.Net has no counterpart"),
        ("airl_seals_ant", "reward.ensemble_size", 5, "ensembles of reward networks are not offered"),
        ("airl_seals_ant", "reward.normalize_output_layer", {"py/type": "imitation.util.networks.EMANorm"}, "EMANorm"),
        ("bc_seals_ant", "policy.policy_cls", {"py/type": "my.Policy"}, "my.Policy has no counterpart"),
        ("bc_seals_ant", "bc.l3_weight", 1, "Unknown setting 'bc.l3_weight'"),
        ("dagger_seals_ant", "dagger.beta_schedule", {"py/object": "my.Beta"}, "my.Beta has no counterpart"),
    ],
)
def test_what_has_no_counterpart_is_refused(name: str, path: str, value: Any, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        converted(name.partition("_")[0], changed(name, path, value))


def test_other_settings_of_the_library_are_understood() -> None:
    data = changed("airl_seals_ant", "environment", {"gym_id": "seals/Ant-v1", "num_vec": 4, "parallel": True})
    data["reward"]["net_kwargs"] = {"reward_hid_sizes": [16], "potential_hid_sizes": [8], "normalize_input_layer": None}
    data["algorithm_kwargs"] |= {"disc_opt_cls": {"py/type": "torch.optim.sgd.SGD"}, "disc_opt_kwargs": {"lr": 1.0}}
    config = converted("airl", data)
    assert isinstance(config, AirlConfig)
    assert config.environment.num_envs == 4
    assert (config.reward.hid_sizes, config.reward.potential_hid_sizes) == ((16,), (8,))
    assert not config.reward.normalize_input
    assert config.disc_optimizer_cls == "torch.optim.SGD"
    assert config.disc_optimizer_kwargs == {"lr": 1.0}


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"Unknown configuration 'bc_seals_ants'\. Did you mean 'bc_seals_ant'"):
        tuned("bc_seals_ants")
    assert name_for("bc", "CartPole-v1") is None
