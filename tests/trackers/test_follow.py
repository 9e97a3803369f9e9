from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from rlgauge.core.errors import UserError
from rlgauge.core.run import Status
from rlgauge.trackers import follow, kinds
from rlgauge.trackers.follow import Options, start
from tests.driving import ROOT, run, wait_for
from tests.toys import PolicyOnTasks
from tests.trackers.made import begun, ended, finish, train


def options(told, **others):
    return Options(tell=told.append, **{"poll_seconds": 0.05, "wait_seconds": 60.0, **others})


def events_of(folder):
    return list((folder / "artifacts" / "tensorboard").glob("events.*"))


def trackers(mark="rlgauge.trackers"):
    """The processes that this one has started to track runs; what has ended and waits for its parent is none."""
    living = [one for one in psutil.Process().children() if one.status() != psutil.STATUS_ZOMBIE]
    return [one for one in living if mark in " ".join(one.cmdline())]


def test_every_run_that_begins_is_tracked_and_those_that_were_there_are_not(tmp_path):
    told = []
    old = ended(tmp_path, seed=7)
    with start("tensorboard", tmp_path, options(told)):
        runs = run(PolicyOnTasks(episodes=5), tmp_path)
        late = ended(tmp_path, seed=8)
    folders = [one.folder for one in runs.values()]
    assert len(folders) == 2
    assert all(one.status is Status.COMPLETED for one in runs.values())
    assert all(events_of(folder) for folder in [*folders, late])
    assert not events_of(old)
    assert told == []


def test_a_run_is_told_of_while_it_goes_on(tmp_path):
    told = []
    with start("tensorboard", tmp_path / "not there yet", options(told)):
        attempt = begun(tmp_path / "not there yet")
        wait_for(lambda: events_of(attempt.folder))
        (file,) = events_of(attempt.folder)
        size = file.stat().st_size
        train(attempt)
        wait_for(lambda: file.stat().st_size > size)
        finish(attempt)
    assert b"rlgauge/test_return" in file.read_bytes()
    assert told == []


def test_a_tracker_that_fails_is_told_once_and_no_run_is_changed(tmp_path):
    told = []
    with start("tensorboard", tmp_path, options(told)):
        folders = []
        for seed in range(3):
            attempt = begun(tmp_path, seed=seed)
            (attempt.folder / "artifacts" / "tensorboard").write_text("in the way")
            train(attempt)
            finish(attempt)
            folders.append(attempt.folder)
    assert len(told) == 2
    assert "FileExistsError" in told[0]
    assert "python -m rlgauge.trackers tensorboard" in told[0]
    assert "2 other runs" in told[1]
    assert {one.status for one in follow_store(tmp_path)} == {Status.COMPLETED}


def follow_store(root):
    from rlgauge.core.store import Store

    return list(Store(root).runs())


def test_a_tracker_that_is_killed_is_told_and_the_run_goes_on(tmp_path):
    told = []
    with start("tensorboard", tmp_path, options(told)):
        attempt = begun(tmp_path)
        wait_for(lambda: events_of(attempt.folder))
        (tracker,) = trackers()
        tracker.kill()
        wait_for(lambda: told)
        train(attempt)
        finish(attempt)
    assert len(told) == 1
    assert "was ended by SIGKILL" in told[0]
    (found,) = follow_store(tmp_path)
    assert (found.status, found.num_records) == (Status.COMPLETED, 3)


def test_a_tracker_that_takes_too_long_is_ended_and_told(tmp_path, monkeypatch):
    told = []
    hang = "import sys, time; time.sleep(600)"
    with monkeypatch.context() as patch:
        patch.setattr(follow, "_command", lambda kind, attempt: [sys.executable, "-c", hang])
        before = time.monotonic()
        with start("tensorboard", tmp_path, options(told, wait_seconds=0.5)):
            ended(tmp_path)
        assert time.monotonic() - before < 30
    assert len(told) == 1
    assert "took longer than 0.5 s" in told[0]
    assert trackers("sleep(600)") == []


def test_ctrl_c_ends_the_waiting(tmp_path, monkeypatch):
    told = []

    def tell(text):
        told.append(text)
        if "Ctrl-C" in text:
            raise KeyboardInterrupt

    monkeypatch.setattr(
        follow, "_command", lambda kind, attempt: [sys.executable, "-c", "import time; time.sleep(600)"]
    )
    monkeypatch.setattr(follow, "_QUIET_SECONDS", 0.0)
    with pytest.raises(KeyboardInterrupt), start("tensorboard", tmp_path, Options(tell=tell, poll_seconds=0.05)):
        ended(tmp_path)
    assert "it was interrupted" in told[-1]
    assert trackers("sleep(600)") == []


