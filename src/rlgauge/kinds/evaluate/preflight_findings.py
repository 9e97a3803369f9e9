"""What a preflight says: findings, and the rows of the policy and of the references."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Level = Literal["wrong", "doubtful", "note"]
LEVELS: tuple[Level, ...] = ("wrong", "doubtful", "note")
"""Surely wrong; seldom so of what is right; what is good to know, or can't be known."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One sentence about a policy in a task, what to do about it, and the numbers behind it, as JSON."""

    level: Level
    check: str
    policy: str
    task: str
    text: str
    advice: str = ""
    numbers: dict[str, Any] = {}


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What one policy did in a task. None where nothing was measured.

    `success_rate` is over the episodes in which success was measured.
    """

    task: str
    policy: str
    is_reference: bool
    episodes: int
    mean_return: float | None
    success_rate: float | None
    mean_length: float | None
    errors: int


class Preflight(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of the policies and of the references, and all findings, what is surely wrong first."""

    rows: list[Row]
    findings: list[Finding]

    @property
    def is_wrong(self) -> bool:
        """Whether something is surely wrong."""
        return any(finding.level == "wrong" for finding in self.findings)
