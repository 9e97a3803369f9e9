"""Two sides measured in turns: the ratio of their speeds with its interval."""

from __future__ import annotations

import msgspec

from rlgauge.kinds.throughput.results import Measured
from rlgauge.stats.intervals import geometric_mean


class Ratio(msgspec.Struct, frozen=True, kw_only=True):
    """How many times as fast the candidate is: the geometric mean over pairs, and its 95 % interval.

    A pair is a process of either side, one directly after the other; what the machine does to both cancels. The
    interval is Student's, of the logarithms.
    """

    candidate: Measured
    baseline: Measured
    ratio: float
    low: float
    high: float
    num_pairs: int

    @property
    def verdict(self) -> str:
        """faster, slower, or that no difference is shown."""
        if self.low > 1:
            return "faster"
        return "slower" if self.high < 1 else "no difference shown"


def ratio_of(candidate: Measured, baseline: Measured) -> Ratio | None:
    """The ratio; None where a side failed. Raises ValueError for fewer than two pairs, or unequal numbers."""
    if candidate.steps_per_second is None or baseline.steps_per_second is None:
        return None
    pairs = list(zip(candidate.process_medians, baseline.process_medians, strict=True))
    found = geometric_mean([ours / theirs for ours, theirs in pairs])
    if found.low is None or found.high is None:
        raise ValueError(f"a ratio with an interval needs two pairs; there are {len(pairs)}")
    return Ratio(
        candidate=candidate,
        baseline=baseline,
        ratio=found.point,
        low=found.low,
        high=found.high,
        num_pairs=len(pairs),
    )
