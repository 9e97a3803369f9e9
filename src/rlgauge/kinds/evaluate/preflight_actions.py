"""What is done in play, against the actions of training.

Arrays: N steps, D numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from rlgauge.episodes.policies.mapping import Declared
from rlgauge.episodes.policies.protocol import Action
from rlgauge.kinds.evaluate.preflight_against import (
    FAR,
    FEWEST,
    NARROW,
    VERY_FAR,
    Numbers,
    Said,
    distances,
    exchanges,
    listed,
    too_few,
)
from rlgauge.kinds.evaluate.preflight_findings import Level
from rlgauge.kinds.evaluate.preflight_play import action_rows
from rlgauge.kinds.evaluate.preflight_stored import Stats

_WEIGHTS = {"note": 0, "doubtful": 1, "wrong": 100}
_OTHER_SIZE = 10_000
"""Outweighs all else: of another number of numbers nothing can be said."""
_AT_ENDS, _MOSTLY = 0.9, 0.7
"""Shares: of what is possible or of the steps, of a number that is at its ends only; of the steps at one of them."""
_NOTHING = 1e-6
"""Of training's actions: what is smaller is not used at all."""


def compare_actions(
    stats: Stats, done: Sequence[Action], *, mapping: Declared | None = None, given: Sequence[Action] = ()
) -> Iterator[Said]:
    """What of the actions is unlike those of training.

    `done` is what the environment was given. Where a mapping changes actions, `given` is what the policy gave: then
    statistics may be of that, of what the environment takes, or of any step between, and what is told is what remains
    where they fit best.
    """
    steps = () if mapping is None or mapping.action is None else mapping.action.steps
    current = action_rows(given if steps else done)
    if current is None:
        return
    if len(current) < FEWEST:
        yield too_few(len(current), "actions")
        return
    found = [("as the policy gives them", list(against_actions(stats, current)))]
    for step in steps:
        current = np.stack([np.asarray(step.apply(row), np.float64) for row in current])
        found.append((f"after the mapping's {step.name!r}", list(against_actions(stats, current))))
    where, best = min(found, key=lambda one: sum(map(_weight, one[1])))
    for said in best:
        told = f" That is of actions {where}; nowhere in the mapping do they fit training better." if steps else ""
        yield said._replace(text=said.text + told)


def _weight(said: Said) -> int:
    return _OTHER_SIZE if said.check == "sizes" else _WEIGHTS[said.level]


def against_actions(stats: Stats, done_ND: Numbers) -> Iterator[Said]:
    """What of the actions in play is unlike those of training: their scale, and their sign."""
    mean, std = stats.mean.reshape(-1), stats.std.reshape(-1)
    std = np.maximum(std, std.max() / 100 + 1e-6)  # what training never moved may move a little
    stats = stats._replace(std=std)
    if len(mean) != done_ND.shape[1]:
        text = f"Actions have {done_ND.shape[1]} numbers; the stored statistics are of {len(mean)}."
        yield Said("wrong", "sizes", text, "Give the statistics that belong to the policy.", {})
        return
    played = done_ND.mean(0)
    opposite = _opposite(mean, std, played) | _exchanged_ends(stats, done_ND)
    for place in np.flatnonzero(opposite):
        text = (
            f"The action's number {place} has the opposite sign of training: {played[place]:.3g} on average, "
            f"in training {mean[place]:.3g} ± {std[place]:.3g}."
        )
        advice = f"If it is a gripper that opens where it should close: a mapping's `negate: [{place}]`."
        numbers = {"place": int(place), "played": float(played[place]), "trained": float(mean[place])}
        yield Said("doubtful", "sign", text, advice, numbers)
    typical = distances(stats, done_ND)
    far = np.flatnonzero((typical > FAR) & ~opposite)
    if len(far):
        worst = int(far[np.argmax(typical[far])])
        text = (
            f"In {len(far)} of {len(mean)} numbers typical actions are more than {FAR:g} deviations from training; "
            f"number {worst} is {np.median(done_ND[:, worst]):.4g}, in training {mean[worst]:.4g} ± {std[worst]:.3g}."
        )
        advice = "Bring the actions back to the environment's scale: a mapping's `unnormalize`."
        check = "normalisation of actions"
        if pairs := exchanges(stats, done_ND):
            told = ", or ".join(f"{first} and {second}" for first, second in pairs)
            text += f" With the numbers {told} exchanged nothing would be."
            check, advice = "order of actions", "Compare the order of the action's numbers with training's."
        level: Level = "wrong" if (typical > VERY_FAR)[far].any() else "doubtful"
        yield Said(level, check, text, advice, {"deviations": listed(typical)})
    small = _small(stats, done_ND)
    yield from _of_small(small, stats, done_ND)
    yield from _stuck(stats, done_ND, besides=small)


