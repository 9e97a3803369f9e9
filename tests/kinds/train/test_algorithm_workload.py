from __future__ import annotations

import gymnasium
import pytest

from rlgauge.core.errors import UserError
from rlgauge.core.workload import build
from rlgauge.kinds.train.algorithm_workload import AlgorithmWorkload
from rlgauge.kinds.train.algorithms.tuned import tuned


def only(workload):
    (case,) = workload.cases()
    return case


def test_a_tuned_configuration_is_trained_where_it_was_tuned_with_each_seed():
    workload = AlgorithmWorkload(config_name="bc_seals_half_cheetah", seeds=range(3))
    cases = list(workload.cases())
    assert [case.seed for case in cases] == [0, 1, 2]
    assert {case.labels["task"] for case in cases} == {"seals/HalfCheetah-v1"}
    assert {case.labels["algorithm"] for case in cases} == {"bc"}
    data = tuned("bc_seals_half_cheetah").data
    assert cases[0].params["algorithm"]["config"]["bc"]["l2_weight"] == data["bc"]["l2_weight"]
    assert workload.num_tests == 50


def test_of_a_similar_environment_both_names_are_kept():
    case = only(AlgorithmWorkload(config_name="bc_seals_half_cheetah", env="seals/CartPole-v0", seeds=1))
    assert case.labels["task"] == "seals/CartPole-v0"
    assert case.labels["config_env"] == "seals/HalfCheetah-v1"
    assert case.labels["config_name"] == "bc_seals_half_cheetah"


def test_what_was_tuned_for_each_environment_is_taken_there():
    workload = AlgorithmWorkload("bc", config_name="tuned", env=["seals/HalfCheetah-v1", "seals/Hopper-v1"], seeds=0)
    names = [case.labels["config_name"] for case in workload.cases()]
    assert names == ["bc_seals_half_cheetah", "bc_seals_hopper"]
    assert len({case.params["algorithm"]["config"]["bc"]["l2_weight"] for case in workload.cases()}) == 2


def test_another_setting_is_another_case_and_the_same_value_is_the_same():
    plain = only(AlgorithmWorkload("bc", env="seals/CartPole-v0", seeds=0))
    same = only(AlgorithmWorkload("bc", env="seals/CartPole-v0", seeds=0, overrides={"bc.batch_size": 32}))
    other = only(AlgorithmWorkload("bc", env="seals/CartPole-v0", seeds=0, overrides={"bc.batch_size": 64}))
    assert plain.id == same.id != other.id
    assert plain.labels["settings"] != other.labels["settings"]


def test_another_process_makes_the_same_workload():
    workload = AlgorithmWorkload("gail", env="seals/CartPole-v0", seeds=[3], overrides={"total_timesteps": 4096})
    again = build(workload.describe())
    assert [case.id for case in again.cases()] == [case.id for case in workload.cases()]
    assert again.length == (4096, "steps")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({}, "--algo"),
        ({"algo": "bcc"}, "Did you mean 'bc'"),
        ({"algo": "gail", "config_name": "bc_seals_ant"}, "one of bc, not of gail"),
        ({"config_name": "bc_seals_ants"}, "bc_seals_ant"),
        ({"algo": "bc"}, "--env"),
        ({"algo": "bc", "config_name": "tuned", "env": "CartPole-v1"}, "tuned for CartPole-v1"),
        ({"algo": "bc", "env": "seals/CartPole-v0", "overrides": {"bc.l2_wieght": 1}}, "l2_weight"),
        ({"algo": "bc", "config_name": "bc_seals_ant", "config": {}}, "not both"),
        ({"config_name": "bc_seals_ant", "seeds": []}, "no seeds"),
        ({"config_name": "bc_seals_ant", "num_tests": -1}, "0 or more"),
    ],
)
def test_what_can_not_be_trained_is_refused_in_a_sentence(arguments, told):
    with pytest.raises(UserError, match=told.replace("(", r"\(")):
        AlgorithmWorkload(**arguments)


