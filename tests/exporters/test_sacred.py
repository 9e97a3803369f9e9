from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rlgauge.core.errors import UserError
from rlgauge.core.run import USAGE, Status
from rlgauge.core.store import Attempt, Store
from rlgauge.exporters.sacred import write_sacred
from rlgauge.importers import read
from rlgauge.importers.write import write
from tests.core.test_index import case as evaluation
from tests.core.test_index import measured
from tests.exporters.making import CARTPOLE, EXPERT, HOPPER, REFERENCES, RETURNS, begun, case, store, trained

SAMPLE = Path(__file__).parents[1] / "data" / "sacred_sample"


def exported(tmp_path: Path) -> Path:
    write_sacred(tmp_path / "out", tmp_path / "tree")
    return tmp_path / "tree"


def loaded(path: Path) -> Any:
    return json.loads(path.read_text())


def only_run(tree: Path, script: str = "train_imitation") -> Any:
    return loaded(tree / "sacred" / script / "1" / "run.json")


def test_the_tree_is_that_of_the_library(tmp_path: Path) -> None:
    for algorithm in ("bc", "dagger", "gail", "airl"):
        trained(tmp_path / "out", case(algorithm))
    tree = exported(tmp_path)
    assert {path.name for path in tree.iterdir()} == {"sacred", "bc", "dagger", "gail", "airl"}
    assert {path.name for path in (tree / "sacred").iterdir()} == {"train_imitation", "train_adversarial"}
    for script in (tree / "sacred").iterdir():
        assert {path.name for path in script.iterdir()} == {"1", "2", "_sources"}
        for number in ("1", "2"):
            files = {path.name for path in (script / number).iterdir()}
            assert files == {"config.json", "run.json", "cout.txt", "metrics.json"}
    (folder,) = (tree / "gail" / "seals-CartPole-v0").iterdir()
    assert re.fullmatch(r"\d{8}_\d{6}_[0-9a-f]{12}", folder.name)
    assert {path.name for path in folder.iterdir()} == {"sacred", "log", "monitor", "checkpoints"}
    assert not (folder / "sacred").readlink().is_absolute()
    assert loaded(folder / "sacred" / "run.json")["command"] == "gail"


@pytest.mark.parametrize("name", ["run.json", "config.json"])
def test_the_files_have_the_fields_that_sacred_writes(tmp_path: Path, name: str) -> None:
    trained(tmp_path / "out", case("gail"))
    ours = loaded(exported(tmp_path) / "sacred" / "train_adversarial" / "1" / name)
    theirs = loaded(SAMPLE / "train_adversarial" / "11" / name)
    if name == "config.json":
        assert {"seed", "environment", "demonstrations", "expert", "logging", "policy_evaluation"} <= set(ours)
        assert {field: ours[field] for field in ("seed", "environment")} == {
            "seed": 0,
            "environment": {"gym_id": CARTPOLE},
        }
        return
    assert set(ours) == set(theirs)
    for part in ("experiment", "host"):
        assert set(ours[part]) == set(theirs[part])
    assert set(theirs["result"]["imit_stats"]) == set(ours["result"]["imit_stats"])
    assert {key for key in theirs["result"]["expert_stats"] if "len" not in key} <= set(ours["result"]["expert_stats"])


def test_files_are_written_as_sacred_writes_them(tmp_path: Path) -> None:
    trained(tmp_path / "out")
    for path in (exported(tmp_path) / "sacred" / "train_imitation" / "1").glob("*.json"):
        assert path.read_text() == json.dumps(loaded(path), sort_keys=True, indent=2)


def test_returns_are_those_of_the_test_episodes_by_the_names_and_formulas_of_the_library(tmp_path: Path) -> None:
    trained(tmp_path / "out")
    stats = only_run(exported(tmp_path))["result"]["imit_stats"]
    for prefix in ("", "monitor_"):
        assert stats[f"{prefix}return_mean"] == pytest.approx(np.mean(RETURNS))
        assert stats[f"{prefix}return_std"] == pytest.approx(np.std(RETURNS))
        assert stats[f"{prefix}return_min"] == min(RETURNS)
        assert stats[f"{prefix}return_max"] == max(RETURNS)
    assert (stats["n_traj"], stats["monitor_return_len"], stats["len_mean"]) == (3, 3, 6)


def test_the_experts_score_is_there_under_both_names(tmp_path: Path) -> None:
    trained(tmp_path / "out")
    stats = only_run(exported(tmp_path))["result"]["expert_stats"]
    assert stats == {**EXPERT, **{f"monitor_{name}": value for name, value in EXPERT.items() if name != "n_traj"}}


def test_where_no_expert_played_the_score_is_that_of_the_demonstrations(tmp_path: Path) -> None:
    shown = {"return_mean": 321.0, "num_episodes": 7}
    trained(tmp_path / "out", result={"demonstrations": shown, "references": {"random": 25.0}})
    stats = only_run(exported(tmp_path))["result"]["expert_stats"]
    assert stats == {"return_mean": 321.0, "monitor_return_mean": 321.0, "n_traj": 7}


