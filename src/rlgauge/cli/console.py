"""What is printed: drawn to fit on a terminal, plain text elsewhere."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence

from rlgauge.cli.wrapping import glue, narrowed, unglue

_GAP = 2


def say(text: str) -> None:
    """Print a paragraph, broken between words where this is a terminal."""
    print(_broken(text) if sys.stdout.isatty() else text)


def complain(text: str) -> None:
    """Print a paragraph on standard error, broken between words where that is a terminal."""
    print(_broken(text) if sys.stderr.isatty() else text, file=sys.stderr)


def _broken(text: str) -> str:
    width = shutil.get_terminal_size().columns
    filled = textwrap.fill(glue(text), width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    return unglue(filled)


def show_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    expendable: Iterable[str] = (),
    sentences: Iterable[str] = (),
) -> None:
    """Print the table.

    On a terminal that is too narrow, intervals go below their estimates, columns of zeros into a sentence, and those of
    `sentences` that hold one value, too; the `expendable` columns are left out one by one, and then cells are broken.
    """
    columns = [[title, *cells] for title, *cells in zip(header, *rows, strict=True)]
    if sys.stdout.isatty():
        fitted, note = fit(columns, shutil.get_terminal_size().columns, expendable, sentences)
        _draw(fitted)
        if note:
            say(note)
        return
    widths = [_width(column) for column in columns]
    lines = [
        (" " * _GAP).join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in zip(*columns, strict=True)
    ]
    print("\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]]))


def fit(
    columns: list[list[str]], width: int, expendable: Iterable[str], sentences: Iterable[str] = ()
) -> tuple[list[list[str]], str]:
    """The columns (each with its title first) that fit, and what was left out in a sentence."""
    if _total(columns) <= width:
        return columns, ""
    named = set(sentences)
    constant = [column for column in columns if column[0] in named and len(set(column[1:])) == 1]
    columns = [column for column in columns if column not in constant]
    if _total(columns) > width:
        columns = [[cell.replace(" [", "\n[").replace(" ± ", "\n± ") for cell in column] for column in columns]
    zeros = [column[0] for column in columns if set(column[1:]) <= {"0"}] if _total(columns) > width else []
    columns = [column for column in columns if column[0] not in zeros]
    for title in expendable:
        if _total(columns) > width:
            columns = [column for column in columns if column[0] != title]
    if _total(columns) > width:
        columns = narrowed(columns, width - _GAP * (len(columns) - 1))
    told = [f"Every {title} is {value}." for title, value, *_ in constant]
    return columns, " ".join([*told, *([f"No {', no '.join(zeros)}."] if zeros else [])])


def _total(columns: Sequence[Sequence[str]]) -> int:
    return sum(map(_width, columns)) + _GAP * (len(columns) - 1)


def _width(column: Iterable[str]) -> int:
    return max(len(line) for cell in column for line in cell.split("\n"))


def _draw(columns: Sequence[Sequence[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, _GAP - 1, 0, 0))
    for title, *_ in columns:
        table.add_column(title, overflow="fold")
    for cells in zip(*(column[1:] for column in columns), strict=True):
        table.add_row(*map(Text, cells))
    Console().print(table)
