"""physical-ai, lerobot and JaxARC: files in the shapes that they write."""

from __future__ import annotations

import json
import math
import time

import pytest

from rlgauge.core.errors import UserError
from rlgauge.core.run import Status
from rlgauge.importers import read


def put(folder, name, content):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(content))
    return folder


def episode(index, summed, success=None):
    own = {"episode_idx": index, "sum_reward": summed, "max_reward": 1.0, "episode_length": 50, "fps": 9.0, "seed": 42}
    return own if success is None else {**own, "success": success}


def physicalai(*tasks, **metadata):
    told = {"benchmark_class": "LiberoBenchmark", "policy_class": "ACT", "num_episodes": 2, "seed": 42, **metadata}
    return {"metadata": told, "aggregate": {"n_tasks": len(tasks)}, "task_results": list(tasks)}


def task(task_id, rate, episodes=()):
    means = {"avg_reward": 0.5, "avg_episode_length": 50.0, "avg_fps": 9.0}
    return {
        "task_id": task_id,
        "task_name": "pick",
        "n_episodes": 2,
        "success_rate": rate,
        **means,
        "per_episode_data": list(episodes),
    }


def test_physical_ai_gives_a_reading_a_task_with_rates_from_0_to_1(tmp_path):
    put(
        tmp_path, "results.json", physicalai(task("libero_10_0", 50.0, [episode(0, 1.0, True), episode(1, 0.0, False)]))
    )
    (reading,) = read([tmp_path]).readings
    assert (reading.algorithm, reading.task, reading.seed) == ("ACT", "libero_10_0", None)
    assert (reading.totals["success"].mean, reading.totals["success"].n) == (0.5, 2)
    assert reading.totals["return"].squares == 0.5
    values = {"return": 1.0, "length": 50, "success": True, "seed": 42, "max_reward": 1.0, "fps": 9.0}
    assert reading.records[0].values == values


def test_a_result_without_its_episodes_has_their_means(tmp_path):
    put(tmp_path / "seed_3", "results.json", physicalai(task("a", 25.0)))
    (reading,) = read([tmp_path]).readings
    assert (reading.seed, reading.totals["success"].mean, reading.totals["return"].n) == (3, 0.25, 2)


def test_a_success_that_no_episode_reports_was_not_measured(tmp_path):
    put(tmp_path, "results.json", physicalai(task("a", 0.0, [episode(0, 1.0)])))
    (reading,) = read([tmp_path]).readings
    assert "success" not in reading.totals


def test_a_rate_that_no_episode_tells_is_taken_as_it_is_stated(tmp_path):
    put(tmp_path, "results.json", physicalai(task("a", 66.7, [episode(0, 0.0), episode(1, 1.0)])))
    collected = read([tmp_path])
    assert collected.readings[0].totals["success"].mean == pytest.approx(0.667)
    assert collected.readings[0].totals["return"].mean == 0.5
    assert collected.notes == []


def test_what_a_file_of_physical_ai_states_and_its_episodes_are_not_is_one_note(tmp_path):
    own = [episode(0, 1.0, True), episode(1, 0.0, False), episode(2, 0.0, True)]
    put(tmp_path / "rounded", "results.json", physicalai(task("a", 66.7, own) | {"n_episodes": 3, "avg_reward": 0.33}))
    assert read([tmp_path]).notes == []
    put(tmp_path / "other", "results.json", physicalai(task("a", 90.0, own), task("b", 66.7, own)))
    collected = read([tmp_path])
    (note,) = collected.notes
    assert "states n_episodes 2 and has 3; a states success_rate 90 and its episodes have 66.6667" in note
    assert note.endswith("a states avg_reward 0.5 and its episodes have 0.333333; and 2 more.")
    assert {reading.totals["success"].mean for reading in collected.readings} == {2 / 3}


@pytest.mark.parametrize(
    ("own", "kept"),
    [([7, 5, 3], [3, 5, 7]), ([0, 0, 1], [0, 1, 2]), ([1, None, 2], [0, 1, 2]), ([-1, 4, 5], [0, 1, 2])],
)
def test_episodes_keep_the_numbers_that_tell_them_apart(tmp_path, own, kept):
    put(tmp_path / "a", "results.json", physicalai(task("a", 100.0, [episode(index, 1.0, True) for index in own])))
    older = [{"episode_ix": index, "sum_reward": 1.0, "success": True} for index in own]
    put(tmp_path / "b", "eval_info.json", {"aggregated": {"pc_success": 100.0}, "per_episode": older})
    for reading in read([tmp_path]).readings:
        assert [record.index for record in reading.records] == kept


def test_no_success_at_all_may_mean_that_none_was_reported(tmp_path):
    put(tmp_path, "results.json", physicalai(task("a", 0.0, [episode(0, 1.0, False)])))
    assert "an environment that reports none" in " ".join(read([tmp_path]).notes)


