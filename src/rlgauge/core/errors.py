"""Errors that a person can act on."""

from __future__ import annotations

from collections.abc import Iterable


class UserError(Exception):
    """The user's mistake, in one plain sentence: shown without a traceback, exit code 2."""


def unknown(what: str, given: str, known: Iterable[str]) -> UserError:
    """The error for a name that does not exist: what was given, the nearest known name, all known names."""
    names = sorted(known)
    return UserError(f"Unknown {what} {given!r}.{did_you_mean(given, names)} Known: {', '.join(names)}.")


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """` Did you mean 'GAIL'?` of the name that is nearest, capitals aside; empty where none is near."""
    import difflib  # what only a mistake needs, no start of a process pays for

    names = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(given.casefold(), names, n=1, cutoff=0.5)
    return f" Did you mean {names[near[0]]!r}?" if near else ""


class SubmittedError(Exception):
    """All that is missing has been handed over, and nobody waits for it: no fault, but the end of a command."""
