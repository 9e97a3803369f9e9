from __future__ import annotations

import json
from pathlib import Path

import pytest

from rlgauge.core.run import Status
from rlgauge.core.seeding import episode_seed
from rlgauge.core.store import Store

CARTPOLE = ("benchmark", "--env", "CartPole-v1", "--policy", "random", "--out", "o")


def test_nothing_is_left_in_the_folder(give, folder):
    assert give(*CARTPOLE, "--dry-run").code == 0
    assert list(folder.iterdir()) == []


def test_the_list_is_shortened_for_people(give):
    said = give(*CARTPOLE, "--num-episodes", "30", "--dry-run")
    assert said.out.count("CartPole-v1") == 6
    assert "24 more" in said.out
    assert "30 episodes, 0 of them in o already." in said.out
    assert "This rests on one real episode of each policy in each task" in said.out


def test_the_list_is_whole_as_json(give):
    said = give(*CARTPOLE, "--policy", "zero", "--num-episodes", "11", "--dry-run", "--json")
    told = json.loads(said.out)
    assert [e["index"] for e in told["episodes"]] == [*range(11), *range(11)]
    assert [e["policy"] for e in told["episodes"]] == ["random"] * 11 + ["zero"] * 11
    assert told["episodes"][3]["seed"] == episode_seed(42, "CartPole-v1", 3)
    assert told["predicted"]["seconds"] > 0
    assert told["predicted_from"] == "one real episode of each policy in each task"


def test_the_seeds_are_those_that_are_played(give):
    listed = json.loads(give(*CARTPOLE, "--num-episodes", "12", "--dry-run", "--json").out)["episodes"]
    played = json.loads(give(*CARTPOLE, "--num-episodes", "12", "--json").out)["results"][0]["episodes"]
    assert [e["seed"] for e in listed] == [e["seed"] for e in played]


def test_what_is_there_is_not_counted_again(give):
    give(*CARTPOLE, "--num-episodes", "20")
    told = json.loads(give(*CARTPOLE, "--num-episodes", "25", "--dry-run", "--json").out)
    assert [e["is_there"] for e in told["episodes"]] == [True] * 20 + [False] * 5
    whole = json.loads(give(*CARTPOLE, "--num-episodes", "20", "--dry-run", "--json").out)
    assert whole["predicted"]["seconds"] == 0


def test_runs_that_failed_are_neither_there_nor_played_again_unless_asked(give, folder, policies):
    argv = ("benchmark", "--env", "CartPole-v1", "--policy", "policies:Exploding", "--num-episodes", "20", "--out", "o")
    assert give(*argv).code == 1
    done = sum(run.num_records for run in Store("o").runs() if run.status is Status.COMPLETED)
    (folder / "policies.py").touch()
    said = give(*argv, "--dry-run")
    assert f"20 episodes, {done} of them in o already." in said.out
    assert f"{20 - done} episodes of runs that failed will not be played again without --rerun-failed." in said.out
    again = json.loads(give(*argv, "--dry-run", "--rerun-failed", "--json").out)["episodes"]
    assert {episode["is_given_up"] for episode in again} == {False}
    kept = [record for run in Store("o").runs() for record in run.records]
    assert sum(episode["is_there"] for episode in again) == len(kept)


def test_quiet_tells_only_what_went_wrong(give, folder):
    assert give(*CARTPOLE, "--dry-run", "--quiet") == (0, "", "")
    (folder / "late.py").write_text(LATE)
    said = give("benchmark", "--env", "CartPole-v1", "--policy", "late:act", "--dry-run", "--quiet")
    assert said == (1, "", "The probe failed: RuntimeError: too late\n")


@pytest.mark.parametrize("grids", [(), ("--no-video-grids",)], ids=["grids", "no grids"])
def test_the_size_is_right_within_a_third(give, grids):
    argv = (*CARTPOLE, "--num-episodes", "40", "--max-steps", "8", "--record-mode", "all", *grids)
    predicted = json.loads(give(*argv, "--dry-run", "--json").out)["predicted"]
    give(*argv)
    size = sum(path.stat().st_size for path in Path("o").rglob("*") if path.is_file())
    assert predicted["bytes"] == pytest.approx(size, rel=0.33)
    assert predicted["films_at_most"] == 40


def test_only_the_first_episodes_are_filmed_where_that_was_asked(give):
    argv = (*CARTPOLE, "--num-episodes", "20", "--record-mode", "first:3", "--dry-run", "--json")
    assert json.loads(give(*argv).out)["predicted"]["films_at_most"] == 3


LATE = """
def act(observation):
    if abs(observation[2]) > 0.1:
        raise RuntimeError("too late")
    return 0
"""


def test_a_policy_that_fails_is_told_and_nothing_is_predicted(give, folder):
    (folder / "late.py").write_text(LATE)
    argv = ("benchmark", "--env", "CartPole-v1", "--policy", "late:act", "--dry-run")
    said = give(*argv)
    assert said.code == 1
    assert "The probe failed: RuntimeError: too late" in said.out
    assert "Predicted" not in said.out
    assert json.loads(give(*argv, "--json").out)["predicted"] is None


def test_a_mistake_is_found_before_anything_is_measured(give):
    said = give("benchmark", "--env", "CartPole-v9", "--policy", "random", "--dry-run")
    assert said.code == 2
    assert "Did you mean 'CartPole-v1'?" in said.err
