"""An interval of a mean that holds at every moment at once, so that one may look at it and stop when one likes.

Betting against a mean: whoever claims that values in 0..1 have the mean m sells a fair bet on each of them. Wealth that
bets on larger values, the product of 1 - k + k y / m over the values y, can't be expected to grow as long as their mean
is m or less, whatever share k of itself it stakes; by Ville's inequality it ever reaches 2 / alpha with a probability
of alpha / 2 at most. Then m is too small to be the mean. The same with 1 - y and 1 - m shows which m are too large.

Nobody knows the best stake beforehand: the wealth is spread evenly over 25 stakes, and their mean is looked at.

- M: means that are bet against
- K: stakes
- U: different values
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from rlgauge.stats.summary import Summary

Floats = NDArray[np.float64]

STAKES_K: Floats = ((np.arange(25) + 0.5) / 25) ** 1.5
"""Denser where small: a difference that takes thousands of episodes is found by small stakes."""
_CELLS = 1000
_HALVINGS = 30


class Wealth:
    """What bets against some means have made of 1, on either side. Values and means lie in 0..1, means inside.

    `above` is evidence that the mean is larger than the one bet against, `below` that it is smaller. Each is a
    non-negative supermartingale that starts at 1, while the mean is not larger, not smaller than that.
    """

    def __init__(self, means: Floats) -> None:
        """Nothing was bet yet."""
        self._above_KM = self._below_KM = np.ones((len(STAKES_K), len(means)))
        self._odds_above_KM = STAKES_K[:, None] / means
        self._odds_below_KM = STAKES_K[:, None] / (1 - means)

    @property
    def above(self) -> Floats:
        """Wealth of the bets on larger values, by the mean bet against."""
        return self._above_KM.mean(axis=0)  # type: ignore[no-any-return]  # NumPy's mean is untyped

    @property
    def below(self) -> Floats:
        """Wealth of the bets on smaller values, by the mean bet against."""
        return self._below_KM.mean(axis=0)  # type: ignore[no-any-return]

    def bet(self, value: float | Floats | None) -> None:
        """Take the next value in 0..1, or one a mean. One that is not known, None, loses both bets: it may be any."""
        larger, smaller = (0.0, 0.0) if value is None else (value, 1 - value)
        kept_K1 = 1 - STAKES_K[:, None]
        self._above_KM = self._above_KM * (kept_K1 + larger * self._odds_above_KM)
        self._below_KM = self._below_KM * (kept_K1 + smaller * self._odds_below_KM)

    def keep(self, first: int, last: int) -> None:
        """Bet on against the means from `first` to `last - 1` only."""
        kept = slice(first, last)
        self._above_KM, self._below_KM = self._above_KM[:, kept], self._below_KM[:, kept]
        self._odds_above_KM, self._odds_below_KM = self._odds_above_KM[:, kept], self._odds_below_KM[:, kept]


class ConfidenceSequence:
    """The interval of a mean of values between `low` and `high`, after each of them.

    With probability 1 - alpha the mean is in all the intervals, and so in their intersection, which is what is kept.
    The values have the same mean given those before; or several streams, such as tasks, each have a mean of their own
    and give one value each at a time, independent of one another: then the interval is that of the mean of their means.
    Waudby-Smith and Ramdas 2024, arXiv:2010.09686: the hedged capital, here spread over stakes.
    """

    def __init__(self, *, low: float = 0.0, high: float = 1.0, alpha: float = 0.05) -> None:
        """Nothing is known yet. Raises ValueError for bounds that are none."""
        check_alpha(alpha)
        if not (math.isfinite(high - low) and low < high):
            raise ValueError(f"no value lies between the bounds {low} and {high}")
        self.bounds = low, high
        self.alpha = alpha
        self.n = 0
        self.num_unknown = 0
        self._counts: Counter[float | None] = Counter()
        self._first, self._last = 0, _CELLS  # the ends of the interval, in cells
        self._wealth = Wealth(np.arange(1, _CELLS) / _CELLS)

    def add(self, *values: float | None) -> None:
        """Take the next value, or the next one of each stream; None is one that is not known, and may be any.

        Raises ValueError for a value that is not between the bounds.
        """
        shares = [None if value is None else self._share(value) for value in values]
        for share in shares:
            self._wealth.bet(share)
        self._counts.update(values)
        self.n += len(values)
        self.num_unknown += values.count(None)
        self._narrow()

    def is_within(self, width: float) -> bool:
        """Whether the interval is no wider than that."""
        span = self.bounds[1] - self.bounds[0]
        if (self._last - self._first - 2) / _CELLS * span > width:
            return False
        first, last = self._ends()
        return (last - first) * span <= width

    def summary(self) -> Summary:
        """The mean of the known values with the interval. Raises ValueError where there is none."""
        known = self.n - self.num_unknown
        if known == 0:
            raise ValueError("the mean of no values does not exist")
        point = math.fsum(value * count for value, count in self._counts.items() if value is not None) / known
        low, high = map(self._value, self._ends())
        warnings = []
        if self.num_unknown:
            warnings.append(f"{self.num_unknown} of {self.n} values are not known: the interval allows for any.")
        if not low <= point <= high:
            low, high = min(low, point), max(high, point)
            warnings.append("The mean has left the interval of earlier values: they do not come from one distribution.")
        return Summary(
            point=point,
            low=low,
            high=high,
            n=known,
            missing=self.num_unknown,
            method="confidence sequence",
            confidence=1 - self.alpha,
            warnings=tuple(warnings),
        )

    def _share(self, value: float) -> float:
        low, high = self.bounds
        if not low <= value <= high:
            raise ValueError(f"{value} does not lie between the bounds {low} and {high}")
        return min(1.0, (value - low) / (high - low))

    def _value(self, share: float) -> float:
        low, high = self.bounds
        return high if share == 1 else low + share * (high - low)

    def _narrow(self) -> None:
        """Shut out the means of the grid that are too small or too large by now."""
        first, last = self._first, self._last
        if last - first <= 1:
            return
        needed = 2 / self.alpha
        too_small = int(np.count_nonzero(self._wealth.above >= needed))
        too_large = int(np.count_nonzero(self._wealth.below >= needed))
        if too_small or too_large:
            self._first, self._last = first + too_small, last - too_large
            self._wealth.keep(too_small, last - first - 1 - too_large)

    def _ends(self) -> tuple[float, float]:
        """The interval's ends in 0..1: a cell's edge, or, where the present wealth tells it, the place within."""
        shares_U = np.array([math.nan if value is None else self._share(value) for value in self._counts])
        counts_U = np.array(list(self._counts.values()))
        needed = math.log(2 / self.alpha)

        def too_small(mean: float) -> bool:
            return _log_wealth(shares_U, counts_U, mean) >= needed

        def too_large(mean: float) -> bool:
            return _log_wealth(1 - shares_U, counts_U, 1 - mean) >= needed

        low, high = self._first / _CELLS, self._last / _CELLS
        step = 1 / _CELLS
        if too_small(low):
            low = _edge(too_small, low, low + step)
        if too_large(high):
            high = _edge(too_large, high, high - step)
        return min(low, high), max(low, high)


def check_alpha(alpha: float) -> None:
    """Raise ValueError for what is no share of false alarms."""
    if not 0 < alpha < 1:
        raise ValueError(f"alpha lies between 0 and 1; {alpha} was given")


def _log_wealth(shares_U: Floats, counts_U: NDArray[np.int64], mean: float) -> float:
    """The logarithm of the wealth that bets on larger values; NaN is a value that is not known."""
    if not 0 < mean < 1:
        return math.inf if mean <= 0 and bool((shares_U > 0).any()) else -math.inf
    with np.errstate(divide="ignore"):
        bets_KU = np.log(1 - STAKES_K[:, None] + np.outer(STAKES_K, np.nan_to_num(shares_U) / mean))
    logs_K = bets_KU @ counts_U
    largest = float(logs_K.max())
    return largest + math.log(float(np.exp(logs_K - largest).mean()))


def _edge(is_out: Callable[[float], bool], out: float, inside: float) -> float:
    """The last place that is out, on the way from `out` to `inside`."""
    for _ in range(_HALVINGS):
        middle = (out + inside) / 2
        if is_out(middle):
            out = middle
        else:
            inside = middle
    return out
