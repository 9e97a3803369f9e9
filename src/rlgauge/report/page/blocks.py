"""Blocks of a report as HTML: tables that sort and filter, figures with a caption, films, notes."""

from __future__ import annotations

from functools import singledispatch

from rlgauge.report.content import Answer, Code, Figure, Film, Films, Folded, Heading, Note, Text, Warnings
from rlgauge.report.page import svg
from rlgauge.report.page.markup import Markup, join, tag
from rlgauge.report.table import Table
from rlgauge.report.told import told

_FILTERED = 12
"""Tables of so many rows can be filtered."""


@singledispatch
def block(one: object) -> Markup:
    """The block as HTML."""
    raise TypeError(type(one))


@block.register
def _(one: Text) -> Markup:
    return tag("p", one.text)


@block.register
def _(one: Note) -> Markup:
    return tag("p", one.text, class_="note")


@block.register
def _(one: Heading) -> Markup:
    return tag("h3", one.text)


@block.register
def _(one: Answer) -> Markup:
    sentences = [tag("p", text) for text in one.sentences]
    return tag("div", tag("p", tag("strong", one.question)), sentences, _note(one.note), class_="answer")


@block.register
def _(one: Warnings) -> Markup:
    return tag("div", [tag("p", text) for text in one.texts], class_="warning") if one.texts else Markup()


@block.register
def _(one: Figure) -> Markup:
    return tag("figure", svg.draw(one.chart), tag("figcaption", " ".join(one.captions)) if one.captions else None)


@block.register
def _(one: Folded) -> Markup:
    return tag("details", tag("summary", one.title), block(one.table))


@block.register
def _(one: Code) -> Markup:
    return tag("pre", one.text)


@block.register
def _(one: Films) -> Markup:
    return tag("div", [_film(film) for film in one.films], class_="films")


def _film(one: Film) -> Markup:
    shown = tag("video", src=one.path, poster=one.poster, controls=True, preload="none", aria_label=one.title)
    return tag("figure", shown, tag("figcaption", tag("strong", one.title), " ", one.told))


@block.register
def _(one: Table) -> Markup:
    head = [
        tag("th", tag("button", title, type="button"), scope="col", class_="text" if column < one.num_text else None)
        for column, title in enumerate(one.header)
    ]
    body = [tag("tr", [_cell(one, row, column) for column in range(len(cells))]) for row, cells in enumerate(one.rows)]
    drawn = tag(
        "table", tag("thead", tag("tr", head)), tag("tbody", body), id=_id(one), class_="sorts", aria_label=one.title
    )
    return join([_filter(one), tag("div", drawn, class_="table"), *map(_note, one.explained("Bold"))])


def _note(text: str) -> Markup:
    return tag("p", text, class_="note")


def _id(one: Table) -> str:
    return f"{one.name}-table"


def _cell(found: Table, row: int, column: int) -> Markup:
    text = found.rows[row][column]
    summary = found.summaries.get((row, column))
    classes = [*(["text"] if column < found.num_text else []), *(["best"] if (row, column) in found.bold else [])]
    return tag(
        "td",
        text,
        class_=" ".join(classes) or None,
        data_v=None if summary is None else repr(summary.point),
        data_tip=None if summary is None else told(summary),
        tabindex=None if summary is None else "0",
    )


def _filter(found: Table) -> Markup | None:
    if len(found.rows) < _FILTERED:
        return None
    box = tag(
        "input",
        type="search",
        class_="filter",
        placeholder="filter rows",
        aria_label="filter rows",
        data_table=_id(found),
    )
    return tag("p", box, " ", tag("span", class_="soft", aria_live="polite"))