def test_the_tracker_of_a_run_whose_process_died_ends(tmp_path):
    told = []
    code = "import sys; from pathlib import Path; from tests.trackers.made import *; train(begun(Path(sys.argv[1])))"
    with start("tensorboard", tmp_path, options(told)):
        subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, cwd=ROOT)
    (found,) = follow_store(tmp_path)
    assert found.status is Status.DIED
    (file,) = events_of(found.folder)
    assert b'"status": "DIED"' in file.read_bytes()
    assert told == []


def test_what_a_tracker_tells_of_several_runs_is_told_once(tmp_path, monkeypatch):
    told = []
    talk = "print('Nobody is logged in.'); import sys; print('noise', file=sys.stderr)"
    monkeypatch.setattr(follow, "_command", lambda kind, attempt: [sys.executable, "-c", talk])
    with start("tensorboard", tmp_path, options(told, num_processes=1)):
        for seed in range(3):
            ended(tmp_path, seed=seed)
    assert told == ["Nobody is logged in."]


def test_two_drivers_of_a_store_track_a_run_once(tmp_path, monkeypatch):
    monkeypatch.setattr(follow, "_command", lambda kind, attempt: [sys.executable, "-c", f"print({str(attempt)!r})"])
    one, other = [], []
    with start("tensorboard", tmp_path, options(one)), start("tensorboard", tmp_path, options(other)):
        folders = [ended(tmp_path, seed=seed) for seed in range(3)]
    assert sorted(one + other) == sorted(map(str, folders))


def test_what_happens_to_the_driver_of_trackers_does_not_reach_the_runs(tmp_path, monkeypatch):
    told = []

    def fail(*_arguments, **_options):
        raise OSError("no more processes")

    monkeypatch.setattr(follow.subprocess, "Popen", fail)
    with start("tensorboard", tmp_path, options(told)):
        attempt = begun(tmp_path)
        wait_for(lambda: told)
        finish(attempt)
    assert told == ["TensorBoard is told nothing more: OSError: no more processes."]
    assert follow_store(tmp_path)[0].status is Status.COMPLETED


def test_an_error_in_the_command_comes_through(tmp_path):
    with pytest.raises(KeyboardInterrupt), start("tensorboard", tmp_path, options([])):
        raise KeyboardInterrupt


def test_an_unknown_tracker_or_one_without_its_library_is_refused_before_anything_begins(tmp_path, monkeypatch):
    with pytest.raises(UserError, match="Did you mean 'mlflow'"), start("mlfow", tmp_path, options([])):
        pytest.fail("it began")
    monkeypatch.setitem(kinds._NEEDS, "wandb", ("no_such_library",))
    with pytest.raises(UserError, match=r"rlgauge\[wandb\]"), start("wandb", tmp_path, options([])):
        pytest.fail("it began")


def test_a_folder_that_only_has_the_name_of_a_library_is_none(tmp_path, monkeypatch):
    (tmp_path / "no_such_library").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    assert not kinds._is_installed("no_such_library")
    assert kinds._is_installed("json")


def test_an_attempt_that_appears_within_a_tick_of_the_clock_is_seen(tmp_path):
    news = follow._News(tmp_path)
    first = begun(tmp_path)
    assert news.read() == [first.folder]
    first.commit(Status.INTERRUPTED)
    before = first.folder.parent.stat()
    second = begun(tmp_path)
    os.utime(first.folder.parent, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert news.read() == [second.folder]
    assert news.read() == []


def test_folders_that_have_not_changed_are_not_listed_again(tmp_path, monkeypatch):
    attempt = begun(tmp_path)
    long_ago = time.time_ns() - 10**10
    os.utime(attempt.folder.parent, ns=(long_ago, long_ago))
    news = follow._News(tmp_path)
    assert news.read() == [attempt.folder]
    monkeypatch.setattr(follow.os, "listdir", lambda _path: pytest.fail("it was listed again"))
    assert news.read() == []


def test_ctrl_c_in_the_terminal_is_the_drivers_alone(tmp_path):
    with start("tensorboard", tmp_path, options([])):
        attempt = begun(tmp_path)
        wait_for(trackers)
        (tracker,) = trackers()
        assert os.getsid(tracker.pid) == tracker.pid != os.getsid(0)
        finish(attempt)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
