from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import msgspec
import pytest

from rlgauge.core import cache, index
from rlgauge.core.case import Case
from rlgauge.core.files import StoreError
from rlgauge.core.index import readings
from rlgauge.core.run import ConfigFile, Record, RunFile, Start, Status, Total
from rlgauge.core.store import Attempt, Need, Store, now

UNITS = {"return": "reward", "success": "success"}


def case(algorithm: str = "ppo", task: str = "reach", seed: int | None = 3, *, first: int = 0, **labels: str) -> Case:
    told = {"algorithm": algorithm, "task": task, "settings": "s", "unit": f"{algorithm} {task} {seed}", **labels}
    if seed is not None:
        told["train_seed"] = str(seed)
    params = {"algorithm": algorithm, "task": task, "train_seed": seed, "first": first}
    return Case(workload="evaluate", name=f"{task}-{first}", params=params, seed=7, labels=told)


def begun(root: Path, what: Case, need: Need | None = None) -> Attempt:
    config = ConfigFile(seed=what.seed, case=what, units=UNITS)
    attempt = Store(root).claim(what, need or Need(), config, Start(start_time=now(), host={}))
    assert attempt is not None
    return attempt


def measured(root: Path, what: Case, *returns: float, status: Status = Status.COMPLETED, **end: object) -> Attempt:
    attempt = begun(root, what)
    for place, value in enumerate(returns):
        attempt.append(Record(what.params["first"] + place, {"return": value, "success": value > 1, "odd": "text"}))
    attempt.close()
    attempt.commit(status, **end)
    return attempt


def only(root: Path, **options: bool) -> index.Reading:
    (found,) = readings(root, **options)
    return found


def test_a_run_is_a_reading_with_the_totals_of_its_records(tmp_path: Path) -> None:
    attempt = measured(tmp_path, case(), 1.0, 2.0, 6.0)
    found = only(tmp_path)
    assert (found.algorithm, found.task, found.seed, found.settings, found.kind) == ("ppo", "reach", 3, "s", "evaluate")
    assert found.totals["return"] == Total(n=3, mean=3.0, squares=14.0, median=2.0)
    assert found.totals["success"].mean == pytest.approx(2 / 3)
    assert found.folders == (str(attempt.folder),)
    assert [record.values["return"] for record in found.records] == [1.0, 2.0, 6.0]


def test_a_reading_has_the_warnings_of_all_its_runs_once_each(tmp_path: Path) -> None:
    measured(tmp_path, case(), 5.0, result={"warnings": ["It is far.", 7]})
    measured(tmp_path, case(first=1), 5.0, result={"warnings": ["It is far.", "It is slow."]})
    measured(tmp_path, case(first=2), 5.0, result={"warnings": "of another system"})
    assert only(tmp_path).warnings == ("It is far.", "It is slow.")
    assert only(tmp_path, scan=False).warnings == ("It is far.", "It is slow.")


def test_blocks_of_one_unit_are_one_reading_in_the_order_of_their_episodes(tmp_path: Path) -> None:
    measured(tmp_path, case(first=10), 5.0)
    measured(tmp_path, case(first=0), 1.0, 3.0)
    found = only(tmp_path)
    assert (found.totals["return"].n, found.totals["return"].mean) == (3, 3.0)
    assert found.totals["return"].squares == pytest.approx(8.0)
    assert [record.index for record in found.records] == [0, 1, 10]


def test_seeds_tasks_and_algorithms_are_readings_of_their_own(tmp_path: Path) -> None:
    for what in (case(), case(seed=4), case(task="push"), case("sac"), case(seed=None)):
        measured(tmp_path, what, 1.0)
    assert len(readings(tmp_path)) == 5
    assert [found.seed for found in readings(tmp_path)].count(None) == 1


def test_records_with_errors_count_as_errors_and_in_no_total(tmp_path: Path) -> None:
    attempt = begun(tmp_path, case())
    attempt.append(Record(0, {"return": 1.0}))
    attempt.append(Record(1, {"return": 9.0}, "it broke"))
    attempt.append(Record(2, {"return": None}))
    attempt.close()
    attempt.commit(Status.COMPLETED)
    found = only(tmp_path)
    assert (found.totals["return"].n, found.num_errors) == (1, 1)
    assert "success" not in found.totals


def test_a_failed_run_is_a_reading_without_totals_and_with_its_reason(tmp_path: Path) -> None:
    measured(tmp_path, case(), 1.0, status=Status.FAILED, fail_trace="Traceback\n  x\nValueError: no\n")
    found = only(tmp_path)
    assert (found.status, found.totals, found.reason) == (Status.FAILED, {}, "ValueError: no")


