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


class _Returns(dict[str, bool]):
    """Whether numbers of a name are returns, found out once."""

    def __missing__(self, name: str) -> bool:
        found = self[name] = is_return(name)
        return found


class _Log:
    """Where what is logged goes, and what has come so far."""

    def __init__(self, journal: Journal | None = None) -> None:
        self.journal = journal
        self.folder = None if journal is None else journal.folder
        self.num_scalars = 0
        self.num_returns = 0
        self.is_return = _Returns()


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
        journal.close_scalars()


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
    _write(numbers, step)


def record(name: str, value: object, step: object) -> None:
    """Write one number that a script logged by a logger of its own; anything else it may log is passed over."""
    log_ = _log
    if log_.journal is None:
        return
    found = value if type(value) is float else number(value)
    if found is not None:
        name = name if type(name) is str else str(name)
        log_.num_scalars += 1
        log_.num_returns += log_.is_return[name]
        at = step if type(step) is int and -_LARGEST_STEP <= step <= _LARGEST_STEP else whole(step)
        log_.journal.scalars({name: found}, at)


def record_all(values: Mapping[Any, Any], step: object) -> None:
    """Write the numbers among what a script logged at a step, those of mappings in it by names with slashes."""
    if _log.journal is not None:
        numbers: dict[str, float | None] = {}
        _collect(values, "", numbers)
        _write(numbers, step)


def num_scalars() -> int:
    """How many numbers were logged."""
    return _log.num_scalars


def num_returns() -> int:
    """How many of them were returns of training episodes, or means of such, by their names."""
    return _log.num_returns


def names() -> list[str]:
    """The names under which numbers were logged, each once."""
    return list(_log.is_return)


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


def _write(numbers: dict[str, float | None], step: object) -> None:
    log_ = _log
    if log_.journal is None or not numbers:
        return
    log_.num_scalars += len(numbers)
    for name in numbers:
        log_.num_returns += log_.is_return[name]
    log_.journal.scalars(numbers, whole(step))


def _collect(values: Mapping[Any, Any], prefix: str, found: dict[str, float | None]) -> None:
    for name, value in values.items():
        key = name if not prefix and type(name) is str else f"{prefix}{name}"
        if type(value) is float:
            found[key] = value
        elif isinstance(value, Mapping):
            _collect(value, f"{key}/", found)
        else:
            one = number(value)
            if one is not None:
                found[key] = one
