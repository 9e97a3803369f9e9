"""What a script logs, written into the journal of its run, and how much of it was returns of episodes."""

from __future__ import annotations

import atexit
import math
import operator
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlgauge.kinds.train.journal import Journal

_RETURNS = (
    re.compile(r"return|ep(isod(e|ic))?_?(rew|ret|score)"),
    re.compile(r"(mean|avg|average|total|cum[a-z]*)_?(episod[a-z]*_?)?(rew|score)"),
    re.compile(r"(rew[a-z]*|score[a-z]*)_?(mean|avg|average|sum)"),
)
_TEST = re.compile(r"(^|[^a-z])(eval|test|valid)")


_NUMBERS = (float, int)
_LARGEST_STEP = 2**63 - 1
"""What fits an integer of 64 bits, which is what other programs read."""


class _Times(dict[str, int]):
    """How often numbers of a name were logged."""

    def __missing__(self, name: str) -> int:
        return 0


class _Log:
    """Where what is logged goes, and what has come so far."""

    def __init__(self, journal: Journal | None = None) -> None:
        self.journal = journal
        self.folder = None if journal is None else journal.folder
        self.times = _Times()


_log = _Log()
_closes_at_exit = False


def open_log(journal: Journal) -> None:
    """Write what is logged from now on into the journal."""
    global _log, _closes_at_exit  # noqa: PLW0603  # one script a process
    close_log()
    _log = _Log(journal)
    if not _closes_at_exit:
        _closes_at_exit = True
        atexit.register(close_log)


def close_log() -> None:
    """Write nothing any more; what has been counted stays known."""
    journal, _log.journal = _log.journal, None
    if journal is not None:
        journal.close()


def log(values: Mapping[str, Any], *, step: int | None = None) -> None:
    """Record numbers by name, at a step; in a script that `rlgauge train` does not run, this does nothing.

    What is no number is passed over, with a warning: a training is worth more than a line of its log.
    """
    numbers: dict[str, float | None] = {}
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
    log_ = _log
    if log_.journal is None:
        return
    found = value if type(value) is float else number(value)
    if found is not None:
        name = name if type(name) is str else str(name)
        log_.times[name] += 1
        at = step if type(step) is int and -_LARGEST_STEP <= step <= _LARGEST_STEP else whole(step)
        log_.journal.scalar(name, found, at)


def record_all(values: Mapping[Any, Any], step: object) -> None:
    """Write the numbers among what a script logged at a step, those of mappings in it by names with slashes."""
    log_ = _log
    if log_.journal is None:
        return
    numbers: dict[str, float | None] = {}
    for name, value in values.items():
        if type(value) is float and type(name) is str:
            numbers[name] = value
        else:
            _collect(name if type(name) is str else str(name), value, numbers)
    if numbers:
        times = log_.times
        for name in numbers:
            times[name] += 1
        at = step if type(step) is int and -_LARGEST_STEP <= step <= _LARGEST_STEP else whole(step)
        log_.journal.scalars(numbers, at)


def num_scalars() -> int:
    """How many numbers were logged."""
    return sum(_log.times.values())


def num_returns() -> int:
    """How many of them were returns of training episodes, or means of such, by their names."""
    return sum(times for name, times in _log.times.items() if is_return(name))


def names() -> list[str]:
    """The names under which numbers were logged, each once."""
    return list(_log.times)


def folder() -> Path | None:
    """Where what was logged is, also when nothing is logged any more; None where nothing is recorded."""
    return _log.folder


def is_return(name: str) -> bool:
    """Whether a number of that name is the return of training episodes, as far as a name can tell."""
    plain = re.sub(r"[^a-z0-9/]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())
    return not _TEST.search(plain) and any(one.search(plain) for one in _RETURNS)


def number(value: Any) -> float | None:  # noqa: ANN401  # what scripts log
    """What was logged as a number, None where it is none: texts, pictures, arrays of several."""
    try:
        if not isinstance(value, _NUMBERS):
            value = value.item() if hasattr(value, "item") else value
            if not hasattr(value, "__float__"):
                return None
        return float(value)
    except OverflowError:  # of an integer that is larger than any float
        return math.inf if value > 0 else -math.inf
    except (TypeError, ValueError, RuntimeError, AttributeError):
        return None


def whole(step: object) -> int | None:
    """A step as an integer, None where there is none that has 64 bits."""
    if step is None:
        return None
    found = step if type(step) is int else _integer(step)
    return found if found is not None and -_LARGEST_STEP <= found <= _LARGEST_STEP else None


def _integer(step: Any) -> int | None:  # noqa: ANN401  # what scripts log
    """What stands for an integer, such as one of NumPy, exactly; else the number without its fraction."""
    try:
        return operator.index(step)
    except (TypeError, ValueError, RuntimeError):
        found = number(step)
        return None if found is None or not math.isfinite(found) else int(found)


def _collect(name: str, value: object, found: dict[str, float | None]) -> None:
    if isinstance(value, Mapping):
        for inner, one in value.items():
            _collect(f"{name}/{inner}", one, found)
    else:
        number_ = number(value)
        if number_ is not None:
            found[name] = number_
