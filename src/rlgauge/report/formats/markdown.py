"""A report in Markdown, as GitHub shows it; what a page draws are tables here, folded away."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from functools import singledispatch

import msgspec

from rlgauge.compare.as_markdown import plain, unlinked
from rlgauge.report.content import (
    Answer,
    Code,
    Figure,
    Films,
    Folded,
    Heading,
    Note,
    Report,
    Section,
    Text,
    Warnings,
)
from rlgauge.report.formats.charted import charted
from rlgauge.report.formats.filmed import beside
from rlgauge.report.markdown import grid
from rlgauge.report.printable import printable
from rlgauge.report.table import Table

_SHOWN = 30
"""Rows of a table that is not folded away."""
_MOST_ROWS = 1000
_FIRST = re.compile(r"^(\d*)([-+>.)](?=\s|$)|[>=]|\[(?=[ xX]\])|---)")
"""What begins a list, a quotation, a heading or a box to tick, where a line begins with it."""
_FENCE = re.compile(r"`{3,}")


def to_markdown(report: Report) -> str:
    """The whole. Long tables are folded away, and of very long ones it is said how many rows are left out."""
    return "\n\n".join([head(report), *(part for section in report.sections for part in parts(section))]) + "\n"


def head(report: Report) -> str:
    """The title, and what the report is of."""
    return f"# {_told(report.title)}\n\n{_begun(report.intro)}"


def parts(section: Section) -> Iterator[str]:
    """The heading of a section, then each of its blocks."""
    yield f"## {_told(section.title)}"
    for one in section.body:
        text = block(one)
        if text:
            yield text


@singledispatch
def block(one: object) -> str:
    """The block in Markdown."""
    raise TypeError(type(one))


@block.register
def _(one: Text | Note) -> str:
    return _begun(one.text)


@block.register
def _(one: Heading) -> str:
    return f"### {_told(one.text)}"


@block.register
def _(one: Answer) -> str:
    told = filter(None, [*one.sentences, one.note])
    return "\n\n".join([f"**{_told(one.question)}**", *map(_begun, told)])


@block.register
def _(one: Warnings) -> str:
    told = "\n>\n".join(f"> {_begun(text)}" for text in one.texts)
    return f"> [!WARNING]\n{told}" if told else ""


@block.register
def _(one: Figure) -> str:
    told = [_begun(text) for text in one.captions]
    return _folded(one.chart.title, "\n\n".join([*told, _rows(charted(one.chart, name=one.kind))]))


@block.register
def _(one: Folded) -> str:
    return _folded(one.title, _rows(one.table))


@block.register
def _(one: Table) -> str:
    return _rows(one) if len(one.rows) <= _SHOWN else _folded(f"{one.title} ({len(one.rows):,} rows)", _rows(one))


@block.register
def _(one: Code) -> str:
    longest = max(map(len, _FENCE.findall(one.text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}\n{printable(one.text)}\n{fence}"


@block.register
def _(one: Films) -> str:
    told = [f"- **{_told(film.title)}** {_told(film.told)} {_told(beside(film))}" for film in one.films]
    return "\n".join(map(str.rstrip, told))


def _rows(found: Table) -> str:
    """The table and its notes, with as many rows as somebody may want to see."""
    left = len(found.rows) - _MOST_ROWS
    shown = found if left <= 0 else msgspec.structs.replace(found, rows=found.rows[:_MOST_ROWS])
    notes = found.explained("Bold")
    if left > 0:
        notes = [*notes, f"The first {_MOST_ROWS:,} of {len(found.rows):,} rows; CSV and JSON have all."]
    listed = "\n".join(f"- {_begun(text)}" for text in notes)
    return "\n\n".join(filter(None, [printable(grid(shown)), listed]))


def _folded(title: str, text: str) -> str:
    summary = unlinked(html.escape(" ".join(printable(title).split())))
    return f"<details><summary>{summary}</summary>\n\n{text}\n\n</details>"


def _told(text: str) -> str:
    return plain(printable(text))


def _begun(text: str) -> str:
    """The text where a line begins with it."""
    return _FIRST.sub(r"\1\\\2", _told(text))
