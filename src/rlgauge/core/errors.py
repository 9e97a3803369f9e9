"""Errors that a person can act on."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """The user's mistake, in one plain sentence: shown without a traceback, exit code 2."""


def unknown(what: str, given: str, known: Iterable[str]) -> UserError:
    """The error for a name that does not exist: what was given, the nearest known name, all known names."""
    names = sorted(known)
    near = difflib.get_close_matches(given, names, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return UserError(f"Unknown {what} {given!r}.{hint} Known: {', '.join(names)}.")