def test_the_reason_of_a_failure_that_begins_with_a_sentence_is_that(tmp_path: Path) -> None:
    trace = "It raised ValueError: no.\nTraceback (most recent call last):\n  x\nValueError: no\n"
    measured(tmp_path, case(), 1.0, status=Status.FAILED, fail_trace=trace)
    assert only(tmp_path).reason == "It raised ValueError: no."


def test_a_reading_with_a_failed_block_says_how_many(tmp_path: Path) -> None:
    measured(tmp_path, case(first=0), 1.0)
    measured(tmp_path, case(first=10), status=Status.TIMEOUT, fail_trace="its limit is 5 s")
    found = only(tmp_path)
    assert found.status is Status.TIMEOUT
    assert found.totals["return"].n == 1
    assert found.reason == "1 of its 2 runs have no result: its limit is 5 s"


def test_a_run_whose_process_is_gone_reads_died(tmp_path: Path) -> None:
    attempt = begun(tmp_path, case())
    assert only(tmp_path).status is Status.RUNNING
    Attempt.release(attempt.folder)
    assert only(tmp_path).status is Status.DIED


def test_the_attempt_that_speaks_for_a_case_is_the_stores(tmp_path: Path) -> None:
    what = case()
    measured(tmp_path, what, status=Status.FAILED)
    again = begun(tmp_path, what, Need(rerun_up_to=1))
    again.append(Record(0, {"return": 4.0}))
    again.close()
    again.commit(Status.COMPLETED)
    third = begun(tmp_path, what, Need(num_wanted=5))
    third.commit(Status.FAILED)
    assert only(tmp_path).folders == (str(Store(tmp_path).find(what).folder),) == (str(again.folder),)


def test_the_index_gives_the_same_as_the_folders(tmp_path: Path) -> None:
    for first in (0, 10):
        measured(tmp_path, case(first=first), 1.0, 2.0)
    measured(tmp_path, case(seed=4), status=Status.FAILED)
    cold = readings(tmp_path)
    assert (tmp_path / cache.NAME).is_file()
    assert readings(tmp_path) == cold == readings(tmp_path, scan=False)


def test_a_folder_that_did_not_change_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "_TICK", 0)  # what changed just now is read again
    measured(tmp_path, case(), 1.0)
    readings(tmp_path)
    monkeypatch.setattr(index, "read_cases", lambda root, paths, *, settled: [pytest.fail(path) for path in paths])
    assert only(tmp_path).totals["return"].mean == 1.0


def test_what_is_new_replaced_or_gone_is_seen_unless_nobody_looks(tmp_path: Path) -> None:
    attempt = measured(tmp_path, case(), 1.0)
    gone = measured(tmp_path, case(seed=5), 1.0)
    readings(tmp_path)
    measured(tmp_path, case(seed=4), 2.0)
    shutil.rmtree(gone.folder.parent)
    told = msgspec.json.decode((attempt.folder / "run.json").read_bytes(), type=RunFile)
    changed = msgspec.structs.replace(told, totals={"return": Total(n=1, mean=7.0)})
    (attempt.folder / "run.json").write_bytes(msgspec.json.encode(changed))
    assert sorted(r.seed for r in readings(tmp_path, scan=False)) == [3, 5]
    assert sorted((r.seed, r.totals["return"].mean) for r in readings(tmp_path)) == [(3, 7.0), (4, 2.0)]


def test_a_running_run_is_looked_at_every_time(tmp_path: Path) -> None:
    attempt = begun(tmp_path, case())
    assert only(tmp_path).status is Status.RUNNING
    attempt.append(Record(0, {"return": 2.0}))
    attempt.close()
    attempt.commit(Status.COMPLETED)
    assert only(tmp_path).status is Status.COMPLETED


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0" + bytes(200)])
def test_a_damaged_index_is_made_again(content: bytes, tmp_path: Path) -> None:
    measured(tmp_path, case(), 1.0)
    expected = readings(tmp_path)
    for scan in (True, False):
        (tmp_path / cache.NAME).write_bytes(content)
        assert readings(tmp_path, scan=scan) == expected


def test_an_index_of_another_version_is_made_again(tmp_path: Path) -> None:
    measured(tmp_path, case(), 1.0)
    expected = readings(tmp_path)
    with sqlite3.connect(tmp_path / cache.NAME) as connection:
        connection.execute(f"PRAGMA user_version = {cache.VERSION + 1}")
        connection.execute("UPDATE documents SET content = x'00'")
    connection.close()
    assert readings(tmp_path) == expected == readings(tmp_path, scan=False)


def test_a_folder_that_cannot_be_written_is_read_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured(tmp_path, case(), 1.0)

    def refuse(*_: object) -> None:
        raise sqlite3.OperationalError("unable to open database file")

    monkeypatch.setattr(cache.sqlite3, "connect", refuse)
    assert only(tmp_path).totals["return"].mean == 1.0
    assert [path.name for path in tmp_path.iterdir()] == ["evaluate"]


