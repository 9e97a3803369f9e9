"""A report in LaTeX, as a part of a document; what a page draws are tables here.

It needs booktabs and graphicx, and T1 fonts for letters with accents; any of LaTeX's engines takes it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import msgspec

from rlgauge.report.content import (
    Answer,
    Block,
    Code,
    Figure,
    Films,
    Folded,
    Heading,
    Note,
    Report,
    Text,
    Warnings,
)
from rlgauge.report.formats.charted import charted
from rlgauge.report.formats.filmed import beside
from rlgauge.report.latex import escaped, table_lines
from rlgauge.report.printable import printable
from rlgauge.report.table import Table

_HEAD = "% needs \\usepackage[T1]{fontenc} and \\usepackage{booktabs,graphicx}"
_ROWS = 35
"""Rows of a table that fit on a page."""
_MOST_ROWS = 200
_MOST_FLOATS = 10
"""Tables that LaTeX is given at once: of too many that wait for a place it makes an error."""
_LAST = 0x17F
"""The last character that LaTeX knows with any engine and the fonts that it comes with."""


def to_latex(report: Report) -> str:
    """The whole; every table is an environment with a label of its own."""
    numbers = itertools.count(1)
    told = [_HEAD, f"\\section{{{_told(report.title)}}}", _told(report.intro)]
    for section in report.sections:
        told.append(f"\\subsection{{{_told(section.title)}}}")
        for one in section.body:
            told += _block(one, section.name, numbers)
    return "\n\n".join(told) + "\n"


def _block(one: Block, section: str, numbers: Iterator[int]) -> Iterator[str]:
    match one:
        case Text() | Note():
            yield _told(one.text)
        case Heading():
            yield f"\\subsubsection{{{_told(one.text)}}}"
        case Answer():
            yield f"\\textbf{{{_told(one.question)}}}"
            yield from map(_told, [*one.sentences, one.note])
        case Warnings():
            yield from (f"\\textbf{{Warning:}} {_told(text)}" for text in one.texts)
        case Figure():
            table = charted(one.chart, name=one.kind)
            yield from _table(
                msgspec.structs.replace(table, notes=[*one.captions, *table.notes]), f"{section}-figure", numbers
            )
        case Folded():
            yield from _table(one.table, section, numbers)
        case Table():
            yield from _table(one, section, numbers)
        case Code():
            lines = "\\\\\n".join(f"\\mbox{{}}{_told(line)}" for line in one.text.splitlines())
            yield f"{{\\ttfamily\\raggedright\\noindent\n{lines}\\par}}"
        case Films():
            yield from (_told(f"{film.title}: {film.told} {beside(film)}") for film in one.films)


def _table(found: Table, label: str, numbers: Iterator[int]) -> Iterator[str]:
    """The table in parts that fit on a page; of very long ones the first rows."""
    rows = found.rows[:_MOST_ROWS]
    notes = list(found.notes)
    if len(found.rows) > _MOST_ROWS:
        notes.append(f"The first {_MOST_ROWS} of {len(found.rows):,} rows; CSV and JSON have all.")
    starts = range(0, len(rows), _ROWS) or range(1)
    for part, start in enumerate(starts, start=1):
        number = next(numbers)
        if number % _MOST_FLOATS == 0:
            yield "\\clearpage"
        of = f", part {part} of {len(starts)}" if len(starts) > 1 else ""
        own = Table(
            name=f"{label}-{number}",
            title=_known(f"{found.title}{of}"),
            header=list(map(_known, found.header)),
            rows=[list(map(_known, cells)) for cells in rows[start : start + _ROWS]],
            num_text=found.num_text,
            bold=frozenset((row - start, column) for row, column in found.bold if start <= row < start + _ROWS),
            notes=list(map(_known, notes)) if part == 1 else [],
        )
        yield "\n".join(table_lines(own, at="[!htbp]"))


def _told(text: str) -> str:
    return escaped(_known(text))


def _known(text: str) -> str:
    """The text with characters that LaTeX may not know as their code."""
    return "".join(one if ord(one) <= _LAST else f"U+{ord(one):04X}" for one in printable(text))
