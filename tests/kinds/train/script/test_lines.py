from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading

import pytest

from rlgauge.kinds.train.journal import SCALARS, Journal, read_scalars
from rlgauge.kinds.train.script.lines import Lines
from rlgauge.kinds.train.script.pages import Pages


def test_lines_are_in_the_file_at_once_and_nothing_else_once_it_is_closed(tmp_path):
    path = tmp_path / "lines"
    lines = Lines(path)
    assert path.read_bytes() == b""
    for index in range(3):
        lines.append(b"%d\n" % index)
        assert path.read_bytes().rstrip(b"\0") == b"0\n1\n2\n"[: 2 * index + 2]
    lines.close()
    lines.append(b"3\n")
    lines.close()
    assert path.read_bytes() == b"0\n1\n2\n3\n"


def test_a_file_that_is_there_is_gone_on_with(tmp_path):
    path = tmp_path / "lines"
    path.write_bytes(b"first\n")
    lines = Lines(path)
    lines.append(b"second\n")
    lines.close()
    assert path.read_bytes() == b"first\nsecond\n"


@pytest.mark.parametrize("num_fine", [0, 1])
def test_where_pages_find_no_room_lines_are_written_by_calls_of_the_system(tmp_path, monkeypatch, num_fine):
    reserve, num_calls = os.posix_fallocate, 0

    def full(*arguments):
        nonlocal num_calls
        num_calls += 1
        if num_calls > num_fine:
            raise OSError(28, "No space left on device")
        reserve(*arguments)

    monkeypatch.setattr(os, "posix_fallocate", full)
    lines = Lines(tmp_path / "lines")
    written = [b"%d %s\n" % (index, b"x" * 10_000) for index in range(20)]
    for line in written:
        lines.append(line)
    lines.close()
    assert (tmp_path / "lines").read_bytes() == b"".join(written)
    assert num_calls == num_fine + 1


def test_threads_lose_no_line_and_keep_their_own_order(tmp_path):
    journal = Journal(tmp_path)

    def log(name):
        for step in range(2000):
            journal.scalars({name: 0.5 * step}, step)

    threads = [threading.Thread(target=log, args=[name]) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.close_scalars()
    found = read_scalars(tmp_path)
    for name in "abcd":
        assert [one.step for one in found if name in one.values] == list(range(2000))
    assert len((tmp_path / SCALARS).read_bytes().splitlines()) == 8000


def test_a_handler_of_a_signal_may_write_while_a_line_is_written(tmp_path, monkeypatch):
    lines = Lines(tmp_path / "lines")
    lines.append(b"first\n")
    write = Pages.append

    def interrupted(self, line):
        if line == b"second\n":
            lines.append(b"third\n")  # as a handler does that runs here
        write(self, line)

    monkeypatch.setattr(Pages, "append", interrupted)
    lines.append(b"second\n")
    assert (tmp_path / "lines").read_bytes().rstrip(b"\0") == b"first\nsecond\nthird\n"
    lines.close()
    assert (tmp_path / "lines").read_bytes() == b"first\nsecond\nthird\n"


def test_what_waits_behind_a_thread_that_never_came_back_is_written_at_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr("rlgauge.kinds.train.script.lines._PATIENCE", 0.01)
    lines = Lines(tmp_path / "lines")
    lines._lock.acquire()
    lines.append(b"first\n")
    lines.close()
    assert (tmp_path / "lines").read_bytes() == b"first\n"


def test_what_the_process_forks_neither_writes_nor_cuts_off_what_its_parent_writes(tmp_path):
    path = tmp_path / "lines"
    lines = Lines(path)
    lines.append(b"before\n")
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(read, 1)
        lines.append(b"of the child\n")
        lines.close()
        os._exit(0)
    lines.append(b"after\n")
    os.write(write, b".")
    assert os.waitpid(child, 0)[1] == 0
    assert path.read_bytes().rstrip(b"\0") == b"before\nafter\n"
    lines.close()
    assert path.read_bytes() == b"before\nafter\n"


SCRIPT = """
    import os, signal, sys
    from pathlib import Path
    import rlgauge
    from rlgauge.kinds.train.journal import Journal
    from rlgauge.kinds.train.script import logging_hooks

    logging_hooks.install(Journal(Path(sys.argv[1])))
    for step in range(3000):
        rlgauge.log({"loss": 0.5 * step}, step=step)
    if sys.argv[2] == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    raise RuntimeError
"""


@pytest.mark.parametrize(("how", "code"), [("kill", -signal.SIGKILL), ("raise", 1)])
def test_a_script_that_is_killed_or_fails_has_lost_no_scalar(tmp_path, how, code):
    argv = [sys.executable, "-c", textwrap.dedent(SCRIPT), str(tmp_path), how]
    assert subprocess.run(argv, check=False, capture_output=True).returncode == code
    found = read_scalars(tmp_path)
    assert [(one.step, one.values) for one in found] == [(step, {"loss": 0.5 * step}) for step in range(3000)]
    assert ((tmp_path / SCALARS).read_bytes()[-1:] == b"\n") == (how == "raise")
