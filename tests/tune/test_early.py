from __future__ import annotations

import signal
import threading
import time

import pytest

from rlgauge.core.errors import UserError
from rlgauge.tune.early import check_thread, run_until


@pytest.fixture(autouse=True)
def _often(monkeypatch):
    monkeypatch.setattr("rlgauge.tune.early.LOOK_SECONDS", 0.01)


def waits():
    """What is tidied up is told in the list that it returns."""
    try:
        time.sleep(600)
    finally:
        TIDIED.append("tidied")


TIDIED = []


def test_work_that_waits_is_interrupted_and_tidies_up_when_it_is_enough():
    TIDIED.clear()
    before = signal.getsignal(signal.SIGURG)
    asked = iter([False, False, True])
    assert run_until(waits, lambda: next(asked)) is None
    assert TIDIED == ["tidied"]
    assert signal.getsignal(signal.SIGURG) == before


def test_work_that_ends_before_gives_what_it_came_to_and_its_errors():
    def broken():
        raise ValueError("broken")

    assert run_until(lambda: 3, lambda: False) == 3
    with pytest.raises(ValueError, match="broken"):
        run_until(broken, lambda: False)


def test_what_the_question_raises_ends_the_work_and_is_raised():
    def ask():
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        run_until(waits, ask)


def test_a_pruner_outside_the_main_thread_is_refused():
    found = []

    def call():
        try:
            check_thread("asha")
        except UserError as error:
            found.append(str(error))

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    assert "The pruner asha ends trainings on their way, which only the main thread can" in found[0]
    check_thread("asha")
