"""How an episode that was played on a device ended: numbers that compiled code can write down."""

from __future__ import annotations

PLAYING = 0
TERMINATED = 1
TRUNCATED = 2
OVER = 3
"""Terminated or truncated: the library does not tell which."""
CUT = 4
"""Truncated by the limit of steps."""
BAD_OBSERVATION = 5
BAD_REWARD = 6
ILLEGAL = 7
"""The policy did what the environment does not allow; it never saw it."""
_NOT_FINITE = {BAD_OBSERVATION: "observation", BAD_REWARD: "reward"}


def is_terminated(end: int) -> bool | None:
    """Whether the environment ended it; None where that is not told."""
    return None if end == OVER else end == TERMINATED


def is_truncated(end: int) -> bool | None:
    """Whether it was cut; None where that is not told."""
    return None if end == OVER else end in {TRUNCATED, CUT}


def fault(end: int, length: int, allowed: str) -> str | None:
    """Why an episode of that length has no valid measurement; None where it has one.

    `allowed` is what a policy may do, in words.
    """
    at = f"step {length}" if length else "reset"
    if end == ILLEGAL:
        return f"step {length + 1}: the policy returned an action that is none of {allowed}"
    what = _NOT_FINITE.get(end)
    return None if what is None else f"{at}: the {what} is not finite"
