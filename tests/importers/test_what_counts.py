"""What is a run of its own, and what is the same run again, as folders are laid out in practice."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from rlgauge.core.run import Status
from rlgauge.core.store import Store
from rlgauge.importers import read, tree
from rlgauge.importers.write import write
from tests.importers.test_sacred import BC, copied
from tests.importers.test_tensorboard import written


def evaluations(folder: Path, *returns: float, **others: list[float]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    parts = {name: np.array([[0.0] * len(values), values]) for name, values in others.items()}
    last = np.array([[0.0] * len(returns), returns])
    np.savez(folder / "evaluations.npz", timesteps=[10, 20], results=last, **parts)


def monitor(folder: Path, *returns: float, start: float = 1e9, env: str = "CartPole-v1") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rows = "".join(f"{value},9,{index}\n" for index, value in enumerate(returns))
    head = json.dumps({"t_start": start, "env_id": env})
    (folder / "monitor.csv").write_text(f"#{head}\nr,l,t\n{rows}")


def scores(*paths: Path | str) -> list[tuple[str, int | None, float]]:
    return [(found.algorithm, found.seed, found.totals["return"].mean) for found in read(paths).readings]


def test_algorithms_of_any_name_are_told_apart_by_their_folders(tmp_path):
    for name, base in (("mineA", 100.0), ("mineB", 900.0)):
        for seed in range(2):
            evaluations(tmp_path / name / "CartPole-v1" / f"seed_{seed}", base + seed)
    expected = [("mineA", 0, 100.0), ("mineA", 1, 101.0), ("mineB", 0, 900.0), ("mineB", 1, 901.0)]
    assert scores(tmp_path) == expected
    assert scores(tmp_path / "mineA", tmp_path / "mineB") == expected


def test_what_was_evaluated_in_a_folder_beneath_a_training_is_its_return(tmp_path):
    for seed in range(2):
        monitor(tmp_path / "ppo" / f"seed_{seed}", 5.0, 6.0)
        evaluations(tmp_path / "ppo" / f"seed_{seed}" / "eval", 490.0 + seed, 492.0 + seed)
    first, second = read([tmp_path]).readings
    assert (first.task, first.seed, first.totals["return"].n, first.totals["return"].mean) == ("CartPole-v1", 0, 2, 491)
    assert second.totals["return"].mean == 492
    assert first.curves["return"].values == (0.0, 491.0)
    assert first.curves["training_return"].values == (5.0, 6.0)


def test_a_monitor_above_several_trainings_is_not_theirs(tmp_path):
    monitor(tmp_path / "ppo", 5.0)
    for seed in range(2):
        evaluations(tmp_path / "ppo" / f"seed_{seed}", 490.0 + seed)
    assert [mean for _, _, mean in scores(tmp_path)] == [5.0, 490.0, 491.0]


def test_equal_results_of_different_runs_all_count(tmp_path):
    for name in ("run_a", "run_b"):
        evaluations(tmp_path / "ppo" / name, 500.0, 500.0)
        monitor(tmp_path / "ppo" / name, 500.0, start=1e9 + ord(name[-1]))
    assert scores(tmp_path) == [("ppo", None, 500.0)] * 2
    info = {"overall": {"avg_sum_reward": 1.0, "pc_success": 100.0, "n_episodes": 2}}
    results = {"task_results": [{"task_id": "lift", "n_episodes": 2, "success_rate": 100.0, "avg_reward": 1.0}]}
    for name, content in (("eval_info.json", info), ("results.json", results)):
        for seed in range(3):
            folder = tmp_path / name.partition(".")[0] / "act" / f"seed_{seed}"
            folder.mkdir(parents=True)
            (folder / name).write_text(json.dumps(content))
        assert scores(tmp_path / name.partition(".")[0]) == [("act", seed, 1.0) for seed in range(3)]


def test_rows_of_several_tables_without_seeds_are_runs_of_their_own(tmp_path):
    for name, rows in (("a", (10, 20)), ("b", (40, 50))):
        (tmp_path / f"{name}.csv").write_text("algo,env,score\n" + "".join(f"ppo,T,{row}\n" for row in rows))
    assert scores(tmp_path) == [("ppo", 0, 10.0), ("ppo", 1, 20.0), ("ppo", 2, 40.0), ("ppo", 3, 50.0)]
    (tmp_path / "copy.csv").write_text((tmp_path / "a.csv").read_text())
    assert len(scores(tmp_path)) == 4


def test_tables_of_success_rates_on_different_scales_are_told_of(tmp_path):
    for name, rows in (("a", (0, 1, 0.5)), ("b", (40, 60))):
        (tmp_path / f"{name}.csv").write_text("algo,env,success_rate\n" + "".join(f"{name},T,{row}\n" for row in rows))
    (note,) = [note for note in read([tmp_path]).notes if "write both alike" in note]
    assert "b.csv has success rates beyond 1" in note
    assert not [note for note in read([tmp_path / "b.csv"]).notes if "write both alike" in note]


def test_imported_success_rates_on_different_scales_are_told_of(tmp_path):
    for name, rows in (("a", "A,T,0,1\nA,T,1,0.5\n"), ("b", "B,T,0,80\nB,T,1,1\n")):
        (tmp_path / f"{name}.csv").write_text(f"algo,env,seed,success\n{rows}")
        write(read([tmp_path / f"{name}.csv"]).readings, Store(tmp_path / name))
    (note,) = [note for note in read([tmp_path / "a", tmp_path / "b"]).notes if "write both alike" in note]
    assert note.startswith(f"{tmp_path}/b/")
    assert not [note for note in read([tmp_path / "a"]).notes if "write both alike" in note]


def test_episodes_whose_return_is_no_number_are_errors(tmp_path):
    evaluations(tmp_path / "ppo" / "seed_0", 3.0, np.nan)
    evaluations(tmp_path / "ppo" / "seed_1", np.nan, np.inf, ep_lengths=[1.0, 1.0])
    first, second = read([tmp_path]).readings
    assert (first.status, first.num_errors, first.totals["return"].n) == (Status.COMPLETED, 1, 1)
    assert "return is no finite number" in first.records[1].error
    assert (second.status, second.totals, second.reason) == (Status.FAILED, {}, "none of its 2 episodes is valid")


def test_training_episodes_whose_return_is_no_number_are_errors(tmp_path):
    monitor(tmp_path / "ppo" / "seed_0", *range(120), *[np.nan] * 80)
    monitor(tmp_path / "ppo" / "seed_1", 1.0, *[np.inf] * 100)
    monitor(tmp_path / "ppo" / "seed_2", *[np.nan] * 100, *[2.0] * 100)
    first, second, third = read([tmp_path]).readings
    assert (first.status, first.num_errors) == (Status.COMPLETED, 80)
    assert (first.totals["return"].n, first.totals["return"].mean, first.totals["length"].n) == (20, 109.5, 20)
    assert (second.status, second.totals, second.num_errors) == (Status.FAILED, {}, 100)
    assert second.reason == "the mean return of its last 100 training episodes is no finite number"
    assert (third.num_errors, third.totals["return"].n) == (0, 100)
    assert first.curves["return"].values == tuple(map(float, range(120)))


def test_errors_of_training_are_none_of_the_evaluation(tmp_path):
    monitor(tmp_path / "ppo" / "seed_0", np.nan, 1.0)
    evaluations(tmp_path / "ppo" / "seed_0", 3.0, 5.0)
    monitor(tmp_path / "ppo" / "seed_1", np.nan)
    evaluations(tmp_path / "ppo" / "seed_1" / "eval", 3.0, 5.0)
    for reading in read([tmp_path]).readings:
        assert (reading.status, reading.num_errors, reading.totals["return"].mean) == (Status.COMPLETED, 0, 4.0)


@pytest.mark.parametrize("key", ["log_dir", "logging__log_dir", "common__save_dir"])
def test_where_a_run_wrote_is_none_of_its_settings(tmp_path, key):
    copied(
        BC,
        tmp_path / "1",
        start_time="2026-01-01",
        config={"common": {"a": 1, "save_dir": "x", "z": 1}, key: "/logs/20260101"},
    )
    copied(
        BC,
        tmp_path / "2",
        start_time="2026-01-02",
        config={"common": {"a": 1, "save_dir": "x", "z": 1}, key: "/logs/20260202"},
    )
    copied(
        BC,
        tmp_path / "3",
        start_time="2026-01-03",
        config={"common": {"a": 2, "save_dir": "x", "z": 1}, key: "/logs/20260202"},
    )
    one, again, other = (found.settings for found in read([tmp_path]).readings)
    assert one == again != other


def test_event_files_beside_the_trainings_they_are_of_are_told_of(tmp_path):
    monitor(tmp_path / "ppo" / "CartPole-v1_1", 5.0)
    written(tmp_path / "tb" / "CartPole-v1" / "PPO_1", rollout__ep_rew_mean=[(1, 5.0)])
    assert [note for note in read([tmp_path]).notes if "would count twice" in note]


def test_what_is_nested_without_end_or_would_fill_the_memory_is_left_out(tmp_path, monkeypatch):
    good = "algo,env,score\nppo,T,1\n"
    with zipfile.ZipFile(tmp_path / "deep.zip", "w") as archive:
        archive.writestr("s.csv", good)
        archive.writestr("d/" * 1500 + "s.csv", good)
    inner = b""
    for _ in range(300):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("s.csv", good)
            archive.writestr("in.zip", inner)
        inner = buffer.getvalue()
    (tmp_path / "nested.zip").write_bytes(inner)
    for name in ("results.json", "eval_info.json"):
        head = b'{"task_results": ' if name == "results.json" else b'{"pc_success": 1, "overall": '
        (tmp_path / name).write_bytes(head + b"[" * 100_000)
    monkeypatch.setattr(tree, "_LARGEST", 1000)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("1/run.json", '{"experiment": {"name": "x"}}' + " " * 2000)
        archive.writestr("1/config.json", "{}")
    collected = read([tmp_path])
    assert len(collected.readings) == 1
    assert any("folders deep" in note for note in collected.notes)
    assert any("more than any file of results" in note for note in collected.notes)


@pytest.mark.parametrize("content", [b"garbage", b""])
def test_a_damaged_archive_of_evaluations_is_left_out(tmp_path, content):
    evaluations(tmp_path / "ppo" / "seed_0", 1.0)
    (tmp_path / "ppo" / "seed_1").mkdir()
    with zipfile.ZipFile(tmp_path / "ppo" / "seed_1" / "evaluations.npz", "w") as archive:
        archive.writestr("timesteps.npy", content)
        archive.writestr("results.npy", b"x")
    collected = read([tmp_path])
    assert len(collected.readings) == 1
    assert any("Can't read" in note for note in collected.notes)
