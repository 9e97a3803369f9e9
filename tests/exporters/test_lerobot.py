from __future__ import annotations

import math

import msgspec
import pytest

from rlgauge.core.errors import UserError
from rlgauge.core.reading import Reading, Total
from rlgauge.core.run import Record, Status
from rlgauge.core.store import Store
from rlgauge.exporters.lerobot import write_lerobot
from rlgauge.exporters.physicalai import write_physicalai
from rlgauge.importers import read
from rlgauge.importers.write import write
from tests.exporters.evaluating import LIBERO, evaluated, files, imported, played, put, round_trip, told

HELD = ("return", "success")


@pytest.fixture(scope="module")
def poles(tmp_path_factory):
    return played(tmp_path_factory.mktemp("poles") / "out")


def task(group, number, rewards, successes):
    metrics = {"sum_rewards": rewards, "max_rewards": [], "successes": successes, "video_paths": []}
    return {"task_group": group, "task_id": number, "metrics": metrics}


PRESENT = {
    "per_task": [
        task("libero_10", 0, [1.0, 0.0, 0.25], [True, False, True]),
        task("libero_10", 12, [0.5], [False]),
        task("pick", "cup", [2.0, 3.0], []),
        task("pick", "007", [1.0], [True]),
    ],
    "per_group": {},
    "overall": {"avg_sum_reward": 0.5, "pc_success": 60.0, "n_episodes": 7},
}


def older(*rewards, **aggregated):
    episodes = [
        {"episode_ix": index, "sum_reward": reward, "max_reward": 1.0, "success": reward > 1.0, "seed": 50 + index}
        for index, reward in enumerate(rewards)
    ]
    means = {"avg_sum_reward": 1.5, "avg_max_reward": 1.0, "pc_success": 100 * 7 / 29, "eval_s": 3.0, **aggregated}
    return {**({"per_episode": episodes} if episodes else {}), "aggregated": means}


def test_episodes_come_back_as_they_were_played(poles, tmp_path):
    again, written = round_trip(write_lerobot, poles, tmp_path / "files")
    assert (written.num_results, written.num_files) == (4, 2)
    back = [msgspec.structs.replace(own, task=own.task.removesuffix("_0")) for own in again]
    assert told(back, *HELD) == told(read([poles]).readings, *HELD)


def test_what_is_called_otherwise_when_it_is_imported_is_said(poles, tmp_path):
    notes = " ".join(write_lerobot(poles, tmp_path / "files").notes)
    assert "imported again, CartPole-v1 is called CartPole-v1_0; CartPole-v1-2 is called CartPole-v1-2_0." in notes
    for name in ("outcome", "length", "terminated", "seed", "environment_seconds"):
        assert name in notes.rpartition("lerobot has no field for")[2]


def test_an_episode_that_failed_is_counted_and_in_no_mean(poles, tmp_path):
    written = write_lerobot(poles, tmp_path / "files")
    (broken,) = [r for r in read([poles]).readings if r.num_errors and r.algorithm == "random"]
    content = files(tmp_path / "files")["random/eval_info.json"]
    (entry,) = [each for each in content["per_task"] if each["task_group"] == broken.task]
    returns = entry["metrics"]["sum_rewards"]
    assert (len(returns), sum(map(math.isnan, returns))) == (6, broken.num_errors)
    group = content["per_group"][broken.task]
    assert (group["n_episodes"], group["avg_sum_reward"]) == (6, broken.totals["return"].mean)
    assert any("have no valid measurement, and are in no mean: the return of each is NaN" in n for n in written.notes)


def test_a_file_has_the_fields_of_lerobot_and_its_tasks_their_group_and_number(tmp_path):
    values = [{"return": 1.0, "length": 9, "success": True, "seed": 5, "video": "videos/a.mp4"}]
    evaluated(tmp_path / "out", values=values)
    evaluated(tmp_path / "out", "reach", values=[{"return": 0.0, "length": 3, "success": None, "seed": 5}])
    write_lerobot(tmp_path / "out", tmp_path / "files")
    content = files(tmp_path / "files")["act/eval_info.json"]
    pick, reach = sorted(content["per_task"], key=lambda each: each["task_group"])
    assert pick == {
        "task_group": "libero_10",
        "task_id": 3,
        "metrics": {
            "sum_rewards": [1.0],
            "max_rewards": [],
            "successes": [True],
            "video_paths": ["videos/a.mp4"],
        },
    }
    assert (reach["task_group"], reach["task_id"], reach["metrics"]["successes"]) == ("reach", 0, [])
    assert content["overall"] == {
        "avg_sum_reward": 0.5,
        "pc_success": 100.0,
        "n_episodes": 2,
        "video_paths": ["videos/a.mp4"],
    }
    assert content["per_group"]["libero_10"]["pc_success"] == 100.0
    assert math.isnan(content["per_group"]["reach"]["pc_success"])