@pytest.mark.parametrize("has_episodes", [True, False])
def test_no_success_in_lerobot_may_mean_that_none_was_reported_either(tmp_path, has_episodes):
    tasks = [
        {"task_group": "g", "task_id": index, "metrics": {"sum_rewards": [0.0], "successes": [bool(index)]}}
        for index in range(3)
    ]
    info = {"per_task": tasks, "overall": {"pc_success": 66.0}}
    put(tmp_path / "a", "eval_info.json", info if has_episodes else {"aggregated": {"pc_success": 0.0}})
    (note,) = [note for note in read([tmp_path]).notes if "no success at all, which lerobot also writes" in note]
    assert f"1 of {3 if has_episodes else 1} tasks" in note
    (tmp_path / "a" / "eval_info.json").unlink()
    put(tmp_path / "b", "eval_info.json", {"aggregated": {"pc_success": 50.0}})
    assert not [note for note in read([tmp_path]).notes if "no success at all" in note]


@pytest.mark.parametrize("rate", [150.0, -1.0])
def test_a_success_rate_that_there_can_not_be_is_a_damaged_file(tmp_path, rate):
    put(tmp_path / "a", "results.json", physicalai(task("a", rate)))
    put(tmp_path / "b", "eval_info.json", {"aggregated": {"pc_success": rate}})
    put(tmp_path / "c", "results.json", physicalai(task("a", 100.0)))
    collected = read([tmp_path])
    assert [reading.source for reading in collected.readings] == [str(tmp_path / "c")]
    assert len([note for note in collected.notes if "is damaged" in note and note.startswith("Can't read")]) == 2


def test_tasks_that_failed_in_physical_ai_are_failed_readings(tmp_path):
    put(tmp_path, "results.json", physicalai(task("a", 50.0), failed_tasks=["b"]))
    failed = read([tmp_path]).readings[1]
    assert (failed.task, failed.status, failed.totals) == ("b", Status.FAILED, {})


def test_lerobots_suites_give_a_reading_a_task(tmp_path):
    metrics = {"sum_rewards": [1.0, 0.0], "max_rewards": [1.0, 0.0], "successes": [True, False], "video_paths": []}
    info = {
        "per_task": [{"task_group": "libero_10", "task_id": index, "metrics": metrics} for index in range(2)],
        "per_group": {"libero_10": {"pc_success": 50.0}},
        "overall": {"pc_success": 50.0, "avg_sum_reward": 0.5, "n_episodes": 4, "eval_s": math.nan},
    }
    put(tmp_path / "2026-01-02" / "10-11-12_libero_smolvla", "eval_info.json", info)
    readings = read([tmp_path]).readings
    assert [(r.algorithm, r.task) for r in readings] == [("smolvla", "libero_10_0"), ("smolvla", "libero_10_1")]
    assert readings[0].totals["success"].mean == 0.5
    assert readings[0].totals["return"].n == 2


@pytest.mark.parametrize("is_older", [True, False])
def test_what_a_file_of_lerobot_states_and_its_episodes_are_not_is_one_note(tmp_path, is_older):
    rewards, successes = [1.0, 0.0, 0.0], [True, False, True]
    if is_older:
        each = [{"sum_reward": one, "success": two} for one, two in zip(rewards, successes, strict=True)]
        info = {"aggregated": {"pc_success": 66.7, "n_episodes": 3, "avg_sum_reward": 0.5}, "per_episode": each}
    else:
        metrics = {"sum_rewards": rewards, "successes": successes}
        info = {
            "per_task": [{"task_group": "g", "task_id": 0, "metrics": metrics}],
            "per_group": {"g": {"pc_success": 66.66666865}},
            "overall": {"pc_success": 66.7, "n_episodes": 3, "avg_sum_reward": 0.5},
        }
    put(tmp_path, "eval_info.json", info)
    (note,) = [note for note in read([tmp_path]).notes if "differs" in note]
    name = "aggregated" if is_older else "overall"
    assert note.endswith(f"are taken: {name} states avg_sum_reward 0.5 and its episodes have 0.333333.")


@pytest.mark.parametrize("has_episodes", [True, False])
def test_lerobots_older_form_is_one_reading(tmp_path, has_episodes):
    episodes = [{"episode_ix": i, "sum_reward": float(i), "success": i > 0, "seed": 5} for i in range(4)]
    whole = {"avg_sum_reward": 1.5, "pc_success": 75.0, "eval_s": 3.0}
    info = {"aggregated": whole, **({"per_episode": episodes} if has_episodes else {})}
    put(tmp_path / "12-00-00_pusht_diffusion", "eval_info.json", info)
    (reading,) = read([tmp_path]).readings
    assert (reading.algorithm, reading.task) == ("diffusion", "pusht")
    assert (reading.totals["success"].mean, reading.totals["return"].mean) == (0.75, 1.5)
    assert reading.totals["success"].n == (4 if has_episodes else 1)


