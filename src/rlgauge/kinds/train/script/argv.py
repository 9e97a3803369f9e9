"""A script's `sys.argv`, which knows whether anything has read the arguments in it."""

from __future__ import annotations

import mmap
import sys
from collections.abc import Iterator, Sequence
from typing import Any, SupportsIndex

_RECORDERS = frozenset(
    {
        *("IPython", "aim", "clearml", "comet_ml", "coverage", "mlflow", "neptune", "rlgauge", "sentry_sdk"),
        *("swanlab", "wandb"),
    }
)
"""Packages that note a command line, and do nothing that it says."""
_READ, _HANDED = 0, 1


class Argv(list[str]):
    """The list, which notes who asks for more than the script's name, in this process or in one forked from it.

    Other processes are handed it as a plain list, which is noted, too: whether they read it nobody knows.
    """

    def __init__(self, words: Sequence[str]) -> None:
        """Unread; the first of the words is the script."""
        super().__init__(words)
        self._notes = mmap.mmap(-1, 2)  # which forked processes share

    @property
    def is_read(self) -> bool:
        """Whether anything has read the arguments, or has put another list in this one's place."""
        return bool(self._notes[_READ]) or sys.argv is not self

    @property
    def is_handed_on(self) -> bool:
        """Whether other processes were given it."""
        return bool(self._notes[_HANDED])

    def _note(self) -> None:
        asking = sys._getframe(2).f_globals.get("__name__", "")  # noqa: SLF001  # who asks is what matters
        if str(asking).partition(".")[0] not in _RECORDERS:
            self._notes[_READ] = 1

    def __getitem__(self, index: Any) -> Any:  # noqa: ANN401  # a list's
        """As of any list."""
        found = super().__getitem__(index)
        places = range(len(self))[index]
        if any(places) if isinstance(index, slice) else places:
            self._note()
        return found

    def __iter__(self) -> Iterator[str]:
        """As of any list."""
        self._note()
        return super().__iter__()

    def __reversed__(self) -> Iterator[str]:
        """As of any list."""
        self._note()
        return super().__reversed__()

    def __contains__(self, word: object) -> bool:
        """As of any list."""
        self._note()
        return super().__contains__(word)

    def __add__(self, other: Any) -> Any:  # noqa: ANN401  # a list's
        """As of any list."""
        self._note()
        return super().__add__(other)

    def __radd__(self, other: list[str]) -> list[str]:
        """As of any list."""
        self._note()
        return [*other, *super().copy()]

    def copy(self) -> list[str]:
        """As of any list."""
        self._note()
        return super().copy()

    def index(self, *given: Any) -> int:  # noqa: ANN401  # a list's
        """As of any list."""
        self._note()
        return super().index(*given)

    def count(self, word: str) -> int:
        """As of any list."""
        self._note()
        return super().count(word)

    def pop(self, place: SupportsIndex = -1) -> str:
        """As of any list."""
        self._note()
        return super().pop(place)

    def remove(self, word: str) -> None:
        """As of any list."""
        self._note()
        super().remove(word)

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[type, tuple[list[str]]]:
        """A plain list."""
        del protocol
        self._notes[_HANDED] = 1
        return list, (super().copy(),)
