"""Suites that train scripts."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
from pathlib import Path

import pytest

from rlgauge.core.store import Store
from rlgauge.suites.cases import cases
from rlgauge.suites.suite import Budget, find, shipped
from tests.driving import wait_for

SUITE = """
description: Two walks.
minutes: {full: 3}
entries:
  - train:
      script: "{algo}.py"
      algo: [left, right]
      env: [CartPole-v1, Acrobot-v1]
      seed: 0..2
      tests: 0
      args: {steps: 100}
    exclude:
      - {algo: right, env: Acrobot-v1, seed: 1}
    overrides:
      - where: {algo: right}
        threads: 2
        args: {steps: 50, fast: true, slow: false}
    smoke: {seed: 0, args: {steps: 5}}
"""
WALK = """
import argparse

import gymnasium


def main(env="CartPole-v1", seed=0, steps=10):
    world = gymnasium.make(env)
    world.reset(seed=seed)
    for _ in range(steps):
        if any(world.step(world.action_space.sample())[2:4]):
            world.reset()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--env")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--fast", action="store_true")
    main(*[value for name, value in vars(parser.parse_args()).items() if name != "fast"])
"""
TRAINING = ("atari", "mujoco", "pybullet", "spinup", "tabular")


@pytest.fixture
def suite(folder):
    """Writes a suite beside its scripts."""
    for name in ("left", "right"):
        (folder / f"{name}.py").write_text(WALK)

    def write(text=SUITE):
        (folder / "mine.yaml").write_text(text)
        return "mine.yaml"

    return write


@pytest.fixture
def planned(suite, give):
    """The commands that a suite of one's own would run."""

    def planned(*argv, text=SUITE):
        said = give("suite", "run", suite(text), "--dry-run", "--out", "o", *argv)
        assert said.code == 0, said.err
        return said.out.splitlines()

    return planned


def test_runs_with_the_same_options_are_one_command(planned):
    assert planned() == [
        "rlgauge train left.py --env CartPole-v1,Acrobot-v1 --seeds 0..2 --name left --tests 0 --out o -- --steps 100",
        (
            "rlgauge train right.py --env CartPole-v1 --seeds 0..2 --name right --tests 0 --threads 2 --out o"
            " -- --steps 50 --fast"
        ),
        (
            "rlgauge train right.py --env Acrobot-v1 --seeds 0,2 --name right --tests 0 --threads 2 --out o"
            " -- --steps 50 --fast"
        ),
    ]


def test_cases_are_selected_and_a_budget_chosen(planned):
    assert planned("--select", "algo=right", "seed=1..2", "--select", "env=CartPole-v1") == [
        (
            "rlgauge train right.py --env CartPole-v1 --seeds 1..2 --name right --tests 0 --threads 2 --out o"
            " -- --steps 50 --fast"
        )
    ]
    assert planned("--budget", "smoke", "--select", "env=Acrobot-v1,CartPole-v1", "algo=left") == [
        "rlgauge train left.py --env CartPole-v1,Acrobot-v1 --seeds 0 --name left --tests 0 --out o -- --steps 5"
    ]


def test_options_after_the_marks_replace_those_of_commands_and_of_scripts(planned):
    lines = planned("--select", "algo=right", "seed=0", "--", "--threads", "1", "--seeds=7", "--", "--steps=3", "-v")
    assert lines == [
        (
            "rlgauge train right.py --env CartPole-v1,Acrobot-v1 --name right --tests 0 --threads 1 --seeds=7 --out o"
            " -- --fast --steps=3 -v"
        )
    ]


def test_what_varies_in_a_script_is_part_of_the_algorithms_name(planned):
    text = SUITE.replace("args: {steps: 100}", "args: {steps: 100, learning-rate: [0.1, 0.2]}")
    lines = planned("--select", "algo=left", "learning-rate=0.2", text=text)
    assert lines == [
        (
            "rlgauge train left.py --env CartPole-v1,Acrobot-v1 --seeds 0..2 --name left:learning-rate=0.2 --tests 0"
            " --out o -- --steps 100 --learning-rate 0.2"
        )
    ]


def test_a_command_of_any_language_stands_for_a_script(planned):
    text = SUITE.replace('script: "{algo}.py"', 'command: "{algo} --env {env} --seed {seed}"')
    lines = planned("--select", "algo=left", text=text)
    assert lines == [
        (
            "rlgauge train --env CartPole-v1,Acrobot-v1 --seeds 0..2 --name left"
            " --command 'left --env {env} --seed {seed}' --tests 0 --out o -- --steps 100"
        )
    ]