def test_an_environment_without_a_shipped_expert_asks_for_one():
    with pytest.raises(UserError, match="No expert of Acrobot-v1 is shipped: name one with --expert"):
        only(AlgorithmWorkload("bc", env="Acrobot-v1", seeds=0))


def test_an_environment_that_does_not_exist_is_told_with_the_nearest():
    with pytest.raises(UserError, match=r"Unknown environment 'seals/CartPol-v0'\. Did you mean 'seals/CartPole-v0'\?"):
        only(AlgorithmWorkload("bc", env="seals/CartPol-v0", seeds=0))


def test_a_revision_alone_is_of_the_usual_repository_of_each_environment():
    workload = AlgorithmWorkload(
        "bc", env=["seals/Ant-v1", "seals/Hopper-v1"], seeds=0, expert="hf:@v1", demonstrations="hf:@v2"
    )
    assert workload.expert_of("seals/Ant-v1") == "hf:HumanCompatibleAI/ppo-seals-Ant-v1@v1"
    assert workload.demonstrations_of("seals/Hopper-v1") == "hf:HumanCompatibleAI/ppo-seals-Hopper-v1@v2"
    assert AlgorithmWorkload("bc", env="seals/Ant-v1", seeds=0).demonstrations_of("seals/Ant-v1") is None


def test_a_hub_that_can_not_be_reached_is_told_before_anything_begins(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    workload = AlgorithmWorkload("bc", env="seals/CartPole-v0", seeds=[0, 1], expert="hf:@main")
    with pytest.raises(UserError, match="HumanCompatibleAI/ppo-seals-CartPole-v0 is not in the hub's cache"):
        list(workload.cases())


def test_whom_a_user_trusts_is_told_to_workers_and_makes_no_other_case():
    plain, trusting = (
        AlgorithmWorkload("bc", env="seals/CartPole-v0", seeds=0, trust=trust) for trust in (False, True)
    )
    assert only(plain).id == only(trusting).id
    assert trusting.describe() != plain.describe()


def test_an_algorithm_of_ones_own_that_was_changed_is_another(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)

    def case_of(text):
        (tmp_path / "own_algorithm.py").write_text(f"def train(*_): {text}")
        return only(AlgorithmWorkload("own_algorithm:train", config={}, env="seals/CartPole-v0", seeds=0))

    first, same, other = case_of("return 0"), case_of("return 0"), case_of("return 1")
    assert first.id == same.id != other.id
    assert first.labels["settings"] != other.labels["settings"]


def test_an_environment_that_was_changed_is_another(monkeypatch):
    def case_of(limit):
        entry = "gymnasium.envs.classic_control:CartPoleEnv"
        spec = gymnasium.envs.registration.EnvSpec("Changed-v0", entry_point=entry, max_episode_steps=limit)
        monkeypatch.setitem(gymnasium.registry, "Changed-v0", spec)
        return only(AlgorithmWorkload("bc", env="Changed-v0", seeds=0, expert="seals/CartPole-v0"))

    assert case_of(50).id == case_of(50).id != case_of(60).id


def test_as_many_demonstrations_as_by_default_are_the_same_case_said_or_not():
    cases = [
        only(AlgorithmWorkload("bc", env="seals/CartPole-v0", seeds=0, overrides=overrides))
        for overrides in ({}, {"demonstrations.n_expert_demos": 20}, {"demonstrations.n_expert_demos": 19})
    ]
    assert cases[0].id == cases[1].id != cases[2].id


def test_dagger_learns_from_no_demonstrations_unless_it_is_told_to():
    def is_shown(algo, **overrides):
        return AlgorithmWorkload(algo, env="seals/CartPole-v0", overrides=overrides).is_shown("seals/CartPole-v0")

    assert is_shown("bc")
    assert not is_shown("dagger")
    assert is_shown("dagger", **{"dagger.use_offline_rollouts": True})
