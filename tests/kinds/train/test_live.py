from __future__ import annotations

import errno
import itertools
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading

import msgspec
import pytest

from rlgauge.kinds.train.journal import (
    EPISODES,
    SCALARS,
    Episode,
    Journal,
    Scalars,
    Tail,
    read_episodes,
    read_scalars,
    settled,
)
from rlgauge.kinds.train.live import beside
from rlgauge.kinds.train.script import counting
from rlgauge.kinds.train.spec import Spec
from tests.kinds.train.script.counters import Countdown, expected, play


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def full(*_arguments):
    raise OSError(errno.ENOSPC, "No space left on device")


def played(index):
    return 0.5 * index, index + 1, 10 * index, index % 2 == 1, index % 3, "Café-v0" if index % 5 else "", index % 4 - 1


def test_what_is_written_is_read_at_once_and_is_lines_once_it_is_closed(tmp_path):
    journal = Journal(tmp_path)
    for index in range(20):
        journal.episode(*played(index))
        journal.scalars({"loss": 0.25 * index, "return": -1.0 * index}, index)
        found = read_episodes(tmp_path)
        assert [msgspec.structs.astuple(one)[:4] for one in found] == [
            (place, *played(place)[:3]) for place in range(index + 1)
        ]
        assert read_scalars(tmp_path)[-1].values == {"loss": 0.25 * index, "return": -1.0 * index}
    assert (tmp_path / EPISODES).read_bytes() == b""
    episodes, scalars = read_episodes(tmp_path), read_scalars(tmp_path)
    assert [(one.is_truncated, one.place, one.env, one.origin) for one in episodes] == [
        played(index)[3:] for index in range(20)
    ]
    journal.close()
    assert (read_episodes(tmp_path), read_scalars(tmp_path)) == (episodes, scalars)
    assert files(tmp_path) == [SCALARS, EPISODES]
    assert len((tmp_path / EPISODES).read_bytes().splitlines()) == 20


def test_what_comes_after_the_close_is_a_line_behind_the_others(tmp_path):
    journal = Journal(tmp_path)
    for _ in range(2):
        journal.scalars({"a": 1.0, "b": 2.0}, 1)
        journal.episode(1.0, 2, 3)
        journal.close()
    journal.episode(1.0, 2, 3)
    assert [one.index for one in read_episodes(tmp_path)] == [0, 1, 2]
    assert [one.values for one in read_scalars(tmp_path)] == [{"a": 1.0, "b": 2.0}] * 2
    assert files(tmp_path) == [SCALARS, EPISODES]


def test_numbers_that_are_not_finite_steps_that_are_none_and_names_that_are_no_text_are_kept(tmp_path):
    journal = Journal(tmp_path)
    values = {"nan": float("nan"), "inf": float("-inf"), "\udcff": 2.0, "a\nb": 5e-324}
    journal.scalars(values, None)
    journal.scalars({"a": 1.0}, -(2**63))
    journal.scalars({"a": 2.0}, 2**63 - 1)
    found = read_scalars(tmp_path)
    assert found[0].values == {"nan": None, "inf": None, "\\udcff": 2.0, "a\nb": 5e-324}
    assert [one.step for one in found] == [None, -(2**63), 2**63 - 1]
    journal.close()
    assert [one.step for one in read_scalars(tmp_path)] == [None, -(2**63), 2**63 - 1]
    assert read_scalars(tmp_path)[0].values["\\udcff"] == 2.0


@pytest.mark.parametrize("seed", range(20))
def test_who_reads_while_it_is_written_and_closed_is_given_each_number_once(tmp_path, seed):
    draw = random.Random(seed)
    journal = Journal(tmp_path)
    scalars, episodes = Tail(tmp_path / SCALARS, Scalars), Tail(tmp_path / EPISODES, Episode)
    found, ended, written = [], [], []
    for index in range(300):
        values = {str(name): draw.random() for name in range(draw.randint(1, 4))}
        journal.scalars(values, index)
        written += [(index, name, value) for name, value in values.items()]
        journal.episode(*played(index))
        if draw.random() < 0.02:
            journal.close()
        if draw.random() < 0.1:
            found += scalars.read()
            ended += episodes.read()
    journal.close()
    found += scalars.read()
    ended += episodes.read()
    assert [(one.step, name, value) for one in found for name, value in one.values.items()] == written
    assert [one.index for one in ended] == list(range(300))
    assert scalars.num_dropped == episodes.num_dropped == 0


def test_scalars_of_which_the_first_were_read_as_records_are_given_but_for_these(tmp_path, monkeypatch):
    journal, tail = Journal(tmp_path), Tail(tmp_path / SCALARS, Scalars)
    next_start, seen = journal._scalars.next_start, []

    def watched():
        start = next_start()
        seen.extend(tail.read() if len(journal.times) == 3 else [])  # as another process may, in the middle of a call
        return start

    monkeypatch.setattr(journal._scalars, "next_start", watched)
    journal.scalars({"a": 1.0, "b": 2.0, "c": 3.0}, 7)
    journal.close()
    assert [one.values for one in [*seen, *tail.read()]] == [{"a": 1.0, "b": 2.0}, {"c": 3.0}]


