"""The end of a run's time, told by a signal: a script ends then as by a key, and what it has is saved."""

from __future__ import annotations

import signal
import traceback
from pathlib import Path
from types import FrameType

SIGNAL = signal.SIGUSR2
"""By which a script is asked to end; one that uses it itself does so no more than it wants to."""
_STOOD: list[traceback.StackSummary] = []
"""Where the script stood when it was asked to end; nothing before."""


class TimeUp(KeyboardInterrupt):  # no error of the script's, which may see to it as to a key
    """What a script is interrupted by when its time is up."""


def install() -> None:
    """Interrupt the script when it is asked to end."""
    signal.signal(SIGNAL, _interrupt)


def stop() -> None:
    """Interrupt nothing any more: the script is done."""
    signal.signal(SIGNAL, signal.SIG_IGN)


def is_up() -> bool:
    """Whether the script was asked to end."""
    return bool(_STOOD)


def trace(folder: Path) -> str | None:
    """The lines of the script, in its folder, at which it stood when it was asked to end; None where it was not."""
    own = [one for stood in _STOOD[:1] for one in stood if Path(one.filename).is_relative_to(folder)]
    return "".join(["It stood at:\n", *traceback.format_list(own)]).rstrip() if own else None


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number
    stood = traceback.extract_stack(frame)
    _STOOD.append(stood)
    raise TimeUp
