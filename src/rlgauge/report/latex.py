"""An overview in LaTeX, for the package booktabs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rlgauge.report.overview import Overview
from rlgauge.report.tables import Table, footnotes, tables

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "±": r"$\pm$",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}
_TEXT_COLUMNS = 2


def to_latex(overview: Overview) -> str:
    """One table environment a table; what the numbers mean is its caption, warnings are comments."""
    notes = "".join(f"% {' '.join(note.split())}\n" for note in overview.notes)
    caption = " ".join(footnotes(overview))
    return notes + "\n".join("\n".join(_table(table, caption)) for table in tables(overview)) + "\n"


def _table(table: Table, caption: str) -> Iterator[str]:
    yield "% needs \\usepackage{booktabs}"
    yield "\\begin{table}"
    yield "  \\centering"
    yield f"  \\caption{{{_escaped(table.title)}. {_escaped(caption)}}}"
    yield f"  \\begin{{tabular}}{{{_alignment(table)}}}"
    yield "    \\toprule"
    yield "    " + " & ".join(map(_escaped, table.header)) + r" \\"
    yield "    \\midrule"
    for row, cells in enumerate(table.rows):
        if row and table.rows[row - 1][0] != cells[0] and table.header[1] == "task":
            yield "    \\addlinespace"
        shown = [
            f"\\textbf{{{_escaped(cell)}}}" if (row, column) in table.bold else _escaped(cell)
            for column, cell in enumerate(cells)
        ]
        yield "    " + " & ".join(shown) + r" \\"
    yield "    \\bottomrule"
    yield "  \\end{tabular}"
    yield "\\end{table}"


def _alignment(table: Table) -> str:
    num_text = _TEXT_COLUMNS if table.header[1] == "task" else 1
    return "l" * num_text + "r" * (len(table.header) - num_text)


def _escaped(text: str) -> str:
    return re.sub(r"[\\±~^<>&%$#_{}]", lambda found: _SPECIAL[found[0]], text)
