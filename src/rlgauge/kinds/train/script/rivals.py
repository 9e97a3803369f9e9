"""Whether something else tells much better what a script did than what is thought to have acted.

Shapes: n actions, d parts of an action, c classes of all parts, m answers to each question.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rlgauge.episodes.policies.spaces import Box, Discrete, MultiBinary, MultiDiscrete

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

ActionSpec = Box | Discrete | MultiBinary | MultiDiscrete
_NUM_FOLDS = 4
_PENALTIES = (0.01, 0.1, 1.0)
_WORTH = 0.7
"""What a rival may miss of what is missed by who always says the same: it tells something of what was done."""


class Margin(NamedTuple):
    """How much better a rival must be.

    What it misses, as a share of what the actor misses; the difference; that in standard errors. A block of actions in
    a row, which are alike, counts as one.
    """

    share: float
    difference: float
    errors: float
    block: int = 8


SAME = Margin(0.75, 0.1, 4.0)
"""Of the same actor that is given something else: nothing is fitted."""
FITTED = Margin(0.5, 0.15, 4.0)
EXACT = Margin(0.5, 0.1, 4.0, block=1)
"""Where it is known what the actor said then."""


class Rival(NamedTuple):
    """What it is, to be filled in with how much it tells; and what it misses in each action."""

    text: str
    missed_n: Floats
    margin: Margin


class Done:
    """The actions of a script, in order of time, (n, d)."""

    def __init__(self, done_nd: Floats, space: ActionSpec) -> None:
        """Take them as numbers."""
        self.done_nd = done_nd
        self._is_box = isinstance(space, Box)

    def part(self, chosen_n: NDArray[np.bool_]) -> Done:
        """Some of them."""
        other = object.__new__(Done)
        other.done_nd, other._is_box = self.done_nd[chosen_n], self._is_box
        return other

    def missed(self, said_nd: Floats) -> Floats:
        """What is missed in each action: a share of its parts, or of the variance of what was done."""
        if not self._is_box:
            return np.asarray((said_nd != self.done_nd).mean(axis=1), dtype=float)
        scale_d = self.done_nd.std(axis=0)
        scale_d = np.maximum(scale_d, max(0.1 * float(scale_d.max()), 1e-6))  # what was hardly moved matters less
        return np.asarray((((said_nd - self.done_nd) / scale_d) ** 2).mean(axis=1), dtype=float)

    def middle(self, answers_mnd: Floats) -> Floats:
        """Of several answers to each question the most frequent, or the mean."""
        if self._is_box:
            return np.asarray(answers_mnd.mean(axis=0), dtype=float)
        counts_mnd = (answers_mnd[:, None] == answers_mnd[None]).sum(axis=0)
        return np.asarray(np.take_along_axis(answers_mnd, counts_mnd.argmax(axis=0)[None], axis=0)[0])

    def beyond(self, answers_mnd: Floats) -> float:
        """The share of actions outside of all that was drawn; 0 where nothing was, or actions are no numbers."""
        if not self._is_box or (answers_mnd == answers_mnd[0]).all():
            return 0.0
        low_d, high_d = answers_mnd.min(axis=(0, 1)), answers_mnd.max(axis=(0, 1))
        room_d = 0.05 * (high_d - low_d)
        is_beyond_nd = (self.done_nd < low_d - room_d) | (self.done_nd > high_d + room_d)
        return float(is_beyond_nd.any(axis=1).mean())

    def is_told_by(self, said_nd: Floats) -> bool:
        """Whether this tells more of what was done than who always says the same."""
        return bool(self.missed(said_nd).mean() <= _WORTH * self._missed_by_one_answer())

    def better(self, rivals: Sequence[Rival], missed_n: Floats) -> str | None:
        """What is missed, and what the best of the rivals misses that are much better; None where none is."""
        worth = _WORTH * self._missed_by_one_answer()
        found = [one for one in rivals if one.missed_n.mean() <= worth and _is_better(one, missed_n)]
        if not found:
            return None
        best = min(found, key=lambda rival: float(rival.missed_n.mean()))
        num, share = len(missed_n), self._share(missed_n)
        own = (
            f"it misses {num} actions of the script {share} of their deviation"
            if self._is_box
            else f"it repeats {share} of {num} actions of the script"
        )
        return f"{own}, and {best.text.format(self._share(best.missed_n))}"

    def recast(self, said_nd: Floats, margin: Margin) -> Rival:
        """The same actor, its actions renamed, or shifted and scaled, as the other folds would have it."""
        recast_nd = said_nd.copy()
        change = _line if self._is_box else _renaming
        for held, rest in self._folds():
            for part in range(said_nd.shape[1]):
                recast_nd[held, part] = change(said_nd[rest, part], self.done_nd[rest, part])(said_nd[held, part])
        kind = "shifted and scaled" if self._is_box else "renamed"
        return Rival(f"{{}} with its actions {kind}", self.missed(recast_nd), margin)

    def fitted(self, seen_nf: Floats) -> Rival:
        """The best of some fits to what was observed, each tested on the actions of one fold that it did not see."""
        spread_f = seen_nf.std(axis=0)
        seen_nf = (seen_nf - seen_nf.mean(axis=0)) / np.where(spread_f > 0, spread_f, 1)
        linear_nn = seen_nf @ seen_nf.T / max(1, int(np.count_nonzero(spread_f)))
        squares_n = np.diag(linear_nn)
        apart_nn = squares_n[:, None] + squares_n[None] - 2 * linear_nn
        near_nn = np.asarray(np.exp(-apart_nn / np.maximum(np.median(apart_nn), 1e-9)))
        guesses = [self._guess(kernel_nn, penalty) for kernel_nn in (linear_nn, near_nn) for penalty in _PENALTIES]
        missed = min((self.missed(guess_nd) for guess_nd in guesses), key=lambda one: float(one.mean()))
        return Rival("a simple fit to what was observed {}", missed, FITTED)

    def _guess(self, kernel_nn: Floats, penalty: float) -> Floats:
        """Kernel ridge regression, with a constant."""
        codes_nc, decode = self._codes()
        guess_nc = np.empty_like(codes_nc)
        for held, rest in self._folds():
            middle_c = codes_nc[rest].mean(axis=0)
            inner = kernel_nn[np.ix_(rest, rest)] + penalty * np.eye(len(rest))
            weights = np.linalg.solve(inner, codes_nc[rest] - middle_c)
            guess_nc[held] = kernel_nn[np.ix_(held, rest)] @ weights + middle_c
        return decode(guess_nc)

    def _codes(self) -> tuple[Floats, Callable[[Floats], Floats]]:
        """What was done as numbers to be fitted, and back: a column a class, or the numbers themselves."""
        if self._is_box:
            return self.done_nd, lambda guess: guess
        classes = [np.unique(column) for column in self.done_nd.T]
        codes = [column[:, None] == own for column, own in zip(self.done_nd.T, classes, strict=True)]
        ends = np.cumsum([len(own) for own in classes])

        def decode(guess_nc: Floats) -> Floats:
            parts = np.split(guess_nc, ends[:-1], axis=1)
            return np.stack([own[part.argmax(axis=1)] for own, part in zip(classes, parts, strict=True)], axis=1)

        return np.concatenate(codes, axis=1).astype(float), decode

    def _folds(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Parts in order of time, and the rest: neighbours in time are alike, and would tell of each other."""
        every = np.arange(len(self.done_nd))
        for held in np.array_split(every, _NUM_FOLDS):
            yield held, np.setdiff1d(every, held)

    def _share(self, missed_n: Floats) -> str:
        mean = float(missed_n.mean())
        return f"by {mean**0.5:.0%}" if self._is_box else f"{1 - mean:.0%}"

    def _missed_by_one_answer(self) -> float:
        if self._is_box:
            return 1.0
        return float(np.mean([1 - np.unique(part, return_counts=True)[1].max() / len(part) for part in self.done_nd.T]))


