"""An overview in Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from rlgauge.report.overview import Overview
from rlgauge.report.tables import Table, tables


def to_markdown(overview: Overview) -> str:
    """The tables with their titles and what their numbers mean, then the warnings as quotations."""
    parts = [part for table in tables(overview) for part in _table(table)]
    parts += [f"> {_plain(note)}" for note in overview.notes]
    return "\n\n".join(parts) + "\n"


def _table(table: Table) -> Iterator[str]:
    yield f"### {_plain(table.title)}"
    rules = ["---"] * table.num_text + ["---:"] * (len(table.header) - table.num_text)
    rows = [
        [_bold(cell) if (row, column) in table.bold else _plain(cell) for column, cell in enumerate(cells)]
        for row, cells in enumerate(table.rows)
    ]
    yield "\n".join(_row(cells) for cells in [list(map(_plain, table.header)), rules, *rows])
    yield "\n".join(f"- {_plain(text)}" for text in table.explained("Bold"))


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _bold(cell: str) -> str:
    return f"**{_plain(cell)}**"


def _plain(text: str) -> str:
    """The text on one line, with the characters escaped that Markdown or HTML would take for marks."""
    escaped = " ".join(text.split()).replace("\\", "\\\\").replace("&", "&amp;").replace("<", "&lt;")
    return "".join(f"\\{character}" if character in "*_`#$~" else character for character in escaped)
