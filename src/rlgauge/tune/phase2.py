"""Phase 2: the best configurations and the default one, judged on seeds that no training of phase 1 used."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from rlgauge.core.errors import UserError
from rlgauge.stats.intervals import student_t
from rlgauge.stats.summary import Summary
from rlgauge.stats.unpaired import welch
from rlgauge.tune.question import Question
from rlgauge.tune.trainings import Means, Returns, returns_of
from rlgauge.tune.trial import State, Trial, best

CONFIDENCE = 0.95


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration on fresh seeds; `number` is that of its trial, None of the default configuration.

    `searched` is what it came to in phase 1, over `num_searched` seeds. `gain` is its mean less that of the default.
    """

    number: int | None
    values: dict[str, Any]
    searched: float | None
    num_searched: int
    returns: dict[int, float]
    problems: dict[int, str]
    mean: Summary | None
    deviation: float | None
    gain: Summary | None = None

    @property
    def name(self) -> str:
        """What it is called."""
        return "default" if self.number is None else f"trial {self.number}"

    @property
    def is_complete(self) -> bool:
        """Whether every fresh seed gave a return."""
        return self.mean is not None and self.mean.missing == 0

    @property
    def drop(self) -> float | None:
        """By how much the search had it too high; None of the default, and where a fresh seed gave no return."""
        if self.searched is None or self.mean is None or not self.is_complete:
            return None
        return self.searched - self.mean.point


class Final(msgspec.Struct, frozen=True, kw_only=True):
    """The configurations in phase 2, the default first, then by what they came to in phase 1.

    Gains hold all together with `confidence`: each interval is that much wider. `winner` is the place of the highest
    mean among those with returns of all seeds; where none has all, that of the most seeds, then the highest mean; None
    where none has a return.
    """

    algorithm: str
    environment: str | None
    searched_seeds: list[int]
    seeds: list[int]
    confidence: float
    configurations: list[Judged]
    winner: int | None

    @property
    def won(self) -> Judged | None:
        """The winner."""
        return None if self.winner is None else self.configurations[self.winner]

    @property
    def passed_over(self) -> list[Judged]:
        """Those of a higher mean than the winner's, but over fewer seeds."""
        won = self.won
        if won is None or won.mean is None:
            return []
        return [
            one
            for one in self.configurations
            if one.mean and one.mean.point > won.mean.point and len(one.returns) < len(won.returns)
        ]


def fresh_seeds(used: Collection[int], number: int) -> list[int]:
    """So many seeds above all that were used."""
    return list(itertools.islice(itertools.count(max(used, default=-1) + 1), number))


def check_fresh(seeds: Iterable[int], used: Iterable[int]) -> None:
    """Raise RuntimeError where a seed was used before: what is judged on it was chosen by it."""
    common = set(seeds) & set(used)
    if common:
        raise RuntimeError(f"seeds {sorted(common)} of phase 2 were used in phase 1")


def reevaluate(question: Question, trials: Sequence[Trial], means: Means, *, top: int, eval_seeds: int) -> Final:
    """The best `top` configurations and the default one, each trained with `eval_seeds` fresh seeds.

    Raises UserError where no trial is complete.
    """
    chosen = best(trials, top)
    if not chosen:
        raise UserError(nothing_to_choose(trials))
    used = {*question.seeds, *(seed for one in trials for seed in one.returns)}
    seeds = fresh_seeds(used, eval_seeds)
    check_fresh(seeds, used)
    base = question.base
    asked: list[Trial | None] = [None, *chosen]
    found = []
    for place, trial in enumerate(asked, start=1):
        name = "the default configuration" if trial is None else f"trial {trial.number}"
        means.view.say(f"Phase 2, {place} of {len(asked)}: {name} with {_seeds(seeds)}")
        values = {} if trial is None else trial.values
        found.append(_judged(trial, values, returns_of(base, values, seeds, means), eval_seeds))
    each = 1 - (1 - CONFIDENCE) / len(chosen)
    judged = [found[0], *(_compared(one, found[0], confidence=each) for one in found[1:])]
    return Final(
        algorithm=base.algorithm,
        environment=base.env,
        searched_seeds=sorted(used),
        seeds=seeds,
        confidence=CONFIDENCE,
        configurations=judged,
        winner=_winner(judged),
    )


def _seeds(seeds: Sequence[int]) -> str:
    return f"seeds {seeds[0]}..{seeds[-1]}" if len(seeds) > 1 else f"seed {seeds[0]}"


def nothing_to_choose(trials: Sequence[Trial]) -> str:
    """Why there is no best trial, in a sentence."""
    reasons = [one.reason for one in trials if one.reason and one.state is State.FAILED]
    last = f" The last one: {reasons[-1].rstrip('.')}." if reasons else ""
    again = " Where that is mended, --rerun-failed (rerun_failed) runs them again." if reasons else ""
    return f"None of the {len(trials)} trials reported a test return, so there is nothing to choose from.{last}{again}"


def _winner(judged: Sequence[Judged]) -> int | None:
    """The place of the highest mean among those of the most seeds, the first of equal ones.

    The mean of the seeds that did not fail says nothing of those that did.
    """
    reached = [(len(one.returns), one.mean.point, -place) for place, one in enumerate(judged) if one.mean is not None]
    return -max(reached)[-1] if reached else None


def _judged(trial: Trial | None, values: Mapping[str, Any], found: Returns, eval_seeds: int) -> Judged:
    returns = list(found.by_seed.values())
    missing = eval_seeds - len(returns)
    return Judged(
        number=None if trial is None else trial.number,
        values=dict(values),
        searched=None if trial is None else trial.objective,
        num_searched=0 if trial is None else len(trial.returns),
        returns=found.by_seed,
        problems=found.problems,
        mean=student_t(returns, confidence=CONFIDENCE, missing=missing) if returns else None,
        deviation=statistics.stdev(returns) if len(returns) > 1 else None,
    )


def _compared(one: Judged, default: Judged, *, confidence: float) -> Judged:
    """With its gain over the default: the same seeds are others' trainings, so the two are independent samples."""
    if one.mean is None or default.mean is None:
        return one
    ours, theirs = list(one.returns.values()), list(default.returns.values())
    missing = one.mean.missing + default.mean.missing
    found = welch(candidate=ours, baseline=theirs, confidence=confidence, missing=missing)
    return msgspec.structs.replace(one, gain=found.difference)
