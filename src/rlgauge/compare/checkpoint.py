"""One run against one run: all that can be said is of these two checkpoints, over their episodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import NamedTuple

import msgspec

from rlgauge.compare.effect import Effect, Sample, of_differences, of_samples, sample, untested
from rlgauge.compare.quantity import Quantity, Sort
from rlgauge.compare.seeds import counts_of
from rlgauge.core.reading import Reading, Total
from rlgauge.stats.normalise import Reference
from rlgauge.stats.paired import mcnemar_exact
from rlgauge.stats.unpaired import compare_rates

_WARNING = "One run a side{}: what is said is of these two over their episodes, not of other training seeds."
_NO_COUNTS = (
    "A success rate is no count of episodes here (of how many was not told, or it is a mean of several trainings), so "
    "there is no test: give several training seeds, or results with their episodes."
)
_SAME = ", in pairs of the same episodes"
_EPISODE = "episode"


class _Key(NamedTuple):
    """Which episode: its index, and the seed that it was played with, None where none was recorded."""

    episode_index: int
    episode_seed: object


def compare_checkpoints(
    *, candidate: Reading, baseline: Reading, quantity: Quantity, ends: tuple[Reference, Reference], confidence: float
) -> Effect:
    """The effect over episodes: paired where both played the same ones (index and seed), else of two samples.

    `ends` are the scores that become 0 and 1, for either of them. Success: McNemar's exact test and Tango's interval in
    pairs, else Boschloo's test. Return: Student's t in pairs, else Welch's. Every limit is one-sided at `confidence`.
    """
    ours, theirs = (
        _episodes(reading, quantity.name, own) for reading, own in zip((candidate, baseline), ends, strict=True)
    )
    common = [key for key in ours if key in theirs and key.episode_seed is not None]
    is_rate = quantity.sort is Sort.SUCCESS
    if common:
        pairs = [ours[key] for key in common], [theirs[key] for key in common]
        effect = _paired_success(*pairs, confidence) if is_rate else _paired(*pairs, confidence)
        effect = msgspec.structs.replace(effect, means=(fmean(pairs[0]), fmean(pairs[1])))
        left_out = len(ours) + len(theirs) - 2 * len(common)
        if left_out:
            effect = _warned(effect, f"{left_out} episodes that only one of them played are left out.")
        return _warned(effect, _WARNING.format(_SAME))
    totals = candidate.totals[quantity.name], baseline.totals[quantity.name]
    effect = _rates(*totals, confidence) if is_rate else _samples((ours, theirs), totals, ends, confidence)
    return effect if effect.p_below is None else _warned(effect, _WARNING.format(""))


def _episodes(reading: Reading, name: str, ends: Reference) -> Mapping[_Key, float]:
    return {
        _Key(record.index, record.values.get("seed")): ends.normalised(value)
        for record in reading.records
        if record.error is None and isinstance(value := record.values.get(name), (bool, int, float))
    }


def _paired(ours: Sequence[float], theirs: Sequence[float], confidence: float) -> Effect:
    differences = [own - other for own, other in zip(ours, theirs, strict=True)]
    size = max(map(abs, (*ours, *theirs)))
    return of_differences(differences, confidence=confidence, noun=_EPISODE, size=size)


def _paired_success(ours: Sequence[float], theirs: Sequence[float], confidence: float) -> Effect:
    paired = mcnemar_exact(
        candidate=[bool(value) for value in ours],
        baseline=[bool(value) for value in theirs],
        confidence=2 * confidence - 1,
    )
    found = paired.difference
    half = paired.p_value / 2
    return Effect(
        point=found.point,
        low=found.low,
        high=found.high,
        p_below=half if found.point < 0 else 1 - half,
        p_above=half if found.point > 0 else 1 - half,
        n=(paired.n, paired.n),
        method="McNemar, Tango",
    )


def _rates(ours: Total, theirs: Total, confidence: float) -> Effect:
    """Two success rates of episodes that have nothing to do with each other."""
    counts = counts_of((ours, theirs))
    if counts is None:
        return untested(ours.mean - theirs.mean, (1, 1), _NO_COUNTS)
    found = compare_rates(candidate=counts[0], baseline=counts[1], confidence=2 * confidence - 1)
    point, half = found.difference.point, found.p_value / 2
    return Effect(
        point=point,
        low=found.difference.low,
        high=found.difference.high,
        p_below=half if point < 0 else 1 - half,
        p_above=half if point > 0 else 1 - half,
        n=(ours.n, theirs.n),
        method=f"{found.test.capitalize()}, {found.difference.method}",
    )


def _samples(
    episodes: tuple[Mapping[_Key, float], Mapping[_Key, float]],
    totals: tuple[Total, Total],
    ends: tuple[Reference, Reference],
    confidence: float,
) -> Effect:
    ours, theirs = (
        sample(list(own.values())) if own else _sample_of(total, scale)
        for own, total, scale in zip(episodes, totals, ends, strict=True)
    )
    return of_samples(candidate=ours, baseline=theirs, confidence=confidence, noun=_EPISODE)


def _sample_of(total: Total, ends: Reference) -> Sample:
    """A sample from its moments; squares of 0 may mean that the deviation was not told, unless a median was."""
    known = total.n > 1 and (total.squares > 0 or total.median is not None)
    variance = total.squares / (total.n - 1) / (ends.high - ends.low) ** 2 if known else None
    return Sample(total.n, ends.normalised(total.mean), variance)


def _warned(effect: Effect, warning: str) -> Effect:
    return msgspec.structs.replace(effect, warnings=(*effect.warnings, warning))
