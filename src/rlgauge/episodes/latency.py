"""Durations, kept as histograms: memory does not grow with the number of steps, and runs can be added up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import numpy as np

from rlgauge.core.errors import UserError
from rlgauge.episodes.policies.protocol import CountsCalls

BINS_PER_DECADE = 100
"""Bins are logarithmic; a quantile is right to 1.2 %."""
_FLUSH = 4096


class Durations:
    """How long something took, over and over. Seconds."""

    def __init__(self, counts: dict[str, int] | None = None) -> None:
        """Begin with the histogram that `to_json` gave."""
        self.pending: list[float] = []
        """Durations that are not in the histogram yet; whoever appends here calls `flush` now and then."""
        self._counts: dict[int, int] = {int(bin_): count for bin_, count in (counts or {}).items()}

    def append(self, seconds: float) -> None:
        """Note one duration."""
        self.pending.append(seconds)
        self.flush(at_least=_FLUSH)

    def add(self, other: Durations) -> None:
        """Add all that another has noted."""
        other.flush()
        for bin_, count in other._counts.items():
            self._counts[bin_] = self._counts.get(bin_, 0) + count

    def quantile(self, q: float) -> float | None:
        """The duration in seconds below which the share `q` lies; None where nothing was noted."""
        self.flush()
        if not 0 <= q <= 1:
            raise UserError(f"A quantile lies between 0 and 1, not at {q}.")
        rank = q * sum(self._counts.values())
        seen = 0
        for bin_ in sorted(self._counts):
            seen += self._counts[bin_]
            if seen >= rank:
                return float(10.0 ** ((bin_ + 0.5) / BINS_PER_DECADE))
        return None

    @property
    def num(self) -> int:
        """How many durations were noted."""
        self.flush()
        return sum(self._counts.values())

    def to_json(self) -> dict[str, int]:
        """The histogram: counts by bin, bin b holding durations from 10^(b/100) to 10^((b+1)/100) seconds."""
        self.flush()
        return {str(bin_): self._counts[bin_] for bin_ in sorted(self._counts)}

    def flush(self, *, at_least: int = 1) -> None:
        """Put what is pending into the histogram, where there is so much."""
        if len(self.pending) < at_least:
            return
        seconds = np.maximum(self.pending, 1e-9)
        self.pending.clear()
        bins, counts = np.unique(np.floor(np.log10(seconds) * BINS_PER_DECADE).astype(int), return_counts=True)
        for bin_, count in zip(bins.tolist(), counts.tolist(), strict=True):
            self._counts[bin_] = self._counts.get(bin_, 0) + count


class Latency:
    """Durations of policy calls (one for all lanes), environment steps and renderings.

    A step at which nothing is decided, since all lanes execute chunks of actions, is no call. A policy
    that is asked elsewhere has further parts, each of its calls: `inference` and `queue` as its server tells them, and
    `network`, the rest of the round trip.
    """

    def __init__(self) -> None:
        """Nothing noted yet."""
        self.policy = Durations()
        self.environment = Durations()
        self.render = Durations()

    def part(self, name: str) -> Durations:
        """The durations of this name, which begin when they are first asked for."""
        own: Durations = vars(self).setdefault(name, Durations())
        return own

    def flush(self) -> None:
        """Keep the memory bounded: called once for all lanes' steps."""
        if len(self.environment.pending) >= _FLUSH:
            self.environment.flush()
            self.policy.flush()

    def to_json(self) -> dict[str, dict[str, int]]:
        """The histograms."""
        return {name: part.to_json() for name, part in vars(self).items()}

    def add_json(self, content: dict[str, dict[str, int]]) -> None:
        """Add what `to_json` of another gave."""
        for name, counts in content.items():
            self.part(name).add(Durations(counts))


@runtime_checkable
class Elsewhere(Protocol):
    """A policy that knows the parts of its calls, or wraps one that does."""

    def note_in(self, latency: Latency) -> None:
        """From now on they are noted there."""


def deciding(policy: object) -> Callable[[], bool]:
    """Whether the policy has decided since this was last called; of one that does not count, always."""
    if not isinstance(policy, CountsCalls):
        return _always
    known = policy.num_calls

    def has_decided() -> bool:
        nonlocal known
        before, known = known, policy.num_calls
        return known != before

    return has_decided


def _always() -> bool:
    return True
