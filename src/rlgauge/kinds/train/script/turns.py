"""Which environments end episodes in turns: a script that tests as it trains has one for each, and both are counted."""

from __future__ import annotations

import itertools
import weakref
from collections import Counter


class Turns:
    """What ended episodes, in order. Parts of one vector are told apart by their places, and take no turns."""

    def __init__(self) -> None:
        """Nothing has ended yet."""
        self._numbers: weakref.WeakKeyDictionary[object, int] = weakref.WeakKeyDictionary()
        self._ended: Counter[int] = Counter()
        self._last: dict[tuple[str, int], int] = {}
        self._is_in_turns = False
        self._places = itertools.count()

    def ended(self, tally: object, *, env: str, place: int) -> None:
        """Note that an episode has ended in what the tally counts."""
        number = self._numbers.get(tally)
        if number is None:
            number = self._numbers[tally] = next(self._places)
        last = self._last.get((env, place))
        if last is not None and last != number and self._ended[number]:
            self._is_in_turns = True
        self._ended[number] += 1
        self._last[env, place] = number

    @property
    def warnings(self) -> list[str]:
        """What whoever reads the episodes should know."""
        if not self._is_in_turns:
            return []
        first = self._ended[min(self._ended)]
        others = self._ended.total() - first
        text = (
            f"Episodes of several environments were counted together, {first} of the first and {others} of others that "
            "took turns with it. Where the script tests in those, its training return and its steps are a mixture."
        )
        return [text]