def test_trackers_are_given_at_once(planned):
    lines = planned("--select", "algo=left", text=SUITE.replace("tests: 0", "track: [tensorboard, mlflow]"))
    assert len(lines) == 1
    assert "--track tensorboard,mlflow" in lines[0]


@pytest.mark.parametrize(
    ("old", "new", "argv", "message"),
    [
        ("", "", ["--select", "algo=lft"], "Unknown algo 'lft'. Did you mean 'left'?"),
        ("", "", ["--select", "alg=left"], "Unknown axis 'alg'. Did you mean 'algo'?"),
        ("", "", ["--select", "left"], "--select left: write AXIS=VALUE; axes here: algo, env, seed."),
        ("", "", ["--select", "algo=right", "env=Acrobot-v1", "seed=1"], "has no case that is all of what --select"),
        ("", "", ["--select", "seed=3", "--budget", "smoke"], "Unknown seed '3'"),
        ("", "", ["--budget", "smok"], "Unknown budget 'smok'. Did you mean 'smoke'?"),
        ("    smoke: {seed: 0, args: {steps: 5}}\n", "", ["--budget", "smoke"], "mine.yaml has no smoke budget; its"),
        ("", "", ["--budget", "short"], "mine.yaml has no short budget: it has smoke and full; its options can be"),
        ("smoke: {seed: 0,", "short: {sed: 0,", [], "entry 1: train has no option 'sed'. Did you mean 'seed'?"),
        ("{algo}.py", "{algo}s.py", [], "entry 1: there is no script"),
        ('script: "{algo}.py"', "tests: 0", [], "'tests' is there twice"),
        ('      script: "{algo}.py"\n', "", [], "entry 1: Unknown algorithm 'left'"),
        ("tests: 0", "command: x", [], "entry 1: say one of these: a `script`, by its path"),
        ("seed: 0..2", "seeds: 0..2", [], "entry 1: seeds is no option of an entry: its axis is 'seed'."),
        ("seed: 0..2", "seed: [0..2, zero]", [], "'zero' is no seed"),
        ("tests: 0", "test: 0", [], "entry 1: train has no option 'test'. Did you mean 'tests'?"),
        ("tests: 0", "tests: many", [], "entry 1: --tests takes a whole number, not 'many'."),
        ("threads: 2", "thread: 2", [], "entry 1: train has no option 'thread'. Did you mean 'threads'?"),
        ("smoke: {seed: 0,", "smoke: {sed: 0,", [], "entry 1: train has no option 'sed'. Did you mean 'seed'?"),
        ("minutes: {full: 3}", "minutes: {ful: 3}", [], "minutes: unknown name 'ful'. Did you mean 'full'?"),
    ],
)  # fmt: skip
def test_mistakes_are_said_before_anything_runs(old, new, argv, message, suite, folder, give):
    assert old in SUITE
    said = give("suite", "run", suite(SUITE.replace(old, new) if old else SUITE), *argv)
    assert said.code == 2
    assert message in said.err
    assert not (folder / "out").exists()


@pytest.mark.parametrize("said", ["args: {a: 1}", "exclude: [{env: cartpole}]"])
def test_what_is_said_of_cases_is_for_trainings(said, suite, give):
    inside, beside = (f", {said}", "") if said.startswith("args") else ("", f"\n    {said}")
    text = f"description: x\nentries:\n  - throughput: {{env: cartpole{inside}}}{beside}\n"
    told = give("suite", "show", suite(text))
    assert told.code == 2
    assert f"entry 1: {said.partition(':')[0]} is for entries of train." in told.err


def test_only_a_suite_that_trains_has_options_for_scripts(suite, give):
    text = "description: x\nentries:\n  - throughput: {env: cartpole}\n"
    assert "trains no scripts" in give("suite", "run", suite(text), "--", "--quick", "--", "--x", "1").err


def test_axes_of_other_commands_are_selected_too(suite, give):
    entries = "  - throughput: {library: [rlgauge, gymnax], num_envs: [1, 10]}\n  - throughput: {}\n"
    text = f"description: x\nentries:\n{entries}"
    said = give("suite", "run", suite(text), "--dry-run", "--out", "o", "--select", "num-envs=10", "library=gymnax")
    assert said.out.splitlines() == ["rlgauge throughput --library gymnax --num-envs 10 --out o"]


