from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from rlgauge.core.case import Case
from rlgauge.core.errors import UserError
from rlgauge.core.run import ConfigFile, Start, Status
from rlgauge.core.store import Need, Store, now
from rlgauge.kinds.evaluate.benchmark import GymnasiumBenchmark
from rlgauge.kinds.evaluate.candidates import Candidate
from rlgauge.kinds.evaluate.checkpoints import Manner
from rlgauge.kinds.evaluate.checkpoints_curve import Point, watched_alone
from rlgauge.kinds.evaluate.checkpoints_watch import Training, Watching, name_of, trainings
from rlgauge.kinds.evaluate.run import make_workload
from tests.kinds.evaluate.test_checkpoints import pretrained, zipped


def watching(tmp_path: Path, *, uri="sb3:{checkpoint}", scheme="sb3", folder="runs", num_episodes=2) -> Watching:
    """One that takes every checkpoint at once."""
    return Watching(
        make_workload(GymnasiumBenchmark(["CartPole-v1"], num_episodes=num_episodes), "random", trust=True),
        Store(tmp_path / "out"),
        Candidate(name="ppo", uri=uri),
        folder=str(tmp_path / folder),
        watched=[Training(tmp_path / folder, None)],
        manner=Manner(scheme=scheme),
        settle=0.0,
        rerun_failed=False,
    )


@pytest.mark.parametrize(
    ("folder", "name"),
    [("runs/walk", "walk"), ("logs/version_0/checkpoints", "version_0"), ("runs/ppo_{seed}", "ppo"), ("a/{seed}", "a")],
)
def test_a_curve_is_called_after_the_folder_of_its_training(folder, name):
    assert name_of(folder) == name


def test_seeds_and_their_place_in_the_path_go_together():
    assert trainings("runs/{seed}", [3, 5, 3]) == [Training(Path("runs/3"), 3), Training(Path("runs/5"), 5)]
    assert trainings("runs", None) == [Training(Path("runs"), None)]
    with pytest.raises(UserError, match="say which with --train-seeds"):
        trainings("runs/{seed}", None)
    with pytest.raises(UserError, match=r"go with \{seed\} in its path"):
        trainings("runs", [3])


def test_runs_say_of_what_they_are_and_are_of_the_copy(tmp_path):
    path = zipped(tmp_path / "runs" / "m_10_steps.zip")
    (tmp_path / "runs" / "m_vecnormalize_10_steps.pkl").write_text("statistics")
    watched = watching(tmp_path)
    (point,) = watched.look()
    workload = watched.workload_of(point)
    (policy,) = workload.policies
    held = tmp_path / "out" / point.held
    assert policy.uri == f"sb3:{held}?normalize={held.parent / 'm_vecnormalize_10_steps.pkl'}"
    (case,) = workload.cases()
    told = {name: case.labels[name] for name in ("training", "step", "policy", "uri")}
    assert told == {"training": "ppo", "step": "10", "policy": "ppo@10", "uri": f"sb3:{path}"}


def test_statistics_that_no_checkpoint_names_are_asked_for(tmp_path):
    zipped(tmp_path / "runs" / "m_10_steps.zip")
    (tmp_path / "runs" / "vecnormalize.pkl").write_text("statistics")
    with pytest.raises(UserError, match="was it trained on normalised observations"):
        watching(tmp_path).look()
    assert len(watching(tmp_path, uri="sb3:{checkpoint}?normalize=none").look()) == 1


def test_a_checkpoint_that_was_written_anew_takes_the_place_of_the_old_and_of_its_copy(tmp_path):
    path = zipped(tmp_path / "runs" / "m_10.zip")
    watched = watching(tmp_path)
    assert len(watched.look()) == 1
    assert watched.look() == []
    zipped(path, "other weights")
    (new,) = watched.look()
    assert watched.curve.points == [new]
    assert [path.name for path in (tmp_path / "out" / ".checkpoints" / watched.curve.id).iterdir()] == [
        f"10-{new.mark}"
    ]


def test_what_came_of_a_checkpoint_is_not_told_of_the_one_in_its_place(tmp_path):
    path = zipped(tmp_path / "runs" / "m_10.zip")
    watched = watching(tmp_path)
    (old,) = watched.look()
    watched.end(msgspec.structs.replace(old, status=Status.COMPLETED, cases={"CartPole-v1": []}))
    assert [row["task_id"] for row in watched.curve.rows(watched.results)] == ["CartPole-v1"]
    zipped(path, "other weights")
    watched.look()
    assert [(row["status"], row["task_id"]) for row in watched.curve.rows(watched.results)] == [("QUEUED", None)]


