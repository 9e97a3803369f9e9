from __future__ import annotations

import re

import pytest

from rlgauge.cli.train_options import ask, limits_of, seeds_of, trackers_of, workload_of
from rlgauge.core.errors import UserError


@pytest.fixture
def script(folder):
    (folder / "ppo.py").write_text("print(1)\n")
    return folder / "ppo.py"


def asked(*argv, **variables):
    found = ask(argv, variables)
    assert found is not None
    return found


def understood(*argv):
    found = asked(*argv)
    return workload_of(found), limits_of(found.options)


def test_environments_are_parted_by_commas_or_repeated(script):
    assert asked("ppo.py", "--env", "A,B", "--env=C").options.env == ["A", "B", "C"]
    assert asked("ppo.py").options.env == []


def test_seeds_are_one_or_several_or_the_variables_or_42(script):
    assert seeds_of(asked("ppo.py", "--seed", "5").options) == [5]
    assert seeds_of(asked("ppo.py", "--seeds", "0..2,7").options) == [0, 1, 2, 7]
    assert seeds_of(asked("ppo.py", BENCH_SEED="3").options) == [3]
    assert seeds_of(asked("ppo.py", "--seed", "5", BENCH_SEED="3").options) == [5]
    assert seeds_of(asked("ppo.py").options) == [42]


def test_what_is_given_is_stronger_than_variables(script):
    found = asked("ppo.py", "--env", "A", BENCH_SCRIPT="other.py", BENCH_ENV="B")
    assert (found.options.script, found.options.env) == ("ppo.py", ["A"])
    assert asked(BENCH_SCRIPT="other.py", BENCH_ENV="B,C").options.env == ["B", "C"]


@pytest.mark.parametrize(
    ("argv", "args"),
    [
        (["--lr", "0.1", "--seed", "1"], ["--lr", "0.1"]),
        (["--use_gae", "--seed=1", "-v", "pos"], ["--use_gae", "-v", "pos"]),
        (["--keep-rewards", "pos", "--seed", "1"], ["pos"]),
        (["--keep_rewards", "--workers", "2", "--x=--seed", "--", "--seed", "9"], ["--x=--seed", "--seed", "9"]),
        (["ppo.py", "--lr=1"], ["--lr=1"]),
    ],
)
def test_with_a_script_in_a_variable_options_that_are_not_ours_go_to_it(script, argv, args):
    assert asked(*argv, BENCH_SCRIPT="ppo.py").args == args


def test_values_that_look_like_options_are_values(script):
    options = asked("ppo.py", "--env-flag", "--env_id", "--seed_flag", "", "--command", "--odd").options
    assert (options.env_flag, options.seed_flag, options.command) == ("--env_id", "", "--odd")


def test_options_may_come_from_a_file(script, folder):
    (folder / "c.yaml").write_text("script: ppo.py\nenv: [A, B]\nseeds: 0..1\ntests: 2\n")
    workload = workload_of(asked("--config", "c.yaml"))
    assert (workload.envs, workload.seeds, workload.num_tests) == (["A", "B"], [0, 1], 2)


def test_the_workload_is_what_was_asked_for(script):
    argv = ["ppo.py", "--env", "A", "--seeds", "0,1", "--name", "mine", "--tests", "4", "--videos", "1"]
    found = workload_of(asked(*argv, "--keep-rewards", "--time-limit", "9", "--", "--x", "1"))
    assert (found.algorithm, found.envs, found.seeds, found.args) == ("mine", ["A"], [0, 1], ["--x", "1"])
    assert (found.num_tests, found.num_videos, found.keep_rewards, found.time_limit) == (4, 1, True, 9.0)


def test_a_worker_waits_longer_than_the_run_takes_to_tell_where_it_stands(script):
    options = asked("ppo.py", "--time-limit", "9", "--memory-limit", "2GiB").options
    assert limits_of(options).seconds > 9
    assert limits_of(options).resident_bytes == 2 * 2**30
    assert limits_of(asked("ppo.py").options).seconds is None


def test_trackers_are_parted_by_commas_or_repeated(script):
    assert trackers_of(asked("ppo.py", "--track", "wandb,mlflow", "--track", "wandb").options) == ["wandb", "mlflow"]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--env", "A"], "Say what is to be run: a script or --command"),
        (["ppo.py", "--command", "x"], "not both"),
        (["pppo.py"], "Did you mean 'ppo.py'?"),
        (["ppo.py", "--seed", "1", "--seeds", "1"], "--seed is one seed and --seeds are several"),
        (["ppo.py", "--seeds", "4..1"], "are no seeds"),
        (["ppo.py", "--seed", "x"], "--seed takes a whole number"),
        (["ppo.py", "--seed", "-1"], "The seed -1 can't be used"),
        (["ppo.py", "--workers", "0"], "--workers must be more than 0"),
        (["ppo.py", "--threads", "0"], "--threads must be more than 0"),
        (["ppo.py", "--time-limit", "0"], "--time-limit must be more than 0"),
        (["ppo.py", "--tests", "-1"], "--tests -1: it must be 0 or more"),
        (["ppo.py", "--videos", "-1"], "--videos -1: it must be 0 or more"),
        (["ppo.py", "--json", "--quiet"], "contradict each other"),
        (["ppo.py", "--out", " "], "--out needs the name of a folder"),
        (["ppo.py", "--name", ""], "--name is empty"),
        (["ppo.py", "--memory-limit", "2"], "less than 1 MiB"),
        (["ppo.py", "--sed", "1"], "Did you mean '--seed'? See `rlgauge train --help`. Options of the script follow"),
        (["ppo.py", "other.py"], "Unexpected argument 'other.py'"),
        (["--command", "python x.py --seed {seed}", "--env", "A,B"], "--command has no {env}"),
        (["--command", "python x.py {env}", "--seeds", "0..1"], "--command has no {seed}"),
        (["--command", "x {sed}"], "Did you mean '{seed}'?"),
    ],
)
def test_a_mistake_is_said_in_a_sentence(script, argv, said):
    with pytest.raises(UserError) as caught:
        understood(*argv)
    assert said in str(caught.value)


def test_a_library_trains_its_own_algorithms_with_its_own_settings():
    argv = ["--algo", "bc", "--library", "imitation", "--env", "seals/CartPole-v0", "--seeds", "0..1"]
    found = workload_of(asked(*argv, "--set", "bc.train_kwargs.n_epochs=null", "--tests", "3", "--time-limit", "9"))
    assert (found.library, found.algorithm, found.seeds, found.time_limit) == ("imitation", "bc", [0, 1], 9.0)
    assert found.updates("seals/CartPole-v0") == [
        "policy_evaluation.n_episodes_eval=3",
        "bc.train_kwargs.n_epochs=None",
    ]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--library", "imitation", "--command", "x"], "--library is for algorithms of ours"),
        (["--library", "imitatoin", "--algo", "bc"], "Did you mean 'imitation'?"),
        (["--library", "imitation", "--algo", "bc", "--videos", "1"], "--videos is for what we train"),
    ],
)
def test_what_a_library_can_not_do_is_refused(argv, said):
    with pytest.raises(UserError, match=re.escape(said)):
        workload_of(asked(*argv, "--env", "seals/CartPole-v0"))
