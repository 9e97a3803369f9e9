from __future__ import annotations

import shutil

import pytest

from rlgauge.core.errors import UserError
from rlgauge.core.files import StoreError
from rlgauge.kinds.evaluate.checkpoints import Checkpoint, Manner
from rlgauge.kinds.evaluate.checkpoints_held import Follower, hold
from tests.kinds.evaluate.test_checkpoints import pretrained, zipped


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def follower(tmp_path, clock):
    return Follower(tmp_path / "runs", Manner(scheme="sb3"), settle=5.0, clock=clock)


def steps(follower, *, is_over=False) -> list[int]:
    return [one.step for one in follower.look(is_over=is_over)]


def test_a_checkpoint_is_taken_once_after_it_has_kept_still(tmp_path, clock, follower):
    assert steps(follower) == []
    path = zipped(tmp_path / "runs" / "m_10.zip")
    assert steps(follower) == []
    clock.seconds = 4.0
    zipped(path, "longer weights")
    assert steps(follower) == []
    clock.seconds = 8.0
    assert steps(follower) == []
    assert follower.is_unsettled
    clock.seconds = 9.0
    assert steps(follower) == [10]
    assert not follower.is_unsettled
    clock.seconds = 100.0
    assert steps(follower) == []
    assert follower.changed == 4.0


def test_one_that_is_written_anew_is_taken_again(tmp_path, clock, follower):
    path = zipped(tmp_path / "runs" / "m_10.zip")
    assert steps(follower) == []
    clock.seconds = 5.0
    assert steps(follower) == [10]
    zipped(path, "other weights")
    assert steps(follower) == []
    clock.seconds = 10.0
    assert steps(follower) == [10]


def test_a_torn_one_is_waited_for_and_taken_where_nobody_writes_on(tmp_path, clock, follower):
    for step in (10, 20):
        path = zipped(tmp_path / "runs" / f"m_{step}.zip")
        path.write_bytes(path.read_bytes()[:30])
    assert steps(follower) == []
    clock.seconds = 59.0
    assert steps(follower) == []
    zipped(tmp_path / "runs" / "m_20.zip")
    clock.seconds = 60.0
    assert steps(follower) == [10]
    clock.seconds = 65.0
    assert steps(follower) == [20]


def test_a_torn_one_is_taken_at_the_end_of_the_training(tmp_path, clock, follower):
    path = zipped(tmp_path / "runs" / "m_10.zip")
    path.write_bytes(path.read_bytes()[:30])
    assert steps(follower, is_over=True) == []
    clock.seconds = 5.0
    assert steps(follower) == []
    assert steps(follower, is_over=True) == [10]


def test_one_that_could_not_be_taken_is_looked_at_anew(tmp_path, clock, follower):
    zipped(tmp_path / "runs" / "m_10.zip")
    assert steps(follower) == []
    clock.seconds = 5.0
    (checkpoint,) = follower.look()
    follower.again(checkpoint)
    assert follower.is_unsettled
    assert steps(follower) == []
    clock.seconds = 10.0
    assert steps(follower) == [10]


def test_a_copy_outlives_what_it_was_made_of(tmp_path):
    own = pretrained(tmp_path / "000500")
    copied = hold(Checkpoint(path=own, step=500), tmp_path / "held")
    content = (own / "model.safetensors").read_bytes()
    shutil.rmtree(own)
    assert copied.path == tmp_path / "held" / "pretrained_model"
    assert (copied.path / "model.safetensors").read_bytes() == content
    assert copied.step == 500


def test_what_it_is_read_with_is_copied_and_what_only_lies_beside_is_not(tmp_path):
    weights, beside = tmp_path / "m_10.onnx.data", tmp_path / "log_10.txt"
    for path in (tmp_path / "m_10.onnx", weights, beside):
        path.write_text(path.name)
    checkpoint = Checkpoint(path=tmp_path / "m_10.onnx", step=10, parts=(weights,), beside=(beside,))
    hold(checkpoint, tmp_path / "held")
    assert sorted(path.name for path in (tmp_path / "held").iterdir()) == ["m_10.onnx", "m_10.onnx.data"]


def test_nothing_is_held_of_what_went_away_or_changed_meanwhile(tmp_path, monkeypatch):
    path = zipped(tmp_path / "m_10.zip")
    checkpoint = Checkpoint(path=path, step=10)
    copy = shutil.copyfileobj

    def change(*arguments):
        copy(*arguments)
        path.write_text("changed")

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "copyfileobj", change)
        assert hold(checkpoint, tmp_path / "held") is None
    path.unlink()
    assert hold(checkpoint, tmp_path / "held") is None
    assert not (tmp_path / "held").exists()


def test_a_disk_that_takes_no_copy_is_no_fault_of_the_checkpoint(tmp_path):
    path = zipped(tmp_path / "m_10.zip")
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="a part of its path is a file"):
        hold(Checkpoint(path=path, step=10), tmp_path / "file" / "held")


def test_a_checkpoint_that_may_not_be_read_is_told(tmp_path):
    path = zipped(tmp_path / "m_10.zip")
    target = path.rename(tmp_path / "loop")
    target.unlink()
    path.symlink_to(path.name)
    with pytest.raises(UserError, match="Could not read"):
        hold(Checkpoint(path=path, step=10), tmp_path / "held")
