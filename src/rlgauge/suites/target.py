"""What a suite is meant to reach."""

from __future__ import annotations

import re

import msgspec

_FACTORS = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9}
_NUMBER = re.compile(r"(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)([kMG]?)")


class Target(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a quantity of something is meant to be: at least, or at most, so much.

    `of` says of what; with `ratio_to` it is the ratio to that library's. Numbers may be written as 100k, 2.5M or 1G.
    """

    of: dict[str, str | int | float]
    quantity: str
    ratio_to: str | None = None
    at_least: float | str | None = None
    at_most: float | str | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for a target that is none."""
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("a target has either at_least or at_most")
        for name in ("at_least", "at_most"):
            value = getattr(self, name)
            if value is not None:
                msgspec.structs.force_setattr(self, name, number(value))

    @property
    def actor(self) -> str | None:
        """The policy, or the trained algorithm, whose runs it is of; None of an environment's speed or memory."""
        named = self.of.get("policy", self.of.get("algo"))
        return None if named is None else str(named)

    @property
    def bound(self) -> float:
        """The number that is to be reached, or not to be exceeded."""
        return number(self.at_most if self.at_least is None else self.at_least)

    def is_met(self, value: float) -> bool:
        """Whether the value is on the right side of the bound, or on it."""
        return value <= self.bound if self.at_least is None else value >= self.bound


def number(value: float | str | None) -> float:
    """The number of 20, `100k`, `2.5M` or `1G`. Raises ValueError."""
    match = _NUMBER.fullmatch(str(value).strip())
    if match is None:
        raise ValueError(f"{value!r} is no number: write one such as 20, 0.95, 100k, 2.5M or 1G")
    return float(match[1]) * _FACTORS[match[2]]
