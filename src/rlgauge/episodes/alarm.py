"""Interrupting an environment that stands still."""

from __future__ import annotations

import math
import signal
import threading
from time import perf_counter
from types import FrameType
from typing import Self

_TICKS = 4
"""How often within the limit the clock is looked at."""


class EpisodeTimeoutError(BaseException):
    """Raised inside a step that takes too long. Not an Exception, so that the environment does not catch it."""


class StepAlarm:
    """While entered, raises EpisodeTimeoutError in a step that has lasted longer than `limit_seconds`.

    It works by a signal: in the main thread, and where the environment returns to Python now and then. Elsewhere only
    the supervisor of a worker can end the step. `step_start` is the caller's to set, None outside steps.
    """

    def __init__(self, limit_seconds: float | None) -> None:
        """No limit for None."""
        self._limit = math.inf if limit_seconds is None else limit_seconds
        self.step_start: float | None = None

    def __enter__(self) -> Self:
        """Start ticking, where there is a limit and this is the main thread."""
        self._is_armed = self._limit < math.inf and threading.current_thread() is threading.main_thread()
        if self._is_armed:
            self._previous = signal.signal(signal.SIGALRM, self._tick)
            self._timer = signal.setitimer(signal.ITIMER_REAL, self._limit / _TICKS, self._limit / _TICKS)
        return self

    def __exit__(self, *_exception: object) -> None:
        """Stop ticking; a timer that was running before goes on where it stood."""
        if self._is_armed:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, self._previous)
            signal.setitimer(signal.ITIMER_REAL, *self._timer)

    def is_over(self, seconds: float) -> bool:
        """Whether so many seconds are more than the limit."""
        return seconds > self._limit

    def _tick(self, _number: int, _frame: FrameType | None) -> None:
        if self.step_start is not None and perf_counter() - self.step_start > self._limit:
            self.step_start = None
            raise EpisodeTimeoutError
