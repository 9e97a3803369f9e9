"""A table as rows of text, for whichever format draws it."""

from __future__ import annotations

import re

import msgspec

from rlgauge.stats.summary import Summary

_BEGINS = re.compile(r"[\[(<>≤≥~≈]?\s*[-\u2212+±]?\.?\d")
"""How what is a number begins, or an interval."""
_NOTHING = frozenset({"", "-"})


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A title, a header, rows, and in `notes` what its numbers mean.

    `bold` holds (row, column) of the cells that stand out; a `{mark}` in a note is replaced by how they look.
    `num_text` columns on the left hold words. `name` tells it from the other tables. `summaries` are what stands
    behind a cell, by (row, column), for formats that can tell more of a number where somebody asks.
    """

    name: str
    title: str
    header: list[str]
    rows: list[list[str]]
    num_text: int
    bold: frozenset[tuple[int, int]] = frozenset()
    notes: list[str] = []
    summaries: dict[tuple[int, int], Summary] = {}

    def is_text(self, column: int) -> bool:
        """Whether a column holds words: one on the left, and one in most of whose cells is no number."""
        if column < self.num_text:
            return True
        told = {cells[column] for cells in self.rows} - _NOTHING
        return 2 * sum(_BEGINS.match(cell) is not None for cell in told) < len(told)

    def starred(self) -> list[list[str]]:
        """The rows for plain text, where a star stands for bold."""
        return [
            [f"{cell} *" if (row, column) in self.bold else cell for column, cell in enumerate(cells)]
            for row, cells in enumerate(self.rows)
        ]

    def explained(self, mark: str) -> list[str]:
        """The notes, in which `mark` is how a best result looks."""
        return [note.replace("{mark}", mark) for note in self.notes]