def _is_better(rival: Rival, missed_n: Floats) -> bool:
    """Whether it misses so much less that chance does not explain it, and the newest half does not disagree."""
    margin, half = rival.margin, len(missed_n) // 2
    for part in (slice(None), slice(half, None)):
        ours, other = float(missed_n[part].mean()), float(rival.missed_n[part].mean())
        if other > margin.share * ours or ours - other < margin.difference:
            return False
    blocks = np.array_split(missed_n - rival.missed_n, len(missed_n) // margin.block)
    gains = np.array([block.mean() for block in blocks])
    error = float(gains.std(ddof=1)) / len(gains) ** 0.5
    return bool(gains.mean() > margin.errors * error)


def _line(said: Floats, done: Floats) -> Callable[[Floats], Floats]:
    """The best line through what was said and done."""
    middle, spread = said.mean(), said.std()
    slope = 0.0 if spread == 0 else float(((said - middle) * (done - done.mean())).mean() / spread**2)
    return lambda new: np.asarray(done.mean() + slope * (new - middle))


def _renaming(said: Floats, done: Floats) -> Callable[[Floats], Floats]:
    """For each action that was said the one that was done most often then."""
    names: dict[Any, Any] = {}
    for name in np.unique(said):
        own, counts = np.unique(done[said == name], return_counts=True)
        names[name] = own[counts.argmax()]
    return lambda new: np.array([names.get(name, name) for name in new])
