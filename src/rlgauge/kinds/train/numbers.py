"""What scripts log as numbers, and as steps."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from typing import Any

_NUMBERS = (float, int)
LARGEST_STEP = 2**63 - 1
"""What fits an integer of 64 bits, which is what other programs read."""


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
    return found if found is not None and -LARGEST_STEP <= found <= LARGEST_STEP else None


def _integer(step: Any) -> int | None:  # noqa: ANN401  # what scripts log
    """What stands for an integer, such as one of NumPy, exactly; else the number without its fraction."""
    try:
        return operator.index(step)
    except (TypeError, ValueError, RuntimeError):
        found = number(step)
        return None if found is None or not math.isfinite(found) else int(found)


def numbers_in(values: Mapping[Any, Any]) -> dict[str, float]:
    """The numbers among what was logged, those of mappings in it by names with slashes."""
    found: dict[str, float] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= {f"{name}/{inner}": one for inner, one in numbers_in(value).items()}
        else:
            number_ = number(value)
            if number_ is not None:
                found[str(name)] = number_
    return found
