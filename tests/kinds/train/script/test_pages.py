from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from rlgauge.kinds.train.journal import EPISODES, Journal, read_episodes
from rlgauge.kinds.train.script import counting
from rlgauge.kinds.train.script.pages import Pages, cut
from rlgauge.kinds.train.spec import Spec
from tests.kinds.train.script.counters import Countdown, expected, play


def test_lines_are_in_the_file_at_once_and_nothing_else_once_it_is_closed(tmp_path):
    path = tmp_path / "lines"
    pages = Pages(path, size=4096)
    lines = [b"%d %s\n" % (index, b"x" * 100) for index in range(100)]
    for index, line in enumerate(lines):
        pages.append(line)
        assert path.read_bytes().rstrip(b"\0") == b"".join(lines[: index + 1])
    pages.close()
    assert path.read_bytes() == b"".join(lines)


def test_a_file_that_is_there_is_gone_on_with(tmp_path):
    path = tmp_path / "lines"
    path.write_bytes(b"first\n")
    pages = Pages(path)
    pages.append(b"second\n")
    pages.close()
    assert path.read_bytes() == b"first\nsecond\n"


def test_a_full_disk_is_an_error_and_leaves_the_file_as_long_as_its_lines(tmp_path, monkeypatch):
    path = tmp_path / "lines"
    pages = Pages(path, size=4096)
    pages.append(b"line\n")

    def full(*_arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match="No space"):
        pages.append(b"x" * 5000)
    pages.close()
    assert path.read_bytes() == b"line\n"


def test_where_pages_find_no_room_the_journal_writes_the_episodes(tmp_path, monkeypatch):
    spec = Spec(script="no.py", env=None, seed=1, args=[], folder=str(tmp_path))
    counting.install(Journal(tmp_path), spec)

    def full(*_arguments):
        raise OSError(28, "No space left on device")

    env = Countdown()
    play(env, 3)
    monkeypatch.setattr(os, "posix_fallocate", full)
    play(env, 900)
    counting.stop()
    assert [(one.total, one.length, one.is_truncated) for one in read_episodes(tmp_path)] == expected(903)
    assert counting.warnings() == []


SCRIPT = """
    import os, signal, sys
    from pathlib import Path
    import gymnasium
    from rlgauge.kinds.train.journal import Journal
    from rlgauge.kinds.train.script import counting
    from rlgauge.kinds.train.spec import Spec

    folder = sys.argv[1]
    counting.install(Journal(Path(folder)), Spec(script="no.py", env=None, seed=1, args=[], folder=folder))
    env = gymnasium.make("CartPole-v1")
    for _ in range(700):
        env.reset()
        while not any(env.step(0)[2:4]):
            pass
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_script_that_is_killed_has_lost_no_episode(tmp_path):
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(SCRIPT), str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    episodes = read_episodes(tmp_path)
    assert [one.index for one in episodes] == list(range(700))
    assert (tmp_path / EPISODES).stat().st_size > 2**16


def test_a_file_whose_writer_is_gone_is_cut_behind_its_last_line(tmp_path):
    path = tmp_path / "lines"
    for text in (b"", b"one\n", b"x" * 200_000 + b"\n", b"whole\ntorn"):
        path.write_bytes(text)
        Pages(path)
        assert path.stat().st_size > len(text)
        cut(path)
        assert path.read_bytes() == text
        cut(path)
        assert path.read_bytes() == text
    cut(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


def test_what_two_threads_close_is_closed_once(tmp_path):
    pages = Pages(tmp_path / "lines")
    pages.append(b"a line\n")
    pages.close()
    other = os.open(tmp_path / "other", os.O_WRONLY | os.O_CREAT)  # takes the number of the file that was closed
    pages.close()
    os.write(other, b"still open")
    os.close(other)
    assert (tmp_path / "lines").read_bytes() == b"a line\n"
