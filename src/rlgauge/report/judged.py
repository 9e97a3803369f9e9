"""A target, and what was measured of it."""

from __future__ import annotations

import enum

import msgspec

from rlgauge.stats.summary import Summary
from rlgauge.suites.target import Target

_NAMED = {"num_envs", "scan_chunk_size", "block", "devices", "action", "rng", "emit"}
"""What is told with its name; other values speak for themselves."""


class Verdict(enum.StrEnum):
    """What became of a target."""

    MET = "met"
    NOT_MET = "not met"
    NOT_MEASURED = "not measured"


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A target of a suite, and what was measured under a tag; `reason` says why nothing was.

    `unit` is empty for a ratio. `noise` is told where the machine was not known to be quiet. `is_certain` is given
    where more than the interval decides it.
    """

    suite: str
    tag: str
    target: Target
    measured: Summary | None = None
    unit: str = ""
    noise: str | None = None
    reason: str | None = None
    verdict: Verdict = Verdict.NOT_MEASURED
    is_certain: bool | None = None

    def __post_init__(self) -> None:
        """Judge: by the estimate. Unless given, it is certain where the whole interval is on the same side."""
        if self.measured is None:
            return
        is_met = self.target.is_met(self.measured.point)
        set_field = msgspec.structs.force_setattr
        set_field(self, "verdict", Verdict.MET if is_met else Verdict.NOT_MET)
        if self.is_certain is None and self.measured.low is not None and self.measured.high is not None:
            ends = (self.measured.low, self.measured.high)
            set_field(self, "is_certain", all(self.target.is_met(end) is is_met for end in ends))

    @property
    def of(self) -> str:
        """What the target is of, in words."""
        said = self.target.of.items()
        return ", ".join(f"{name} {value}" if name in _NAMED else str(value) for name, value in said)
