from __future__ import annotations

import json
import shlex
import time
from pathlib import Path

import pytest

from rlgauge.cli import suite_commands, throughput
from rlgauge.suites.suite import shipped

CORRIDOR = """
import numpy as np
from rlgauge.envs.host_env import HostOutcome

class Corridor:
    kind = "vector"

    def __init__(self, num_envs):
        self.num_envs = num_envs

    def reset(self, seed):
        return np.zeros(self.num_envs)

    def sample(self, rng):
        return rng.integers(2, size=self.num_envs)

    def step(self, actions):
        ones = np.ones(self.num_envs)
        return HostOutcome(ones, ones, ones > 0, self.num_envs)

    def close(self):
        pass

class Broken(Corridor):
    def reset(self, seed):
        raise RuntimeError("the door is locked")
"""
SUITE = """
description: A corridor.
entries:
  - throughput: {env: "corridor:Broken", num_envs: 1}
  - throughput: {env: "corridor:Corridor", num_envs: [1, 10]}
targets:
  - of: {env: "corridor:Corridor", library: py, num_envs: 10}
    quantity: steps_per_second
    at_least: 1
  - of: {env: "corridor:Broken", library: py, num_envs: 1}
    quantity: steps_per_second
    at_least: 1
"""
STOPPED = -1
QUICK = ["--min-seconds", "0.01", "--repeats", "2", "--warmup", "0"]


@pytest.fixture
def suite(folder):
    """Writes a suite into the current folder, beside a module of environments."""
    (folder / "corridor.py").write_text(CORRIDOR)

    def write(text=SUITE):
        (folder / "mine.yaml").write_text(text)
        return "mine.yaml"

    return write


def entry(text):
    return f"description: x\nentries:\n  - {text}\n"


def test_the_shipped_suites_are_listed_and_can_be_shown_and_run(give):
    listed = give("suite", "list").out
    for name in shipped():
        assert name in listed
        if not name.startswith("throughput"):
            continue
        shown = give("suite", "show", name)
        assert shown.code == 0
        planned = give("suite", "run", name, "--dry-run", "--tag", "x", "--", "--num_envs=10")
        assert planned.code == 0
        calls = planned.out.splitlines()
        assert len(calls) == shown.out.count("\nrlgauge throughput --env")
        for call in calls:
            assert shlex.split(call)[-5:] == ["--num-envs=10", "--out", f"out/{name}", "--tag", "x"]
            assert call.count("--num-envs") == 1


def test_a_dry_run_writes_nothing(suite, folder, give):
    assert give("suite", "run", suite(), "--dry-run").code == 0
    assert {path.name for path in folder.iterdir()} == {"corridor.py", "mine.yaml"}


def test_a_failing_entry_stops_no_other_and_its_target_is_not_met(suite, folder, give):
    said = give("suite", "run", suite(), "--tag", "first", "--", *QUICK)
    assert said.code == 1
    assert "1 of 2: rlgauge throughput --env corridor:Broken" in said.err
    assert "the door is locked" in said.err
    assert "1 of 2 commands failed:" in said.err
    assert "Targets of mine" in said.out
    assert said.out.endswith("\nReport: out/mine/report.html\n")
    assert "corridor:Corridor" in (folder / "out/mine/report.html").read_text()
    told = give("summary", "out/mine", "--targets", "--json").out
    met, failed = json.loads(told)["targets"]
    assert (met["tag"], met["verdict"], met["measured"]["n"]) == ("first", "met", 1)
    assert (failed["verdict"], failed["measured"]) == ("not measured", None)
    assert "the door is locked" in failed["reason"]
    summary = give("summary", "out/mine")
    assert "corridor:Corridor x 10" in summary.out
    assert "Targets of mine" in summary.out
    assert "not runs: --targets" in give("summary", "out/mine", "--format", "csv").err
    assert json.loads(give("summary", "out/mine", "--json").out)["targets"][1]["verdict"] == "not measured"


def test_unmet_targets_fail_a_strict_run_alone(suite, give, monkeypatch):
    monkeypatch.setattr(throughput, "main", lambda _argv: 0)
    assert give("suite", "run", suite()).code == 0
    assert give("suite", "run", suite(), "--strict").code == 1
    without = SUITE.partition("targets:")[0]
    assert give("suite", "run", suite(without), "--strict").code == 0


def test_the_worst_exit_code_is_the_suites_and_an_interruption_ends_it(suite, give, monkeypatch):
    asked, codes = [], []

    def call(argv):
        asked.append(argv)
        code = codes[len(asked) - 1]
        if code == STOPPED:
            raise KeyboardInterrupt
        return code

    monkeypatch.setattr(throughput, "main", call)
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    name = suite(entry("throughput: {env: cartpole, repeats: [1, 2, 3]}"))
    for ended, expected, num in (
        ([0, 2, 1], 2, 3),
        ([1, 0, 0], 1, 3),
        ([0, 130, 0], 130, 2),
        ([0, STOPPED, 0], 130, 2),
    ):
        asked.clear()
        codes[:] = ended
        said = give("suite", "run", name)
        assert said.code == expected
        assert len(asked) == num
        assert ("report" in said.err) is (expected != 130)  # a folder without runs has none
        assert ("Not begun: 1 of 3 commands." in said.err) is (expected == 130)