@pytest.mark.parametrize("num_fine", [0, 1, 3])
def test_where_there_is_no_room_for_pages_lines_are_written_by_calls_of_the_system(tmp_path, monkeypatch, num_fine):
    spec = Spec(script="no.py", env=None, seed=1, args=[], folder=str(tmp_path))
    reserve, calls = os.posix_fallocate, itertools.count()

    def until_full(*arguments):
        if next(calls) >= num_fine:
            full()
        reserve(*arguments)

    monkeypatch.setattr(os, "posix_fallocate", until_full)
    counting.install(Journal(tmp_path), spec)
    env = Countdown()
    play(env, 6000)
    counting.stop()
    assert [(one.total, one.length, one.is_truncated) for one in read_episodes(tmp_path)] == expected(6000)
    assert counting.warnings() == []
    assert next(calls) == num_fine + 1
    assert files(tmp_path) == [SCALARS, EPISODES]


def test_where_there_is_room_for_nothing_what_was_written_stays_and_the_rest_waits(tmp_path, monkeypatch):
    journal = Journal(tmp_path)
    journal.scalars({"a": 1.0}, 1)
    tries = itertools.count()
    with monkeypatch.context() as patch:
        patch.setattr(os, "posix_fallocate", full)
        patch.setattr("pathlib.Path.replace", lambda *_: (next(tries), full()))
        for step in range(2, 5000):
            journal.scalars({"a": 1.0}, step)
        found = [one.step for one in read_scalars(tmp_path)]
        assert found == list(range(1, len(found) + 1))
        assert journal.num_unwritten == 4999 - len(found) > 0
        journal.close()
        assert [one.step for one in read_scalars(tmp_path)] == found
        assert next(tries) == 3  # of scalars the first of what finds no room, and the end; of episodes the end
    journal.close()
    assert [one.step for one in read_scalars(tmp_path)] == list(range(1, 5000))
    assert journal.num_unwritten == 0
    assert files(tmp_path) == [SCALARS, EPISODES]


def test_a_name_that_is_cut_short_spoils_no_other(tmp_path, monkeypatch):
    journal = Journal(tmp_path)
    journal.scalars({"first": 1.0}, 1)
    write = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda file, content: write(file, content[:5]))
        patch.setattr("pathlib.Path.replace", full)
        journal.scalars({"torn": 1.0}, 2)
    journal.close()
    journal.scalars({"last": 1.0}, 3)
    assert [one.values for one in read_scalars(tmp_path)] == [{"first": 1.0}, {"torn": 1.0}, {"last": 1.0}]


def test_a_record_without_its_name_is_read_under_its_number(tmp_path):
    journal = Journal(tmp_path)
    journal.scalars({"a": 1.0, "b": 2.0}, 1)
    names = tmp_path / "scalars.names"
    names.write_bytes(names.read_bytes()[:8])  # as a disk that was full leaves it
    for _ in range(2):
        assert [*read_scalars(tmp_path)[0].values.values()] == [1.0, 2.0]
        settled(tmp_path)


def test_a_record_that_was_never_written_is_waited_for_once(tmp_path):
    journal, tail = Journal(tmp_path), Tail(tmp_path / EPISODES, Episode)
    journal.episode(*played(0))
    journal._live.next_start()  # as an exception from a signal's handler leaves it
    journal.episode(*played(1))
    journal.episode(*played(2))
    assert [one.total for one in tail.read()] == [played(0)[0]]
    assert [one.total for one in tail.read()] == [played(1)[0], played(2)[0]]
    journal.episode(*played(3))
    assert [(one.index, one.total) for one in tail.read()] == [(3, played(3)[0])]
    journal.close()
    assert tail.read() == []
    assert [one.index for one in read_episodes(tmp_path)] == [0, 1, 2, 3]


def test_threads_that_never_cease_to_log_do_not_keep_it_from_being_closed(tmp_path):
    journal, is_over = Journal(tmp_path), threading.Event()

    def log(name):
        for step in itertools.count():
            if is_over.is_set():
                return
            journal.scalars({name: 1.0}, step)

    threads = [threading.Thread(target=log, args=[name], daemon=True) for name in "abcd"]
    for thread in threads:
        thread.start()
    closing = threading.Thread(target=journal.close, daemon=True)
    closing.start()
    closing.join(20)
    is_over.set()
    assert not closing.is_alive()
    for thread in threads:
        thread.join()
    journal.close()
    found = read_scalars(tmp_path)
    for name in "abcd":
        steps = [one.step for one in found if name in one.values]
        assert steps == list(range(len(steps)))


