"""An overview in LaTeX, for the packages booktabs and graphicx (a table wider than the line is shrunk to it)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from rlgauge.report.overview import Overview
from rlgauge.report.table import Table
from rlgauge.report.tables import tables

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "±": r"$\pm$",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}
_MINUS = re.compile(r"(?<!\w)-(?=\d)")
_AT_ROW_START = ("[", "*")
"""What LaTeX would take for an argument of the line break before."""


def to_latex(overview: Overview) -> str:
    """One table environment a table; what its numbers mean is its caption, warnings are comments."""
    return tables_to_latex(tables(overview), overview.notes)


def tables_to_latex(told: Iterable[Table], notes: Iterable[str] = ()) -> str:
    """The same of any tables and warnings."""
    head = ["% needs \\usepackage{booktabs,graphicx}", *(f"% {' '.join(note.split())}" for note in notes)]
    return "\n\n".join(["\n".join(head), *("\n".join(table_lines(table)) for table in told)]) + "\n"


def table_lines(table: Table, *, at: str = "") -> Iterator[str]:
    """The lines of a table environment; `at` says where LaTeX may put it, such as `[htb]`."""
    caption = " ".join([f"{table.title}.", *table.explained("Bold")])
    yield f"\\begin{{table}}{at}"
    yield "  \\centering"
    yield f"  \\caption{{{escaped(caption)}}}"
    yield f"  \\label{{tab:{table.name}}}"
    yield "  \\resizebox{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}{!}{%"
    sides = "".join("l" if table.is_text(column) else "r" for column in range(len(table.header)))
    yield f"  \\begin{{tabular}}{{{sides}}}"
    yield "    \\toprule"
    yield _row([escaped(title) for title in table.header])
    yield "    \\midrule"
    for row, cells in enumerate(table.rows):
        if row and table.num_text > 1 and table.rows[row - 1][0] != cells[0]:
            yield "    \\addlinespace"
        yield _row(
            [
                f"\\textbf{{{escaped(cell)}}}" if (row, column) in table.bold else escaped(cell)
                for column, cell in enumerate(cells)
            ]
        )
    yield "    \\bottomrule"
    yield "  \\end{tabular}}"
    yield "\\end{table}"


def _row(cells: list[str]) -> str:
    guard = "{}" if cells[0].startswith(_AT_ROW_START) else ""
    return f"    {guard}{' & '.join(cells)} \\\\"


def escaped(text: str) -> str:
    """The text on one line, with the characters escaped that LaTeX would take for its own."""
    with_minus = _MINUS.sub("\0", " ".join(text.split()))
    told = re.sub(r"[\\±~^<>|&%$#_{}]", lambda found: _SPECIAL[found[0]], with_minus)
    return told.replace("--", "-{}-").replace("\0", "$-$")
