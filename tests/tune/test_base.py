from __future__ import annotations

import sys

import pytest

from rlgauge.core.errors import UserError
from rlgauge.kinds.train.algorithm_workload import AlgorithmWorkload
from rlgauge.kinds.train.workload import ScriptWorkload
from rlgauge.tune.base import Base, with_arguments
from rlgauge.tune.question import Question
from rlgauge.tune.space import read_space

CARTPOLE = "seals/CartPole-v0"


def bc(**named):
    return AlgorithmWorkload("bc", **{"env": CARTPOLE, "num_tests": 2, **named})


def test_a_sampled_value_replaces_only_its_own_field():
    base = Base.of(bc(config={"bc": {"optimizer_kwargs": {"lr": 0.1, "betas": [0.5, 0.9]}, "l2_weight": 0.2}}))
    config = base.configured({"bc.optimizer_kwargs.lr": 0.3}, [0]).config_of(CARTPOLE)
    assert config["bc"]["optimizer_kwargs"] == {"lr": 0.3, "betas": [0.5, 0.9]}
    assert config["bc"]["l2_weight"] == 0.2


def test_a_sampled_value_inside_a_default_keeps_the_rest_of_the_default():
    config = Base.of(bc()).configured({"bc.optimizer_kwargs.eps": 1e-5}, [0]).config_of(CARTPOLE)
    assert config["bc"]["optimizer_kwargs"] == {"lr": 4e-4, "eps": 1e-5}
    dagger = Base.of(AlgorithmWorkload("dagger", env=CARTPOLE, num_tests=2))
    values = {"dagger.beta_schedule.rampdown_rounds": 4}
    assert dagger.configured(values, [0]).config_of(CARTPOLE)["dagger"]["beta_schedule"] == {
        "kind": "linear",
        "rampdown_rounds": 4,
    }


def test_a_configuration_that_has_a_name_keeps_it_and_the_rest_of_it():
    named = AlgorithmWorkload(config_name="bc_seals_ant", env=CARTPOLE, num_tests=2)
    (case,) = Base.of(named).cases({"bc.batch_size": 8}, [3])
    (own,) = named.cases()
    assert case.labels["config_name"] == "bc_seals_ant"
    assert case.seed == 3
    config, before = case.params["algorithm"]["config"], own.params["algorithm"]["config"]
    assert config["bc"].pop("batch_size") == 8 != before["bc"].pop("batch_size")
    assert config == before


def test_what_is_fixed_is_so_in_every_configuration():
    base = Base.of(bc(), {"bc.n_batches": 7})
    for values in ({}, {"bc.batch_size": 8}):
        assert base.configured(values, [0]).config_of(CARTPOLE)["bc"]["n_batches"] == 7


def test_what_overrides_the_default_is_in_every_configuration_that_does_not_sample_it():
    base = Base.of(bc(overrides={"bc.l2_weight": 0.5, "bc.n_batches": 3}), {"bc.n_batches": 7})
    for values, weight in (({}, 0.5), ({"bc.batch_size": 8}, 0.5), ({"bc.l2_weight": 0.1}, 0.1)):
        found = base.configured(values, [0]).config_of(CARTPOLE)["bc"]
        assert (found["l2_weight"], found["n_batches"]) == (weight, 7)


def test_equal_configurations_are_equal_cases():
    base = Base.of(bc())
    assert base.cases({"bc.batch_size": 32}, [0])[0].id == base.cases({}, [0])[0].id


def test_arguments_of_a_script_replace_those_that_were_given_before():
    args = ["--lr", "0.1", "pos", "--gamma=0.9", "--fast", "--low", "-3", "-n", "4"]
    assert with_arguments(args, {"lr": 0.5, "gamma": 0.8}) == [
        *("pos", "--fast", "--low", "-3", "-n", "4"),
        *("--lr", "0.5", "--gamma", "0.8"),
    ]
    assert with_arguments(args, {"fast": False, "low": 2, "n": None, "new": True}) == [
        *("--lr", "0.1", "pos", "--gamma=0.9"),
        *("--low", "2", "--new"),
    ]


def test_values_of_a_script_are_its_arguments(tmp_path):
    (tmp_path / "learn.py").write_text("print()\n")
    base = Base.of(ScriptWorkload(tmp_path / "learn.py", env="CartPole-v1", args=["--rate", "1"]), {"size": 3})
    assert base.configured({"rate": 0.5}, [4]).args == ["--size", "3", "--rate", "0.5"]
    with pytest.raises(UserError, match="No space belongs to learn"):
        base.own_space()


def test_a_changed_script_is_another_training(tmp_path):
    (tmp_path / "learn.py").write_text("print()\n")
    base = Base.of(ScriptWorkload(tmp_path / "learn.py", env="CartPole-v1"))
    before = base.identity
    assert Base(base.described).identity == before
    (tmp_path / "learn.py").write_text("print(1)\n")
    assert Base(base.described).identity != before


def test_an_algorithm_of_ones_own_brings_its_space(tmp_path, monkeypatch):
    (tmp_path / "own_tuned.py").write_text("SPACE = {'scale': [1, 2]}\ndef learn(*args): ...\n")
    (tmp_path / "own_bare.py").write_text("def learn(*args): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    space = Base.of(AlgorithmWorkload("own_tuned:learn", env=CARTPOLE, num_tests=1)).own_space()
    assert space.data == {"scale": [1, 2]}
    assert space.where == "own_tuned.SPACE"
    with pytest.raises(UserError, match="own_bare:learn brings no space"):
        Base.of(AlgorithmWorkload("own_bare:learn", env=CARTPOLE, num_tests=1)).own_space()
    for name in ("own_tuned", "own_bare"):
        del sys.modules[name]


@pytest.mark.parametrize(
    ("space", "name", "told"),
    [
        ({"bc.batch_size": [0, -1]}, "bc.batch_size", ">= 1"),
        ({"bc.btch_size": [8]}, "bc.btch_size", "Did you mean 'batch_size'"),
        ({"bc.n_epochs": [1, 5]}, "bc.n_epochs", "not both"),
    ],
)
def test_a_space_without_a_valid_value_is_refused_with_the_setting(space, name, told):
    base = Base.of(bc(), {"bc.n_batches": 5})
    with pytest.raises(UserError, match=f"mine contains no valid value for {name}") as caught:
        Question.of(base, read_space(space, where="mine"), seeds=[0])
    assert told in str(caught.value)


def test_values_that_are_valid_only_together_are_taken():
    base = Base.of(bc(config={"bc": {"n_batches": 5}}))
    Question.of(base, read_space({"bc.n_epochs": [1, 5], "bc.n_batches": [None]}, where="mine"), seeds=[0])


def test_several_environments_and_no_tests_are_refused():
    with pytest.raises(UserError, match="One environment is tuned at a time"):
        Base.of(bc(env=[CARTPOLE, "seals/HalfCheetah-v1"]))
    with pytest.raises(UserError, match="no return to tune by"):
        Base.of(bc(num_tests=0))


def test_an_unknown_fixed_setting_is_refused_with_the_nearest():
    with pytest.raises(UserError, match="Did you mean 'l2_weight'"):
        Base.of(bc(), {"bc.l2_wieght": 1})
