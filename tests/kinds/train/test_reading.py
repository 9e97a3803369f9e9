from __future__ import annotations

import msgspec
import pytest

from rlgauge.core.run import Record, encode_record
from rlgauge.kinds.evaluate.workload import UNITS as OF_EVALUATION
from rlgauge.kinds.train.journal import EPISODES, FIRST, PROCESSES, TESTS, Episode, Journal, Role, line_of, of_child
from rlgauge.kinds.train.reading import (
    UNITS,
    Endings,
    Progress,
    count_of,
    curve_of,
    num_scalars,
    read_outcome,
    read_tests,
    read_training,
    record_of,
)
from rlgauge.kinds.train.spec import OUTCOME, Outcome


def test_the_return_of_the_training_is_the_mean_of_the_last_ten_episodes(tmp_path):
    journal = Journal(tmp_path)
    for number in range(25):
        journal.episode(float(number), 10 + number, num_steps=100 * (number + 1))
    training = read_training(tmp_path)
    values = record_of(training, num_steps=None, train_seconds=3.0).values
    assert values == {
        "training_return": pytest.approx(sum(range(15, 25)) / 10),
        "training_length": pytest.approx(10 + 19.5),
        "num_episodes": 25,
        "num_steps": 2500,
        "train_seconds": 3.0,
    }
    assert record_of(training, num_steps=2590, train_seconds=None).values["num_steps"] == 2590


def test_the_curve_is_the_mean_of_the_last_ten_episodes_over_steps_that_rise(tmp_path):
    assert curve_of(tmp_path) is None
    journal = Journal(tmp_path)
    for number in range(12):
        journal.episode(float(number), 5, num_steps=100 * (number - number % 2))
    curve = curve_of(tmp_path)
    assert curve.steps == (0, 200, 400, 600, 800, 1000)
    assert curve.values == (0.5, 1.5, 2.5, 3.5, 4.5, 6.5)


def test_what_was_not_measured_is_none(tmp_path):
    nobody = record_of(read_training(tmp_path), num_steps=None, train_seconds=None).values
    assert set(nobody.values()) == {None}
    Journal(tmp_path)
    (tmp_path / OUTCOME).write_bytes(msgspec.json.encode(Outcome(facts={"num_steps": 0})))
    nothing = record_of(read_training(tmp_path), num_steps=0, train_seconds=None).values
    assert set(nothing.values()) == {None}
    (tmp_path / OUTCOME).write_bytes(msgspec.json.encode(Outcome(facts={"num_steps": 7})))
    stepped = record_of(read_training(tmp_path), num_steps=7, train_seconds=None).values
    assert (stepped["num_episodes"], stepped["num_steps"], stepped["training_return"]) == (0, 7, None)


def test_progress_reads_what_has_come_since(tmp_path):
    progress = Progress(tmp_path)
    assert progress.look().mean_return is None
    journal = Journal(tmp_path)
    for number in range(3):
        journal.episode(float(number), 5, num_steps=5 * number)
        assert progress.look().num_episodes == number + 1
    assert progress.training.mean_return == 1.0
    assert progress.num_tests == 0


def test_test_episodes_are_records_from_one_on(tmp_path):
    lines = [encode_record(Record(index, {"return": float(index)})) for index in (2, 1, 0, 2)]
    (tmp_path / TESTS).write_bytes(b"".join(lines) + b'{"i":3,"v"')
    assert [record.index for record in read_tests(tmp_path)] == [1, 2]


def test_an_outcome_that_is_missing_or_torn_is_none(tmp_path):
    assert read_outcome(tmp_path) is None
    (tmp_path / OUTCOME).write_bytes(b'{"err')
    assert read_outcome(tmp_path) is None
    (tmp_path / OUTCOME).write_bytes(msgspec.json.encode(Outcome(error="it fell")))
    assert read_outcome(tmp_path).error == "it fell"


def test_scalars_are_counted(tmp_path):
    journal = Journal(tmp_path)
    journal.scalars({"loss": 0.5}, 1)
    journal.scalars({"a": 1.0, "b": float("nan")}, None)
    assert num_scalars(tmp_path) == 2


@pytest.mark.parametrize(("value", "expected"), [(5, 5), (True, None), (-1, None), ("5", None), (None, None)])
def test_a_fact_that_is_no_count_is_none(value, expected):
    assert count_of({"num_steps": value}, "num_steps") == expected


def test_units_are_those_of_evaluations_and_of_all_that_is_recorded_of_a_training(tmp_path):
    assert OF_EVALUATION.items() <= UNITS.items()
    assert set(record_of(read_training(tmp_path), num_steps=None, train_seconds=None).values) <= set(UNITS)


def test_what_the_processes_of_a_command_told_is_one_outcome(tmp_path):
    """The first to write has the files of the run; of one that tells nothing steps are those of its last episode."""
    (tmp_path / FIRST).write_text("11")
    (tmp_path / PROCESSES).mkdir()
    for pid, (env, num) in {11: ("A-v1", 1), 12: ("B-v1", 2)}.items():
        outcome = Outcome(
            environments=[env, "A-v1"], warnings=["w"], facts={"num_steps": 100 * num, "num_episodes": num}
        )
        (tmp_path / of_child(OUTCOME, pid)).write_bytes(msgspec.json.encode(outcome))
    for pid, num in {None: 1, 12: 2, 13: 3}.items():
        lines = [Episode(index, 1.0, 5, 5 * (index + 1), index + 0.1) for index in range(num)]
        body = b"".join(line_of(msgspec.json.encode(one)) for one in lines)
        (tmp_path / of_child(EPISODES, pid)).write_bytes(body)
    told = read_outcome(tmp_path)
    assert told.environments == ["A-v1", "B-v1"]
    assert told.facts == {"num_steps": 100 + 200 + 15, "num_episodes": 6, "num_other_episodes": 0}
    assert told.warnings[0] == "w"
    assert told.warnings[1].startswith(
        "Episodes of several processes of the command were counted together: 1 and 2 and 3."
    )
    assert read_training(tmp_path).num_episodes == 6


def test_endings_of_all_processes_are_given_once_with_the_steps_of_all(tmp_path):
    endings = Endings(tmp_path)
    journal = Journal(tmp_path)
    other = Journal(tmp_path, start=journal.start)
    journal.episode(1.0, 5, num_steps=5)
    assert [(one.episode.total, one.episode.num_steps) for one in endings.read()] == [(1, 5)]
    other.role(Role(0, is_training=False))
    other.episode(2.0, 7, num_steps=7)
    journal.episode(3.0, 5, num_steps=10)
    found = endings.read()
    assert [(one.episode.total, one.episode.num_steps, one.is_training) for one in found] == [
        (2, 12, False),
        (3, 17, True),
    ]
    assert endings.read() == []
    assert endings.num_dropped == 0
