from __future__ import annotations

import math

import pytest

from rlgauge.core.errors import UserError
from rlgauge.core.reading import Reading, Total
from rlgauge.core.run import Record, Status
from rlgauge.core.store import Store
from rlgauge.exporters.evaluations import percent_of
from rlgauge.exporters.physicalai import write_physicalai
from rlgauge.importers import read
from rlgauge.importers.write import write
from tests.exporters.evaluating import LIBERO, evaluated, files, imported, played, put, round_trip, told
from tests.exporters.making import trained

HELD = ("return", "length", "success", "seed")


@pytest.fixture(scope="module")
def poles(tmp_path_factory):
    return played(tmp_path_factory.mktemp("poles") / "out")


def entry(task_id="libero_10_0", *episodes, **changes):
    own = {"task_id": task_id, "task_name": "pick", "n_episodes": 3, "success_rate": 7.0, "avg_reward": 0.1}
    return {**own, "avg_episode_length": 50.5, "avg_fps": 9.5, "per_episode_data": list(episodes), **changes}


def results(*tasks, **metadata):
    told = {"benchmark_class": "LiberoBenchmark", "policy_class": "ACT", "max_steps": None, "seed": 42}
    return {"metadata": {**told, "failed_tasks": [], **metadata}, "aggregate": {}, "task_results": list(tasks)}


def test_episodes_come_back_as_they_were_played(poles, tmp_path):
    again, written = round_trip(write_physicalai, poles, tmp_path / "files")
    assert (written.num_results, written.num_files) == (4, 2)
    assert told(again, *HELD) == told(read([poles]).readings, *HELD)


def test_an_episode_that_failed_is_there_and_in_no_mean(poles, tmp_path):
    written = write_physicalai(poles, tmp_path / "files")
    (broken,) = [r for r in read([poles]).readings if r.num_errors and r.algorithm == "random"]
    content = files(tmp_path / "files")["random/results.json"]
    (task,) = [task for task in content["task_results"] if task["task_id"] == broken.task]
    failed = [episode for episode in task["per_episode_data"] if "error" in episode]
    assert (len(failed), task["n_episodes"]) == (broken.num_errors, 6)
    assert all("the solver diverged" in episode["error"] and math.isnan(episode["sum_reward"]) for episode in failed)
    assert not any("episode_length" in episode for episode in failed)
    assert task["avg_reward"] == broken.totals["return"].mean
    assert any("have no valid measurement, and are in no mean" in note for note in written.notes)


def test_what_has_no_field_is_said(poles, tmp_path):
    notes = " ".join(write_physicalai(poles, tmp_path / "files").notes)
    for name in ("outcome", "terminated", "truncated", "environment_seconds"):
        assert name in notes
    assert "length" not in notes
    assert "seed" not in notes


def test_a_file_has_the_fields_that_physical_ai_reads(tmp_path):
    evaluated(tmp_path / "out")
    write_physicalai(tmp_path / "out", tmp_path / "files")
    content = files(tmp_path / "files")["act/results.json"]
    metadata = {name: value for name, value in content["metadata"].items() if name != "timestamp"}
    assert metadata == {
        "benchmark_class": "MyBenchmark",
        "policy_name": "act",
        "num_episodes": 1,
        "max_steps": 280,
        "seed": 42,
        "num_gyms": 1,
        "failed_tasks": [],
    }
    assert content["task_results"] == [
        {
            "task_id": LIBERO,
            "task_name": "put both moka pots on the stove",
            "n_episodes": 1,
            "success_rate": 100.0,
            "avg_reward": 1.0,
            "avg_episode_length": 9.0,
            "per_episode_data": [
                {"episode_idx": 0, "sum_reward": 1.0, "episode_length": 9, "seed": 5, "success": True}
            ],
        }
    ]
    means = {"success_rate": 100.0, "avg_reward": 1.0, "avg_episode_length": 9.0}
    assert content["aggregate"] == {"n_tasks": 1, "n_episodes": 1, **means}


def test_success_that_was_not_measured_is_no_rate_of_0(tmp_path):
    evaluated(tmp_path / "out", values=[{"return": 1.0, "length": 9, "seed": 5, "success": None}])
    again, written = round_trip(write_physicalai, tmp_path / "out", tmp_path / "files")
    assert math.isnan(files(tmp_path / "files")["act/results.json"]["task_results"][0]["success_rate"])
    assert "success" not in again[0].totals
    assert "success_rate is NaN in 1 of 1 results, in which success was not measured." in written.notes


def test_a_result_that_failed_is_a_failed_task_whose_reason_is_lost(tmp_path):
    evaluated(tmp_path / "out", "a")
    evaluated(tmp_path / "out", "b", status=Status.FAILED)
    again, written = round_trip(write_physicalai, tmp_path / "out", tmp_path / "files")
    assert {reading.task: reading.status for reading in again} == {"a": Status.COMPLETED, "b": Status.FAILED}
    assert "1 of 2 results failed" in " ".join(written.notes)
    assert "act in b (FAILED)" in " ".join(written.notes)


