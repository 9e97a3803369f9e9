"""An overview in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rlgauge.compare.as_markdown import plain, row_of
from rlgauge.report.overview import Overview
from rlgauge.report.table import Table
from rlgauge.report.tables import tables


def to_markdown(overview: Overview) -> str:
    """The tables with their titles and what their numbers mean, then the warnings as quotations."""
    return tables_to_markdown(tables(overview), overview.notes)


def tables_to_markdown(told: Iterable[Table], notes: Iterable[str] = ()) -> str:
    """The same of any tables and warnings."""
    parts = [part for table in told for part in _table(table)]
    parts += [f"> {plain(note)}" for note in notes]
    return "\n\n".join(parts) + "\n"


def grid(table: Table) -> str:
    """The header and the rows of a table."""
    rules = ["---" if table.is_text(column) else "---:" for column in range(len(table.header))]
    rows = [
        [_bold(cell) if (row, column) in table.bold else plain(cell) for column, cell in enumerate(cells)]
        for row, cells in enumerate(table.rows)
    ]
    return "\n".join(row_of(cells) for cells in [list(map(plain, table.header)), rules, *rows])


def _table(table: Table) -> Iterator[str]:
    yield f"### {plain(table.title)}"
    yield grid(table)
    yield "\n".join(f"- {plain(text)}" for text in table.explained("Bold"))


def _bold(cell: str) -> str:
    return f"**{plain(cell)}**"