def test_more_episodes_are_asked_of_a_checkpoint_that_is_still_there_and_as_many_are_not(tmp_path):
    path = zipped(tmp_path / "runs" / "m_10.zip")
    watched = watching(tmp_path)
    (point,) = watched.look()
    watched.end(msgspec.structs.replace(point, status=Status.COMPLETED))
    for num_episodes in (1, 2):
        assert watching(tmp_path, num_episodes=num_episodes).look() == []
    (more,) = watching(tmp_path, num_episodes=3).look()
    assert (more.step, more.num_episodes, more.status) == (10, 3, Status.QUEUED)
    assert (tmp_path / "out" / more.held).read_bytes() == path.read_bytes()


def test_a_step_is_done_when_all_before_it_are(tmp_path):
    watched = watching(tmp_path)
    for step, status in ((10, Status.QUEUED), (20, Status.COMPLETED), (30, Status.QUEUED)):
        watched.curve.put(Point(step=step, checkpoint=f"m_{step}.zip", mark="", found="", status=status))
    assert not watched.has_done(20)
    watched.curve.put(Point(step=10, checkpoint="m_10.zip", mark="", found="", status=Status.FAILED))
    assert watched.has_done(20)
    assert not watched.has_done(30)


def test_what_is_being_evaluated_keeps_its_copy_and_does_not_speak_for_the_new_one(tmp_path):
    path = zipped(tmp_path / "runs" / "m_10.zip")
    watched = watching(tmp_path)
    (old,) = watched.look()
    watched.workload_of(old)
    zipped(path, "other weights")
    (new,) = watched.look()
    assert (tmp_path / "out" / old.held).is_file()
    watched.end(old)
    assert not (tmp_path / "out" / old.held).exists()
    assert watched.curve.points == [new]


def test_what_went_away_without_a_copy_is_said_to_have(tmp_path):
    zipped(tmp_path / "runs" / "m_10.zip")
    watched = watching(tmp_path)
    (point,) = watched.look()
    (tmp_path / "out" / point.held).unlink()
    with pytest.raises(UserError, match=r"m_10.zip went away before it was evaluated"):
        watched.workload_of(point)


def test_another_training_that_begins_beside_is_passed_over(tmp_path):
    zipped(tmp_path / "runs" / "a" / "m_10.zip")
    first = watching(tmp_path)
    assert [point.checkpoint for point in first.look()] == ["a/m_10.zip"]
    zipped(tmp_path / "runs" / "A" / "m_20.zip")
    for watched in (first, watching(tmp_path)):
        assert watched.look() == []
        assert list(watched.passed_over) == [tmp_path / "runs" / "A" / "m_20.zip"]


def test_the_last_checkpoint_of_lerobot_ends_it(tmp_path):
    watched = watching(tmp_path, uri="py:policies:Folder", scheme="lerobot")
    for step in (500, 1000):
        assert not watched.is_told_over
        pretrained(tmp_path / "runs" / "checkpoints" / f"{step:06}", steps=1000)
        assert [point.step for point in watched.look()] == [step]
    assert watched.is_told_over


def test_the_end_of_a_run_ends_the_watching_of_what_it_leaves(tmp_path):
    store = Store(tmp_path / "out")
    store.make()
    case = Case(workload="train", name="ppo", params={})
    attempt = store.claim(case, Need(), ConfigFile(seed=0, case=case), Start(start_time=now(), host={}))
    folder = attempt.artifacts.relative_to(tmp_path) / "work" / "models"
    watched = watching(tmp_path, folder=str(folder))
    assert not watched.is_told_over
    attempt.close()
    attempt.commit(Status.COMPLETED)
    assert watched.is_told_over


def test_one_process_at_a_time_watches_into_a_curve(tmp_path):
    watched = watching(tmp_path)
    store = Store(tmp_path / "out")
    store.make()
    with watched_alone(store, watched.curve):
        told = f"is being watched into .* already, by process {os.getpid()} on "
        with pytest.raises(UserError, match=told), watched_alone(store, watched.curve):
            pass
        (mark,) = (tmp_path / "out" / "curves").iterdir()
        ours = mark.read_bytes()
    assert not mark.exists()
    mark.write_bytes(ours.replace(str(os.getpid()).encode(), b"4194305"))  # of one that is gone
    with watched_alone(store, watched.curve):
        assert mark.read_bytes() == ours
