"""What a training tells of itself while it goes on."""

from __future__ import annotations

import pytest

from rlgauge.kinds.train import stages
from rlgauge.kinds.train.stages import Far, Stage, Stages, read_stage


class Clock:
    """A time that stands until it is moved."""

    def __init__(self):
        self.present = 100.0

    def monotonic(self):
        return self.present


@pytest.fixture
def clock(monkeypatch):
    found = Clock()
    monkeypatch.setattr(stages, "time", found)
    return found


def test_nothing_is_told_before_the_first_stage_and_after_the_last(tmp_path, clock):
    told = Stages(tmp_path)
    assert read_stage(tmp_path) is None
    told.begin(Stage.SHOWING)
    assert read_stage(tmp_path) == Far(Stage.SHOWING)
    told.end()
    assert read_stage(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_what_is_left_takes_as_long_as_what_was_done_since_the_first_call(tmp_path, clock):
    told = Stages(tmp_path)
    told.begin(Stage.TRAINING)
    clock.present += 50
    told.far(100, 400)  # where it goes on from
    assert read_stage(tmp_path) == Far(Stage.TRAINING, 100, 400)
    clock.present += 10
    told.far(200, 400)
    assert read_stage(tmp_path) == Far(Stage.TRAINING, 200, 400, 20.0)
    told.begin(Stage.TESTING)
    assert read_stage(tmp_path) == Far(Stage.TESTING)


def test_it_is_not_told_too_often(tmp_path, clock):
    told = Stages(tmp_path)
    told.begin(Stage.TRAINING)
    clock.present += 1
    for done in range(1, 100):
        told.far(done, 100)
    assert read_stage(tmp_path) == Far(Stage.TRAINING, 1, 100)


def test_where_it_can_not_be_told_the_training_goes_on(tmp_path):
    told = Stages(tmp_path / "gone")
    told.begin(Stage.TRAINING)
    told.far(1, 2)
    told.end()
    assert read_stage(tmp_path / "gone") is None


def test_what_is_half_written_is_passed_over(tmp_path, clock):
    Stages(tmp_path).begin(Stage.TRAINING)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:10])
    assert read_stage(tmp_path) is None
