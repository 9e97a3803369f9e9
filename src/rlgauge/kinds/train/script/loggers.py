"""What a script logs, written into the journal of its run, and how much of it was returns of episodes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rlgauge.core.errors import UserError
from rlgauge.kinds.train.journal import Journal

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
        self.num_scalars = 0
        self.num_returns = 0
        self.is_return: dict[str, bool] = {}


_log = _Log()


def open_log(journal: Journal) -> None:
    """Write what is logged from now on into the journal."""
    global _log  # noqa: PLW0603  # one script a process
    _log = _Log(journal)


def log(values: Mapping[str, Any], *, step: int | None = None) -> None:
    """Record numbers by name, at a step; in a script that `rlgauge train` does not run, this does nothing.

    Raises UserError for what is no number.
    """
    numbers: dict[str, float] = {}
    for name, value in values.items():
        found = number(value)
        if found is None:
            raise UserError(f"rlgauge.log records numbers: {name!r} is a {type(value).__name__}.")
        numbers[str(name)] = found
    place = whole(step)
    if _log.journal is None or not numbers:
        return
    for name in numbers:
        _note(name)
    _log.journal.scalars(numbers, place)


def record(name: str, value: object, step: object) -> None:
    """Write one number that a script logged by a logger of its own; anything else it may log is passed over."""
    journal = _log.journal
    if journal is None:
        return
    found = value if type(value) is float else number(value)
    if found is not None:
        _note(name)
        journal.scalar(name, found, step if type(step) is int else whole(step))


def record_all(values: Mapping[Any, Any], step: object) -> None:
    """Write the numbers among what a script logged at a step, those of mappings in it by names with slashes."""
    if _log.journal is None:
        return
    numbers = dict(_numbers(values, ""))
    if numbers:
        for name in numbers:
            _note(name)
        _log.journal.scalars(numbers, whole(step))


def num_scalars() -> int:
    """How many numbers were logged."""
    return _log.num_scalars


def num_returns() -> int:
    """How many of them were returns of training episodes, or means of such, by their names."""
    return _log.num_returns


def is_return(name: str) -> bool:
    """Whether a number of that name is the return of training episodes, as far as a name can tell."""
    plain = re.sub(r"[^a-z0-9/]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())
    return not _TEST.search(plain) and any(one.search(plain) for one in _RETURNS)


def number(value: Any) -> float | None:  # noqa: ANN401  # what scripts log
    """What was logged as a number, None where it is none: texts, pictures, arrays of several."""
    if isinstance(value, float | int):
        return float(value)
    try:
        if getattr(value, "ndim", None) is None and not hasattr(value, "item"):
            return None
        return float(value.item())
    except (TypeError, ValueError, RuntimeError, AttributeError):
        return None


def whole(step: object) -> int | None:
    """A step as an integer, None where there is none."""
    if step is None or type(step) is int:
        return step
    found = number(step)
    return None if found is None or found - found != 0 else int(found)


def _numbers(values: Mapping[Any, Any], prefix: str) -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            found += _numbers(value, f"{prefix}{name}/")
        else:
            one = number(value)
            if one is not None:
                found.append((f"{prefix}{name}", one))
    return found


def _note(name: str) -> None:
    log_ = _log
    log_.num_scalars += 1
    known = log_.is_return.get(name)
    if known is None:
        known = log_.is_return[name] = is_return(name)
    log_.num_returns += known
