"""An overview in Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from rlgauge.report.overview import Overview
from rlgauge.report.tables import Table, footnotes, tables


def to_markdown(overview: Overview) -> str:
    """The tables with their titles, what their numbers mean, and the warnings as quotations."""
    parts = ["\n".join(_table(table)) for table in tables(overview)]
    parts.append("\n".join(f"- {text}" for text in footnotes(overview)))
    parts += [f"> {note}" for note in overview.notes]
    return "\n\n".join(parts) + "\n"


def _table(table: Table) -> Iterator[str]:
    yield f"### {table.title}\n"
    yield _row(table.header)
    yield _row(["---"] * len(table.header))
    for row, cells in enumerate(table.rows):
        yield _row([_bold(cell) if (row, column) in table.bold else cell for column, cell in enumerate(cells)])


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _bold(cell: str) -> str:
    return f"**{cell}**"