def test_a_store_without_labels_and_totals_is_read(tmp_path: Path) -> None:
    for first in (0, 5):
        params = {"policy": "0123", "train_seed": 2, "task": "reach", "first": first, "last": first + 5, "width": 8}
        old = Case(workload="evaluate", name=f"reach-e{first}", params=params, seed=42, labels={"policy": "mine"})
        attempt = measured(tmp_path, old, 1.0, 2.0)
        told = msgspec.json.decode((attempt.folder / "run.json").read_bytes())
        del told["totals"]
        (attempt.folder / "run.json").write_bytes(msgspec.json.encode(told))
    found = only(tmp_path)
    assert (found.algorithm, found.task, found.seed, found.checkpoint) == ("mine", "reach", 2, "0123")
    assert found.totals["return"].n == 4


def test_values_too_large_to_be_summed_have_no_total(tmp_path: Path) -> None:
    measured(tmp_path, case(), 1e308, -1e308, 1e308)
    assert "return" not in only(tmp_path).totals


@pytest.mark.parametrize("content", ["", "{", '{"seed": "x"}', '{"case": 3}'])
def test_a_damaged_case_is_told_of_and_the_others_are_read(content: str, tmp_path: Path) -> None:
    attempt = measured(tmp_path, case(seed=1), 1.0)
    measured(tmp_path, case(seed=2), 1.0)
    (attempt.folder / "config.json").write_text(content)
    for _ in range(2):  # the second time by the index
        told: list[str] = []
        assert [found.seed for found in readings(tmp_path, tell=told.append)] == [2]
        assert len(told) == 1
        assert told[0].startswith(f"{attempt.folder}/config.json is damaged (")


def test_a_damaged_attempt_beside_a_good_one_is_of_no_account(tmp_path: Path) -> None:
    damaged = measured(tmp_path, case(), 1.0)
    (damaged.folder / "config.json").write_text("{")
    again = measured(tmp_path, case(), 2.0)
    told: list[str] = []
    (found,) = readings(tmp_path, tell=told.append)
    assert (found.folders, told) == ((str(again.folder),), [])


@pytest.mark.parametrize("name", ["config.json", "run.json"])
def test_a_newer_format_is_refused_and_not_taken_for_damage(name: str, tmp_path: Path) -> None:
    attempt = measured(tmp_path, case(), 1.0)
    (attempt.folder / name).write_text('{"format": 2, "status": "COMPLETED", "case": "something new"}')
    with pytest.raises(StoreError, match=rf"{name} was written by a newer RLGauge \(format 2\)"):
        readings(tmp_path)


def test_what_ended_by_a_mistake_in_the_command_is_no_data(tmp_path: Path) -> None:
    measured(tmp_path, case(seed=1), 1.0)
    measured(tmp_path, case(seed=2), status=Status.FAILED, fail_kind="usage", fail_trace="There is no 'seed_2'.")
    for _ in range(2):
        assert [(found.seed, found.status) for found in readings(tmp_path)] == [(1, Status.COMPLETED)]
    assert [found.seed for found in readings(tmp_path, scan=False)] == [1]


def test_a_mistake_hides_no_attempt_before_it(tmp_path: Path) -> None:
    timed_out = measured(tmp_path, case(), status=Status.TIMEOUT, fail_trace="too long")
    mistaken = begun(tmp_path, case(), Need(rerun_up_to=1))
    mistaken.commit(Status.FAILED, fail_kind="usage", fail_trace="There is no such policy.")
    found = only(tmp_path)
    assert (found.status, found.folders) == (Status.TIMEOUT, (str(timed_out.folder),))


def test_a_part_that_ended_by_a_mistake_is_missed_in_what_was_measured(tmp_path: Path) -> None:
    measured(tmp_path, case(), 1.0)
    measured(tmp_path, case(first=10), status=Status.FAILED, fail_kind="usage", fail_trace="held wrong")
    for _ in range(2):
        found = only(tmp_path)
        assert (found.status, found.totals["return"].n) == (Status.FAILED, 1)
        assert found.reason == "1 of its 2 runs have no result: held wrong"


def test_what_goes_on_under_another_name_is_one_reading_of_the_first(tmp_path: Path) -> None:
    measured(tmp_path, case(unit="u"), 1.0)
    measured(tmp_path, case("renamed", first=10, unit="u"), 2.0)
    found = only(tmp_path)
    assert (found.algorithm, found.totals["return"].n) == ("ppo", 2)


def test_other_folders_in_the_store_are_no_cases(tmp_path: Path) -> None:
    measured(tmp_path, case(), 1.0)
    (tmp_path / "videos" / "ppo").mkdir(parents=True)
    (tmp_path / "plans").mkdir()
    (tmp_path / "plans" / "a-0123456789ab.json").write_text("{}")
    (tmp_path / "results.json").write_text("{}")
    assert len(readings(tmp_path)) == 1