def test_a_suite_of_ones_own_runs_by_its_path_and_tells_results_by_the_axis(suite, folder, give):
    del folder
    said = give("suite", "run", suite(), "--budget", "smoke", "--select", "env=CartPole-v1", "--", "--quiet")
    assert said.code == 0, said.err
    told = json.loads(give("summary", "out/mine-smoke", "--score", "num_steps", "--json").out)
    assert "left" in json.dumps(told)
    assert "right" in json.dumps(told)
    args = {json.loads(path.read_text())["case"]["labels"]["args"] for path in Path("out").rglob("config.json")}
    assert args == {"--steps 5", "--steps 5 --fast"}


def test_a_script_that_fails_fails_the_suite_and_is_named(suite, folder, give):
    name = suite()
    (folder / "left.py").write_text("raise RuntimeError('no legs')\n")
    said = give("suite", "run", name, "--budget", "smoke", "--select", "env=CartPole-v1", "algo=left", "--", "--quiet")
    assert said.code == 1
    assert "no legs" in said.err
    assert "1 of 1 command failed:" in said.err


@pytest.mark.parametrize("name", TRAINING)
def test_every_shipped_suite_that_trains_can_be_shown_at_both_budgets(name, give):
    for budget in ("full", "smoke"):
        said = give("suite", "show", name, "--budget", budget)
        assert said.code == 0, said.err
        assert f"Expected: about {getattr(find(name).minutes, budget):g} minute" in said.out
        calls = [shlex.split(line) for line in said.out.splitlines() if line.startswith("rlgauge train")]
        assert calls
        assert all(Path(call[2]).is_file() for call in calls)


def test_the_five_suites_are_shipped():
    assert set(TRAINING) <= set(shipped())
    assert {entry.command for name in TRAINING for entry in find(name).entries} == {"train"}


def test_a_shipped_suite_trains_and_tests(give):
    said = give(
        *("suite", "run", "tabular", "--budget", "smoke", "--select", "algo=q_learning", "env=rlgauge/NChain-v0"),
        *("--", "--quiet", "--tests", "2", "--videos", "0", "--", "--total-steps", "3000"),
    )
    assert said.code == 0, said.err
    table = give("summary", "out/tabular-smoke", "--json").out
    assert "q_learning" in table
    assert "rlgauge/NChain-v0" in table


BALANCE = """
import argparse

import gymnasium

parser = argparse.ArgumentParser()
parser.add_argument("--env")
parser.add_argument("--seed", type=int)
parser.add_argument("--skill", type=float)
asked = parser.parse_args()
if asked.seed == 9:
    raise ValueError("no such walk")
env = gymnasium.make(asked.env)
for _ in range(3):
    (_, _, angle, rate), _ = env.reset()
    is_over = False
    while not is_over:
        action = int(angle + rate > 0) if asked.skill else 0
        (_, _, angle, rate), _, has_fallen, is_late, _ = env.step(action)
        is_over = has_fallen or is_late
"""
WALKS = """
description: Walks.
entries:
  - train: {script: walk.py, env: CartPole-v1, seed: [0, 1], tests: 0, videos: 0, args: {skill: 1.0}}
targets:
  - {of: {algo: walk, env: CartPole-v1}, quantity: training_return, at_least: 100}
"""


def test_a_target_is_judged_by_the_runs_that_the_suite_asked_for_last(suite, give, folder):
    (folder / "walk.py").write_text(BALANCE)
    path = suite(WALKS)
    lines = []
    for argv in (["--", "--", "--skill", "0.0"], [], ["--", "--", "--skill", "0.0"], ["--", "--seeds", "0,9"]):
        said = give("suite", "run", path, "--out", "runs", *argv)
        lines.append(next(line for line in said.out.splitlines() if line.startswith("- ")))
    assert ["not met" in line for line in lines] == [True, False, True, False]
    assert "without" not in "".join(lines[:3])
    assert ", without 1 seed" in lines[3]
    assert lines[3].split(", without")[0] in give("summary", "runs", "--targets").out


ALGORITHMS = """
description: Two algorithms of ours.
entries:
  - train:
      algo: [bc, gail]
      env: [seals/CartPole-v0, seals/HalfCheetah-v1]
      seed: 0..1
      config-name: bc_seals_half_cheetah
      args: {policy.normalize_features: false}
    overrides:
      - where: {algo: bc, budget: smoke}
        args: {bc.n_epochs: "null", bc.n_batches: 5}
    smoke: {seed: 0, tests: 2}
"""