THROUGHPUT = {
    "meta": {"system": {"jax": "0.6.2"}, "fixed_steps": 100, "run_tag": "cpu", "task": {"task_id": "Mini"}},
    "throughput": {
        "1": {"JaxARC": {"times": [0.5, 0.4], "sps": [200.0, 250.0], "compile_time": 2.0}, "ARCLE": {"sps": [9.0]}},
        "2": {"JaxARC": {"error": "out of memory", "times": [], "sps": [], "compile_time": 3.0}},
    },
}


def test_jaxarc_against_arcle_gives_a_reading_a_batch_with_its_repetitions(tmp_path):
    put(tmp_path, "arcle_vs_jaxarc.json", THROUGHPUT)
    jaxarc, arcle, failed = read([tmp_path]).readings
    labels = {"num_envs": "1", "tag": "cpu"}
    assert (jaxarc.algorithm, jaxarc.task, jaxarc.labels) == ("JaxARC (cpu)", "Mini-1envs", labels)
    assert (jaxarc.totals["steps_per_second"].n, jaxarc.totals["steps_per_second"].mean) == (2, 225.0)
    assert jaxarc.totals["compile_seconds"].mean == 2.0
    assert (arcle.algorithm, arcle.totals["steps_per_second"].mean) == ("ARCLE (cpu)", 9.0)
    assert (failed.status, failed.reason, failed.totals) == (Status.FAILED, "out of memory", {})
    assert jaxarc.details == {"machine": {"jax": "0.6.2"}}


def test_jaxarcs_present_form_names_its_mode_in_the_head(tmp_path):
    content = {"meta": {"mode": "jaxarc-jit"}, "throughput": {"4": {"times": [1.0], "sps": [7.0]}}}
    put(tmp_path, "x.json", content)
    (reading,) = read([tmp_path]).readings
    assert (reading.algorithm, reading.task, reading.totals["steps_per_second"].mean) == (
        "jaxarc-jit",
        "arc-4envs",
        7.0,
    )


def test_jaxarcs_baseline_has_one_environment_and_batches(tmp_path):
    numbers = {"batch_size": 10, "steps_per_second": 321.5, "batch_reset_time": 0.1}
    content = {
        "tag": "phase1",
        "system_info": {"cpu_count": 8},
        "single_environment": {"steps_per_second": 619.0, "avg_reset_time": 0.2},
        "batch_scaling": {"10": numbers},
    }
    put(tmp_path, "baseline.json", content)
    batch, single = read([tmp_path]).readings
    assert (batch.algorithm, batch.task) == ("jaxarc (phase1)", "arc-10envs")
    assert (single.task, single.totals["reset_seconds"].mean, single.units["reset_seconds"]) == ("arc-single", 0.2, "s")


def test_jaxarcs_scan_form_is_read(tmp_path):
    put(tmp_path, "scan.json", {"mixed": {"10": {"steps_per_second": 5.0, "jit_compile_time": 2.0}}})
    (reading,) = read([tmp_path]).readings
    assert (reading.algorithm, reading.task) == ("jaxarc (mixed)", "arc-10envs")


@pytest.mark.parametrize(
    "content",
    [[], {}, {"task_results": 3}, {"pc_success": 1, "overall": 2}, {"sps": 1}, {"steps_per_second": {"a": {"b": 1}}}],
)
def test_other_json_is_left_alone(tmp_path, content):
    put(tmp_path, "x.json", content)
    with pytest.raises(UserError, match="Nothing in"):
        read([tmp_path])


@pytest.mark.parametrize(
    ("timestamp", "started"),
    [
        (1_755_056_375.98, "2025-08-13T03:39:35"),
        ("20260101_120000", "2026-01-01T17:00:00"),
        ("20260101-120000", "2026-01-01T17:00:00"),
        ("yesterday", ""),
        (1e30, ""),
        (True, ""),
        (None, ""),
    ],
)
def test_jaxarcs_times_are_those_of_this_machine_unless_they_are_seconds(tmp_path, monkeypatch, timestamp, started):
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        content = {"timestamp": timestamp, "tag": "a", "description": "why", "system_info": {}}
        put(tmp_path, "x.json", {**content, "single_environment": {"steps_per_second": 6.0}})
        (reading,) = read([tmp_path]).readings
    finally:
        monkeypatch.undo()
        time.tzset()
    assert (reading.started, reading.labels["tag"], reading.labels["description"]) == (started, "a", "why")
    assert reading.labels.get("stamp", "") == (f"{started}+00:00" if started else "")


def test_jaxarcs_tag_and_time_are_no_settings(tmp_path):
    for number, tag in enumerate("ab"):
        single = {"single_environment": {"steps_per_second": 6.0 + number}, "system_info": {"os": "Linux"}}
        put(tmp_path, f"{tag}.json", {"tag": tag, "timestamp": 1.7e9 + number, **single})
    first, second = read([tmp_path]).readings
    assert first.settings == second.settings
    put(tmp_path, "c.json", {**single, "config_summary": {"size": 30}})
    assert {reading.settings for reading in read([tmp_path]).readings} > {first.settings}