def test_the_run_says_what_ran_where_and_how(tmp_path: Path) -> None:
    folder = trained(tmp_path / "out", case(seed=7, bc={"l2_weight": 3e-5}))
    tree = exported(tmp_path)
    run, config = only_run(tree), loaded(tree / "sacred" / "train_imitation" / "1" / "config.json")
    file = loaded(folder / "run.json")
    assert (run["command"], run["status"], run["experiment"]["name"]) == ("bc", "COMPLETED", "train_imitation")
    assert (run["start_time"], run["stop_time"]) == (file["start_time"], file["stop_time"])
    assert run["experiment"]["dependencies"] == ["rlgauge==0.1.0"]
    assert run["experiment"]["repositories"] == [{"url": None, "commit": "abc", "dirty": True}]
    assert run["host"] == {
        "ENV": {},
        "cpu": "one",
        "hostname": "here",
        "os": ["Linux", "Linux 6.1"],
        "python_version": "3.11.7",
    }
    assert run["meta"]["named_configs"] == ["bc_of_seals"]
    assert run["meta"]["command_line"] == "rlgauge train --algo bc"
    assert (config["seed"], config["bc"]) == (7, {"l2_weight": 3e-5})
    assert config["expert"] == {"digest": "0123456789ab"}
    assert config["policy_evaluation"] == {"n_episodes_eval": 3}
    assert (tree / config["logging"]["log_dir"] / "sacred" / "run.json").is_file()
    assert (tree / "sacred" / "train_imitation" / "1" / "cout.txt").read_text() == "hello\n"


def test_what_was_run_is_among_the_sources_under_its_checksum(tmp_path: Path) -> None:
    folder = trained(tmp_path / "out")
    tree = exported(tmp_path)
    ((name, kept),) = only_run(tree)["experiment"]["sources"]
    assert name == "spec.json"
    assert re.fullmatch(r"_sources/spec_[0-9a-f]{32}\.json", kept)
    assert (tree / "sacred" / "train_imitation" / kept).read_bytes() == (folder / "artifacts/spec.json").read_bytes()


def test_scalars_are_metrics_and_event_files_and_episodes_are_monitors(tmp_path: Path) -> None:
    trained(tmp_path / "out")
    tree = exported(tmp_path)
    metrics = loaded(tree / "sacred" / "train_imitation" / "1" / "metrics.json")
    assert metrics["loss"]["steps"] == [0, 10, 20]
    assert metrics["loss"]["values"] == [1.0, 0.5, 1 / 3]
    assert len(metrics["loss"]["timestamps"]) == 3
    assert set(metrics) == {"loss"}
    (logs,) = (tree / "bc" / "seals-CartPole-v0").iterdir()
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(logs / "log")).Reload()
    assert [(one.step, one.value) for one in events.Scalars("loss")] == [
        (0, 1.0),
        (10, 0.5),
        (20, pytest.approx(1 / 3)),
    ]
    monitor = pytest.importorskip("stable_baselines3.common.monitor")
    table = monitor.load_results(str(logs / "monitor"))
    assert sorted(table["r"]) == [0.25, 1.25, 2.25]
    assert set(table["l"]) == {5}


def test_checkpoints_and_weights_are_copied(tmp_path: Path) -> None:
    trained(tmp_path / "out")
    (logs,) = (exported(tmp_path) / "bc" / "seals-CartPole-v0").iterdir()
    assert (logs / "checkpoints" / "state.pt").read_bytes() == bytes(100)
    assert (logs / "checkpoints" / "final" / "policy.safetensors").read_bytes() == bytes(100)


def numbers(path: Path) -> list[Any]:
    found = []
    for one in sorted(read([path]).readings, key=lambda one: (one.algorithm, one.task, one.seed or 0)):
        totals = {name: (t.n, t.mean, t.squares) for name, t in one.totals.items()}
        found.append(((one.algorithm, one.task, one.seed, str(one.status)), totals, one.references))
    return found


def test_what_was_exported_and_imported_again_is_the_same_numbers(tmp_path: Path) -> None:
    store(tmp_path / "out", 3, ("bc", "dagger", "gail", "airl"))
    trained(tmp_path / "out", case("gail", HOPPER, 5, name="gail-large"))
    trained(tmp_path / "out", case("bc", HOPPER, 6), status=Status.FAILED, reason="Traceback\nValueError: no\n")
    before, tree = numbers(tmp_path / "out"), exported(tmp_path)
    write(read([tree]).readings, Store(tmp_path / "back"))
    for after in (numbers(tree), numbers(tmp_path / "back")):
        assert [one[0] for one in after] == [one[0] for one in before]
        for (name, ours, own), (_, theirs, others) in zip(before, after, strict=True):
            assert set(ours) == set(theirs), name
            for quantity, total in ours.items():
                assert theirs[quantity] == pytest.approx(total, rel=1e-12)
            assert others == own