def test_of_algorithms_of_ours_arguments_are_settings_of_their_configuration(planned):
    assert planned("--select", "algo=bc", text=ALGORITHMS) == [
        (
            "rlgauge train --algo bc --env seals/CartPole-v0,seals/HalfCheetah-v1 --seeds 0..1 --name bc"
            " --config-name bc_seals_half_cheetah --set policy.normalize_features=false --out o"
        )
    ]
    (smoke,) = planned("--select", "algo=bc", "--budget", "smoke", text=ALGORITHMS)
    assert "--tests 2 --set policy.normalize_features=false --set bc.n_epochs=null --set bc.n_batches=5" in smoke


OWN = """
description: An algorithm of one's own beside ours.
entries:
  - train: {algo: ["mine:push", bc], env: seals/CartPole-v0, seed: 0..1, tests: 1}
    overrides:
      - where: {algo: bc}
        args: {bc.n_epochs: null, bc.n_batches: 2}
"""


def test_an_algorithm_of_ones_own_and_one_with_defaults_are_entries_of_a_suite(give, suite, folder):
    (folder / "mine.py").write_text("def push(make_env, demonstrations, config, context):\n    return lambda _: 0\n")
    said = give("suite", "run", suite(OWN), "--out", "o")
    assert said.code == 0, said.err
    found = sorted((run.case.labels["algorithm"], run.case.seed, str(run.status)) for run in Store("o").runs())
    assert found == [(name, seed, "COMPLETED") for name in ("bc", "push") for seed in (0, 1)]


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("bc.n_batches", "bc.n_batchs", "mine.yaml, entry 1: Unknown setting 'bc.n_batchs'. Did you mean 'n_batches'"),
        (", bc]", ", bcc]", "mine.yaml, entry 1: Unknown algorithm 'bcc'"),
        ("seals/CartPole-v0", "seals/CartPol-v0", "mine.yaml, entry 1: Unknown environment 'seals/CartPol-v0'"),
    ],
)
def test_mistakes_in_what_an_algorithm_is_given_are_said_before_anything_runs(give, suite, folder, old, new, sentence):
    (folder / "mine.py").write_text("def push(make_env, demonstrations, config, context):\n    return lambda _: 0\n")
    text = OWN.replace(old, new).replace("where: {algo: bc}", "where: {seed: 0}")
    said = give("suite", "run", suite(text), "--out", "o")
    assert said.code == 2
    assert sentence in said.err
    assert not (folder / "o").exists()


def test_what_a_smaller_budget_lacks_is_said_to_be_so(give):
    said = give("suite", "run", "throughput-chunk", "--select", "num_envs=1k", "--budget", "smoke")
    assert said.code == 2
    assert "So it is at the budget smoke; options after `--` replace what it says." in said.err


def test_seeds_that_are_asked_for_are_run_at_every_budget(give):
    asked = ("--select", "algo=bc", "env=seals/Ant-v1", "seed=0..2", "--budget", "smoke")
    said = give("suite", "run", "imitation", *asked, "--dry-run")
    assert said.code == 0, said.err
    (line,) = said.out.splitlines()
    assert "--env seals/Ant-v1 --seeds 0..2 " in line
    assert "--set bc.n_batches=500 " in line
    assert give("suite", "run", "imitation", "--select", "seed=10", "--budget", "smoke").code == 2


def test_algorithms_of_ours_are_run_as_a_suite_has_them(give, suite):
    path = suite(ALGORITHMS)
    argv = ("suite", "run", path, "--budget", "smoke", "--out", "o", "--select", "algo=bc", "env=seals/CartPole-v0")
    said = give(*argv)
    assert said.code == 0, said.err
    (run,) = Path("o/train").glob("bc-*/*/run.json")
    told = json.loads(run.read_text())
    assert told["result"]["imit_stats"]["n_traj"] == 2
    config = json.loads(run.with_name("config.json").read_text())["case"]["params"]["algorithm"]["config"]
    assert config["bc"]["n_batches"] == 5
    assert config["bc"]["n_epochs"] is None
    assert config["policy"]["normalize_features"] is False


def test_the_imitation_suite_is_four_algorithms_in_five_environments_with_ten_seeds(give):
    said = give("suite", "show", "imitation")
    assert said.code == 0, said.err
    lines = [line for line in said.out.splitlines() if line.startswith("rlgauge train")]
    assert [line.split()[3] for line in lines] == ["bc", "dagger", "gail", "airl"]
    assert all(line.count("seals/") == 5 and "--seeds 0..9" in line for line in lines)


