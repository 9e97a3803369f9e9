"""Blocks of a report as HTML: tables that sort and filter, figures with a caption, films, notes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import singledispatch

from rlgauge.report.charts import Intervals, Lines
from rlgauge.report.content import Answer, Block, Code, Figure, Film, Films, Folded, Heading, Note, Text, Warnings
from rlgauge.report.page import rows, svg
from rlgauge.report.page.axes import NARROW
from rlgauge.report.page.markup import Markup, flowing, join, tag
from rlgauge.report.page.svg_lines import is_crowd
from rlgauge.report.table import Table
from rlgauge.report.told import told

_FILTERED = 12
"""Tables of so many rows can be filtered."""
_MOST_ROWS = 200
"""A table of more, behind whose numbers there is nothing more to tell, is data for the script."""
_TALL = 25
"""A table of more rows scrolls by itself, so that what follows is not far."""
_LONG, _BEGINNING = 300, 120
"""A longer text of a cell is folded behind its beginning."""
_SHORT, _LONGER = 16, 28
"""Words that are no longer than the first stand in one line, and up to the second where there is room."""
_MOST_NARROW = 50_000
"""Of so many letters a figure is not drawn a second time; it scrolls in a narrow window."""
_CROWDED = "So many lines have no bands here, and no single seeds; on a screen a name of the legend lights its own."
_MANY = 4
"""So many figures of one kind stand beside one another, each narrower."""


def body(blocks: Sequence[Block]) -> Markup:
    """The blocks, one after the other; many figures of one kind, each below its name, beside one another."""
    return join(_arranged(blocks))


def _arranged(blocks: Sequence[Block]) -> Iterator[Markup]:
    place = 0
    while place < len(blocks):
        alike = _alike(blocks[place:])
        if len(alike) < _MANY:
            yield block(blocks[place])
            place += 1
            continue
        yield _beside(alike)
        place += 2 * len(alike)


def _alike(blocks: Sequence[Block]) -> list[tuple[Heading, Figure]]:
    """The figures of one kind with which the blocks begin, each with the name above it."""
    found: list[tuple[Heading, Figure]] = []
    for name, figure in zip(blocks[::2], blocks[1::2], strict=False):
        if not (
            isinstance(name, Heading) and isinstance(figure, Figure) and isinstance(figure.chart, Lines | Intervals)
        ):
            break
        if found and figure.kind != found[0][1].kind:
            break
        found.append((name, figure))
    return found


def _beside(found: Sequence[tuple[Heading, Figure]]) -> Markup:
    """The figures in a grid; what most of them say is said once, above and below."""
    keys = [svg.legend(figure.chart) for _, figure in found]
    key = _most(keys)
    captions = [" ".join(_captions(figure)) for _, figure in found]
    caption = _most(captions)
    figures = [
        tag(
            "div",
            block(name),
            _figure(
                [svg.draw(figure.chart, NARROW)],
                None if own == key else own,
                [] if told == caption else [told],
            ),
        )
        for (name, figure), own, told in zip(found, keys, captions, strict=True)
    ]
    return tag("div", key, tag("div", figures, class_="many"), _note(caption) if caption else None, class_="beside")


def _most(given: Sequence[Markup | str | None]) -> Markup | str | None:
    """What stands there most often, the first of several."""
    return Counter(given).most_common(1)[0][0]


@singledispatch
def block(one: object) -> Markup:
    """The block as HTML."""
    raise TypeError(type(one))


@block.register
def _(one: Text) -> Markup:
    return tag("p", flowing(one.text))


@block.register
def _(one: Note) -> Markup:
    return _note(one.text)


@block.register
def _(one: Heading) -> Markup:
    return tag("h3", one.text)


@block.register
def _(one: Answer) -> Markup:
    sentences = [tag("p", flowing(text)) for text in one.sentences]
    return tag("div", tag("p", tag("strong", flowing(one.question))), sentences, _note(one.note), class_="answer")


@block.register
def _(one: Warnings) -> Markup:
    return tag("div", [tag("p", flowing(text)) for text in one.texts], class_="warning") if one.texts else Markup()


@block.register
def _(one: Figure) -> Markup:
    """Drawn twice where that is little: for windows of any width, and for narrow ones."""
    narrow = svg.draw(one.chart, NARROW)
    is_twice = len(narrow) <= _MOST_NARROW
    drawn = [svg.draw(one.chart), narrow] if is_twice else [svg.draw(one.chart)]
    return _figure(drawn, svg.legend(one.chart), _captions(one), class_="both" if is_twice else None)


def _captions(one: Figure) -> Sequence[str]:
    """The captions, and what is left out of a figure of many lines."""
    return [*one.captions, _CROWDED] if isinstance(one.chart, Lines) and is_crowd(one.chart) else one.captions


def _figure(
    drawn: Sequence[Markup], key: Markup | None, captions: Sequence[str], *, class_: str | None = None
) -> Markup:
    return tag("figure", drawn, key, tag("figcaption", " ".join(captions)) if captions else None, class_=class_)


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
    head = [tag("th", tag("button", title, type="button"), scope="col") for title in one.header]
    is_data = len(one.rows) > _MOST_ROWS and not one.summaries
    shown = one.rows[: rows.SHOWN] if is_data else one.rows
    body = [tag("tr", [_cell(one, row, column) for column in range(len(cells))]) for row, cells in enumerate(shown)]
    drawn = tag(
        "table",
        tag("thead", tag("tr", head)),
        tag("tbody", body),
        id=_id(one),
        class_=" ".join(["sorts", *_manners(one)]),
        aria_label=one.title,
        data_rows=f"{_id(one)}-rows" if is_data else None,
    )
    parts = [
        _filter(one),
        tag("div", drawn, class_="table tall" if len(shown) > _TALL else "table"),
        *(_data(one) if is_data else []),
    ]
    return join([*parts, *map(_note, one.explained("Bold"))])


def _manners(one: Table) -> Iterator[str]:
    """Classes that say which columns hold words: `n1` that the first has short ones, `s1` longer and `t1` long ones."""
    for column in range(len(one.header)):
        if one.is_text(column):
            most = max((len(cells[column]) for cells in one.rows), default=0)
            yield f"{'n' if most <= _SHORT else 's' if most <= _LONGER else 't'}{column + 1}"


def _data(one: Table) -> Iterator[Markup]:
    """What a table that is too long to stand in the page has below it."""
    yield rows.data(one.rows, num_columns=len(one.header), name=f"{_id(one)}-rows")
    lacking = f"These are the first {rows.SHOWN:,} of {len(one.rows):,} rows; the others need JavaScript."
    yield tag("p", lacking, class_="note lacking")
    turns = [tag("button", name, type="button", data_turn=turn) for name, turn in (("Back", "-1"), ("More", "1"))]
    yield tag(
        "p",
        turns[0],
        " ",
        tag("span", class_="soft", aria_live="polite"),
        " ",
        turns[1],
        class_="turns",
        hidden=True,
        data_of=_id(one),
    )


def _note(text: str) -> Markup:
    return tag("p", flowing(text), class_="note")


def _id(one: Table) -> str:
    return f"{one.name}-table"


def _cell(found: Table, row: int, column: int) -> Markup:
    """A cell; one of the same number as the one before says `data-tip` alone."""
    summary = found.summaries.get((row, column))
    is_same = summary is not None and found.summaries.get((row, column - 1)) is summary
    return tag(
        "td",
        _text(found.rows[row][column]),
        class_="best" if (row, column) in found.bold else None,
        data_tip=None if summary is None else is_same or told(summary),
    )


def _text(text: str) -> Markup | str:
    if len(text) <= _LONG:
        return text
    return tag("details", tag("summary", f"{text[:_BEGINNING]}…"), text)


def _filter(found: Table) -> Markup | None:
    if len(found.rows) < _FILTERED:
        return None
    box = tag(
        "input",
        type="search",
        class_="filter",
        placeholder="filter rows",
        aria_label=f"filter rows of {found.title}",
        data_table=_id(found),
    )
    return tag("p", box, " ", tag("span", class_="soft", aria_live="polite"), class_="filters", hidden=True)
