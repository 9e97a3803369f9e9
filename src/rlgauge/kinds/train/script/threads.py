"""Threads that a script leaves when its main one has ended: they are waited for, as Python itself does at its end."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import thread as pools

_LOOK_SECONDS = 0.02
_QUIET_SECONDS = 60.0
"""So long a thread is waited for that goes on while no environment is stepped: a server may never end."""
_WATCH_SECONDS = 0.2
"""So long it is looked whether a thread that nobody waits for still steps."""
_RAISED: list[str] = []


def install() -> None:
    """Remember from now on which threads end by an exception; Python prints it, and goes on."""
    told = threading.excepthook

    def hook(found: threading.ExceptHookArgs) -> None:
        if found.exc_type is not SystemExit:
            _RAISED.append(found.exc_type.__name__)
        told(found)

    threading.excepthook = hook


def wait(num_steps: Callable[[], int]) -> None:
    """Wait for the threads for which Python would wait, as long as one of them works."""
    steps, since = num_steps(), time.monotonic()
    while time.monotonic() < since + _QUIET_SECONDS:
        busy = [one for one in _others() if not one.daemon and not _is_idle(one)]
        if not busy:
            return
        busy[0].join(_LOOK_SECONDS)
        if num_steps() != steps:
            steps, since = num_steps(), time.monotonic()


def warnings(num_steps: Callable[[], int], stepping: Collection[int]) -> list[str]:
    """What whoever reads the run should know; `stepping` are the threads that have stepped environments."""
    found = []
    if _RAISED:
        many = f"{len(_RAISED)} threads of the script's ended by {', '.join(dict.fromkeys(_RAISED))}"
        which = f"A thread of the script's ended by {_RAISED[0]}" if len(_RAISED) == 1 else many
        found.append(f"{which}, and the script went on without it.")
    if any(one.ident in stepping for one in _others()) and _goes_on(num_steps):
        found.append(
            "A thread of the script's still stepped an environment when the script was done, and was not waited for: "
            "how far it came is chance."
        )
    return found


def _goes_on(num_steps: Callable[[], int]) -> bool:
    """Whether steps are still being taken."""
    before, end = num_steps(), time.monotonic() + _WATCH_SECONDS
    while time.monotonic() < end:
        if num_steps() != before:
            return True
        time.sleep(_LOOK_SECONDS)
    return False


def _others() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one is not threading.current_thread()]


def _is_idle(one: threading.Thread) -> bool:
    """Whether a thread is one of a pool, which Python ends, and has nothing to do."""
    pending = getattr(one, "pending_work_items", None)  # of the thread that serves a pool of processes
    if isinstance(pending, dict):
        return not pending
    frame = sys._current_frames().get(one.ident or 0)  # noqa: SLF001  # the one way to see what a thread does
    return frame is not None and frame.f_code is pools._worker.__code__  # noqa: SLF001
