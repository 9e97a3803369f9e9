"""Event files, written here by TensorBoard's own writer."""

from __future__ import annotations

import math
import struct

import pytest
from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2
from torch.utils.tensorboard import SummaryWriter

from rlgauge.core.errors import UserError
from rlgauge.core.run import Status
from rlgauge.importers import read
from rlgauge.importers.events import Point, points


def written(folder, **scalars):
    with SummaryWriter(str(folder)) as writer:
        for tag, values in scalars.items():
            for step, value in values:
                writer.add_scalar(tag.replace("__", "/"), value, step)
    return folder


def test_rl_zoos_log_gives_its_last_evaluation(tmp_path):
    folder = tmp_path / "CartPole-v1" / "PPO_3"
    written(folder, eval__mean_reward=[(100, 1.0), (200, 5.5)], rollout__ep_rew_mean=[(64, 2.0)])
    (reading,) = read([tmp_path]).readings
    assert (reading.algorithm, reading.task, reading.seed) == ("PPO", "CartPole-v1", 3)
    assert reading.totals["return"].mean == 5.5
    assert (reading.curves["return"].steps, reading.curves["return"].values) == ((100.0, 200.0), (1.0, 5.5))
    assert reading.curves["rollout/ep_rew_mean"].values == (2.0,)


def test_episodes_that_were_logged_without_a_finite_return_are_errors(tmp_path):
    episodes = [(step, math.nan if step > 200 else float(step)) for step in range(250)]
    written(tmp_path / "CartPole-v1__ppo__4__1700000000", charts__episodic_return=episodes)
    (reading,) = read([tmp_path]).readings
    assert (reading.status, reading.num_errors) == (Status.COMPLETED, 49)
    assert (reading.totals["return"].n, reading.totals["return"].mean) == (51, 175.0)


def test_a_log_that_ends_in_an_evaluation_without_a_finite_return_is_a_failed_run(tmp_path):
    returns = [(1, 4.0), (2, math.nan)]
    written(tmp_path / "CartPole-v1" / "PPO_3", eval__mean_reward=returns, eval__mean_ep_length=[(2, 9)])
    (reading,) = read([tmp_path]).readings
    assert (reading.status, reading.reason) == (Status.FAILED, "the last eval/mean_reward is no finite number")
    assert (reading.totals, reading.curves["return"].values) == ({}, (4.0,))


def test_cleanrls_log_gives_the_mean_of_its_last_hundred_episodes(tmp_path):
    episodes = [(step, float(step)) for step in range(150)]
    written(tmp_path / "CartPole-v1__ppo__4__1700000000", charts__episodic_return=episodes)
    (reading,) = read([tmp_path]).readings
    assert (reading.algorithm, reading.task, reading.seed) == ("ppo", "CartPole-v1", 4)
    assert (reading.totals["return"].n, reading.totals["return"].mean) == (100, 99.5)
    assert len(reading.curves["return"].steps) == 150


def test_cleanrls_table_of_hyperparameters_names_an_environment_with_a_slash(tmp_path):
    folder = written(tmp_path / "ALE" / "Pong-v5__dqn__1__17", charts__episodic_return=[(1, -21.0)])
    with SummaryWriter(str(folder)) as writer:
        writer.add_text("hyperparameters", "|param|value|\n|-|-|\n|env_id|ALE/Pong-v5|\n|seed|9|")
    (reading,) = read([tmp_path]).readings
    assert (reading.algorithm, reading.task, reading.seed) == ("dqn", "ALE/Pong-v5", 9)


def test_a_run_that_was_resumed_into_a_second_file_is_one_run(tmp_path):
    written(tmp_path / "x", rollout__ep_rew_mean=[(1, 1.0)])
    written(tmp_path / "x", rollout__ep_rew_mean=[(2, 2.0)])
    (reading,) = read([tmp_path]).readings
    assert reading.curves["return"].values == (1.0, 2.0)


def test_the_last_value_is_the_last_in_time_whatever_the_files_are_called(tmp_path):
    for name, time, value in (("b", 1.0, 1.0), ("a", 2.0, 2.0)):
        summary = summary_pb2.Summary(value=[summary_pb2.Summary.Value(tag="rollout/ep_rew_mean", simple_value=value)])
        content = framed(event_pb2.Event(wall_time=time, step=5, summary=summary))
        (tmp_path / f"events.out.tfevents.{name}").write_bytes(content)
    (reading,) = read([tmp_path]).readings
    assert reading.totals["return"].mean == 2.0


def test_a_log_without_returns_is_no_run(tmp_path):
    written(tmp_path / "x", loss=[(1, 1.0)])
    with pytest.raises(UserError, match="Nothing in"):
        read([tmp_path])


def framed(*events: event_pb2.Event) -> bytes:
    records = [event.SerializeToString() for event in events]
    return b"".join(struct.pack("<QI", len(r), 0) + r + struct.pack("<I", 0) for r in records)


def event(step: int, **value) -> event_pb2.Event:
    summary = summary_pb2.Summary(value=[summary_pb2.Summary.Value(tag="a", **value)])
    return event_pb2.Event(wall_time=2.5, step=step, summary=summary)


@pytest.mark.parametrize(
    "tensor",
    [
        tensor_pb2.TensorProto(dtype=1, float_val=[0.5]),
        tensor_pb2.TensorProto(dtype=2, double_val=[0.5]),
        tensor_pb2.TensorProto(dtype=1, tensor_content=struct.pack("<f", 0.5)),
        tensor_pb2.TensorProto(dtype=2, tensor_content=struct.pack("<d", 0.5)),
    ],
)
def test_scalars_are_read_in_either_form(tensor):
    content = framed(event(3, simple_value=0.5), event(2**40, tensor=tensor))
    assert list(points(content)) == [Point("a", 3, 2.5, 0.5), Point("a", 2**40, 2.5, 0.5)]


def test_a_tensor_of_several_numbers_is_no_scalar():
    assert not list(points(framed(event(1, tensor=tensor_pb2.TensorProto(dtype=1, float_val=[1.0, 2.0])))))


def test_every_cut_of_a_file_gives_the_points_before_it():
    content = framed(*(event(step, simple_value=float(step)) for step in range(5)))
    size = len(content) // 5
    for end in range(len(content) + 1):
        steps = [point.step for point in points(content[:end])]
        assert steps == list(range(len(steps)))
        assert len(steps) >= (end - 5) // size


def test_garbage_gives_nothing():
    assert not list(points(b"\xff" * 200))
    assert not list(points(struct.pack("<QI", 4, 0) + b"\xff\xff\xff\xff" + b"\0\0\0\0"))


def test_the_tag_that_was_taken_is_told(tmp_path):
    written(tmp_path / "PPO_1", eval__mean_reward=[(100, 1.0)], rollout__ep_rew_mean=[(64, 2.0)])
    assert "The return of event files is the last eval/mean_reward." in read([tmp_path]).notes
    written(tmp_path / "b" / "PPO_2", charts__episodic_return=[(100, 1.0)])
    told = "The return of event files is the mean of the last 100 charts/episodic_return."
    assert told in read([tmp_path / "b"]).notes


def test_a_task_that_nothing_names_is_told_with_how_to_name_it(tmp_path):
    written(tmp_path / "PPO_1", eval__mean_reward=[(100, 1.0)])
    (note,) = (note for note in read([tmp_path]).notes if "unknown" in note)
    assert note.endswith("PPO_1 names the task: it is called unknown; --rename unknown=NAME gives it a name.")
    assert not any("unknown" in note for note in read([tmp_path], names={"unknown": "Ant"}).notes)