def test_threads_lose_nothing_and_keep_their_own_order(tmp_path):
    journal = Journal(tmp_path)

    def log(name):
        for step in range(3000):
            journal.scalars({name: 0.5 * step, f"{name}{step % 50}": 1.0}, step)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    threads = [threading.Thread(target=log, args=[name]) for name in "abcd"]
    for thread in threads:
        thread.start()
    threads[0].join()
    journal.close()  # while the others may go on
    for thread in threads:
        thread.join()
    sys.setswitchinterval(interval)
    found = read_scalars(tmp_path)
    for name in "abcd":
        assert [one.step for one in found if name in one.values] == list(range(3000))
        assert sum(f"{name}{step}" in one.values for one in found for step in range(50)) == 3000
    assert files(tmp_path) == [SCALARS, EPISODES]


def test_a_handler_of_a_signal_may_write_while_something_is_written_or_closed(tmp_path, monkeypatch):
    journal = Journal(tmp_path)
    next_start, replace = journal._scalars.next_start, type(tmp_path).replace

    def interrupted():
        if journal.times["a"] == 2:
            journal.scalars({"a": 0.0}, 3)
        return next_start()

    def interrupting(self, target):
        journal.scalars({"a": 0.0}, 4)
        journal.close()
        return replace(self, target)

    monkeypatch.setattr(journal._scalars, "next_start", interrupted)
    monkeypatch.setattr("pathlib.Path.replace", interrupting)
    journal.scalars({"a": 0.0}, 1)
    journal.scalars({"a": 0.0}, 2)
    journal.close()
    assert [one.step for one in read_scalars(tmp_path)][:3] == [1, 3, 2]
    assert {one.step for one in read_scalars(tmp_path)[3:]} == {4}


def test_what_the_process_forks_neither_writes_nor_closes_what_its_parent_writes(tmp_path):
    journal = Journal(tmp_path)
    journal.scalars({"before": 1.0}, 1)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(read, 1)
        journal.scalars({"of the child": 1.0}, 2)
        journal.scalars({"before": 1.0}, 2)
        journal.close()
        os._exit(0)
    journal.scalars({"after": 1.0}, 3)
    os.write(write, b".")
    assert os.waitpid(child, 0)[1] == 0
    assert [one.values for one in read_scalars(tmp_path)] == [{"before": 1.0}, {"after": 1.0}]
    journal.close()
    assert [one.values for one in read_scalars(tmp_path)] == [{"before": 1.0}, {"after": 1.0}]


SCRIPT = """
    import os, signal, sys
    from pathlib import Path
    import gymnasium
    import rlgauge
    from rlgauge.kinds.train.journal import Journal
    from rlgauge.kinds.train.script import counting, logging_hooks
    from rlgauge.kinds.train.spec import Spec

    journal = Journal(Path(sys.argv[1]))
    logging_hooks.install(journal)
    counting.install(journal, Spec(script="no.py", env=None, seed=1, args=[], folder=sys.argv[1]))
    env = gymnasium.make("CartPole-v1")
    for step in range(3000):
        rlgauge.log({"loss": 0.5 * step}, step=step)
        env.reset()
        while not any(env.step(0)[2:4]):
            pass
    if sys.argv[2] == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    raise RuntimeError
"""


@pytest.mark.parametrize(("how", "code"), [("kill", -signal.SIGKILL), ("raise", 1)])
def test_a_script_that_is_killed_or_fails_has_lost_nothing(tmp_path, how, code):
    argv = [sys.executable, "-c", textwrap.dedent(SCRIPT), str(tmp_path), how]
    assert subprocess.run(argv, check=False, capture_output=True).returncode == code
    assert beside(tmp_path / EPISODES).exists() == (how == "kill")
    for _ in range(2):
        found = read_scalars(tmp_path)
        assert [(one.step, one.values) for one in found] == [(step, {"loss": 0.5 * step}) for step in range(3000)]
        assert [one.index for one in read_episodes(tmp_path)] == list(range(3000))
        settled(tmp_path)
    assert files(tmp_path) == [SCALARS, EPISODES]


def test_lines_are_made_of_records_again_where_that_was_cut_short(tmp_path):
    journal = Journal(tmp_path)
    for index in range(3):
        journal.episode(*played(index))
    records = {path: path.read_bytes() for path in tmp_path.iterdir()}
    journal.close()
    lines = (tmp_path / EPISODES).read_bytes()
    for path, content in records.items():
        if path.suffix in {".live", ".names"}:
            path.write_bytes(content)  # as a kill leaves it before they are taken away
    assert [one.index for one in read_episodes(tmp_path)] == [0, 1, 2]
    settled(tmp_path)
    assert (tmp_path / EPISODES).read_bytes() == lines
    assert files(tmp_path) == [SCALARS, EPISODES]
