"""Work that is ended before its end, in the way in which Ctrl-C ends it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

from rlgauge.core.errors import UserError

LOOK_SECONDS = 0.5
"""How often it is asked whether it is enough."""
_SIGNAL = signal.SIGURG
"""One that does nothing where nobody hears it."""
_Found = TypeVar("_Found")


class _Enough(KeyboardInterrupt):  # whatever tidies up after Ctrl-C does so, too
    """Raised in the midst of the work."""


def check_thread(pruner: str) -> None:
    """Raise UserError where this is not the main thread, which alone hears signals."""
    if threading.current_thread() is not threading.main_thread():
        raise UserError(
            f"The pruner {pruner} ends trainings on their way, which only the main thread can: call tune there, or "
            "leave the pruner out."
        )


def run_until(work: Callable[[], _Found], is_enough: Callable[[], bool]) -> _Found | None:
    """What some work in the main thread comes to; None where `is_enough`, which another thread asks, was true before.

    Then the work is interrupted, wherever it waits. What `is_enough` raises is raised here.
    """
    is_over = threading.Event()
    is_open = True
    is_said = False
    errors: list[Exception] = []

    def hear(_number: int, _frame: FrameType | None) -> None:
        if is_open and (is_said or errors):
            raise _Enough

    def watch() -> None:
        nonlocal is_said
        try:
            while not is_said and not is_over.wait(LOOK_SECONDS):
                is_said = is_enough()
        except Exception as error:  # noqa: BLE001  # raised where the work is
            errors.append(error)
        if is_said or errors:
            signal.pthread_kill(threading.main_thread().ident or 0, _SIGNAL)

    found: _Found | None = None
    thread = threading.Thread(target=watch, daemon=True)
    before = signal.signal(_SIGNAL, hear)
    thread.start()
    try:
        try:
            found = work()
        finally:
            is_open = False
    except _Enough:
        found = None
    finally:
        is_over.set()
        thread.join()
        signal.signal(_SIGNAL, signal.SIG_DFL if before is None else before)
    if errors:
        raise errors[0]
    return None if is_said else found
