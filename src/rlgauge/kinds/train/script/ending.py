"""How a script ended: a sentence, and a trace that shows its own lines."""

from __future__ import annotations

import contextlib
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

_OURS = str(Path(__file__).parent)
_MOST_SAID = 500
_INTERRUPTED = 130
"""The exit code of what was interrupted from a keyboard, as a shell tells it."""


@dataclass(frozen=True)
class Ending:
    """An exit code, and what there is to say where it is not 0."""

    exit_code: int
    error: str | None = None
    trace: str | None = None


def ending_of(error: BaseException, script: Path, *, printed: str = "") -> Ending:
    """How a script ended that raised; `SystemExit` may be a good end.

    `printed` is the last line on its standard error, which says why it ended where only a number else does.
    """
    if isinstance(error, SystemExit):
        return _of_exit(error, script, printed)
    trace = trace_of(error, script)
    if isinstance(error, KeyboardInterrupt):
        return Ending(_INTERRUPTED, f"The script was interrupted{_where(error, script)}.", trace)
    said = _said(error)
    name = type(error).__name__
    return Ending(1, f"The script raised {name}{_where(error, script)}{': ' + said if said else '.'}", trace)


def _said(error: BaseException) -> str:
    """The message in one line, of some length at most."""
    try:
        words = " ".join(str(error).split())
    except Exception:  # noqa: BLE001  # an exception of the script's own, which fails to say what it is
        return ""
    return words if len(words) <= _MOST_SAID else f"{words[:_MOST_SAID]} ..."


def trace_of(error: BaseException, script: Path) -> str:
    """The trace with the lines of the script and of what lies beside it; with all where none of them is there."""
    shown = traceback.TracebackException.from_exception(error)
    for one in _chain(shown):
        own = [frame for frame in one.stack if _is_own(frame.filename, script)]
        kept = own or [frame for frame in one.stack if not frame.filename.startswith((_OURS, "<frozen "))]
        one.stack = traceback.StackSummary.from_list(kept)
    return "".join(shown.format()).rstrip()


def show(error: BaseException) -> None:
    """Print what Python would print of it, without what called the script."""
    if isinstance(error, SystemExit):
        if error.code is not None and not isinstance(error.code, int):
            _say(str(error.code))
        return
    error.__traceback__ = _within(error.__traceback__)
    with contextlib.suppress(Exception, SystemExit):  # an excepthook of the script's own
        sys.excepthook(type(error), error, error.__traceback__)


def _of_exit(error: SystemExit, script: Path, printed: str) -> Ending:
    if error.code is None or (isinstance(error.code, int) and not error.code & 0xFF):  # as a shell sees it
        return Ending(0)
    trace = trace_of(error, script)
    if isinstance(error.code, int):
        code = error.code & 0xFF
        text = f"The script ended itself with exit code {code}{_where(error, script)}"
        if not printed:
            return Ending(code, f"{text}.", trace)
        said = printed.removeprefix(f"{script.name}: ")  # as parsers begin, where the place has just been told
        return Ending(code, f"{text}, saying: {said}", f"{trace} ({printed})")
    return Ending(1, f"The script ended itself{_where(error, script)}: {_said(error)}", trace)


def _where(error: BaseException, script: Path) -> str:
    """` in line 12 of train.py`, of the innermost line that is the script's own."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if _is_own(frame.filename, script)]
    return f" in line {own[-1].lineno} of {Path(own[-1].filename).name}" if own else ""


def _is_own(file: str, script: Path) -> bool:
    return Path(file).is_relative_to(script.parent) and "site-packages" not in file


def _chain(shown: traceback.TracebackException) -> list[traceback.TracebackException]:
    """The exception, those that it came from, and those in a group."""
    found: list[traceback.TracebackException] = []
    waiting = [shown]
    while waiting:
        one = waiting.pop()
        found.append(one)
        more = [one.__cause__, one.__context__, *(getattr(one, "exceptions", None) or [])]
        waiting += [other for other in more if other is not None]
    return found


def _within(trace: TracebackType | None) -> TracebackType | None:
    """The trace from the first frame that is not ours."""
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_OURS):
        trace = trace.tb_next
    return trace


def _say(text: str) -> None:
    with contextlib.suppress(OSError, ValueError, AttributeError):  # closed or replaced by the script
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
