from __future__ import annotations

import os
import signal
import threading

import pytest

from rlgauge.cli.interruption import CODES, INTERRUPTED, EndedBySignal, code_of, heard, word_for


@pytest.fixture(autouse=True)
def signals():
    """Signals end a process by default, before and after each test."""
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.SIG_DFL) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def hear_twice(number):
    with heard():
        try:
            os.kill(os.getpid(), number)
        finally:
            os.kill(os.getpid(), number)  # again, while all is tidied up


@pytest.mark.parametrize(("number", "code", "word"), [(15, 143, "Ended by SIGTERM"), (1, 129, "Ended by SIGHUP")])
def test_a_signal_is_raised_once_and_has_its_code(number, code, word):
    with pytest.raises(EndedBySignal) as caught:
        hear_twice(number)
    assert (code_of(caught.value), word_for(caught.value)) == (code, word)
    assert code in CODES
    assert signal.getsignal(number) == signal.SIG_DFL


def test_ctrl_c_has_the_code_that_it_always_had():
    assert code_of(KeyboardInterrupt()) == INTERRUPTED == 130
    assert word_for(KeyboardInterrupt()) == "Interrupted"


def test_a_signal_that_is_ignored_stays_ignored():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with heard():
        os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


def test_what_was_forked_ends_by_the_signal_itself():
    with heard():
        child = os.fork()
        if child == 0:
            os.kill(os.getpid(), signal.SIGTERM)
            os._exit(0)
        _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGTERM


def test_another_thread_leaves_signals_alone():
    seen = []

    def look():
        with heard():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [signal.SIG_DFL]
