from __future__ import annotations

import pytest

from rlgauge.core.errors import UserError
from rlgauge.core.run import Record, Status, encode_record
from rlgauge.core.run_files import read_run
from rlgauge.kinds.train.journal import TESTING, Journal, Role, settled
from rlgauge.trackers.reading import Feed, about, flat
from tests.trackers.made import UNITS, begun, ended, finish, train


def rows_of(feed):
    return [(row.axis, row.step, row.values) for row in feed.read()]


def test_what_is_known_at_the_start_names_script_and_environment_and_holds_versions_and_the_environment_spec(tmp_path):
    told = about(begun(tmp_path / "out").folder)
    assert (told.group, told.name) == ("reinforce", "reinforce/CartPole-v1")
    assert told.config["versions"] == {"python": "3.11.9", "numpy": "2.4.6"}
    assert told.config["environment"] == {"gym_id": "CartPole-v1", "max_steps": 500}
    assert told.config["params"]["args"] == ["--lr=0.1"]
    assert told.store == tmp_path / "out"


def test_two_attempts_at_a_case_have_different_ids(tmp_path):
    first = begun(tmp_path)
    first.commit(Status.INTERRUPTED)
    assert about(first.folder).id != about(begun(tmp_path).folder).id


def test_a_folder_that_is_no_run_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(UserError, match="is no run"):
        about(tmp_path / "a" / "b" / "c")


def test_scalars_of_one_step_are_one_row_and_what_is_not_finite_is_left_out(tmp_path):
    attempt = begun(tmp_path)
    feed = Feed(about(attempt.folder), UNITS)
    train(attempt, num_episodes=2)
    scalars = [row for row in rows_of(feed) if row[0] == "rlgauge/step"]
    assert scalars == [
        ("rlgauge/step", 0, {"loss": 1.0, "charts/entropy": 0.5}),
        ("rlgauge/step", 100, {"loss": 0.5, "charts/entropy": 0.5}),
        ("rlgauge/step", 0, {"unstepped": 7.0}),
        ("rlgauge/step", 1, {"unstepped": 8.0}),
    ]


def test_a_name_logged_twice_at_one_step_is_two_rows(tmp_path):
    attempt = begun(tmp_path)
    journal = train(attempt, num_episodes=0)
    feed = Feed(about(attempt.folder), UNITS)
    feed.read()
    for value in (1.0, 2.0):
        journal.scalars({"again": value}, 5)
    assert rows_of(feed) == [("rlgauge/step", 5, {"again": 1.0}), ("rlgauge/step", 5, {"again": 2.0})]


def test_episodes_of_environments_in_which_the_script_only_tests_have_other_names(tmp_path):
    attempt = begun(tmp_path)
    journal = train(attempt, num_episodes=0)
    feed = Feed(about(attempt.folder), UNITS)
    feed.read()
    journal.role(Role(1, is_training=False))
    for origin in (0, 1, TESTING):
        journal.episode(4.0, 2, num_steps=30, origin=origin)
    played = {"rlgauge/return": 4.0, "rlgauge/length": 2.0}
    tested = {"rlgauge/evaluation_return": 4.0, "rlgauge/evaluation_length": 2.0}
    assert rows_of(feed) == [("rlgauge/num_steps", 30, values) for values in (played, tested, tested)]


def test_every_number_is_given_once_as_it_comes(tmp_path):
    attempt = begun(tmp_path)
    feed = Feed(about(attempt.folder), UNITS)
    assert rows_of(feed) == []
    journal = train(attempt, num_episodes=1)
    first = rows_of(feed)
    assert ("rlgauge/num_steps", 20, {"rlgauge/return": 10.0, "rlgauge/length": 10.0}) in first
    assert rows_of(feed) == []
    journal.episode(5.0, 7, num_steps=27)
    assert rows_of(feed) == [("rlgauge/num_steps", 27, {"rlgauge/return": 5.0, "rlgauge/length": 7.0})]


def test_test_episodes_are_told_by_index_and_a_training_as_a_whole_is_in_the_summary_alone(tmp_path):
    attempt = begun(tmp_path)
    feed = Feed(about(attempt.folder), UNITS)
    finish(attempt)
    assert rows_of(feed) == [
        ("rlgauge/index", 1, {"rlgauge/test_return": 100.0, "rlgauge/test_length": 100.0}),
        ("rlgauge/index", 2, {"rlgauge/test_return": 200.0, "rlgauge/test_length": 200.0}),
    ]
    end = feed.end(read_run(attempt.folder.parent, attempt.folder.name))
    assert end.summary["rlgauge/mean_test_return"] == 150.0
    assert end.summary["rlgauge/training_return"] == 20.0
    assert (end.summary["rlgauge/actor"], end.summary["rlgauge/warnings"]) == ("policy", "One. Two.")
    assert end.summary["status"] == "COMPLETED"
    names = [str(path.relative_to(end.artifacts)) for path in end.weights]
    assert names == ["weights/nested/policy.safetensors", "weights/policy.safetensors"]


def test_test_episodes_are_told_as_they_end_and_not_again_when_the_run_has_ended(tmp_path):
    attempt = begun(tmp_path)
    feed = Feed(about(attempt.folder), UNITS)
    line = encode_record(Record(1, {"return": 100.0, "length": 100}))
    (attempt.folder / "artifacts" / "tests.jsonl").write_bytes(line)
    assert rows_of(feed) == [("rlgauge/index", 1, {"rlgauge/test_return": 100.0, "rlgauge/test_length": 100.0})]
    finish(attempt)
    assert [step for _, step, _ in rows_of(feed)] == [2]


def test_records_of_other_kinds_of_runs_keep_their_names(tmp_path):
    attempt = begun(tmp_path)
    feed = Feed(about(attempt.folder), {"value": "points"})
    attempt.append(Record(4, {"value": True}))
    assert rows_of(feed) == [("rlgauge/index", 4, {"rlgauge/value": 1.0})]


def test_the_last_line_of_the_trace_is_the_reason_of_a_failed_run(tmp_path):
    folder = ended(tmp_path, Status.FAILED)
    end = Feed(about(folder), UNITS).end(read_run(folder.parent, folder.name))
    assert (end.status, end.reason) == (Status.FAILED, "ValueError: it went wrong")


def test_damaged_lines_are_counted(tmp_path):
    attempt = begun(tmp_path)
    train(attempt, num_episodes=1)
    settled(attempt.folder / "artifacts")
    with (attempt.folder / "artifacts" / "scalars.jsonl").open("ab") as file:
        file.write(b'{"v":{"loss":1},"s":0,"t":0,"c":"00000000"}\n')
    feed = Feed(about(attempt.folder), UNITS)
    feed.read()
    assert feed.num_dropped == 1


def test_nested_configurations_are_flattened_and_lists_of_numbers_left_out():
    nested = {"a": {"b": 1, "c": ["x", "y"]}, "d": "text", "e": None, "f": True, "g": [1, 2], "h": []}
    assert flat(nested) == {"a.b": 1.0, "a.c": "x y", "d": "text", "f": 1.0}


def test_episodes_of_processes_that_the_script_started_are_told_too(tmp_path):
    attempt = begun(tmp_path)
    journal = train(attempt, num_episodes=1)
    feed = Feed(about(attempt.folder), UNITS)
    feed.read()
    worker = Journal(journal.folder, start=journal.start)
    worker.episode(7.0, 5, num_steps=5)
    assert rows_of(feed) == [("rlgauge/num_steps", 20 + 5, {"rlgauge/return": 7.0, "rlgauge/length": 5.0})]
