"""Files of physical-ai and lerobot that were imported and exported: the same files again."""

from __future__ import annotations

import copy
import math

import pytest

from rlgauge.exporters.lerobot import write_lerobot
from rlgauge.exporters.physicalai import write_physicalai
from rlgauge.importers import read
from tests.exporters.evaluating import files, imported, played, put, round_trip


def theirs(task_id, *rewards):
    def episode(index, reward):
        own = {"episode_idx": index, "sum_reward": reward, "max_reward": reward, "episode_length": 50, "fps": 9.0}
        return {**own, "seed": 42 + index, "success": reward > 0.5}

    rates = {"success_rate": 50.0, "avg_reward": 0.5, "avg_episode_length": 50.0, "avg_fps": 9.0}
    episodes = [episode(index, reward) for index, reward in enumerate(rewards)]
    told = {"task_id": task_id, "task_name": "pick", "n_episodes": 2, **rates}
    return {**told, "per_episode_data": episodes}


METADATA = {
    "benchmark_class": "LiberoBenchmark",
    "policy_class": "ACT",
    "num_episodes": 2,
    "max_steps": None,
    "seed": 42,
    "num_gyms": 3,
    "video_dir": None,
    "record_mode": "failures",
    "timestamp": "2026-01-02T03:04:05+00:00",
    "elapsed_seconds": 12.5,
    "failed_tasks": ["c"],
}
MEANS = {"success_rate": 50.0, "avg_reward": 0.5, "avg_episode_length": 50.0, "avg_fps": 9.0}
PHYSICALAI = {
    "metadata": METADATA,
    "aggregate": {"n_tasks": 2, "n_episodes": 4, **MEANS},
    "task_results": [theirs("a", 0.0, 1.0), theirs("b")],
}

FILMS = ["videos/libero_10_0/eval_episode_0.mp4"]
SAFETY = {"safety_costs": [0.0, 1.5], "violation_steps": [0, 2], "constraint_violations": [{}, {"force": 1.5}]}


def pooled(n, films, **more):
    means = {"avg_sum_reward": 0.5, "avg_max_reward": 0.75, "pc_success": 50.0, "n_episodes": n}
    return {**means, **more, "video_paths": films, "predicted_video_paths": []}


def metrics(films, **more):
    lists = {"sum_rewards": [0.0, 1.0], "max_rewards": [0.5, 1.0], "successes": [False, True]}
    return {**lists, "video_paths": films, "predicted_video_paths": [], **more}


LEROBOT = {
    "per_task": [
        {"task_group": "libero_10", "task_id": 0, "metrics": metrics(FILMS, **SAFETY)},
        {"task_group": "libero_10", "task_id": 1, "metrics": metrics([])},
        {"task_group": "pick", "task_id": "cup_2", "metrics": metrics([])},
    ],
    "per_group": {"libero_10": pooled(4, FILMS, avg_safety_cost=0.75), "pick": pooled(2, [])},
    "overall": pooled(6, FILMS, eval_s=3.5, eval_ep_s=0.5, avg_safety_cost=0.75),
}
OLDER = {
    "per_episode": [
        {"episode_ix": 0, "sum_reward": 1.0, "max_reward": 0.5, "success": True, "seed": 7},
        {"episode_ix": 1, "sum_reward": 2.0, "max_reward": 1.0, "success": False, "seed": None},
    ],
    "aggregated": {"avg_sum_reward": 1.5, "avg_max_reward": 0.75, "pc_success": 50.0, "eval_s": 3.0, "eval_ep_s": 1.5},
    "video_paths": FILMS,
}


def sorted_tasks(content):
    content = copy.deepcopy(content)
    for key in ("per_task", "task_results"):
        content.get(key, []).sort(key=str)
    return content


@pytest.mark.parametrize(
    ("write_files", "path", "content"),
    [
        (write_physicalai, "ACT/seed_3/results.json", PHYSICALAI),
        (write_lerobot, "smolvla/seed_3/eval_info.json", LEROBOT),
        (write_lerobot, "00-00-00_pusht_diffusion/eval_info.json", OLDER),
    ],
)
def test_a_file_that_was_imported_is_exported_as_it_was(tmp_path, write_files, path, content):
    put(tmp_path / "theirs" / path, content)
    out = imported(tmp_path / "out", tmp_path / "theirs")
    again, _ = round_trip(write_files, out, tmp_path / "files")
    (written,) = files(tmp_path / "files").items()
    assert written[0] == path
    assert sorted_tasks(written[1]) == sorted_tasks(content)
    assert sorted(map(_bare, again), key=str) == sorted(map(_bare, read([tmp_path / "theirs"]).readings), key=str)


def _bare(reading):
    return {name: getattr(reading, name) for name in reading.__struct_fields__ if name not in {"source", "folders"}}


@pytest.mark.parametrize("write_files", [write_physicalai, write_lerobot])
def test_an_episode_that_failed_is_an_error_where_it_is_imported(tmp_path, write_files):
    out = played(tmp_path / "out")
    again, _ = round_trip(write_files, out, tmp_path / "files")
    numbers = {(r.algorithm, r.task): r.num_errors for r in read([out]).readings}
    assert sum(numbers.values()) > 0
    assert {(r.algorithm, r.task.removesuffix("_0")): r.num_errors for r in again} == numbers


def test_an_episode_whose_return_is_no_number_is_an_error(tmp_path):
    content = copy.deepcopy(PHYSICALAI)
    content["task_results"][0]["per_episode_data"][1]["sum_reward"] = math.nan
    put(tmp_path / "a" / "results.json", content)
    reading = next(reading for reading in read([tmp_path / "a"]).readings if reading.task == "a")
    assert (reading.num_errors, reading.totals["return"].n) == (1, 1)
