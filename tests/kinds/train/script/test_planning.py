"""How scripts of various shapes are run, as their sources tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rlgauge.core.errors import UserError
from rlgauge.kinds.train.script.planning import Plan, plan
from rlgauge.kinds.train.script.shapes import Script
from rlgauge.kinds.train.spec import Spec

BLOCK = "if __name__ == '__main__':\n"


@pytest.fixture
def planned(tmp_path: Path) -> Any:
    def make(source: str, **given: Any) -> Plan:
        path = tmp_path / "train.py"
        path.write_text(source)
        spec = {"env": "Pendulum-v1", "seed": 7, "args": [], **given}
        return plan(Script(path), Spec(script=str(path), folder=str(tmp_path), **spec))

    return make


@pytest.mark.parametrize("block", ["    for e in 'AB':\n        main(e)\n", "    exit(main())\n", "    cli()\n"])
def test_a_block_is_run_and_main_gets_the_environment_there(planned: Any, block: str) -> None:
    found = planned(f"def main(env='A'):\n    pass\n{BLOCK}{block}")
    assert not found.calls_entry
    assert (found.entry, found.values) == ("main", {"env": "Pendulum-v1"})
    assert found.ways == {"env": "parameter env of main"}


def test_arguments_of_a_script_that_reads_none_are_for_main_in_its_block_too(planned: Any) -> None:
    source = f"def main(env='A', lr=1.0):\n    pass\n{BLOCK}    main(lr=2.0)\n"
    assert planned(source, args=["--lr=3.0"]).own == {"lr": 3.0}
    with pytest.raises(UserError, match=r"no parameter for '--li'"):
        planned(source, args=["--li=3.0"])


def test_main_that_nobody_calls_is_called(planned: Any) -> None:
    found = planned("import argparse\ndef main(env_id, seed):\n    pass\n")
    assert found.calls_entry
    assert found.values == {"env_id": "Pendulum-v1", "seed": 7}


def test_a_file_that_calls_main_always_is_run_and_main_gets_the_environment(planned: Any) -> None:
    found = planned("def main(env='A'):\n    pass\nmain()\n")
    assert not found.calls_entry
    assert found.values == {"env": "Pendulum-v1"}


def test_a_file_that_reads_arguments_for_main_is_run(planned: Any) -> None:
    source = f"import argparse\ndef main(env, lr):\n    pass\n{BLOCK}    main('A', argparse.ArgumentParser().lr)\n"
    found = planned(source, args=["--lr", "3"])
    assert not found.calls_entry
    assert (found.argv, found.values) == (["--lr", "3"], {"env": "Pendulum-v1"})


def test_an_option_for_the_environment_is_used_rather_than_the_parameter(planned: Any) -> None:
    source = (
        "import argparse\ndef main(env, seed=0):\n    pass\n"
        f"{BLOCK}    p = argparse.ArgumentParser()\n    p.add_argument('--env')\n    main(p.parse_args().env)\n"
    )
    found = planned(source, args=["--lr", "3"])
    assert found.argv == ["--lr", "3", "--env", "Pendulum-v1"]
    assert found.values == {"seed": 7}
    assert found.ways == {"env": "option --env", "seed": "parameter seed of main"}


def test_a_file_with_an_option_is_run_though_it_calls_main_in_a_loop(planned: Any) -> None:
    loop = f"{BLOCK}    p.add_argument('--env')\n    for seed in '12':\n        main(p.parse_args().env)\n"
    found = planned(f"import argparse\ndef main(env):\n    pass\n{loop}")
    assert not found.calls_entry
    assert found.argv == ["--env", "Pendulum-v1"]


def test_a_function_that_the_file_calls_goes_before_a_main_that_it_binds(planned: Any) -> None:
    taker = "def train(env_id, n=1):\n    pass\n"
    found = planned(f"{taker}from others import main\ntrain('A')\n")
    assert (found.entry, found.calls_entry) == ("train", False)
    found = planned(f"{taker}main = functools.partial(train, n=2)\n")
    assert (found.entry, found.calls_entry) == ("main", True)
    found = planned(f"{taker}from others import main\n{BLOCK}    print()\n")
    assert (found.entry, found.calls_entry) == (None, False)


def test_a_name_that_main_takes_among_others_is_given_as_it_asks_for_it(planned: Any) -> None:
    assert planned("def main(**kwargs):\n    kwargs['env_id']\n").values == {"env_id": "Pendulum-v1"}
    assert planned("def main(seed=1, **kwargs):\n    pass\n").values == {"env": "Pendulum-v1", "seed": 7}
    assert planned("def main(**kwargs):\n    pass\nmain(lr=1)\n").values == {}
    assert planned("def main(**kwargs):\n    kwargs['env']\nmain(env=gym.make('Pendulum-v1'))\n").values == {}


def test_a_module_called_main_is_no_function(planned: Any) -> None:
    assert planned(f"import main\nx = 1\n{BLOCK}    main.train()\n").entry is None


def test_options_stand_before_what_is_none(planned: Any) -> None:
    source = "import argparse\np.add_argument('--seed')\n"
    assert planned(source, env=None, args=["run", "--", "rest"]).argv == ["run", "--seed", "7", "--", "rest"]


def test_a_positional_argument_is_given_once(planned: Any) -> None:
    source = "import argparse\np.add_argument('env')\n"
    assert planned(source, args=["--lr", "1"]).argv == ["--lr", "1", "Pendulum-v1"]
    assert planned(source, args=["Pendulum-v1"]).argv == ["Pendulum-v1"]


def test_the_first_of_several_positional_arguments_stands_before_the_others(planned: Any) -> None:
    source = "import argparse\np.add_argument('env')\np.add_argument('algo')\n"
    assert planned(source, args=["PPO", "--lr", "1"]).argv == ["Pendulum-v1", "PPO", "--lr", "1"]
    other_way = "import argparse\np.add_argument('algo')\np.add_argument('env')\n"
    assert planned(other_way, args=["PPO"]).argv == ["PPO", "Pendulum-v1"]
    assert planned(f"{source}p.add_subparsers()\n", args=["train"]).argv == ["train", "Pendulum-v1"]


def test_an_option_that_the_user_names_is_used_and_an_empty_one_is_none(planned: Any) -> None:
    source = "import argparse\np.add_argument('--env')\np.add_argument('--seed')\n"
    assert planned(source, env_flag="--where", seed_flag="").argv == ["--where", "Pendulum-v1"]


def test_without_an_environment_none_is_passed(planned: Any) -> None:
    found = planned(f"def main(env='A'):\n    pass\n{BLOCK}    main()\n", env=None)
    assert (found.argv, found.values) == ([], {})


def test_main_that_is_handed_an_environment_as_an_object_is_not_given_a_name(planned: Any) -> None:
    handed = f"import gymnasium as gym\ndef main(env):\n    pass\n{BLOCK}    env = gym.make(NAME)\n    main(env)\n"
    annotated = f"import argparse\ndef main(env: gym.Env):\n    pass\n{BLOCK}    main(build())\n"
    for source in (handed, annotated):
        found = planned(source)
        assert not found.calls_entry
        assert found.values == {}


def test_main_that_is_handed_a_name_by_a_variable_is_given_another(planned: Any) -> None:
    found = planned(f"def main(env):\n    pass\n{BLOCK}    name = 'A-v1'\n    main(name)\n")
    assert found.values == {"env": "Pendulum-v1"}


def test_another_function_that_takes_a_name_counts_as_main(planned: Any) -> None:
    source = f"def make_env(env_id):\n    pass\ndef learn(env_id='A'):\n    pass\n{BLOCK}    learn()\n"
    found = planned(source)
    assert (found.entry, found.values) == ("learn", {"env_id": "Pendulum-v1"})


def test_a_function_that_wraps_environments_does_not_count_as_main(planned: Any) -> None:
    assert planned("def monitor(env):\n    pass\nenv = monitor(base)\n").entry is None


def test_a_flat_file_that_makes_another_environment_is_refused(planned: Any) -> None:
    with pytest.raises(UserError, match=r"train\.py makes CartPole-v1, not Pendulum-v1: name the option .*--env-flag"):
        planned("import gymnasium as gym\nenv = gym.make('CartPole-v1')\n")
    with pytest.raises(UserError, match=r"makes CartPole-v1, not Pendulum-v1"):
        planned("model = PPO('MlpPolicy', 'CartPole-v1')\n")
    assert planned("env = gym.make('CartPole-v1')\n", env="CartPole-v1").ways == {}
    assert planned("env = gym.make('CartPole-v1')\n", env="CartPole").ways == {}


def test_variables_are_a_way_in(planned: Any) -> None:
    found = planned("import os\nenv = gym.make(os.environ.get('BENCH_ENV', 'CartPole-v1'))\n")
    assert found.ways == {"env": "variable BENCH_ENV"}


def test_a_global_seed_is_a_way_in(planned: Any) -> None:
    assert planned("SEED = 1\n", env=None).ways == {"seed": "global SEED"}


def test_a_script_that_seeds_itself_and_takes_no_seed_is_warned_of(planned: Any) -> None:
    (text,) = planned("seed = 42\nrandom.seed(seed)\n", env=None).warnings
    assert "(42 in line 2)" in text
    assert planned("SEED = 42\nrandom.seed(SEED)\n", env=None).warnings == []
    taken = "import argparse\np.add_argument('--seed')\nrandom.seed(p.parse_args().seed)\nenv.reset(seed=42)\n"
    assert planned(taken, env=None).warnings == []


def test_arguments_become_values_of_main_where_the_script_reads_none(planned: Any) -> None:
    source = "def main(env='A', steps=1, lr=0.1, name='x', fast=False):\n    pass\n"
    found = planned(source, args=["--steps=5", "--lr", "1e-3", "--name", "7", "--fast"])
    assert found.own == {"steps": 5, "lr": 1e-3, "name": "7", "fast": True}
    assert found.values == {"env": "Pendulum-v1"}


def test_an_argument_that_main_does_not_have_is_refused_with_the_nearest_name(planned: Any) -> None:
    with pytest.raises(UserError, match=r"no parameter for '--step'\. Did you mean '--steps'\? It has: env, steps\."):
        planned("def main(env='A', steps=1):\n    pass\n", args=["--step=5"])


def test_arguments_become_values_of_main_though_the_script_imports_what_it_does_not_use(planned: Any) -> None:
    source = "import argparse\ndef main(env='A', seed=0, gain=-1.0, bias=0.5):\n    pass\n"
    assert planned(source, args=["--gain", "0.8", "--bias", "0.0"]).own == {"gain": 0.8, "bias": 0.0}
    with pytest.raises(UserError, match=r"no parameter for '--gian'\. Did you mean '--gain'\?"):
        planned(source, args=["--gian", "0.8"])


def test_what_main_needs_and_nobody_gives_is_named(planned: Any) -> None:
    with pytest.raises(UserError, match=r"main of train\.py needs env: name one with --env\."):
        planned("def main(env):\n    pass\n", env=None)
    with pytest.raises(UserError, match=r"main of train\.py needs lr: give it a default\."):
        planned("def main(env, lr):\n    pass\n")


def test_decorated_commands_are_left_to_what_calls_them(planned: Any) -> None:
    source = (
        "import click\n@click.command()\n@click.option('--env')\n@click.option('--seed')\ndef main(env, seed):\n"
        f"    pass\n{BLOCK}    main()\n"
    )
    found = planned(source)
    assert not found.calls_entry
    assert found.argv == ["--env", "Pendulum-v1", "--seed", "7"]
    assert found.values == {}
