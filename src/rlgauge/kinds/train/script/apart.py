"""Whether the returns of tests are far from those of the training's last episodes, by more than chance explains.

Were tests and training episodes alike, any order of their returns would be as likely as any other. So it is known how
seldom so many tests would lie beyond all of the training's.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from statistics import fmean, pstdev

_RARE = 1e-3
"""What happens no more often than this by chance, below or above, is not put down to it."""
_FAR_BELOW, _FAR_ABOVE = 2.0, 4.0
"""Tests are far off that are by so many standard deviations below: of whichever group has the greater one; or by so
many of the training's above, for tests explore less, and are played by what had learned all."""
_LEAST_SHARE = 0.1
"""And by no less than this share of the greater of them."""


def told_apart(tests: Sequence[float], training: Sequence[float]) -> str | None:
    """A warning where the mean test return is beyond all of the last training returns, and far from their mean.

    It needs five tests beside ten training episodes; with fewer chance can do anything.
    """
    if not tests or not training:
        return None
    mean, before = fmean(tests), fmean(training)
    gap = abs(mean - before)
    is_below = mean < before
    own = pstdev(training)
    far = _FAR_BELOW * max(pstdev(tests), own) if is_below else _FAR_ABOVE * own
    is_beyond = not min(training) <= mean <= max(training)
    if not is_beyond or gap <= max(far, _LEAST_SHARE * max(abs(mean), abs(before))):
        return None
    num = sum(one < min(training) if is_below else one > max(training) for one in tests)
    if 2 * chance_beyond(num, len(tests), len(training)) > _RARE:
        return None
    return (
        f"Tests and training are far apart: the mean test return is {mean:.4g}, and the last {len(training)} training "
        f"episodes had {_range(training)}. {num} of {len(tests)} test episodes are {'below' if is_below else 'above'} "
        f"all of these, which is not chance. {_WORSE if is_below else _BETTER}"
    )


_WORSE = (
    "The tests may not play what was trained as it was trained: what the script itself does to observations or actions "
    "is not done in them, and an agent may have to be told that an episode begins. A function get_action(observation) "
    "that does all of it is tested as it is."
)
_BETTER = (
    "Exploration, which tests leave out where they can, or learning until the end may be why; without either the tests "
    "do not play as the script did."
)


def chance_beyond(num: int, num_tests: int, num_training: int) -> float:
    """The probability that so many tests, or more, lie beyond all of the training's returns on one side."""
    total = num_tests + num_training
    return prod((num_tests - place) / (total - place) for place in range(num))


def _range(returns: Sequence[float]) -> str:
    low, high = f"{min(returns):.4g}", f"{max(returns):.4g}"
    return f"returns from {low} to {high}" if low != high else f"a return of {low} each"