def _opposite(mean: Numbers, std: Numbers, played: Numbers) -> NDArray[np.bool_]:
    """Where training was clearly on one side of zero, and play is as clearly on the other.

    Beyond one deviation from zero at least half of training has the mean's sign (Cantelli); the mean in play is
    two deviations away, on the other side and at least half as far from zero.
    """
    found: NDArray[np.bool_] = (
        (np.abs(mean) > std) & (np.sign(played) == -np.sign(mean)) & (np.abs(played) > np.abs(mean) / 2)
    ) & (np.abs(played - mean) > 2 * std)
    return found


def _exchanged_ends(stats: Stats, done_ND: Numbers) -> NDArray[np.bool_]:
    """Where a number only ever is at one of two ends, such as a gripper, and play is at the other one mostly.

    Its deviation is as large as its range and its mean allow, so it hardly was anywhere between (Bhatia and Davis).
    """
    if stats.low is None or stats.high is None:
        return np.zeros(done_ND.shape[1], np.bool_)
    low, high, mean = stats.low.reshape(-1), stats.high.reshape(-1), stats.mean.reshape(-1)
    has_ends = (low < 0) & (high > 0) & (stats.std.reshape(-1) ** 2 > _AT_ENDS * (mean - low) * (high - mean))
    reach = np.maximum(high - low, _NOTHING)
    at_end = np.minimum(np.abs(done_ND - low), np.abs(done_ND - high)) <= (1 - _AT_ENDS) * reach
    trained, played = (mean - low) / reach, (done_ND.mean(0) - low) / reach
    found: NDArray[np.bool_] = has_ends & (at_end.mean(0) >= _AT_ENDS)
    found &= (np.minimum(trained, played) < 1 - _MOSTLY) & (np.maximum(trained, played) > _MOSTLY)
    return found


def _small(stats: Stats, done_ND: Numbers) -> NDArray[np.bool_]:
    """The numbers far smaller than in training, where they are a third of those that training moved, or more.

    By their size, and not by how much they vary: a gripper may stay closed, but then it isn't small. One number that
    is hardly used may be one that the task does not need.
    """
    ratio = _sizes(stats, done_ND)
    has_moved = stats.std.reshape(-1) > stats.std.max() / 10
    small: NDArray[np.bool_] = has_moved & (ratio > _NOTHING) & (ratio < 1 / NARROW)
    return small if 3 * small.sum() >= has_moved.sum() else np.zeros_like(small)


def _sizes(stats: Stats, done_ND: Numbers) -> Numbers:
    """Of each number how large it is in play, as a share of how large it was in training."""
    trained = np.sqrt(stats.mean.reshape(-1) ** 2 + stats.std.reshape(-1) ** 2)
    shares: Numbers = np.sqrt((done_ND**2).mean(0)) / trained
    return shares


def _of_small(small: NDArray[np.bool_], stats: Stats, done_ND: Numbers) -> Iterator[Said]:
    if not small.any():
        return
    ratio = _sizes(stats, done_ND)
    worst = int(np.argmin(np.where(small, ratio, np.inf)))
    text = (
        f"{small.sum()} of {len(ratio)} numbers of the action are less than a {NARROW:g}th of what they were in "
        f"training; number {worst} is {ratio[worst]:.3g} times as large."
    )
    advice = "Bring the actions back to the environment's scale: a mapping's `unnormalize`, once."
    numbers = {"ratios": [float(f"{one:.3g}") for one in ratio]}
    yield Said("doubtful", "normalisation of actions", text, advice, numbers)


def _stuck(stats: Stats, done_ND: Numbers, *, besides: NDArray[np.bool_]) -> Iterator[Said]:
    """A number that is always the same where training had both ends: its deviation was a quarter of its range."""
    if stats.low is None or stats.high is None:
        return
    reach = (stats.high - stats.low).reshape(-1)
    constant = done_ND.std(0) < 1e-3 * np.maximum(reach, 1e-6)
    if (np.ptp(done_ND, axis=0) <= _NOTHING * reach).all():
        return  # an action that is always the same is another matter
    for place in np.flatnonzero(constant & ~besides & (stats.std.reshape(-1) > reach / 4) & (reach > 0)):
        value = float(done_ND[0, place])
        text = f"The action's number {place} is always {value:.3g}; in training it went to both of its ends."
        advice = "If it is a gripper, look at its sign and scale (a mapping's `negate`, `widen`, `binarize`)."
        yield Said("doubtful", "stuck", text, advice, {"place": int(place), "value": value})
