"""What the `step` of an environment takes and returns, as libraries have it."""

from __future__ import annotations

from inspect import CO_VARARGS, CO_VARKEYWORDS
from types import CodeType
from typing import Any

Step = Any
"""What an environment's `step` returns: five values, or four in older libraries."""


def is_end(result: Step) -> bool:
    """Whether an episode has ended."""
    return bool(result[2] or (len(result) > 4 and result[3]))  # noqa: PLR2004  # five values: terminated, truncated


def is_cut(result: Step) -> bool:
    """Whether it has ended by being cut off."""
    if len(result) > 4:  # noqa: PLR2004
        return not result[2]
    return bool(isinstance(result[3], dict) and result[3].get("TimeLimit.truncated"))


def takes_action(step: object) -> bool:
    """Whether a method takes one thing and no more, and calls it as libraries do."""
    code = getattr(getattr(step, "__func__", None), "__code__", None)
    if not isinstance(code, CodeType) or code.co_flags & (CO_VARARGS | CO_VARKEYWORDS) or code.co_kwonlyargcount:
        return False
    return code.co_varnames[: code.co_argcount] == ("self", "action")
