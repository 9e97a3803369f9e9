"""What configurations came to in the search beside what they came to on fresh seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from rlgauge.stats.intervals import student_t
from rlgauge.stats.summary import Summary
from rlgauge.tune.phase2 import CONFIDENCE, Final, Judged
from rlgauge.tune.trial import Trial


class Phases(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration in both phases: the means, with Student's intervals over the seeds of each.

    `searched` is None of the default configuration, and `judged` where no fresh seed gave a return. The interval of
    `searched` does not know that the configuration was chosen for this very mean.
    """

    name: str
    number: int | None
    searched: Summary | None
    judged: Summary | None
    searched_returns: list[float]
    judged_returns: list[float]

    @property
    def drop(self) -> float | None:
        """By how much the search had it too high; None, too, where a fresh seed gave no return."""
        if self.searched is None or self.judged is None or self.judged.missing:
            return None
        return self.searched.point - self.judged.point


def phases(final: Final, trials: Sequence[Trial]) -> list[Phases]:
    """The configurations of phase 2, the default first."""
    by_number = {one.number: one for one in trials}
    return [_phases(one, by_number) for one in final.configurations]


def mean_drop(found: Sequence[Phases]) -> float | None:
    """By how much the search had them too high, on average."""
    drops = [one.drop for one in found if one.drop is not None]
    return sum(drops) / len(drops) if drops else None


def _phases(one: Judged, by_number: Mapping[int, Trial]) -> Phases:
    trial = None if one.number is None else by_number.get(one.number)
    returns = [] if trial is None else list(trial.returns.values())
    return Phases(
        name=one.name,
        number=one.number,
        searched=student_t(returns, confidence=CONFIDENCE) if returns else None,
        judged=one.mean,
        searched_returns=returns,
        judged_returns=list(one.returns.values()),
    )
