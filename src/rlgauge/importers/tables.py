"""The CSV files of a walk: Myriad's, score tables, and others that are left alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from rlgauge.core.errors import UserError, unknown
from rlgauge.importers import myriad, score_table
from rlgauge.importers.findings import Findings, Found, shortened
from rlgauge.importers.table_settings import SEPARATOR, sort_columns
from rlgauge.importers.tree import Folder, join


class Tables:
    """Reads tables with the columns that were named, where a table has them, and guesses the others."""

    def __init__(self, found: Findings, columns: Mapping[str, str]) -> None:
        """Take titles by meaning. Raises UserError for a meaning that there is not."""
        score_table.check_meanings(columns)
        self._found = found
        self._columns = {meaning: title for meaning, title in columns.items() if meaning != score_table.SETTINGS}
        settings = columns.get(score_table.SETTINGS)
        self._settings = None if settings is None else [title.strip() for title in settings.split(SEPARATOR)]
        self._is_used = False
        self._numbers: score_table.Numbers = Counter()
        self._titles: set[str] = set()
        self._seedless: list[str] = []
        self._unused: dict[tuple[str, ...], list[str]] = defaultdict(list)
        self._broken: list[str] = []
        self._impossible: list[str] = []

    def read(self, folder: Folder, name: str, content: bytes, *, is_asked: bool) -> None:
        """Read a table, which is left alone where it tells no scores, or refused where it was asked for by name."""
        titles, rows = score_table.rows(content)
        source = join(folder.path, name)
        if myriad.is_table(titles):
            self._found.extend(myriad.read(folder, rows))
            return
        wanted = {*self._columns.values(), *(self._settings or ())}
        is_named = bool(titles) and wanted <= set(titles)
        self._is_used |= is_named
        self._titles.update(titles)
        columns = score_table.find_columns(titles, self._columns if is_named else {})
        if is_asked and titles and (is_named or not self._columns):
            score_table.check(name, titles, columns)
        if not score_table.is_table(columns):
            self._found.lack(source, f"it has {score_table.lacking(titles, columns)}" if titles else "it is empty")
            return
        if not rows:
            self._found.lack(source, "it has a header and no rows")
        self._tell_scale(source, rows, columns)
        sorted_columns = sort_columns(rows, titles, columns, self._settings if is_named else None)
        found = score_table.read(folder, name, rows, columns, self._numbers, settings=sorted_columns.settings)
        self._found.extend(found)
        self._remember(source, found, columns, sorted_columns.unused)

    def _remember(self, source: str, found: Sequence[Found], columns: Mapping[str, str], unused: Sequence[str]) -> None:
        """What there is to say of a table, once with that of others."""
        if found and "seed" not in columns:
            self._seedless.append(source)
        if found and unused:
            self._unused[tuple(unused)].append(source)
        for cells, tell in ((self._broken, score_table.unread), (self._impossible, score_table.impossible)):
            cells += [cell for each in found if (cell := tell(each.reading)) is not None]

    def tell(self) -> None:
        """Say what was not said of each table by itself."""
        for note in self._notes():
            self._found.note(note)

    def _notes(self) -> Iterator[str]:
        if self._seedless:
            who = "names no seeds: its" if len(self._seedless) == 1 else "name no seeds: their"
            where = "are numbered from 0 in their order."
            yield f"{shortened(self._seedless)} {who} rows of each algorithm and task {where}"
        for titles, tables in self._unused.items():
            what = "the column" if len(titles) == 1 else "the columns"
            yield (
                f"{shortened(tables)}: {what} {', '.join(titles)} {'is' if len(titles) == 1 else 'are'} not used, as "
                f"likely measured, or telling one run from another: --columns {score_table.SETTINGS}=A{SEPARATOR}B "
                "names the columns that are settings."
            )
        if self._broken:
            scores = "1 score is" if len(self._broken) == 1 else f"{len(self._broken)} scores are"
            told = shortened([repr(text) for text in dict.fromkeys(self._broken)])
            yield f"{scores} no number ({told}): failed runs. Numbers are written as 1234.5."
        if self._impossible:
            rates = "1 score is" if len(self._impossible) == 1 else f"{len(self._impossible)} scores are"
            told = shortened(list(dict.fromkeys(self._impossible)))
            yield f"{rates} no success rate ({told}): failed runs. A rate is from 0 to 1, or in percent from 0 to 100."

    def _tell_scale(self, source: str, rows: Sequence[Mapping[str, str]], columns: Mapping[str, str]) -> None:
        """Say where success rates are taken as percent."""
        if score_table.is_percent(rows, columns):
            self._found.note(f"{source}: {columns['score']} goes beyond 1, so it is taken as percent.")

    def check_columns(self) -> None:
        """Raise UserError where no table so far has the columns that were named."""
        wanted = [*self._columns.values(), *(self._settings or ())]
        if not wanted or self._is_used:
            return
        missing = [title for title in wanted if title not in self._titles]
        if missing and self._titles:
            raise unknown("column", missing[0], self._titles)
        raise UserError(f"No table that was found has all of the columns {', '.join(wanted)}.")