def test_what_an_import_kept_of_a_file_is_written_again(tmp_path):
    kept = {
        "task": {"task_group": "pick", "task_id": "cup_2"},
        "metrics": {"video_paths": ["a.mp4"], "safety_costs": [0.5]},
        "group": {"avg_safety_cost": 0.5},
        "overall": {"eval_s": 2.5},
    }
    own = {"kind": "imported-lerobot", "algorithm": "act", "task": "pick_cup_2", "details": kept}
    episode = Record(0, {"return": 1.0, "success": True, "max_reward": 0.5})
    write([Reading(totals={"return": Total(n=1, mean=1.0)}, episodes=(episode,), **own)], Store(tmp_path / "out"))
    write_lerobot(tmp_path / "out", tmp_path / "files")
    content = files(tmp_path / "files")["act/eval_info.json"]
    lists = {"sum_rewards": [1.0], "max_rewards": [0.5], "successes": [True]}
    assert content["per_task"] == [{**kept["task"], "metrics": {**lists, **kept["metrics"]}}]
    assert (content["overall"]["eval_s"], content["overall"]["avg_max_reward"]) == (2.5, 0.5)
    assert content["per_group"]["pick"]["avg_safety_cost"] == 0.5


def test_tasks_that_would_be_called_alike_are_told_apart(tmp_path):
    for name in ("reach", "reach_0", LIBERO, "libero_10_3: another instruction"):
        evaluated(tmp_path / "out", name)
    again, written = round_trip(write_lerobot, tmp_path / "out", tmp_path / "files")
    assert len({reading.task for reading in again}) == 4
    assert len([note for note in written.notes if "imported again" in note]) == 1


def test_what_an_import_did_not_keep_is_said(tmp_path):
    own = {"kind": "imported-lerobot", "algorithm": "act", "task": "pick_0", "episodes": (Record(0, {"return": 1.0}),)}
    write([Reading(totals={"return": Total(n=1, mean=1.0)}, **own)], Store(tmp_path / "out"))
    notes = write_lerobot(tmp_path / "out", tmp_path / "files").notes
    assert len([note for note in notes if note.startswith("1 of 1 imported results came without what else")]) == 1


def test_a_present_file_comes_back(tmp_path):
    put(tmp_path / "theirs" / "10-11-12_libero_smolvla" / "seed_2" / "eval_info.json", PRESENT)
    out = imported(tmp_path / "out", tmp_path / "theirs")
    again, written = round_trip(write_lerobot, out, tmp_path / "files")
    assert told(again, *HELD) == told(read([tmp_path / "theirs"]).readings, *HELD)
    assert not [note for note in written.notes if "imported again" in note]
    (content,) = files(tmp_path / "files").values()
    ids = [(each["task_group"], each["task_id"]) for each in content["per_task"]]
    assert sorted(ids, key=str) == sorted([(t["task_group"], t["task_id"]) for t in PRESENT["per_task"]], key=str)


@pytest.mark.parametrize("content", [older(0.5, 2.0), older(), older(n_episodes=29), older(pc_success=math.nan)])
def test_an_older_file_comes_back_in_its_form(tmp_path, content):
    put(tmp_path / "theirs" / "12-00-00_pusht_diffusion" / "eval_info.json", content)
    out = imported(tmp_path / "out", tmp_path / "theirs")
    again, written = round_trip(write_lerobot, out, tmp_path / "files")
    assert told(again, *HELD, "seed") == told(read([tmp_path / "theirs"]).readings, *HELD, "seed")
    assert "aggregated" in files(tmp_path / "files")["00-00-00_pusht_diffusion/eval_info.json"]
    assert not [note for note in written.notes if "imported again" in note]


@pytest.mark.parametrize("policy", ["act", "my_act", "org/name", "ppo", "ppo_3", "4", "seed_4"])
def test_a_policy_that_folders_can_name_comes_back_with_its_seed(tmp_path, policy):
    for seed in (None, 7):
        evaluated(tmp_path / "out", "reach_0", policy=policy, seed=seed)
    again, written = round_trip(write_lerobot, tmp_path / "out", tmp_path / "files")
    came = {(reading.algorithm, reading.seed) for reading in again}
    lost = {(policy, None), (policy, 7)} - came
    assert len(again) == 2
    assert bool(lost) == any("imported again" in note for note in written.notes)
    assert not lost or policy in {"4", "seed_4", "ppo_3"}


def test_results_without_numbers_are_left_out_and_named_and_alone_refused(tmp_path):
    evaluated(tmp_path / "out", "b", status=Status.FAILED)
    with pytest.raises(UserError, match=r"holds nothing that lerobot's files can hold.*act in b \(FAILED\)"):
        write_lerobot(tmp_path / "out", tmp_path / "files")
    evaluated(tmp_path / "out", "a_0")
    again, written = round_trip(write_lerobot, tmp_path / "out", tmp_path / "files")
    assert [reading.task for reading in again] == ["a_0"]
    assert (
        "1 of 2 results have no numbers, which lerobot can't say, and were left out: act in b (FAILED)."
        in written.notes
    )


def test_what_the_one_system_wrote_is_written_as_the_other_has_it(tmp_path):
    put(tmp_path / "theirs" / "smolvla" / "eval_info.json", PRESENT)
    out = imported(tmp_path / "out", tmp_path / "theirs")
    again, _ = round_trip(write_physicalai, out, tmp_path / "physicalai")
    assert told(again, *HELD) == told(read([tmp_path / "theirs"]).readings, *HELD)
    back, _ = round_trip(write_lerobot, imported(tmp_path / "second", tmp_path / "physicalai"), tmp_path / "lerobot")
    suite = [reading for reading in again if reading.task.startswith("libero")]
    assert told([reading for reading in back if reading.task.startswith("libero")], *HELD) == told(suite, *HELD)
    assert len(back) == len(again)