@pytest.mark.parametrize("policy", ["act", "ppo_3", "seed_4", "org/name", "a b", "4", "..", "run_2"])
def test_every_policy_and_seed_has_a_file_that_names_them(tmp_path, policy):
    for seed in (None, 0, 7):
        evaluated(tmp_path / "out", policy=policy, seed=seed)
    again, written = round_trip(write_physicalai, tmp_path / "out", tmp_path / "files")
    assert written.num_files == 3
    assert {(reading.algorithm, reading.seed) for reading in again} == {(policy, None), (policy, 0), (policy, 7)}
    assert not [note for note in written.notes if "imported again" in note]


def test_names_alike_in_folders_and_other_settings_have_files_of_their_own(tmp_path):
    for policy, steps in (("a b", 5), ("a-b", 5), ("a-b", 6)):
        evaluated(tmp_path / "out", policy=policy, max_steps=steps)
    again, written = round_trip(write_physicalai, tmp_path / "out", tmp_path / "files")
    assert written.num_files == 3
    assert sorted(reading.algorithm for reading in again) == ["a b", "a-b", "a-b"]
    assert len({reading.settings for reading in again if reading.algorithm == "a-b"}) == 2
    assert not [note for note in written.notes if "told apart by nothing" in note]


def test_settings_that_no_file_tells_are_said(tmp_path):
    for width in (8, 16):
        evaluated(tmp_path / "out", width=width)
    _, written = round_trip(write_physicalai, tmp_path / "out", tmp_path / "files")
    assert written.num_files == 2
    assert len([note for note in written.notes if note.startswith("2 results differ from others")]) == 1


def test_checkpoints_that_are_called_alike_are_not_mixed_in_a_file(tmp_path):
    for steps in range(4):
        for task in ("a", "b"):
            values = [{"return": float(steps), "length": 1, "success": True, "seed": 1}]
            evaluated(tmp_path / "out", task, checkpoint=f"step {steps}", values=values)
    write_physicalai(tmp_path / "out", tmp_path / "files")
    sheets = [content["task_results"] for content in files(tmp_path / "files").values()]
    assert [[task["task_id"] for task in sheet] for sheet in sheets] == [["a", "b"]] * 4
    returns = sorted([task["avg_reward"] for task in sheet] for sheet in sheets)
    assert returns == [[float(steps)] * 2 for steps in range(4)]


def test_what_an_import_kept_of_a_file_is_written_again(tmp_path):
    kept = {"metadata": {"policy_class": "ACT", "elapsed_seconds": 2.5}, "task": {"task_name": "pick", "avg_fps": 9.5}}
    episode = Record(0, {"return": 1.0, "length": 3, "success": True, "seed": 1, "max_reward": 0.5, "fps": 9.5})
    own = {"kind": "imported-physicalai", "algorithm": "ACT", "task": "a", "details": kept, "episodes": (episode,)}
    write(
        [Reading(totals={"return": Total(n=1, mean=1.0)}, units={"return": "reward"}, **own)], Store(tmp_path / "out")
    )
    write_physicalai(tmp_path / "out", tmp_path / "files")
    content = files(tmp_path / "files")["ACT/results.json"]
    assert content["metadata"] == {**kept["metadata"], "failed_tasks": []}
    assert content["aggregate"]["avg_fps"] == 9.5
    (task,) = content["task_results"]
    assert (task["task_name"], task["avg_fps"]) == ("pick", 9.5)
    assert (task["per_episode_data"][0]["max_reward"], task["per_episode_data"][0]["fps"]) == (0.5, 9.5)


def test_a_file_without_episodes_comes_back(tmp_path):
    rates = [None, *(100 * k / n for n in (3, 7, 29) for k in range(n + 1))]
    tasks = [entry(f"task_{index}", success_rate=rate) for index, rate in enumerate(rates)]
    put(tmp_path / "theirs" / "seed_3" / "results.json", results(*tasks, failed_tasks=["b"]))
    out = imported(tmp_path / "out", tmp_path / "theirs")
    again, _ = round_trip(write_physicalai, out, tmp_path / "files")
    assert told(again, *HELD) == told(read([tmp_path / "theirs"]).readings, *HELD)


def test_a_rate_comes_back_to_the_last_bit_from_percent():
    rates = [percent / 100 for percent in (0.1, 7.0, 14.3, 100 / 3, 28.999999999999996, 100.0, 1e-9)]
    assert [percent_of(Total(n=1, mean=rate)) / 100 for rate in rates] == rates


def test_trainings_are_left_out_and_said_and_alone_refused(tmp_path):
    trained(tmp_path / "out")
    with pytest.raises(UserError, match=r"no evaluations of policies in tasks\. 1 of 1 results were left out"):
        write_physicalai(tmp_path / "out", tmp_path / "files")
    evaluated(tmp_path / "out")
    written = write_physicalai(tmp_path / "out", tmp_path / "files")
    assert "1 of 2 results were left out: they are no evaluations of policies in tasks." in written.notes


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    evaluated(tmp_path / "out")
    put(tmp_path / "files" / "mine.json", {})
    with pytest.raises(UserError, match="holds something already"):
        write_physicalai(tmp_path / "out", tmp_path / "files")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["files", "out"]