def test_the_short_imitation_suite_is_the_same_twenty_pairs_on_two_cores(give):
    said = give("suite", "show", "imitation", "--budget", "short")
    assert said.code == 0, said.err
    assert f"60 trainings. Expected: about {find('imitation').minutes.short:g} minutes." in said.out
    lines = [line for line in said.out.splitlines() if line.startswith("rlgauge train")]
    assert {line.split()[3] for line in lines} == {"bc", "dagger", "gail", "airl"}
    assert sum(line.count("seals/") for line in lines) == 20
    assert all("--seeds 0..2" in line and "--workers 2" in line for line in lines)
    assert all("total_timesteps=" in line for line in lines if "--algo bc" not in line)


def test_the_suite_of_what_is_to_be_learned_has_a_target_for_all_that_it_trains(give):
    suite = find("imitation-learning")
    said = give("suite", "show", "imitation-learning")
    assert said.code == 0, said.err
    lines = [line.split() for line in said.out.splitlines() if line.startswith("rlgauge train")]
    trained = {(line[3], env) for line in lines for env in line[5].split(",")}
    assert {(str(one.of["algo"]), str(one.of["env"])) for one in suite.targets} == trained
    assert give("suite", "show", "imitation-learning", "--budget", "smoke").code == 0


def test_what_is_for_scripts_alone_is_refused_with_an_algorithm_and_not_ignored(give):
    for option in (("--keep-rewards",), ("--env-flag", "env"), ("--seed-flag", "seed")):
        said = give("train", "--algo", "bc", "--env", "seals/CartPole-v0", *option)
        assert said.code == 2
        assert f"{option[0]} is for scripts" in said.err


QUICK = """
description: Algorithms of ours, as quick as can be.
entries:
  - train:
      algo: bc
      env: seals/CartPole-v0
      seed: 0
      config-name: bc_seals_half_cheetah
      tests: 1
      args: {bc.n_epochs: "null", bc.n_batches: 5}
  - train:
      algo: dagger
      env: seals/CartPole-v0
      seed: 0
      config-name: dagger_seals_half_cheetah
      tests: 1
      args:
        bc.n_epochs: "null"
        bc.n_batches: 20
        dagger.total_timesteps: 3000
        dagger.rollout_round_min_episodes: 1
        environment.num_envs: 1
"""


def attempts(out):
    """What each attempt came to, by its case and number."""
    found = {path.parent: json.loads(path.read_text()) for path in Path(out).glob("train/*/*/run.json")}
    return {(place.parent.name.partition("-")[0], place.name.partition("-")[0]): run for place, run in found.items()}


def test_a_suite_that_was_killed_is_finished_by_the_same_command(give, start, suite):
    path = suite(QUICK)
    process = start("suite", "run", path, "--out", "o")
    second = "train/dagger-*/1-*/artifacts/checkpoints/round-001.npz"
    wait_for(lambda: any(Path("o").glob(second)) or process.poll() is not None)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    wait_for(lambda: all(run["status"] != "RUNNING" for run in attempts("o").values()))
    assert {name: run["status"] for name, run in attempts("o").items()} == {
        ("bc", "1"): "COMPLETED",
        ("dagger", "1"): "INTERRUPTED",
    }
    again = give("suite", "run", path, "--out", "o")
    assert again.code == 0, again.err
    assert "1 of 1 run is in o already." in again.err
    finished = attempts("o")
    assert set(finished) == {("bc", "1"), ("dagger", "1"), ("dagger", "2")}
    assert re.fullmatch(r"gone on from round \d+ of 1-\w+", finished["dagger", "2"]["result"]["began"])
    assert "gone on from round" in again.err
    assert give("suite", "run", path, "--out", "whole", "--select", "algo=dagger").code == 0
    at_once = attempts("whole")["dagger", "1"]
    assert "began" not in at_once["result"]
    for name in ("imit_stats", "expert_stats"):
        assert finished["dagger", "2"]["result"][name] == at_once["result"][name]
    for name in ("num_steps", "num_episodes", "training_return"):
        assert finished["dagger", "2"]["totals"][name] == at_once["totals"][name]


@pytest.mark.parametrize("budget", ["smoke", "full"])
def test_the_original_library_is_asked_for_the_cases_of_the_imitation_suite(budget):
    pairs = [axes_of(name, budget) for name in ("imitation", "imitation-original")]
    assert pairs[0] == pairs[1]
    assert len(pairs[0]) == {"smoke": 20, "full": 200}[budget]


def axes_of(name, budget):
    suite = find(name)
    found = [case for entry in suite.entries for case in cases(suite.where, entry, Budget(budget))]
    assert all(("library" in case.options) == (name == "imitation-original") for case in found)
    return [tuple(case.axes.items()) for case in found]
