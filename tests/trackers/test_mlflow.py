from __future__ import annotations

import sqlite3
import threading

import pytest

from rlgauge.core.run import Status
from rlgauge.trackers.mlflow import _name
from tests.trackers.made import begun, ended, film, finish, tracked, train, train_oddly


class Database:
    """What is in a store's mlflow.db, read without MLflow."""

    def __init__(self, store):
        self._connection = sqlite3.connect(store / "mlflow.db")

    def rows(self, query, *values):
        return self._connection.execute(query, values).fetchall()

    def runs(self):
        return self.rows("SELECT run_uuid, name, status, lifecycle_stage FROM runs ORDER BY start_time")

    def series(self, run, name):
        found = "SELECT step, value FROM metrics WHERE run_uuid = ? AND key = ? ORDER BY step"
        return self.rows(found, run, name)

    def told(self, table, run):
        return dict(self.rows(f"SELECT key, value FROM {table} WHERE run_uuid = ?", run))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store with two runs, one of which failed, sent at the same time into a database that was not there."""
    store = tmp_path_factory.mktemp("mlflow") / "a" / "out"
    attempt = begun(store)
    train_oddly(train(attempt))
    film(attempt.folder)
    finish(attempt)
    folders = [attempt.folder, ended(store, Status.FAILED, seed=1)]
    processes = []
    threads = [threading.Thread(target=lambda f=f: processes.append(tracked("mlflow", f))) for f in folders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [(one.returncode, one.stdout) for one in processes] == [(0, "")] * 2, processes
    return store


def test_a_run_is_in_the_sqlite_file_of_the_store_with_every_number_at_its_step(store):
    database = Database(store)
    first, second = database.runs()
    assert first[1:] == ("reinforce/CartPole-v1", "FINISHED", "active")
    assert second[1:] == ("reinforce/CartPole-v1", "FAILED", "active")
    assert database.series(first[0], "loss") == [(0, 1.0), (100, 0.5), (200, 1 / 3)]
    assert database.series(first[0], "rlgauge/return")[:3] == [(20, 10.0), (40, 20.0), (60, 30.0)]
    assert database.series(first[0], "rlgauge/test_return") == [(1, 100.0), (2, 200.0)]
    assert database.series(first[0], "rlgauge/mean_test_return") == [(0, 150.0)]


def test_equal_numbers_of_one_step_are_all_there(store):
    database = Database(store)
    run = database.runs()[0][0]
    assert database.series(run, "rlgauge/return")[3:] == [(800, -200.0)] * 4
    assert database.series(run, "rlgauge/length")[3:] == [(800, 200.0)] * 4
    assert database.series(run, "same") == [(0, 1.0)] * 2


def test_names_that_mlflow_would_take_for_one_stay_apart(store):
    database = Database(store)
    run = database.runs()[0][0]
    assert database.series(run, "part_0_") == [(0, 1.0)]
    assert database.series(run, "part_0__2") == [(0, 2.0)]
    assert database.series(run, "part_0__2_2") == [(0, 3.0)]


def test_a_step_beyond_what_mlflow_takes_loses_no_number(store):
    database = Database(store)
    assert database.series(database.runs()[0][0], "far") == [(1, 2.0), (2**63 - 1, 1.0)]


def test_the_experiment_is_the_script_and_the_parameters_are_the_configuration(store):
    database = Database(store)
    run = database.runs()[0][0]
    assert ("reinforce",) in database.rows("SELECT name FROM experiments")
    parameters = database.told("params", run)
    assert (parameters["seed"], parameters["params.args"]) == ("0", "--lr=0.1")
    assert parameters["versions.numpy"] == "2.4.6"
    assert parameters["environment.gym_id"] == "CartPole-v1"
    assert parameters["params.env"] == "CartPole-v1"


def test_the_end_is_told_in_tags(store):
    database = Database(store)
    tags = database.told("tags", database.runs()[1][0])
    assert (tags["rlgauge.status"], tags["rlgauge.reason"]) == ("FAILED", "ValueError: it went wrong")


def test_weights_and_films_are_artifacts_in_the_stores_folder(store):
    run = Database(store).runs()[0][0]
    files = store / "mlruns" / run / "artifacts"
    assert (files / "weights" / "policy.safetensors").read_bytes() == b"weights" * 100
    assert (files / "weights" / "nested" / "policy.safetensors").read_bytes() == b"others"
    assert (files / "videos" / "CartPole-v1" / "test-1.mp4").read_bytes()[4:8] == b"ftyp"


def test_nothing_is_written_outside_the_store(store):
    base = store.parents[1]
    assert [path for path in base.rglob("*") if path.is_file() and store not in path.parents] == []


def test_sending_a_run_again_replaces_it(store):
    folder = next(store.glob("train/*s1-*/1-*"))
    assert tracked("mlflow", folder).returncode == 0
    stages = [stage for _, _, status, stage in Database(store).runs() if status == "FAILED"]
    assert sorted(stages) == ["active", "deleted"]


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("loss", "loss"),
        ("a//b/../c", "a/b/c"),
        ("/x", "x"),
        ("eval@10 (π)", "eval_10 ___"),
        ("", "_"),
        ("n" * 300, "n" * 250),
    ],
)
def test_names_are_made_such_that_mlflow_takes_them(given, name):
    assert _name(given) == name
