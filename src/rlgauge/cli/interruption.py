"""Ctrl-C, SIGTERM and SIGHUP: a command ends what it has started, says so, and has an exit code for it."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

INTERRUPTED = 130
"""The exit code after Ctrl-C, which is SIGINT."""
_SIGNALS = (signal.SIGTERM, signal.SIGHUP)
_OF_SIGNALS = 128
"""A signal's exit code is so much above its number, as shells have it."""
CODES = frozenset({INTERRUPTED, *(_OF_SIGNALS + number for number in _SIGNALS)})
"""Exit codes of what was ended from outside."""


class EndedBySignal(KeyboardInterrupt):  # what Ctrl-C raises is no error either
    """Raised where a signal asks this process to end: whatever tidies up after Ctrl-C does so, too."""

    def __init__(self, number: int) -> None:
        """Name the signal by its number."""
        super().__init__(number)
        self.number = number


def code_of(error: KeyboardInterrupt) -> int:
    """The exit code: 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP."""
    return _OF_SIGNALS + error.number if isinstance(error, EndedBySignal) else INTERRUPTED


def word_for(error: KeyboardInterrupt) -> str:
    """`Interrupted`, or `Ended by SIGTERM`."""
    return f"Ended by {signal.Signals(error.number).name}" if isinstance(error, EndedBySignal) else "Interrupted"


@contextlib.contextmanager
def heard() -> Iterator[None]:
    """While it lasts, signals that would end this process raise EndedBySignal, each once.

    A signal that is ignored, as by nohup, or that somebody else hears, is left as it is; so are all where this is no
    main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pid = os.getpid()

    def hear(number: int, _frame: FrameType | None) -> None:
        if os.getpid() != pid:  # what this process has forked ends as if nobody heard
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        signal.signal(number, signal.SIG_IGN)  # tidying up is not to be cut off
        raise EndedBySignal(number)

    own = [number for number in _SIGNALS if signal.getsignal(number) == signal.SIG_DFL]
    for number in own:
        signal.signal(number, hear)
    try:
        yield
    finally:
        for number in own:
            signal.signal(number, signal.SIG_DFL)
