from __future__ import annotations

import os
import signal
import sys
import textwrap

import pytest

from rlgauge.core import platform
from rlgauge.kinds.train.process import ABORTED, Until, run_process
from tests.driving import wait_for


@pytest.fixture
def run(tmp_path):
    """How a Python program ended, and what it printed."""

    def run(text, *, until=Until(), **variables):  # noqa: B008  # it can't be changed
        path, output = tmp_path / "program.py", tmp_path / "cout.txt"
        path.write_text(textwrap.dedent(text))
        variables = {**os.environ, "PYTHONFAULTHANDLER": "1", **variables}
        argv = [sys.executable, str(path)]
        ended = run_process(argv, folder=tmp_path, variables=variables, output=output, until=until)
        return ended, output.read_text(errors="replace") if output.exists() else ""

    return run


def test_a_program_runs_in_its_folder_with_its_variables_and_nothing_to_read(run, tmp_path):
    ended, printed = run("import os, sys; print(os.getcwd(), os.environ['X'], repr(sys.stdin.read()))", X="1")
    assert (ended.code, ended.is_overdue) == (0, False)
    assert printed == f"{tmp_path} 1 ''\n"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("import sys; sys.exit(3)", 3),
        ("raise ValueError", 1),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("import ctypes; ctypes.string_at(0)", -signal.SIGSEGV),
    ],
)
def test_the_exit_code_is_the_programs_own(run, text, code):
    assert run(text)[0].code == code


def test_both_streams_go_to_the_log_in_order(run):
    _, printed = run("import os; os.write(1, b'one '); os.write(2, b'two '); os.write(1, b'three')")
    assert printed == "one two three"


def test_a_program_that_takes_too_long_tells_where_it_stood(run):
    text = """
        import time
        print("begun", flush=True)

        def wait_for_ever():
            time.sleep(600)

        wait_for_ever()
    """
    ended, printed = run(text, until=Until(1.0))
    assert ended.is_overdue
    assert 1.0 <= ended.seconds < 30
    assert ABORTED in printed
    assert "in wait_for_ever" in printed


def test_a_program_that_hears_no_signal_is_ended_all_the_same(run):
    text = """
        import signal, time
        for number in (signal.SIGABRT, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        time.sleep(600)
    """
    ended, _ = run(text, until=Until(0.5))
    assert ended.is_overdue
    assert ended.code == -signal.SIGKILL


def test_a_program_whose_threads_go_on_after_it_is_done_is_ended(run, tmp_path):
    done = tmp_path / "done"
    text = f"""
        import threading, time
        threading.Thread(target=time.sleep, args=(600,)).start()
        open({str(done)!r}, "w").close()
    """
    ended, _ = run(text, until=Until(60.0, done, linger_seconds=0.3))
    assert (ended.is_lingering, ended.is_overdue) == (True, False)
    assert ended.code == -signal.SIGKILL


def test_what_the_program_leaves_behind_is_ended_with_it(run):
    text = """
        import os, subprocess, sys
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        print(child.pid, flush=True)
    """
    ended, printed = run(text)
    assert ended.code == 0
    wait_for(lambda: platform.process_start(int(printed)) is None)


def test_a_fork_that_holds_the_output_open_does_not_keep_the_run(run):
    text = """
        import os, time
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.setsid()
            os.write(write, b"x")
            time.sleep(600)
        os.read(read, 1)
        print(child, flush=True)
    """
    ended, printed = run(text)
    os.kill(int(printed), signal.SIGKILL)  # it is an orphan in a session of its own: only who adopts it can find it
    assert ended.code == 0
    assert ended.seconds < 30


def test_a_program_that_closes_its_output_is_waited_for(run):
    ended, _ = run("import os, time; os.close(1); os.close(2); time.sleep(0.5); os._exit(7)")
    assert ended.code == 7


def test_a_flood_is_cut_and_its_end_is_kept(run):
    text = """
        import os
        for _ in range(3000):
            os.write(1, b"x" * 9999 + b"\\n")
        print("the end", flush=True)
    """
    _, printed = run(text)
    assert len(printed) < 12 * 2**20
    assert "bytes are left out here" in printed
    assert printed.endswith("the end\n")


def test_a_program_that_is_not_there_is_said_to_be_so(tmp_path):
    with pytest.raises(FileNotFoundError):
        run_process(["/no/such/program"], folder=tmp_path, variables={}, output=tmp_path / "o", until=Until())