@pytest.mark.parametrize(
    ("text", "given", "expected"),
    [
        ("throughput: {num_envs: [1, 10k], library: gymnax}", [], ["--num-envs 1,10k --library gymnax"]),
        ("throughput: {full: true, quick: false}", [], ["--full"]),
        ("throughput: {repeats: [1, 2]}", [], ["--repeats 1", "--repeats 2"]),
        (
            "throughput: {repeats: [1, 2], min_seconds: [0.1, 0.2], num_envs: [3, 4]}",
            ["--min_seconds", "0.5"],
            ["--repeats 1 --num-envs 3,4 --min-seconds 0.5", "--repeats 2 --num-envs 3,4 --min-seconds 0.5"],
        ),
        ("throughput: {num-envs: 5}", ["--num-envs=6", "--full"], ["--num-envs=6 --full"]),
        (
            "benchmark: {env: [CartPole-v1, Acrobot-v1], policy: random, num_episodes: [1, 2]}",
            [],
            [f"--env CartPole-v1 --env Acrobot-v1 --policy random --num-episodes {num}" for num in (1, 2)],
        ),
        (
            "benchmark: {env: [CartPole-v1, Acrobot-v1], policy: random}",
            ["--env", "Pendulum-v1", "--env", "CartPole-v1"],
            ["--policy random --env Pendulum-v1 --env CartPole-v1"],
        ),
        ('benchmark: {benchmark: "mine:Own", benchmark.num_episodes: 3, policy: zero}', [],
         ["--benchmark mine:Own --benchmark.num_episodes 3 --policy zero"]),
    ],
)  # fmt: skip
def test_axes_are_given_at_once_where_the_command_takes_several_and_else_multiply(text, given, expected, suite, give):
    said = give("suite", "run", suite(entry(text)), "--dry-run", "--out", "o", *(["--", *given] if given else []))
    command = text.partition(":")[0]
    assert said.out.splitlines() == [f"rlgauge {command} {options} --out o" for options in expected]


@pytest.mark.parametrize(
    ("text", "argv", "message"),
    [
        ("throughpt: {}", [], "mine.yaml, entry 1: Unknown command 'throughpt'. Did you mean 'throughput'?"),
        ("throughput: {num_env: 1}", [], "entry 1: throughput has no option 'num_env'. Did you mean 'num_envs'?"),
        ("throughput: {repeats: many}", [], "entry 1: --repeats takes a whole number, not 'many'."),
        ("throughput: {library: gymnx}", [], "entry 1: Unknown library 'gymnx'. Did you mean 'gymnax'?"),
        ("throughput: {num_envs: 10, block: 3}", [], "block=3 does not divide"),
        ("throughput: {full: true}", ["--", "--quick"], "contradict each other"),
        ("throughput: {out: x}", [], "--out is no option of an entry"),
        ("throughput: {tag: x}", [], "--tag is no option of an entry"),
        ("throughput: {repeats: [1, 2]}", ["--", "--csv", "x.csv"], "--csv would be written by 2 commands"),
        ("throughput: {}", ["--", "--num-env", "3"], "has no option 'num_env'. Did you mean 'num_envs'?"),
        ("throughput: {}", ["--", "3"], "After `--` come options of the entries"),
        ("throughput: {}", ["--tag", "a/b"], "slash"),
    ],
)
def test_mistakes_are_said_before_anything_runs(text, argv, message, suite, folder, give):
    said = give("suite", "run", suite(entry(text)), *argv)
    assert said.code == 2
    assert message in said.err
    assert not (folder / "out").exists()


def test_a_suite_of_policies_has_targets_of_success(suite, give):
    said = give("suite", "run", suite("""
description: Two policies.
entries:
  - benchmark: {env: CartPole-v1, policy: [random, zero], num_episodes: 4, success_return: 5}
targets:
  - {of: {policy: random, env: CartPole-v1}, quantity: success, at_least: 0.9}
  - {of: {policy: zero, env: CartPole-v1}, quantity: return, at_least: 400}
  - {of: {policy: random, env: CartPole-v1}, quantity: retrn, at_least: 400}
"""), "--out", "runs", "--tag", "first")  # fmt: skip
    assert said.code == 0
    lines = [line for line in said.out.splitlines() if line.startswith("first ")]
    assert [line.split()[-1] for line in lines] == ["uncertain", "met", "it"]
    assert "at least 90 %" in lines[0]
    assert "100 % [" in lines[0]
    assert "not met" in lines[1]
    assert "not measured: no run of the folder tells it" in lines[2]
    assert "Of policies and trainings, the runs count that the suite last asked for under the tag." in said.out
    assert json.loads(Path("runs/targets_mine_first.json").read_text())["tag"] == "first"


def test_a_tag_goes_to_the_commands_that_have_one(suite, give):
    entries = "description: x\nentries:\n  - benchmark: {env: CartPole-v1, policy: random}\n  - throughput: {}\n"
    said = give("suite", "run", suite(entries), "--dry-run", "--out", "o", "--tag", "x")
    assert said.out.splitlines() == [
        "rlgauge benchmark --env CartPole-v1 --policy random --out o",
        "rlgauge throughput --out o --tag x",
    ]


def test_help_is_shown_and_what_is_missing_told(give):
    assert "rlgauge suite run SUITE" in give("suite").out
    assert "--dry-run" in give("suite", "run", "--help").out
    assert give("suite", "run").code == 2
    assert "Did you mean 'show'" in give("suite", "shw").err
    assert "Did you mean 'throughput-memory'" in give("suite", "show", "throughput-memry").err


def test_every_command_of_entries_takes_the_options_that_are_said_to_take_several():
    for command, manner in suite_commands.KNOWN.items():
        parser = suite_commands.module_of(command).build_parser()
        known = {name[2:].replace("-", "_") for name in suite_commands.option_names(parser)}
        assert manner.several <= known
