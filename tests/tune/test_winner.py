from __future__ import annotations

import pytest
import yaml

from rlgauge.cli.suite_commands import commands
from rlgauge.cli.train_options import ask, workload_of
from rlgauge.core.errors import UserError
from rlgauge.kinds.train.algorithm_workload import AlgorithmWorkload
from rlgauge.kinds.train.workload import ScriptWorkload
from rlgauge.suites.suite import read
from rlgauge.tune.base import Base
from rlgauge.tune.winner import write

CARTPOLE = "seals/CartPole-v0"


def cases_of_suite(path):
    """What the suite in a file trains."""
    (call,) = commands(read(path), out="out")
    return list(workload_of(ask(call.argv[1:])).cases())


def check(workload, values, tmp_path, fixed=None):
    """The suite trains what the tuning trained."""
    base = Base.of(workload, fixed)
    path = tmp_path / "best.yaml"
    write(base, values, [3, 4, 7], path, told="so good")
    assert [case.id for case in cases_of_suite(path)] == [case.id for case in base.cases(values, [3, 4, 7])]
    return yaml.safe_load(path.read_text())["entries"][0]["train"]


def test_of_a_configuration_without_a_name_only_what_was_changed_is_said(tmp_path):
    values = {"bc.batch_size": 8, "bc.optimizer_kwargs.lr": 1e-5}
    entry = check(AlgorithmWorkload("bc", env=CARTPOLE, num_tests=2), values, tmp_path, {"bc.n_batches": 3})
    assert entry["args"] == {"bc.batch_size": 8, "bc.optimizer_kwargs.lr": 1e-5, "bc.n_batches": 3}
    assert (entry["algo"], entry["env"], entry["seed"], entry["tests"]) == ("bc", CARTPOLE, [3, 4, 7], 2)


@pytest.mark.parametrize("name", ["bc_seals_ant", "tuned"])
def test_a_configuration_with_a_name_keeps_it(name, tmp_path):
    env = "seals/Ant-v1"
    workload = AlgorithmWorkload("bc", config_name=name, env=env, num_tests=2, overrides={"bc.l2_weight": 0.5})
    entry = check(workload, {"bc.batch_size": 8, "policy.activation_fn": "relu"}, tmp_path)
    assert entry["config-name"] == name
    assert entry["args"] == {"bc.batch_size": 8, "bc.l2_weight": 0.5, "policy.activation_fn": "relu"}


@pytest.mark.parametrize(
    "schedule", [{"kind": "exponential", "decay_probability": 0.3}, {"kind": "linear", "rampdown_rounds": 5}]
)
def test_values_that_are_mappings_and_lists_are_said_whole(schedule, tmp_path):
    values = {
        "dagger.beta_schedule": schedule,
        "policy.policy_cls": "MlpPolicy",
        "policy.net_arch": {"pi": [8, 8], "vf": [4]},
    }
    check(AlgorithmWorkload("dagger", env=CARTPOLE, num_tests=2), values, tmp_path)


@pytest.mark.parametrize("algo", ["gail", "airl"])
def test_adversarial_configurations_are_said(algo, tmp_path):
    values = {"rl.batch_size": 4096, "rl.ppo.ent_coef": 1e-7, "demo_batch_size": 32, "gen_replay_buffer_capacity": None}
    workload = AlgorithmWorkload(config_name=f"{algo}_seals_ant", env=CARTPOLE, num_tests=2, trust=True)
    check(workload, values, tmp_path)


def test_an_algorithm_of_ones_own_is_said(tmp_path, monkeypatch):
    (tmp_path / "own_winner.py").write_text("def learn(*args): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    workload = AlgorithmWorkload("own_winner:learn", env=CARTPOLE, num_tests=2, config={"deep": {"a": 1, "b": "1"}})
    entry = check(workload, {"deep.a": 2, "c": [1, 2]}, tmp_path)
    assert entry["args"]["deep.a"] == 2


def test_a_script_is_said_with_its_arguments(tmp_path):
    (tmp_path / "learn.py").write_text("print()\n")
    workload = ScriptWorkload(
        tmp_path / "learn.py",
        env="CartPole-v1",
        args=["--rate", "1", "--name", "a=b", "-n", "4", "--fast"],
        num_tests=3,
        num_videos=0,
    )
    entry = check(workload, {"rate": 0.5, "size": 3}, tmp_path)
    assert entry["args"] == {"name": "a=b", "n": 4, "fast": True, "rate": 0.5, "size": 3}


def test_a_command_is_said(tmp_path):
    workload = ScriptWorkload(command="python x.py --env {env} --seed {seed}", env="CartPole-v1", num_tests=3)
    check(workload, {"rate": 0.5}, tmp_path)


def test_arguments_without_a_name_can_not_be_said(tmp_path):
    (tmp_path / "learn.py").write_text("print()\n")
    workload = ScriptWorkload(tmp_path / "learn.py", env="CartPole-v1", args=["fast"])
    with pytest.raises(UserError, match="The script's argument 'fast' has no name"):
        write(Base.of(workload), {}, [1], tmp_path / "best.yaml", told="")


@pytest.mark.parametrize("text", ["True", "False", "yes", "null", "[1", "2024-01-01", "1.50", "1e-05", "0..4", ""])
def test_a_text_that_yaml_reads_as_something_else_reaches_the_script_as_it_was(text, tmp_path):
    (tmp_path / "learn.py").write_text("print()\n")
    check(ScriptWorkload(tmp_path / "learn.py", env="CartPole-v1", num_tests=3), {"bad": text}, tmp_path)


def test_an_argument_with_an_equals_sign_is_said_in_two_words(tmp_path):
    (tmp_path / "learn.py").write_text("print()\n")
    base = Base.of(ScriptWorkload(tmp_path / "learn.py", env="CartPole-v1", args=["--gamma=0.9", "--low=-3"]))
    write(base, {"rate": 0.5}, [3], tmp_path / "best.yaml", told="")
    (case,) = cases_of_suite(tmp_path / "best.yaml")
    assert case.labels["args"] == "--gamma 0.9 --low -3 --rate 0.5"


@pytest.mark.parametrize("args", [["--n", "4"], ["--tag", "a", "--tag", "b"], ["--sign=-x"], ["-fast", "3"]])
def test_arguments_that_a_suite_would_give_otherwise_are_told_and_leave_no_file(args, tmp_path):
    (tmp_path / "learn.py").write_text("print()\n")
    path = tmp_path / "best.yaml"
    path.write_text("an earlier winner\n")
    with pytest.raises(UserError, match=r"A suite would give the script the arguments .* and it was tuned with"):
        write(Base.of(ScriptWorkload(tmp_path / "learn.py", env="CartPole-v1", args=args)), {}, [1], path, told="")
    assert not path.exists()
