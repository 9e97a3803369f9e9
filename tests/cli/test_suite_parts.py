"""Suites in parts: a command for each case, shards, and folders of several machines that become one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rlgauge.core.store import Store

WALKS = """
description: Walks.
entries:
  - train: {script: walk.py, env: [CartPole-v1, Acrobot-v1], seed: 0..2, tests: 0, videos: 0, args: {skill: [1, 2]}}
  - throughput: {env: cartpole, library: [rlgauge, gymnax], num-envs: [1, 10, 100], baseline: gymnax}
targets:
  - {of: {algo: "walk:skill=1", env: CartPole-v1}, quantity: training_return, at_least: 1}
  - {of: {algo: "walk:skill=1", env: Acrobot-v1}, quantity: training_return, at_least: -1000}
"""
WALK = """
import argparse
import gymnasium

parser = argparse.ArgumentParser()
parser.add_argument("--skill")
parser.parse_args()


def main(env="CartPole-v1"):
    env = gymnasium.make(env, max_episode_steps=20)
    for _ in range(2):
        env.reset()
        while not any(env.step(0)[2:4]):
            pass
"""


@pytest.fixture
def suite(folder) -> str:
    (folder / "walk.py").write_text(WALK)
    (folder / "walks.yaml").write_text(WALKS)
    return "walks.yaml"


def test_each_case_has_a_command_of_its_own_and_libraries_that_are_compared_stay_together(give, suite):
    lines = give("suite", "commands", suite, "--out", "o").out.splitlines()
    assert len(lines) == len(set(lines)) == 2 * 3 * 2 + 3
    named = "--name walk:skill=2 --tests 0 --videos 0 --out o -- --skill 2"
    assert f"rlgauge train walk.py --env CartPole-v1 --seeds 1 {named}" in lines
    assert "rlgauge throughput --env cartpole --library rlgauge,gymnax --num-envs 10 --baseline gymnax --out o" in lines


def test_a_case_of_two_entries_is_in_one_part(give, folder, suite):
    (folder / "twice.yaml").write_text(
        "description: Walks.\nentries:\n"
        "  - train: {script: walk.py, env: CartPole-v1, seed: 0..3, args: {skill: 1}}\n"
        "  - train: {script: walk.py, env: CartPole-v1, seed: 2..5, args: {skill: 1}}\n"
    )
    lines = give("suite", "commands", "twice.yaml").out.splitlines()
    assert [line.partition("--seeds ")[2][0] for line in lines] == list("012345")
    parts = [give("suite", "commands", "twice.yaml", "--shard", f"{number}/3").out.splitlines() for number in (1, 2, 3)]
    assert sorted(line for part in parts for line in part) == sorted(lines)


@pytest.mark.parametrize("count", [1, 2, 4, 20])
@pytest.mark.parametrize("select", [[], ["--select", "env=CartPole-v1", "seed=0..1"]])
def test_parts_are_disjoint_and_complete_and_of_one_size(give, suite, count, select):
    def lines(*argv: str) -> list[str]:
        return give("suite", "commands", suite, *select, *argv).out.splitlines()

    parts = [lines("--shard", f"{number}/{count}") for number in range(1, count + 1)]
    assert sorted(line for part in parts for line in part) == sorted(lines())
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    assert parts == [lines("--shard", f"{number}/{count}") for number in range(1, count + 1)]


def test_a_part_that_is_run_has_its_seeds_together(give, suite):
    lines = give("suite", "run", suite, "--select", "skill=1", "--shard", "1/2", "--dry-run").out.splitlines()
    assert [line.partition(" --name")[0] for line in lines] == [
        "rlgauge train walk.py --env CartPole-v1 --seeds 0,2",
        "rlgauge train walk.py --env Acrobot-v1 --seeds 1",
    ]


def test_parts_that_were_run_apart_are_merged_and_judged(give, suite):
    some = ("--select", "skill=1", "seed=0..1")
    for number in (1, 2):
        said = give("suite", "run", suite, *some, "--shard", f"{number}/2", "--out", f"part{number}")
        assert said.code == 0, said.err
        assert "Targets" not in said.out
    said = give("runs", "merge", "whole", "part1", "part2")
    assert (said.code, said.out) == (0, "part1: 2 runs copied.\npart2: 2 runs copied.\n")
    assert {run.case.name for run in Store("whole").runs()} == {
        f"walk:skill=1-{env}-s{seed}" for env in ("CartPole-v1", "Acrobot-v1") for seed in (0, 1)
    }
    told = give("summary", "whole", "--targets").out
    assert told.count(" met") == 2
    assert give("suite", "run", suite, *some, "--out", "whole").out.count(" met") == 2
    again = give("runs", "merge", "whole", "part2")
    assert again.out == "part2: 0 runs copied, 2 there before.\n"


def test_what_a_part_alone_ran_for_a_target_is_known_after_merging(give, suite):
    for number, env in enumerate(("CartPole-v1", "Acrobot-v1"), start=1):
        argv = ("--select", "skill=1", "seed=0", f"env={env}", "--shard", "1/1", "--out", f"part{number}")
        assert give("suite", "run", suite, *argv).code == 0
    give("runs", "merge", "whole", "part1", "part2")
    (kept,) = Path("whole").glob("targets_*.json")
    assert [one["task"] for one in json.loads(kept.read_text())["ran"]] == ["CartPole-v1", "Acrobot-v1"]


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["--shard", "5/4"], "--shard 5/4: write which part of how many, such as 1/4"),
        (["--shard", "0/4"], "--shard 0/4: write"),
        (["--shard", "half"], "--shard half: write"),
        (["--shard", "1/2", "--", "--seeds", "0..3"], "--seeds after `--` replaces an axis"),
    ],
)
def test_mistakes_are_said(give, suite, argv, sentence):
    said = give("suite", "run", suite, *argv)
    assert said.code == 2
    assert sentence in said.err


def test_a_part_without_a_case_is_no_failure(give, suite, folder):
    said = give("suite", "run", suite, "--select", "skill=1", "seed=0", "--shard", "3/3", "--out", "o")
    assert (said.code, said.out) == (0, "No case of walks.yaml is in part 3/3.\n")
    assert not (folder / "o").exists()


def test_a_folder_is_not_merged_into_itself_and_one_that_is_not_there_is_named(give, folder):
    (folder / "o").mkdir()
    assert "o can't be merged into itself." in give("runs", "merge", "o", "./o").err
    assert "There is no folder 'nowhere'" in give("runs", "merge", "o", "nowhere").err
