"""JSON as Python programs write it: with NaN and Infinity, and NumPy's numbers as objects."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec


def decode(content: bytes) -> Any:  # noqa: ANN401  # any JSON
    """What the JSON holds, with None for what is not finite. Raises ValueError."""
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError):
        try:
            return cleaned(json.loads(content))
        except RecursionError as error:
            raise ValueError("it is nested too deeply") from error


def cleaned(value: Any) -> Any:  # noqa: ANN401  # any JSON
    """The JSON with None for what is not finite, and numbers for what jsonpickle made of NumPy's."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [cleaned(item) for item in value]
    if isinstance(value, dict):
        if "value" in value and str(value.get("py/object", "")).startswith("numpy"):
            return cleaned(value["value"])
        return {key: cleaned(item) for key, item in value.items()}
    return value
