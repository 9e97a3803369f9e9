"""The library's own scripts, run for real in its environment."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from rlgauge.core.execute import execute
from rlgauge.core.run import Status, read_records
from rlgauge.core.store import Store
from rlgauge.envs.gymnasium import make
from rlgauge.importers import read
from rlgauge.kinds.train.demonstrations_read import read_demonstrations
from rlgauge.kinds.train.experts.expert import find_expert
from rlgauge.kinds.train.original.workload import OriginalWorkload
from rlgauge.kinds.train.reading import TRAINING
from rlgauge.launch.local import Local

pytestmark = pytest.mark.timeout(1800)  # the environment is built by whoever is first

CARTPOLE = "seals/CartPole-v0"
ALONE = {"environment.parallel": False, "environment.num_vec": 1, "bc.train_kwargs.n_batches": 20}
SMALLEST = {
    "bc": ALONE,
    "dagger": {**ALONE, "dagger.total_timesteps": 500},
    "gail": {"environment.parallel": False, "total_timesteps": 2048, "algorithm_kwargs.demo_batch_size": 64},
    "preference_comparisons": {
        "environment.parallel": False,
        "environment.num_vec": 1,
        "total_timesteps": 512,
        "total_comparisons": 10,
        "num_iterations": 1,
        "rl.batch_size": 512,
    },
}


NUM_STEPS = {"bc": None, "dagger": 1500, "gail": 2048, "preference_comparisons": 500 + 512 + 1500 + 512}
"""For comparisons whole episodes are played, and after each of the two rounds of them the agent learns."""


def trained(out, algorithm, overrides):
    workload = OriginalWorkload(algorithm, env=CARTPOLE, seeds=[3], overrides=overrides, num_tests=2)
    (run,) = execute(workload, Store(out), launcher=Local(1)).values()
    return workload, run


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    return {name: trained(out, name, overrides) for name, overrides in SMALLEST.items()}


def values(run):
    return {record.index: record.values for record in read_records(run.folder / "records.jsonl").records}


def sacred(run) -> Path:
    return run.folder / run.file.result["sacred"]


@pytest.mark.parametrize("algorithm", SMALLEST)
def test_the_script_trains_and_what_sacred_wrote_is_what_the_run_says(runs, algorithm):
    _, run = runs[algorithm]
    assert run.status is Status.COMPLETED, run.file.fail_trace
    told = json.loads((sacred(run) / "run.json").read_bytes())
    assert (told["status"], told["command"].removeprefix("train_")) == ("COMPLETED", algorithm)
    assert run.file.result["imit_stats"] == told["result"]["imit_stats"]
    (link,) = (run.folder.parents[2] / "by-algo" / algorithm).glob("*/*")
    assert link.resolve() == run.folder
    training = values(run)[TRAINING]
    assert training["drawn_return"] == told["result"]["imit_stats"]["monitor_return_mean"]
    assert training["train_seconds"] > 0
    assert training.get("num_steps") == NUM_STEPS[algorithm]
    config = json.loads((sacred(run) / "config.json").read_bytes())
    assert (config["seed"], config["environment"]["gym_id"]) == (3, CARTPOLE)


@pytest.mark.parametrize("algorithm", SMALLEST)
def test_it_is_tested_as_ours_is_beside_its_own_tests(runs, algorithm):
    _, run = runs[algorithm]
    found = values(run)
    assert sorted(found) == [0, 1, 2]
    assert all(found[index]["length"] == 500 for index in (1, 2))
    assert run.file.result["references"]["expert"] > run.file.result["references"]["random"]


@pytest.mark.parametrize("algorithm", ["bc", "gail"])
def test_it_learns_from_the_demonstrations_that_ours_learns_from(runs, algorithm):
    workload, run = runs[algorithm]
    given = read_demonstrations(str(run.folder / "artifacts/work/demonstrations"), make(CARTPOLE)).demonstrations
    for name, ours, theirs in zip(given._fields, workload.shown(CARTPOLE).demonstrations, given, strict=True):
        np.testing.assert_array_equal(ours, theirs, err_msg=name)
    stats = run.file.result["expert_stats"]
    assert (stats["n_traj"], stats["return_mean"]) == (20, given.returns.mean())


def test_dagger_asks_our_expert(runs):
    _, run = runs["dagger"]
    rounds = sorted((run.folder / "artifacts/work/output").glob("dagger/*/*/scratch/demos/round-*/*"))
    assert rounds
    shown = read_demonstrations(str(rounds[0]), make(CARTPOLE)).demonstrations
    expected = find_expert(CARTPOLE).label(make(CARTPOLE))(shown.observations)
    np.testing.assert_array_equal(shown.actions, expected)


def test_by_comparisons_the_agent_is_trained_and_tested_and_nothing_is_shown(runs):
    _, run = runs["preference_comparisons"]
    assert 0 <= run.file.result["reward_accuracy"] <= 1
    assert "demonstrations" not in run.file.result
    assert not (run.folder / "artifacts/work/demonstrations").exists()
    config = json.loads((sacred(run) / "config.json").read_bytes())
    assert (config["total_comparisons"], config["rl"]["batch_size"]) == (10, 512)


@pytest.mark.parametrize("algorithm", ["bc", "preference_comparisons"])
def test_the_folder_of_sacred_is_read_as_what_it_is(runs, algorithm):
    _, run = runs[algorithm]
    (found,) = read([str(sacred(run).parent)]).readings
    assert (found.algorithm, found.task, found.seed) == (algorithm, CARTPOLE, 3)
    assert found.totals["return"].mean == values(run)[TRAINING]["drawn_return"]


def test_a_setting_that_the_library_does_not_have_fails_the_run_by_its_name(tmp_path):
    _, run = trained(tmp_path, "bc", {"bc.n_batchez": 5})
    assert run.status is Status.FAILED
    assert "n_batchez" in run.file.fail_trace
