"""What a script leaves when it has run: the objects that its names stand for, where weights and actors are found."""

from __future__ import annotations

import collections
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Left:
    """The globals of the script's module, the locals of its `main` at its end, and what that returned.

    A script without `main` has in its stead the functions that it calls once; None is one that called none.
    """

    module: dict[str, object]
    main: dict[str, object] | None
    returned: object


KEEP, KEEP_RETURNED = "__rlgauge_keep__", "__rlgauge_returned__"
"""Names of `keep` and `keep_returned` among the globals of a script that was rewritten to call them."""

_SCOPES: dict[str, dict[str, object]] = {}
_RETURNED: dict[str, object] = {}
_ENDS: collections.Counter[str] = collections.Counter()


def keep(name: str, scope: Mapping[str, object]) -> None:
    """Remember the locals of a function that ends; of one that ends again, the last."""
    _SCOPES.pop(name, None)
    _SCOPES[name] = dict(scope)
    _ENDS[name] += 1


def keep_returned(name: str, value: object) -> object:
    """The value, remembered as what the function returned."""
    _RETURNED[name] = value
    return value


def num_ends(name: str) -> int:
    """How often a function whose locals are kept has ended."""
    return _ENDS[name]


def collect(module: Mapping[str, object], *, entry: str | None) -> Left:
    """What there is once the script has ended; of names that several functions have, that of the last to end.

    `entry` names the function that counts as its `main`.
    """
    main: dict[str, object] = {}
    for scope in _SCOPES.values():
        main.update(_plain(scope))
    return Left(_plain(module), main if _SCOPES else None, _RETURNED.get(entry or ""))


def _plain(names: Mapping[str, object]) -> dict[str, object]:
    """Those that a script gives, and not Python."""
    return {name: value for name, value in names.items() if not name.startswith("__")}
