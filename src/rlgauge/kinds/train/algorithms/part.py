"""What every part of a configuration is, and the kinds of numbers in it."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Named settings; a name that it does not know is an error."""


Positive: TypeAlias = Annotated[int, msgspec.Meta(gt=0)]
PositiveFloat: TypeAlias = Annotated[float, msgspec.Meta(gt=0)]
Weight: TypeAlias = Annotated[float, msgspec.Meta(ge=0)]
Fraction: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=1)]
Widths: TypeAlias = tuple[Positive, ...]
"""Of the hidden layers of a network; without any it is linear."""