def test_seeds_of_one_configuration_have_the_same_settings_when_read_again(tmp_path: Path) -> None:
    for seed in range(3):
        trained(tmp_path / "out", case(seed=seed))
    trained(tmp_path / "out", case(seed=0, bc={"l2_weight": 1.0}))
    settings = [one.settings for one in read([exported(tmp_path)]).readings]
    assert len(set(settings)) == 2
    assert sorted(settings.count(one) for one in set(settings)) == [1, 3]


def test_the_logs_are_known_to_belong_to_the_runs_also_in_a_copy_that_followed_the_links(tmp_path: Path) -> None:
    store(tmp_path / "out")
    exported(tmp_path)
    subprocess.run(["cp", "-rL", "tree", "copy"], cwd=tmp_path, check=True)
    assert len(read([tmp_path / "copy"]).readings) == len(read([tmp_path / "tree"]).readings) == 4


def test_a_failed_run_keeps_its_traceback_as_lines_and_has_no_result(tmp_path: Path) -> None:
    trained(tmp_path / "out", status=Status.FAILED, reason="Traceback (most recent call last):\nValueError: no\n")
    run = only_run(exported(tmp_path))
    assert run["status"] == "FAILED"
    assert run["result"] is None
    assert run["fail_trace"] == ["Traceback (most recent call last):\n", "ValueError: no\n"]
    (found,) = read([tmp_path / "tree"]).readings
    assert (found.status, found.reason) == (Status.FAILED, "ValueError: no")


@pytest.mark.parametrize("status", [Status.INTERRUPTED, Status.TIMEOUT])
def test_other_ends_keep_their_names(tmp_path: Path, status: Status) -> None:
    trained(tmp_path / "out", status=status)
    assert only_run(exported(tmp_path))["status"] == status
    assert [one.status for one in read([tmp_path / "tree"]).readings] == [status]


def test_a_run_that_died_says_running_with_its_last_heartbeat_as_sacreds_do(tmp_path: Path) -> None:
    attempt = begun(tmp_path / "out", case())
    Attempt.release(attempt.folder)
    run = only_run(exported(tmp_path))
    assert run["status"] == "RUNNING"
    assert run["heartbeat"]
    assert "stop_time" not in run


def test_what_the_librarys_scripts_would_end_at_is_left_out_and_said(tmp_path: Path) -> None:
    trained(tmp_path / "out", case(seed=0))
    trained(tmp_path / "out", case(seed=1), returns=[])
    trained(tmp_path / "out", case(seed=2), result={})
    measured(tmp_path / "out", evaluation(), 1.0)
    refused = begun(tmp_path / "out", case(seed=3))
    refused.commit(Status.FAILED, fail_kind=USAGE, fail_trace="No expert.")
    written = write_sacred(tmp_path / "out", tmp_path / "tree")
    assert written.num_runs == 1
    assert [note.partition(" runs ")[0] for note in written.notes] == ["2 of 5", "2"]
    assert "bc-seals/CartPole-v0-s1, bc-seals/CartPole-v0-s2" in written.notes[1]


def test_an_algorithm_of_ones_own_is_there_by_its_name(tmp_path: Path) -> None:
    trained(tmp_path / "out", case("mine:nearest", "my.module:Env/X-v0", name="near est"))
    tree = exported(tmp_path)
    assert only_run(tree)["command"] == "near est"
    assert (tree / "near-est" / "Env-X-v0").is_dir()
    (found,) = read([tree]).readings
    assert (found.algorithm, found.task) == ("near est", "my.module:Env/X-v0")


def test_runs_are_numbered_in_the_order_in_which_they_began(tmp_path: Path) -> None:
    for seed in (5, 3, 9):
        trained(tmp_path / "out", case(seed=seed))
    tree = exported(tmp_path) / "sacred" / "train_imitation"
    assert [loaded(tree / str(number) / "config.json")["seed"] for number in (1, 2, 3)] == [5, 3, 9]


def test_nothing_is_written_over_and_nothing_is_left_of_what_could_not_be_written(tmp_path: Path) -> None:
    trained(tmp_path / "out")
    (tmp_path / "tree").mkdir()
    exported(tmp_path)
    with pytest.raises(UserError, match="holds something already"):
        exported(tmp_path)
    shutil.rmtree(tmp_path / "tree")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no trainings of algorithms"):
        write_sacred(tmp_path / "empty", tmp_path / "tree")
    assert {path.name for path in tmp_path.iterdir()} == {"out", "empty"}


def test_references_are_kept_for_scores_that_are_normalised(tmp_path: Path) -> None:
    trained(tmp_path / "out")
    assert only_run(exported(tmp_path))["result"]["references"] == REFERENCES
