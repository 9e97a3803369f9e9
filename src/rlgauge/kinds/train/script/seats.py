"""Putting a method in place of another one's, in one object alone."""

from __future__ import annotations

import contextlib
from types import MethodType

from rlgauge.kinds.train.script.patching import unwrapped


class Seat:
    """A method of one object, in whose place another one is put until it leaves."""

    __slots__ = ("_is_own", "_method", "owner", "plain")

    def __init__(self, owner: object, method: str = "step") -> None:
        self.owner = owner
        self.plain = unwrapped(owner, method)
        self._method = method
        # A method is its class's, unless somebody has put another one in its place before.
        self._is_own = not isinstance(self.plain, MethodType) or self.plain.__self__ is not owner

    def take(self, other: object) -> None:
        """Put `other` in the method's place."""
        object.__setattr__(self.owner, self._method, other)

    def leave(self) -> None:
        """Put the method back."""
        if self._is_own:
            object.__setattr__(self.owner, self._method, self.plain)
        else:
            with contextlib.suppress(AttributeError):
                object.__delattr__(self.owner, self._method)
