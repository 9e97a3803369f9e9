"""What a script logs, written into the journal of its run, and how much of it was returns of episodes."""

from __future__ import annotations

import atexit
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlgauge.kinds.train.journal import Journal
from rlgauge.kinds.train.numbers import LARGEST_STEP, number, whole

_RETURNS = (
    re.compile(r"return|ep(isod(e|ic))?_?(rew|ret|score)"),
    re.compile(r"(mean|avg|average|total|cum[a-z]*)_?(episod[a-z]*_?)?(rew|score)"),
    re.compile(r"(rew[a-z]*|score[a-z]*)_?(mean|avg|average|sum)"),
)
_TEST = re.compile(r"(^|[^a-z])(eval|test|valid)")


class _Log:
    """Where what is logged goes, and what has come so far."""

    def __init__(self, journal: Journal | None = None) -> None:
        self.journal = journal
        self.folder = None if journal is None else journal.folder
        self.times: Mapping[str, int] = {} if journal is None else journal.times


current = _Log()
"""Of the script that is running."""
_closes_at_exit = False


def open_log(journal: Journal) -> None:
    """Write what is logged from now on into the journal."""
    global current, _closes_at_exit  # noqa: PLW0603  # one script a process
    close_log()
    current = _Log(journal)
    if not _closes_at_exit:
        _closes_at_exit = True
        atexit.register(close_log)


def close_log() -> None:
    """Write nothing any more; what has been counted stays known."""
    journal, current.journal = current.journal, None
    if journal is not None:
        journal.close()


def log(values: Mapping[str, Any], *, step: int | None = None) -> None:
    """Record numbers by name, at a step; in a script that `rlgauge train` does not run, this does nothing.

    What is no number is passed over, with a warning: a training is worth more than a line of its log.
    """
    numbers: dict[str, float] = {}
    for name, value in values.items():
        found = value if type(value) is float else number(value)
        if found is None:
            text = f"rlgauge.log records numbers: {name!r} is a {type(value).__name__}, and is passed over."
            warnings.warn(text, stacklevel=2)
        else:
            numbers[name if type(name) is str else str(name)] = found
    record_all(numbers, step)


def record(name: str, value: object, step: object) -> None:
    """Write one number that a script logged by a logger of its own; anything else it may log is passed over."""
    record_all({name: value}, step)


def record_all(values: Mapping[Any, Any], step: object) -> None:
    """Write the numbers among what a script logged at a step, those of mappings in it by names with slashes."""
    if current.journal is not None:
        at = step if type(step) is int and -LARGEST_STEP <= step <= LARGEST_STEP else whole(step)
        current.journal.scalars(values, at)


def num_scalars() -> int:
    """How many numbers were logged."""
    return sum(current.times.values())


def num_returns() -> int:
    """How many of them were returns of training episodes, or means of such, by their names."""
    return sum(times for name, times in current.times.items() if is_return(name))


def names() -> list[str]:
    """The names under which numbers were logged, each once."""
    return list(current.times)


def folder() -> Path | None:
    """Where what was logged is, also when nothing is logged any more; None where nothing is recorded."""
    return current.folder


def is_return(name: str) -> bool:
    """Whether a number of that name is the return of training episodes, as far as a name can tell."""
    plain = re.sub(r"[^a-z0-9/]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())
    return not _TEST.search(plain) and any(one.search(plain) for one in _RETURNS)
