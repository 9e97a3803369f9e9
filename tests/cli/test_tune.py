"""The command with real trainings of some batches; what they come to is tested in tests/tune."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import pytest
import yaml

from rlgauge.core.run import Status
from rlgauge.core.store import Store

SUITE = """
description: Five batches.
entries:
  - train:
      algo: [bc, dagger]
      env: [seals/CartPole-v0, seals/MountainCar-v0]
      seed: 0..2
      tests: 1
      args: {bc.n_batches: 5}
"""
SPACE = "values: {bc.batch_size: [8, 16, 32, 64], bc.l2_weight: {low: 1e-6, high: 1e-2, log: true}}\n"
SCRIPT = """
import argparse

import gymnasium


def main(env, seed, push):
    world = gymnasium.make(env)
    world.reset(seed=seed)
    if push >= 2:
        raise RuntimeError("pushed too hard")
    world.step(int(push))
    policy = Pusher(push)
    return policy


class Pusher:
    def __init__(self, push):
        self.push = push

    def act(self, observation):
        return int(self.push)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--env")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--push", type=float, default=0)
    main(**vars(parser.parse_args()))
"""
ASK = (
    *("tune", "five.yaml", "--select", "algo=bc", "env=seals/CartPole-v0", "--space", "space.yaml", "--out", "out"),
    *("--trials", "2", "--repeats", "2", "--top", "1", "--eval-seeds", "1", "--workers", "2"),
)


COMPARED = ("preference_comparisons", "--env", "seals/CartPole-v0")


@pytest.fixture
def five(folder):
    """A suite and a space in the current folder."""
    (folder / "five.yaml").write_text(SUITE)
    (folder / "space.yaml").write_text(SPACE)
    (folder / "push.py").write_text(SCRIPT)
    (folder / "bad.yaml").write_text("bc.batch_size: [0, -3]")
    return folder


def phase1(out="out"):
    return json.loads(Path(out, "studies", "phase1.json").read_text())["trials"]


def test_a_tuner_killed_during_a_trial_goes_on_with_it_and_loses_nothing(five, start, give):
    with start(*ASK) as tuner:
        said = iter(tuner.stderr.readline, "")
        assert any(line.startswith("Trial 1 (2 of 2)") for line in said)
        os.kill(tuner.pid, signal.SIGKILL)
    before = {run.folder for run in Store("out").runs() if run.status is Status.COMPLETED}
    assert len(before) >= 2
    done = give(*ASK)
    assert done.code == 0, done.err
    begun = [line[: len("Trial 1")] for line in done.err.splitlines() if line.startswith("Trial ") and " of " in line]
    assert begun[0] == "Trial 1"
    assert "Trial 0 (1 of 2)" not in done.err
    assert [(one["number"], one["state"], list(one["returns"])) for one in phase1()] == [
        (number, "complete", ["0", "1"]) for number in range(2)
    ]
    runs = list(Store("out").runs())
    assert before <= {run.folder for run in runs if run.status is Status.COMPLETED}
    assert {run.case.seed for run in runs} == {0, 1, 2}
    assert "Phase 1: 2 trials, 2 complete" in done.out
    assert "gain over default" in done.out

    best = "out/studies/best.yaml"
    there = give("suite", "run", best, "--out", "out")
    assert there.code == 0, there.err
    assert "1 of 1 run is in out already" in there.err
    run = give("suite", "run", best, "--out", "elsewhere")
    assert run.code == 0, run.err
    (trained,) = Store("elsewhere").runs()
    assert trained.status is Status.COMPLETED
    final = json.loads(Path("out/studies/phase2.json").read_text())
    won = final["configurations"][final["winner"]]
    assert trained.file.totals["return"].mean == won["returns"]["2"]


def test_two_tuners_at_once_share_the_trials(five, start):
    tuners = [start(*ASK, "--sampler", "random", "--json") for _ in range(2)]
    told = []
    for tuner in tuners:
        out, err = tuner.communicate(timeout=200)
        assert tuner.returncode == 0, err
        told.append(json.loads(out))
    assert told[0] == told[1]
    assert [one["state"] for one in told[0]["phase1"]["trials"]] == ["complete"] * 2
    assert len({str(one["values"]) for one in told[0]["phase1"]["trials"]}) == 2
    ids = [run.case.id for run in Store("out").runs()]
    assert len(ids) == len(set(ids)) == 2 * 2 + 2


def test_a_script_is_tuned_over_its_arguments_and_failed_trials_are_shown(five, give):
    (five / "pushes.yaml").write_text("push: [0, 1, 2]")
    ask = ("tune", "push.py", "--env", "CartPole-v1", "--space", "pushes.yaml", "--sampler", "grid", "--repeats", "1")
    done = give(*ask, "--eval-seeds", "2", "--out", "out", "--workers", "2", "--", "--tests", "2", "--videos", "0")
    assert done.code == 0, done.err
    assert "Phase 1: 3 trials, 2 complete, 1 failed" in done.out
    assert "Trial 2 failed: seed 0: FAILED: RuntimeError: pushed too hard" in done.err
    entry = yaml.safe_load(Path("out/studies/best.yaml").read_text())["entries"][0]["train"]
    assert entry["algo"] == "push"
    assert entry["tests"] == 2


def test_trials_that_failed_are_run_again_where_that_is_asked_for(five, give):
    (five / "pushes.yaml").write_text("push: [0, 1]")
    broken = f"if push >= 1 and not __import__('os').path.exists({str(five / 'mended')!r}):"
    (five / "push.py").write_text(SCRIPT.replace("if push >= 2:", broken))
    ask = ("tune", "push.py", "--env", "CartPole-v1", "--space", "pushes.yaml", "--sampler", "grid", "--repeats", "1")
    ask = (*ask, "--eval-seeds", "1", "--top", "1", "--out", "out")
    after = ("--", "--tests", "1", "--videos", "0")
    assert "2 trials, 1 complete, 1 failed" in give(*ask, *after).out
    (five / "mended").touch()
    assert "2 trials, 1 complete, 1 failed" in give(*ask, *after).out
    done = give(*ask, "--rerun-failed", *after)
    assert done.code == 0, done.err
    assert "Trials that failed before and are run again: 1." in done.err
    assert "Trial 2 (3 of 3): push=1" in done.err
    assert "1 of 1: push CartPole-v1 seed 0: test return" in done.err, "a run that is repeated is shown, too"
    assert "3 trials, 2 complete, 1 failed" in done.out
    assert phase1()[1]["reason"].endswith("(run again as trial 2)")


def test_a_script_that_reports_nothing_ends_the_search_with_why_and_what_is_possible(five, give):
    (five / "pushes.yaml").write_text("push: [0, 1]")
    (five / "silent.py").write_text(SCRIPT.replace("return policy", "return None").replace("policy = Pusher", "Pusher"))
    done = give(
        "tune", "silent.py", "--env", "CartPole-v1", "--space", "pushes.yaml", "--trials", "2", "--repeats", "1"
    )
    assert done.code == 1
    assert "rlgauge: None of the 2 trials reported a test return" in done.err
    assert "the script left nothing that is known to act in CartPole-v1" in done.err


def test_where_no_trial_reports_a_return_the_command_fails_with_a_sentence(five, give):
    (five / "pushes.yaml").write_text("push: [2, 3]")
    ask = ("tune", "push.py", "--env", "CartPole-v1", "--space", "pushes.yaml", "--trials", "2", "--repeats", "1")
    done = give(*ask, "--sampler", "grid", "--quiet", "--", "--tests", "1", "--videos", "0")
    assert done.code == 1
    assert "rlgauge: None of the 2 trials reported a test return, so there is nothing to choose from" in done.err
    assert "Traceback" not in done.err
    assert "failed" in done.out
    assert Path("out/tune/push-CartPole-v1/studies/phase1.csv").is_file()


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        ((), "Say what is tuned"),
        (("bc", "--env", "seals/CartPole-v0", "--launcher", "slrum"), "Did you mean 'slurm'"),
        (("bc", "--env", "seals/CartPole-v0", "--launcher-config", "time=3"), "setting of the launcher local 'time'"),
        (("bc", "--env", "seals/CartPole-v0", "--no-wait"), "--no-wait is not for tuning"),
        (("bcc",), "Did you mean 'bc'"),
        (("bc", "--env", "seals/CartPole-v0", "--seed", "4294967290"), "The seed 4294967297 can't be used"),
        (("bc",), "--env (env), such as seals/CartPole-v0"),
        (("bc", "--env", "seals/CartPol-v0"), "seals/CartPole-v0"),
        (("none.yaml",), "There is no suite 'none.yaml'"),
        (("throughput-scaling",), "entries of throughput, and only trainings are tuned"),
        (("five.yaml",), "asks for 2 kinds of trainings"),
        (("five.yaml", "--select", "algo=bc"), "One environment is tuned at a time"),
        (("five.yaml", "--select", "algo=gail"), "Unknown algo 'gail'"),
        (("bc", "--select", "algo=bc"), "--select and --budget are of suites"),
        (("bc", "--env", "seals/CartPole-v0", "--sampler", "grid"), "bc.l2_weight of the space bc has infinitely many"),
        (("bc", "--env", "seals/CartPole-v0", "--sampler", "gird"), "Did you mean 'grid'"),
        (("bc", "--env", "seals/CartPole-v0", "--pruner", "mean"), "Unknown pruner 'mean'"),
        (("bc", "--env", "seals/CartPole-v0", "--space", "none.yaml"), "There is no space 'none.yaml'"),
        (("bc", "--env", "seals/CartPole-v0", "--fix", "bc.n_epoch=1"), "Did you mean 'n_epochs'"),
        (("bc", "--env", "seals/CartPole-v0", "--fix", "bc.n_batches=1"), "no valid value for bc.n_epochs"),
        (("bc", "--env", "seals/CartPole-v0", "--fix", "n_epochs"), "write the setting and its value"),
        (("bc", "--env", "seals/CartPole-v0", "--base-config", "bc_seals_hooper"), "Did you mean 'bc_seals_hopper'"),
        (("bc", "--env", "seals/CartPole-v0", "--", "--tests", "0"), "there is no return to tune by"),
        (("bc", "--env", "seals/CartPole-v0", "--", "--workers", "2"), "give it before `--`"),
        (("bc", "--env", "seals/CartPole-v0", "--trials", "0"), "--trials must be 1 or more"),
        (("bc", "--env", "seals/CartPole-v0", "--repeats", "0"), "--repeats must be 1 or more, not 0"),
        (("bc", "--env", "seals/CartPole-v0", "--eval-seeds", "0"), "--eval-seeds must be 1 or more, not 0"),
        (("bc", "--env", "seals/CartPole-v0", "--eval-seeds", "0..4"), "--eval-seeds takes a whole number"),
        (("bc", "--env", "seals/CartPole-v0", "--pruner", "asha", "--repeats", "1"), "repeats=1 is a single one"),
        (
            ("bc", "--env", "seals/CartPole-v0", "--space", "bad.yaml"),
            "bad.yaml contains no valid value for bc.batch_size",
        ),
        (("bc", "--env", "seals/CartPole-v0", "--base-config", "gail_seals_ant"), "is one of gail, not of bc"),
        (("bc", "--env", "seals/CartPole-v0", "--fix", "foo.bar=1"), "Unknown setting 'foo'"),
        (("bc", "--env", "seals/CartPole-v0", "--", "--rerun-failed"), "give it before `--`"),
        (("bc", "--env", "seals/CartPole-v0", "--resources", "cpu=100000"), "so no run fits"),
        (("preference_comparison",), "Did you mean 'preference_comparisons'"),
        ((*COMPARED, "--fix", "total_timestep=5"), "Did you mean 'total_timesteps'"),
        ((*COMPARED, "--sampler", "grid"), "learning_rate of the space preference_comparisons has infinitely many"),
        ((*COMPARED, "--", "--expert", "seals/CartPole-v0"), "Nothing is shown to preference_comparisons"),
        (("bc", "--env", "seals/CartPole-v0", "--json", "--quiet"), "contradict each other"),
        (("bc", "--env", "seals/CartPole-v0", "--out", " "), "--out needs the name of a folder"),
        (("push.py", "--env", "CartPole-v1"), "No space belongs to push"),
        (("--retune-from", "nowhere"), "There is no study in nowhere"),
        (("--retune-from", "nowhere", "--trials", "3"), "--retune-from searches no more"),
        (("--retune-from", "nowhere", "--env", "CartPole-v1"), "--env says what is tuned"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(five, give, argv, told):
    done = give("tune", *argv)
    assert done.code == 2
    assert told in done.err
    assert done.err.startswith("rlgauge: ")
    assert not Path("nowhere").exists()
    assert not Path("out").exists()


@pytest.mark.timeout(1800)  # the library's environment is built by whoever is first
def test_preference_comparisons_are_tuned_by_the_original_library(folder, give):
    small = ("environment.parallel=false", "environment.num_vec=1", "total_timesteps=128", "total_comparisons=10")
    fixed = (*small, "num_iterations=1", "rl.batch_size=128", "fragment_length=25")
    done = give(
        *("tune", *COMPARED, "--trials", "2", "--repeats", "1", "--eval-seeds", "1", "--top", "1", "--workers", "2"),
        *("--fix", *fixed, "--out", "out", "--", "--tests", "1"),
    )
    assert done.code == 0, done.err
    assert "Phase 1: 2 trials, 2 complete" in done.out
    for one in phase1():
        assert set(one["values"]) == {
            *("initial_comparison_frac", "query_schedule", "exploration_frac", "reward_trainer_kwargs.epochs"),
            *("rl.rl_kwargs.learning_rate", "rl.rl_kwargs.ent_coef"),
        }
        assert any(_config(run) == {**one["values"], "rl.batch_size": 128} for run in Store("out").runs())
    entry = yaml.safe_load(Path("out/studies/best.yaml").read_text())["entries"][0]["train"]
    assert (entry["algo"], entry["library"], entry["args"]["total_timesteps"]) == (COMPARED[0], "imitation", 128)
    there = give("suite", "run", "out/studies/best.yaml", "--out", "out")
    assert there.code == 0, there.err
    assert "1 of 1 run is in out already" in there.err


def _config(run):
    """What Sacred says of the settings of the space."""
    told = json.loads((run.folder / run.file.result["sacred"] / "config.json").read_bytes())
    rl = {"rl.batch_size": told["rl"]["batch_size"]}
    rl |= {f"rl.rl_kwargs.{name}": told["rl"]["rl_kwargs"][name] for name in ("learning_rate", "ent_coef")}
    own = {name: told[name] for name in ("initial_comparison_frac", "query_schedule", "exploration_frac")}
    return {**own, **rl, "reward_trainer_kwargs.epochs": told["reward_trainer_kwargs"]["epochs"]}


def test_without_optuna_it_is_said_what_to_install(five, give, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    done = give("tune", "bc", "--env", "seals/CartPole-v0", "--out", "out")
    assert done.code == 2
    assert "pip install 'rlgauge[tune]'" in done.err


def test_the_values_of_an_option_follow_each_other(five, give):
    ask = ("tune", "five.yaml", "--fix", "bc.batch_size=8", "bc.l2_weight=0", "--select", "algo=bc")
    done = give(*ask, "env=seals/CartPole-v0", "--space", "space.yaml")
    assert done.code == 2
    assert "Every setting of space.yaml is fixed" in done.err
