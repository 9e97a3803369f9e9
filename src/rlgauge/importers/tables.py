"""The CSV files of a walk: Myriad's, score tables, and others that are left alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from rlgauge.core.errors import UserError, unknown
from rlgauge.importers import myriad, score_table
from rlgauge.importers.findings import Findings
from rlgauge.importers.tree import Folder, join


class Tables:
    """Reads tables with the columns that were named, where a table has them, and guesses the others."""

    def __init__(self, found: Findings, columns: Mapping[str, str]) -> None:
        """Take titles by meaning. Raises UserError for a meaning that there is not."""
        score_table.check_meanings(columns)
        self._found = found
        self._columns = columns
        self._is_used = False
        self._numbers: Counter[tuple[str, str]] = Counter()
        self._titles: set[str] = set()
        self._scales: dict[bool, str] = {}

    def read(self, folder: Folder, name: str, content: bytes, *, is_asked: bool) -> None:
        """Read a table, which is left alone where it tells no scores, or refused where it was asked for by name."""
        titles, rows = score_table.rows(content)
        if myriad.is_table(titles):
            self._found.extend(myriad.read(folder, rows))
            return
        is_named = bool(titles) and set(self._columns.values()) <= set(titles)
        self._is_used |= is_named
        self._titles.update(titles)
        columns = score_table.find_columns(titles, self._columns if is_named else {})
        if is_asked and (is_named or not self._columns):
            score_table.check(name, titles, columns)
        if score_table.is_table(columns):
            self._tell_scales(join(folder.path, name), rows, columns)
            self._found.extend(*score_table.read(folder, name, rows, columns, self._numbers))

    def _tell_scales(self, source: str, rows: Sequence[Mapping[str, str]], columns: Mapping[str, str]) -> None:
        """Say where one table of success rates is taken as percent and another is not."""
        if not score_table.is_success(columns["score"]):
            return
        self._scales.setdefault(score_table.is_percent(rows, columns), source)
        if len(self._scales) > 1:
            self._found.note(
                f"{self._scales[True]} has success rates beyond 1 and is taken as percent, {self._scales[False]} has "
                "none and is taken as shares of 1: if that is not so, write both alike."
            )

    def check_columns(self) -> None:
        """Raise UserError where no table so far has the columns that were named."""
        if not self._columns or self._is_used:
            return
        missing = [title for title in self._columns.values() if title not in self._titles]
        if missing and self._titles:
            raise unknown("column", missing[0], self._titles)
        raise UserError(f"No table that was found has all of the columns {', '.join(self._columns.values())}.")
