"""Threads that go on when a script is done."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from rlgauge.kinds.train.script import threads


@pytest.fixture(autouse=True)
def no_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_RAISED", [])
    monkeypatch.setattr(threading, "excepthook", lambda _: None)


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What the threads of a test wait for; open at its end."""
    made = threading.Event()
    yield made
    made.set()


def test_a_thread_and_the_work_of_a_pool_are_waited_for() -> None:
    done: list[str] = []
    nap = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: (nap.wait(0.1), done.append("pool")))
        threading.Thread(target=lambda: (nap.wait(0.1), done.append("thread"))).start()
        threads.wait(lambda: 0)
        assert sorted(done) == ["pool", "thread"]


def test_threads_that_never_end_are_waited_for_while_they_step(
    gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "_QUIET_SECONDS", 0.1)
    threading.Thread(target=gate.wait).start()
    steps = iter([*range(20), *[20] * 10**6])
    threads.wait(lambda: next(steps))
    assert next(steps) == 20


def test_daemons_are_not_waited_for_but_told_of_if_they_step(gate: threading.Event) -> None:
    daemon = threading.Thread(target=gate.wait, daemon=True)
    daemon.start()
    threads.wait(lambda: 0)
    steps = iter(range(10**6))
    assert daemon.ident is not None
    assert "how far it came is chance" in threads.warnings(lambda: next(steps), {daemon.ident})[0]
    assert threads.warnings(lambda: 0, {daemon.ident}) == []
    assert threads.warnings(lambda: next(steps), set()) == []


def test_threads_that_raise_are_told_of() -> None:
    threads.install()
    for error in (ValueError, KeyError):
        thread = threading.Thread(target=lambda error=error: (_ for _ in ()).throw(error))
        thread.start()
        thread.join()
    assert threads.warnings(lambda: 0, set()) == [
        "2 threads of the script's ended by ValueError, KeyError, and the script went on without it."
    ]
