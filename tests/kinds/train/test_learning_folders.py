"""What a training of an algorithm leaves in its run's folder, and the link to it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rlgauge
from rlgauge.core.errors import UserError
from rlgauge.core.run import Run, Status
from rlgauge.exporters.sacred import write_sacred
from rlgauge.importers import read
from rlgauge.kinds.train.algorithm_workload import AlgorithmWorkload
from rlgauge.kinds.train.learning import link_or_warn

CARTPOLE = "seals/CartPole-v0"
SMALL = {"bc.n_batches": 20, "bc.n_epochs": None, "demonstrations.n_expert_demos": 2}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    out = tmp_path_factory.mktemp("learning") / "out"
    return rlgauge.run("bc", env=CARTPOLE, overrides=SMALL, seeds=[0, 1], num_tests=3, out=out)


@pytest.fixture(scope="module")
def out(runs: list[Run]) -> Path:
    return runs[0].folder.parents[2]


def loaded(path: Path) -> Any:
    return json.loads(path.read_text())


def test_the_files_have_the_fields_by_sacreds_names(runs: list[Run]) -> None:
    for seed, run in enumerate(runs):
        assert run.status is Status.COMPLETED, run.file.fail_trace
        config, told = loaded(run.folder / "config.json"), loaded(run.folder / "run.json")
        assert (config["seed"], config["environment"]["gym_id"]) == (seed, CARTPOLE)
        assert (told["status"], bool(told["command"])) == ("COMPLETED", True)
        assert {"start_time", "stop_time", "host", "result"} <= set(told)
        returns = [record.values["return"] for record in run.records if record.index > 0]
        stats = told["result"]["imit_stats"]
        for prefix in ("return", "monitor_return"):
            assert stats[f"{prefix}_mean"] == pytest.approx(np.mean(returns))
            assert stats[f"{prefix}_std"] == pytest.approx(np.std(returns))  # as the library has it
            assert (stats[f"{prefix}_min"], stats[f"{prefix}_max"]) == (min(returns), max(returns))
        assert stats["n_traj"] == stats["monitor_return_len"] == 3
        assert stats["len_mean"] == 500
        expert = told["result"]["expert_stats"]
        assert expert["monitor_return_mean"] == expert["return_mean"] == told["result"]["references"]["expert"]
        assert (run.folder / "cout.txt").is_file()
        assert (run.folder / "artifacts" / "weights" / "policy.safetensors").is_file()
        assert (run.folder / "artifacts" / "checkpoints").is_dir()


def test_every_training_leaves_a_relative_link_by_its_algorithm_and_environment(runs: list[Run], out: Path) -> None:
    links = sorted((out / "by-algo" / "bc" / "seals-CartPole-v0").iterdir())
    assert sorted(link.resolve() for link in links) == sorted(run.folder.resolve() for run in runs)
    assert all(link.name.endswith(f"_{run.case.id}") for link, run in zip(links, runs, strict=True))
    assert {path.name for path in (out / "by-algo").iterdir()} == {"bc"}


def test_a_copy_that_followed_the_links_has_no_run_twice(out: Path, tmp_path: Path) -> None:
    subprocess.run(["cp", "-rL", str(out), str(tmp_path / "copy")], check=True)
    found = read([tmp_path / "copy"])
    assert sorted(reading.seed or 0 for reading in found.readings) == [0, 1]
    assert not found.notes


def test_a_training_whose_link_can_not_be_made_says_so_and_is_trained(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "by-algo").write_text("in the way")
    (run,) = rlgauge.run("bc", env=CARTPOLE, overrides=SMALL, seed=0, num_tests=1, out=tmp_path / "out")
    assert run.status is Status.COMPLETED, run.file.fail_trace
    (warning,) = (text for text in run.file.result["warnings"] if "by-algo" in text)
    assert warning.startswith("There is no link to this run in by-algo: ")


def test_what_is_wrong_with_the_files_of_a_run_is_told_and_not_raised(runs: list[Run], tmp_path: Path) -> None:
    attempt = tmp_path / runs[0].case.folder / "1-abcdef"
    attempt.mkdir(parents=True)
    (attempt / "run.json").write_text("{")
    (told,) = link_or_warn(attempt / "artifacts", runs[0].case)
    assert told.startswith("There is no link")


def test_a_real_training_is_the_same_numbers_after_an_export_and_an_import(out: Path, tmp_path: Path) -> None:
    assert write_sacred(out, tmp_path / "tree").num_runs == 2
    before, after = (sorted(read([path]).readings, key=lambda one: one.seed or 0) for path in (out, tmp_path / "tree"))
    for ours, theirs in zip(before, after, strict=True):
        assert (ours.algorithm, ours.task, ours.seed) == (theirs.algorithm, theirs.task, theirs.seed)
        assert ours.references == theirs.references
        for name, total in theirs.totals.items():
            own = ours.totals[name]
            assert (total.n, total.mean, total.squares) == pytest.approx((own.n, own.mean, own.squares), rel=1e-9)
        assert set(theirs.totals) == {"return", "length"}
        assert theirs.curves


def test_a_call_from_python_is_the_case_of_the_command_line_and_runs_nothing_twice(runs: list[Run], out: Path) -> None:
    again = rlgauge.run("bc", env=CARTPOLE, overrides=SMALL, seeds=[0, 1], num_tests=3, out=out)
    assert [run.folder for run in again] == [run.folder for run in runs]
    assert [run.attempt for run in again] == [run.attempt for run in runs]
    workload = AlgorithmWorkload("bc", env=CARTPOLE, overrides=SMALL, seeds=[0, 1], num_tests=3)
    assert [case.id for case in workload.cases()] == [run.case.id for run in runs]


def test_a_configuration_is_named_and_trained_elsewhere(tmp_path: Path) -> None:
    (run,) = rlgauge.run(
        config_name="bc_seals_hopper", env=CARTPOLE, overrides=SMALL, seed=3, num_tests=1, out=tmp_path / "out"
    )
    assert run.status is Status.COMPLETED, run.file.fail_trace
    assert run.case.seed == 3
    labels = run.case.labels
    assert (labels["config_name"], labels["config_env"], labels["task"]) == (
        "bc_seals_hopper",
        "seals/Hopper-v1",
        CARTPOLE,
    )


def test_mistakes_of_a_call_from_python_are_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="give one of them"):
        rlgauge.run("bc", env=CARTPOLE, seed=0, seeds=[1], out=tmp_path)
    with pytest.raises(UserError, match="Say which algorithm"):
        rlgauge.run(env=CARTPOLE, out=tmp_path)
