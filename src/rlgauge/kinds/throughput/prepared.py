"""An environment that is ready to be stepped by the clock, whatever it is written in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from rlgauge.kinds.throughput.roofline import Roofline


LOOKS = (1, 1, 2, 3, 5, 8)
"""Trips between looks at what may stand still: a few states that come and go are the same now and then."""


class Done(NamedTuple):
    """What was done: steps of all environments together, episodes that ended, the sum of rewards."""

    num_steps: int
    num_episodes: int
    reward: float


class NoRoomError(MemoryError):
    """So many environments need more memory than there is."""


class Prepared(Protocol):
    """Environments whose state is carried on from call to call.

    A trip is the least that can be asked for, `steps_per_trip` steps of each environment. `phases` holds seconds:
    `trace`, `compile`, `init` and so on, as far as there are such. `facts` is what else is reported.
    """

    steps_per_trip: int
    phases: dict[str, float]
    facts: dict[str, Any]

    def go(self, num_trips: int) -> Done:
        """What so many trips did; returns when all of it has happened."""

    def reset(self) -> None:
        """All environments at the start of an episode, made anew."""

    def device_peak_bytes(self) -> int | None:
        """The most that a device with memory of its own has held; None where there is none, or it does not tell."""

    def has_changed(self) -> bool | None:
        """Whether the state is another than at the start; None where it can't be looked at."""

    def stands_still(self, num_trips: int) -> bool:
        """Whether so many trips more end no episode, give no reward, and leave all as it was, as far as one sees."""

    def roofline(self) -> Roofline | None:
        """What the memory of the machine allows at most; None where that is not known, or does not matter."""

    def close(self) -> None:
        """Give back what is held."""
