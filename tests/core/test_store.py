"""A case is run by one at a time, whatever is in its folder; what was measured is taken over, never trusted blindly."""

from __future__ import annotations

import errno
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from rlgauge.core import platform, run_files, store
from rlgauge.core.case import Case
from rlgauge.core.claim import STALE_SECONDS, Claim
from rlgauge.core.files import StoreError
from rlgauge.core.run import ConfigFile, Record, Start, Status, encode_record, read_records
from rlgauge.core.store import Attempt, Need, Store, now

CASE = Case(workload="toy", name="reach", params={"task": "reach"}, seed=1)
ANY = Need()


@pytest.fixture
def kept(tmp_path: Path) -> Store:
    made = Store(tmp_path / "out")
    made.make()
    return made


def claim(kept: Store, need: Need = ANY) -> Attempt | None:
    config = ConfigFile(seed=CASE.seed, case=CASE, units={"value": "points"})
    return kept.claim(CASE, need, config, Start(start_time=now(), host={}))


def folder_of(kept: Store) -> Path:
    return kept.root / CASE.folder


def measured(kept: Store, status: Status, *records: Record, need: Need = ANY, **end: str) -> Attempt:
    """An attempt that has ended with these records beside those it began with."""
    attempt = claim(kept, need)
    assert attempt is not None
    for record in records:
        attempt.append(record)
    attempt.close()
    attempt.commit(status, **end)
    return attempt


def good(*indices: int) -> list[Record]:
    return [Record(index, {"value": float(index)}) for index in indices]


def claimed_by(kept: Store, attempt: str, **changes: object) -> Path:
    """Write a claim by hand: by another living process of this machine, unless changed."""
    pid = os.getppid()
    alive = {"host": platform.machine_id(), "pid": pid, "process_start": platform.process_start(pid), "time": now()}
    path = folder_of(kept) / f"claim-{attempt.partition('-')[0]}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.encode(Claim(attempt=attempt, **{**alive, **changes})))
    return path


def age(path: Path, seconds: float) -> None:
    os.utime(path, (time.time() - seconds, time.time() - seconds))


# Who may run a case.


def test_a_claimed_case_is_running_and_nobody_elses(kept: Store) -> None:
    assert claim(kept) is not None
    assert kept.find(CASE).status is Status.RUNNING
    assert kept.is_busy(CASE)
    assert claim(kept) is None


def test_a_completed_case_is_not_run_again(kept: Store) -> None:
    measured(kept, Status.COMPLETED, *good(0))
    assert not kept.needs(CASE, ANY)
    assert claim(kept) is None


