"""A case: what is measured, named by its content."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

_EXACT = 2**53
"""Up to here a float holds every integer exactly, so that 3 and 3.0 are one number."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A point of a grid: equal content is the same measurement, wherever and whenever it is made.

    `params` holds all that defines the measurement, as JSON. `labels` (a display name, a path) are for people and
    are no part of the identity.
    """

    workload: str
    name: str
    params: dict[str, Any]
    seed: int = 0
    labels: dict[str, str] = {}

    @property
    def id(self) -> str:
        """12 hexadecimal digits of the hash of the content."""
        return fingerprint({"workload": self.workload, "name": self.name, "params": self.params, "seed": self.seed})

    @property
    def folder(self) -> str:
        """Where its attempts are kept, relative to the store: `<workload>/<slug>-<id>`."""
        return f"{slug(self.workload)}/{slug(self.name)}-{self.id}"


def fingerprint(content: object) -> str:
    """12 hexadecimal digits that depend on the JSON content alone: not on key order, nor on 1 against 1.0."""
    import hashlib
    import json

    text = json.dumps(canonical(content), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def canonical(value: object) -> Any:  # noqa: ANN401  # JSON is any of seven types
    """The same JSON value in its one spelling: tuples are lists, whole floats are integers, True stays True.

    Raises TypeError for what JSON can't say and ValueError for an infinite number or a text that is not Unicode.
    """
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, float):
        return _canonical_number(value)
    if isinstance(value, Mapping):
        return {_key(key): canonical(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray)):
        return [canonical(item) for item in value]
    raise TypeError(f"{value!r} of type {type(value).__name__} can't be described in JSON")


def slug(text: str) -> str:
    """The text as a short, safe file name."""
    return re.sub(r"[^A-Za-z0-9._=+-]+", "-", text).strip("-.")[:80] or "x"


def _canonical_number(value: float) -> int | float:
    if not math.isfinite(value):
        raise ValueError(f"{value} can't be part of a case: numbers must be finite")
    return int(value) if value.is_integer() and abs(value) <= _EXACT else value


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError(f"the key {key!r} is not a text; JSON objects have text keys")
    return _text(key)


def _text(value: str) -> str:
    if not value.isascii():
        value.encode()  # UnicodeEncodeError, a ValueError, for half a surrogate pair: no file could hold it
    return value