def test_of_many_drivers_at_once_one_gets_the_case(kept: Store) -> None:
    for _ in range(10):
        got, barrier = [], threading.Barrier(6)

        def take(got: list = got, barrier: threading.Barrier = barrier) -> None:
            barrier.wait()
            got.append(claim(kept))

        threads = [threading.Thread(target=take) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        winners = [attempt for attempt in got if attempt is not None]
        assert len(winners) == 1
        winners[0].commit(Status.INTERRUPTED)


@pytest.mark.parametrize("step", ["_last_number", "read_run", "_is_busy", "create_exclusively", "_inherited"])
def test_a_driver_that_overtakes_another_at_any_step_leaves_it_nothing(
    step: str, kept: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured(kept, Status.INTERRUPTED, *good(0))
    real, overtaken = getattr(store, step), []

    def overtake(*arguments: object, **options: object) -> object:
        monkeypatch.setattr(store, step, real)
        found = real(*arguments, **options) if step in {"_last_number", "read_run", "_is_busy"} else None
        overtaken.append(claim(kept))
        return found if step in {"_last_number", "read_run", "_is_busy"} else real(*arguments, **options)

    monkeypatch.setattr(store, step, overtake)
    slow = claim(kept)
    assert [attempt for attempt in (slow, *overtaken) if attempt is not None] in ([slow], overtaken)
    assert len(kept.attempts(folder_of(kept))) == 2


def test_a_driver_that_overtakes_another_and_finishes_leaves_it_nothing(
    kept: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = store.create_exclusively

    def overtake(path: Path, content: bytes) -> bool:
        monkeypatch.setattr(store, "create_exclusively", real)
        measured(kept, Status.COMPLETED, *good(0))
        return real(path, content)

    monkeypatch.setattr(store, "create_exclusively", overtake)
    assert claim(kept) is None
    assert len(kept.attempts(folder_of(kept))) == 1


def test_a_claim_whose_folder_is_not_there_yet_holds_the_case_while_its_process_lives(kept: Store) -> None:
    claimed_by(kept, "1-abcdef")
    assert kept.is_busy(CASE)
    assert claim(kept) is None
    assert kept.find(CASE) is None


def test_a_driver_killed_between_claim_and_folder_leaves_the_case_free(kept: Store) -> None:
    claimed_by(kept, "1-abcdef", pid=2**22 + 1)
    assert not kept.is_busy(CASE)
    assert claim(kept).folder.name.startswith("2-")


def test_an_attempt_that_began_and_ended_while_its_case_was_looked_at_is_not_made_again(
    kept: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the list of attempts, which it is not in yet, and the question whether its claim lives."""
    measured(kept, Status.COMPLETED, *good(0))
    seen = [kept.attempts(folder_of(kept)), []]
    monkeypatch.setattr(kept, "attempts", lambda _folder: seen.pop())
    assert claim(kept) is None


def test_an_attempt_that_ends_while_it_is_read_is_not_made_again(kept: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between its run.json and the question whether its process lives, which has ended by then."""
    attempt = claim(kept)
    assert attempt is not None
    attempt.append(good(0)[0])
    attempt.close()
    ending = iter([lambda: attempt.commit(Status.COMPLETED)])

    def ends(*_arguments: object) -> bool:
        next(ending, lambda: None)()
        return False

    monkeypatch.setattr(run_files, "lives", ends)
    assert claim(kept) is None


def test_a_half_made_attempt_folder_is_no_attempt(kept: Store) -> None:
    claimed_by(kept, "1-abcdef", pid=2**22 + 1)
    half = folder_of(kept) / ".1-abcdef.part"
    half.mkdir()
    (half / "config.json").write_text("{")
    assert kept.attempts(folder_of(kept)) == []
    assert claim(kept) is not None


def test_a_pid_that_another_process_has_now_is_not_taken_for_the_claims(kept: Store) -> None:
    attempt = claim(kept)
    claimed_by(kept, attempt.folder.name, process_start=platform.process_start(os.getppid()) - 1)
    assert kept.find(CASE).status is Status.DIED
    assert claim(kept) is not None


def test_a_run_of_another_machine_lives_by_its_heartbeat(kept: Store) -> None:
    attempt = claim(kept)
    claimed_by(kept, attempt.folder.name, host="elsewhere", pid=os.getpid())
    assert kept.find(CASE).status is Status.RUNNING
    age(attempt.folder / "heartbeat", STALE_SECONDS + 1)
    assert kept.find(CASE).status is Status.DIED
    attempt.beat()
    assert kept.find(CASE).status is Status.RUNNING


def test_a_heartbeat_of_a_clock_that_was_wrong_does_not_hold_the_case_for_hours(kept: Store) -> None:
    attempt = claim(kept)
    claimed_by(kept, attempt.folder.name, host="elsewhere")
    age(attempt.folder / "heartbeat", -3600)
    assert kept.find(CASE).status is Status.DIED


@pytest.mark.parametrize("content", [b"", b"{", b'{"attempt": 3}', b"\xff\xfe"])
def test_a_damaged_claim_holds_the_case_only_while_it_is_fresh(content: bytes, kept: Store) -> None:
    path = claimed_by(kept, "1-abcdef")
    path.write_bytes(content)
    assert claim(kept) is None
    age(path, STALE_SECONDS + 1)
    assert claim(kept).folder.name.startswith("2-")


def test_a_running_attempt_whose_claim_is_damaged_lives_by_its_heartbeat(kept: Store) -> None:
    attempt = claim(kept)
    path = folder_of(kept) / "claim-1"
    path.write_bytes(b"")
    age(path, STALE_SECONDS + 1)
    assert kept.find(CASE).status is Status.RUNNING
    age(attempt.folder / "heartbeat", STALE_SECONDS + 1)
    assert kept.find(CASE).status is Status.DIED


def test_an_attempt_that_was_given_up_is_free_at_once_though_its_process_lives(kept: Store) -> None:
    attempt = claim(kept)
    Attempt.release(attempt.folder)
    assert kept.find(CASE).status is Status.DIED
    assert claim(kept).folder.name.startswith("2-")


def test_a_folder_that_could_not_be_made_leaves_the_case_free(kept: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", failing(errno.ENOSPC))
        with pytest.raises(StoreError, match="No space left"):
            claim(kept)
    assert not kept.is_busy(CASE)
    assert list(folder_of(kept).iterdir()) == []
    assert claim(kept) is not None


def failing(number: int) -> Callable[..., None]:
    def fail(*_arguments: object, **_options: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


# Folders of several machines.


def merged(kept: Store, tmp_path: Path, *, over: bool) -> Path:
    """The store of another machine, whose attempt has the same number, copied over (or under) this one."""
    other = Store(tmp_path / "other")
    attempt = measured(other, Status.INTERRUPTED, *good(0, 1, 2))
    for path in sorted(folder_of(other).iterdir()):
        target = folder_of(kept) / path.name
        if path.is_dir():
            shutil.copytree(path, target)
        elif over or not target.exists():
            shutil.copy2(path, target)
    return folder_of(kept) / attempt.folder.name


@pytest.mark.parametrize("over", [True, False], ids=["their claim stays", "our claim stays"])
def test_attempts_of_the_same_number_are_kept_apart(*, over: bool, kept: Store, tmp_path: Path) -> None:
    measured(kept, Status.INTERRUPTED, *good(0))
    merged(kept, tmp_path, over=over)
    assert len(kept.attempts(folder_of(kept))) == 2
    taken = claim(kept)
    assert taken.folder.name.startswith("2-")
    assert [record.index for record in taken.kept] == [0, 1, 2]


@pytest.mark.parametrize("over", [True, False], ids=["their claim stays", "our claim stays"])
def test_a_merged_folder_does_not_hide_a_run_that_lives(*, over: bool, kept: Store, tmp_path: Path) -> None:
    running = claim(kept)
    merged(kept, tmp_path, over=over)
    assert kept.is_busy(CASE)
    assert claim(kept) is None
    running.append(Record(0, {"value": 1.0}))
    running.close()
    running.commit(Status.COMPLETED)
    assert kept.find(CASE).status is Status.COMPLETED


def test_a_claim_being_made_beside_a_merged_attempt_of_its_number_holds_the_case(kept: Store, tmp_path: Path) -> None:
    folder_of(kept).mkdir(parents=True)
    merged(kept, tmp_path, over=True)
    claimed_by(kept, "1-abcdef")
    assert claim(kept) is None


@pytest.mark.parametrize("is_synced", [True, False])
def test_records_and_end_are_on_the_disk_before_going_on_unless_many_are_synced_at_once(
    *, is_synced: bool, kept: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = claim(kept)
    attempt.is_synced = is_synced
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    attempt.append(Record(0, {"value": 1.0}))
    attempt.close()
    attempt.commit(Status.COMPLETED)
    assert len(synced) == (2 if is_synced else 0)
    assert kept.find(CASE).num_records == 1


def test_the_run_that_speaks_is_the_completed_one_with_most_valid_records(kept: Store, tmp_path: Path) -> None:
    other = Store(tmp_path / "other")
    measured(other, Status.COMPLETED, *good(0, 1, 2))
    measured(kept, Status.COMPLETED, *good(0), Record(1, {}, "broke"), Record(2, {}, "broke"), Record(3, {}, "broke"))
    shutil.copytree(other.root, kept.root, dirs_exist_ok=True)
    assert [record.index for record in kept.find(CASE).records] == [0, 1, 2]


def test_the_tenth_attempt_comes_after_the_ninth(kept: Store) -> None:
    for _ in range(10):
        measured(kept, Status.INTERRUPTED, *good(0))
    attempts = kept.attempts(folder_of(kept))
    assert [run.attempt.partition("-")[0] for run in attempts] == [str(number) for number in range(1, 11)]
    assert claim(kept).folder.name.startswith("11-")
    assert "Continues attempt 10-" in (folder_of(kept) / kept.find(CASE).attempt / "cout.txt").read_text()


def test_a_clock_that_went_back_does_not_bring_an_older_attempt_to_speak(kept: Store) -> None:
    measured(kept, Status.COMPLETED, *good(0), Record(1, {}, "broke"))
    again = measured(kept, Status.COMPLETED, Record(1, {}, "broke again"), need=Need(rerun_up_to=1))
    path = again.folder / "run.json"
    path.write_text(path.read_text().replace('"start_time": "20', '"start_time": "19'))
    assert kept.find(CASE).attempt == again.folder.name


# What is taken over from the attempt before.


def test_a_new_attempt_begins_with_the_valid_records_of_the_old_one(kept: Store) -> None:
    measured(kept, Status.INTERRUPTED, *good(0, 1), Record(2, {}, "broke"))
    assert [record.index for record in claim(kept).kept] == [0, 1, 2]


def test_a_torn_line_is_dropped_and_said_so(kept: Store) -> None:
    attempt = measured(kept, Status.INTERRUPTED, *good(0, 1))
    with (attempt.folder / "records.jsonl").open("ab") as file:
        file.write(encode_record(Record(2, {"value": 2.0}))[:-9])
    again = claim(kept)
    assert [record.index for record in again.kept] == [0, 1]
    assert "1 torn or damaged lines of its records.jsonl were dropped." in (again.folder / "cout.txt").read_text()


def test_what_is_appended_after_a_torn_line_is_not_lost(kept: Store) -> None:
    attempt = claim(kept)
    attempt.append(Record(0, {"value": 0.0}))
    attempt.close()
    with (attempt.folder / "records.jsonl").open("ab") as file:
        file.write(b'{"i":1,"v"')
    attempt.append(Record(2, {}, "timeout"))
    attempt.close()
    end = attempt.commit(Status.COMPLETED)
    assert [record.index for record in kept.find(CASE).records] == [0, 2]
    assert (end.num_records, end.num_errors) == (2, 1)


def test_the_attempt_with_most_valid_records_is_continued(kept: Store) -> None:
    measured(kept, Status.INTERRUPTED, *good(0, 1, 2))
    second = measured(kept, Status.INTERRUPTED)
    (second.folder / "records.jsonl").write_bytes(encode_record(Record(0, {"value": 0.0})))
    assert len(claim(kept).kept) == 3


# What is missing.


@pytest.mark.parametrize(
    ("status", "is_missing"),
    [
        (Status.COMPLETED, False),
        (Status.FAILED, False),
        (Status.TIMEOUT, False),
        (Status.INTERRUPTED, True),
    ],
)
def test_only_what_has_not_ended_by_itself_is_missing(kept: Store, status: Status, *, is_missing: bool) -> None:
    measured(kept, status, fail_kind="error")
    assert kept.needs(CASE, ANY) is is_missing


@pytest.mark.parametrize("status", [Status.FAILED, Status.TIMEOUT])
def test_the_failed_is_missing_when_asked_for_until_it_was_tried_once(kept: Store, status: Status) -> None:
    measured(kept, status)
    need = Need(rerun_up_to=kept.num_attempts(CASE))
    assert kept.needs(CASE, need)
    measured(kept, status, need=need)
    assert not kept.needs(CASE, need)


def test_a_failed_run_is_tried_once_though_the_clock_goes_back(kept: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    measured(kept, Status.FAILED)
    need = Need(rerun_up_to=kept.num_attempts(CASE))
    monkeypatch.setattr("tests.core.test_store.now", lambda: "1999-01-01T00:00:00.000000")
    again = claim(kept, need)
    again.commit(Status.FAILED)
    assert not kept.needs(CASE, need)


def test_errors_are_measured_again_when_asked_and_the_rest_is_kept(kept: Store) -> None:
    measured(kept, Status.COMPLETED, *good(0), Record(1, {}, "broke"))
    assert not kept.needs(CASE, ANY)
    again = claim(kept, Need(rerun_up_to=1))
    assert [record.index for record in again.kept] == [0]


def test_what_would_be_kept_of_a_case_is_told_beforehand(kept: Store) -> None:
    assert kept.standing(CASE, ANY).records == []
    with_most = measured(kept, Status.INTERRUPTED, *good(0, 1), Record(2, {}, "broke"))
    (measured(kept, Status.INTERRUPTED).folder / "records.jsonl").write_bytes(b"")
    for need in (ANY, Need(rerun_up_to=2)):
        standing = kept.standing(CASE, need)
        assert standing.since == kept.attempts(folder_of(kept))[0].file.start_time
        assert not standing.is_given_up
        assert len(standing.records) == (3 if need is ANY else 2)
    assert list(claim(kept, ANY).kept) == kept.standing(CASE, ANY).records == records_of(with_most)


def records_of(attempt: Attempt) -> list[Record]:
    return read_records(attempt.folder / "records.jsonl").records


def test_a_case_that_failed_is_given_up_unless_it_is_tried_again(kept: Store) -> None:
    measured(kept, Status.FAILED, *good(0), fail_trace="broke")
    assert kept.standing(CASE, ANY).is_given_up
    assert kept.standing(CASE, ANY).records == []
    assert kept.standing(CASE, Need(rerun_up_to=1)).records == good(0)


def test_a_users_mistake_is_always_missing(kept: Store) -> None:
    measured(kept, Status.FAILED, fail_kind="usage")
    assert kept.needs(CASE, ANY)


def test_a_users_mistake_never_speaks_before_another_attempt(kept: Store) -> None:
    failed = measured(kept, Status.TIMEOUT, fail_trace="too long")
    measured(kept, Status.FAILED, fail_kind="usage", need=Need(rerun_up_to=1))
    assert kept.find(CASE).attempt == failed.folder.name


def test_a_case_that_is_to_grow_is_missing_until_it_has_grown(kept: Store) -> None:
    measured(kept, Status.COMPLETED, *good(0, 1))
    assert not kept.needs(CASE, Need(num_wanted=2))
    assert kept.needs(CASE, Need(num_wanted=3))
    measured(kept, Status.COMPLETED, *good(2), need=Need(num_wanted=3))
    assert not kept.needs(CASE, Need(num_wanted=3))


def test_a_case_that_another_driver_runs_grows_when_that_one_is_done(kept: Store) -> None:
    small = claim(kept, Need(num_wanted=1))
    assert claim(kept, Need(num_wanted=2)) is None
    small.append(good(0)[0])
    small.close()
    small.commit(Status.COMPLETED)
    assert [record.index for record in claim(kept, Need(num_wanted=2)).kept] == [0]


def test_a_measurement_with_fewer_records_than_wanted_has_failed(kept: Store) -> None:
    attempt = claim(kept, Need(num_wanted=3))
    attempt.append(good(0)[0])
    end = attempt.commit(Status.COMPLETED)
    assert (end.status, end.fail_kind) == (Status.FAILED, store.SHORT)
    assert end.fail_trace == "The measurement ended with 1 of the 3 records that were wanted."
    assert not kept.needs(CASE, Need(num_wanted=3))


# What is damaged.


@pytest.mark.parametrize("content", [b"", b"{", b'{"status": "PERHAPS"}', b"\xff", b"[]"])
def test_a_damaged_run_json_reads_died_and_its_records_are_taken_over(content: bytes, kept: Store) -> None:
    attempt = measured(kept, Status.COMPLETED, *good(0, 1))
    (attempt.folder / "run.json").write_bytes(content)
    run = kept.find(CASE)
    assert run.status is Status.DIED
    assert "its run.json is damaged" in run.note
    assert len(claim(kept).kept) == 2


def test_a_missing_run_json_reads_died(kept: Store) -> None:
    attempt = measured(kept, Status.COMPLETED, *good(0))
    (attempt.folder / "run.json").unlink()
    assert kept.find(CASE).note == "its run.json is missing; it counts as died, its records are kept"


def test_run_json_cut_at_any_byte_never_reads_as_another_end(kept: Store) -> None:
    attempt = measured(kept, Status.FAILED, *good(0), fail_trace="it broke")
    path = attempt.folder / "run.json"
    whole = path.read_bytes().rstrip()
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        assert kept.find(CASE).status is Status.DIED


@pytest.mark.parametrize("content", [b"", b"{", b'{"seed": "x"}'])
def test_a_damaged_config_json_is_passed_over_and_told_of(content: bytes, kept: Store) -> None:
    attempt = measured(kept, Status.COMPLETED)
    (attempt.folder / "config.json").write_bytes(content)
    told: list[str] = []
    assert list(kept.runs(told.append)) == []
    assert len(told) == 1
    assert told[0].startswith(f"{attempt.folder}/config.json is damaged (")
    assert told[0].endswith("the command that made it measures it again.")


def test_a_case_whose_run_is_damaged_is_measured_again_beside_it(kept: Store) -> None:
    damaged = measured(kept, Status.COMPLETED, *good(0))
    (damaged.folder / "config.json").write_text("{")
    assert kept.needs(CASE, ANY)
    again = measured(kept, Status.COMPLETED, *good(0))
    assert again.folder.name.startswith("2-")
    assert damaged.folder.is_dir()
    told: list[str] = []
    assert [run.folder for run in kept.runs(told.append)] == [again.folder]
    assert told == []


@pytest.mark.parametrize("content", [b"", bytes(4096)])
def test_a_power_cut_at_the_start_of_a_run_stands_in_nobodys_way(content: bytes, kept: Store) -> None:
    attempt = claim(kept)
    for name in ("config.json", "run.json"):
        (attempt.folder / name).write_bytes(content)
    (attempt.folder.parent / "claim-1").unlink()
    assert kept.find(CASE) is None
    assert measured(kept, Status.COMPLETED).folder.name.startswith("2-")
    assert kept.find(CASE).status is Status.COMPLETED


@pytest.mark.parametrize("name", ["config.json", "run.json"])
def test_a_newer_format_is_refused_and_not_taken_for_damage(name: str, kept: Store) -> None:
    attempt = measured(kept, Status.COMPLETED)
    (attempt.folder / name).write_text('{"format": 2, "status": "SOMETHING_NEW"}')
    with pytest.raises(StoreError, match=r"was written by a newer RLGauge \(format 2\); this one reads up to 1\."):
        kept.find(CASE)


def test_records_that_were_cut_on_the_disk_are_measured_again(kept: Store) -> None:
    attempt = measured(kept, Status.INTERRUPTED, *good(*range(4)))
    path = attempt.folder / "records.jsonl"
    whole = path.read_bytes()
    for cut in range(0, len(whole), 7):
        path.write_bytes(whole[:cut])
        again = claim(kept)
        assert [record.index for record in again.kept] == list(range(len(again.kept)))
        assert len(again.kept) == sum(cut >= end for end in ends(whole))
        shutil.rmtree(again.folder)
        (folder_of(kept) / "claim-2").unlink()


def ends(whole: bytes) -> list[int]:
    """Where a line is whole, its newline aside."""
    return [position for position, byte in enumerate(whole) if byte == ord("\n")]


def test_a_folder_deleted_while_it_is_measured_is_said_plainly(kept: Store) -> None:
    attempt = claim(kept)
    shutil.rmtree(attempt.folder)
    with pytest.raises(StoreError, match="Can't write"):
        attempt.append(good(0)[0])
    with pytest.raises(StoreError, match="is gone; somebody deleted it"):
        attempt.commit(Status.COMPLETED)
    with pytest.raises(StoreError, match="heartbeat"):
        attempt.beat()


# Where the store may be.


@pytest.mark.parametrize("name", ["a b", "größe-☃", 'it\'s "quoted"', "new\nline", "-o"])
def test_any_folder_name_will_do(name: str, tmp_path: Path) -> None:
    kept = Store(tmp_path / name / "out")
    kept.make()
    measured(kept, Status.COMPLETED, *good(0))
    assert [run.status for run in Store(str(kept.root)).runs()] == [Status.COMPLETED]


def test_a_folder_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not valid UTF-8"):
        Store(tmp_path / "\udcff").make()


def test_a_file_in_the_place_of_the_folder_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    for root in (tmp_path / "out", tmp_path / "out" / "deeper"):
        with pytest.raises(StoreError, match=r"Can't write .*choose another output folder\."):
            Store(root).make()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no /proc")
def test_a_folder_where_not_even_root_may_write_is_said_plainly() -> None:
    for root in ("/proc", "/proc/out"):
        with pytest.raises(StoreError, match=rf"Can't write {root}: "):
            Store(root).make()


def test_a_file_in_the_place_of_a_case_is_said_plainly(kept: Store) -> None:
    folder_of(kept).parent.mkdir()
    folder_of(kept).write_text("")
    with pytest.raises(StoreError, match=r"Can't read .*: Not a directory"):
        kept.find(CASE)


def test_folders_of_others_in_the_store_are_no_runs(kept: Store) -> None:
    measured(kept, Status.COMPLETED, *good(0))
    (kept.root / "videos" / "1-films").mkdir(parents=True)
    (folder_of(kept) / "2024-notes").mkdir()
    (folder_of(kept) / "notes").mkdir()
    assert [run.case.id for run in kept.runs()] == [CASE.id]
    assert len(kept.attempts(folder_of(kept))) == 1


def test_a_store_that_is_not_there_has_no_runs(tmp_path: Path) -> None:
    assert list(Store(tmp_path / "nowhere").runs()) == []
    assert Store(tmp_path / "nowhere").find(CASE) is None
    assert Store(tmp_path / "nowhere").num_attempts(CASE) == 0


# The file of progress.


def test_progress_is_seen_by_whoever_looks(kept: Store) -> None:
    attempt = claim(kept)
    watcher = Attempt(attempt.folder)
    assert watcher.progress() is None
    attempt.at(7)
    attempt.at(7)
    assert watcher.progress() == (7, 2)
    attempt.at(8)
    assert watcher.progress() == (8, 3)


def test_the_file_of_progress_has_no_hole_that_a_full_disk_could_not_fill(kept: Store) -> None:
    attempt = claim(kept)
    attempt.at(0)
    found = (attempt.folder / "progress").stat()
    assert found.st_size == 16
    assert found.st_blocks > 0


def test_no_descriptor_stays_open(kept: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    attempt = claim(kept)
    before = set(Path("/dev/fd").iterdir())
    attempt.append(good(0)[0])
    monkeypatch.setattr(os, "fsync", failing(errno.EIO))
    with pytest.raises(StoreError, match="Input/output error"):
        attempt.close()
    assert set(Path("/dev/fd").iterdir()) == before
    attempt.close()


def test_times_are_written_with_microseconds() -> None:
    assert all(len(now()) == len("2026-01-01T00:00:00.000000") for _ in range(5))
