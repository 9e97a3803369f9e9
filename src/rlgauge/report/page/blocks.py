"""Parts of the page: tables that sort and filter, figures with a caption, notes."""

from __future__ import annotations

from collections.abc import Sequence

from rlgauge.report.numbers import fixed, interval, places
from rlgauge.report.page.markup import Markup, join, tag
from rlgauge.report.table import Table
from rlgauge.stats.summary import Summary

_FILTERED = 12
"""Tables of so many rows can be filtered."""


def table(found: Table, *, name: str) -> Markup:
    """The table; each number that a summary stands behind tells it on hover and focus. `name` is its id in the page."""
    head = [
        tag("th", tag("button", title, type="button"), scope="col", class_="text" if column < found.num_text else None)
        for column, title in enumerate(found.header)
    ]
    body = [
        tag("tr", [_cell(found, row, column) for column in range(len(cells))]) for row, cells in enumerate(found.rows)
    ]
    drawn = tag(
        "table", tag("thead", tag("tr", head)), tag("tbody", body), id=name, class_="sorts", aria_label=found.title
    )
    return join([_filter(found, name), tag("div", drawn, class_="table"), *map(note, found.explained("Bold"))])


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


def _filter(found: Table, name: str) -> Markup | None:
    if len(found.rows) < _FILTERED:
        return None
    return tag(
        "p",
        tag(
            "input",
            type="search",
            class_="filter",
            placeholder="filter rows",
            aria_label="filter rows",
            data_table=name,
        ),
        " ",
        tag("span", class_="soft", aria_live="polite"),
    )


def told(summary: Summary) -> str:
    """All that stands behind a number, in words."""
    width = None if summary.low is None or summary.high is None else summary.high - summary.low
    digits = places(summary.point, width)
    ends = "no interval" if width is None else f"{summary.confidence * 100:g} % {interval(summary, digits=digits)}"
    missing = f", {summary.missing} missing" if summary.missing else ""
    doubts = "".join(f" {text}" for text in summary.warnings)
    return f"{fixed(summary.point, digits)}; {ends}; {summary.method}; n = {summary.n}{missing}.{doubts}"


def figure(drawn: Markup, *captions: str) -> Markup:
    """A figure with what its marks are."""
    return tag("figure", drawn, tag("figcaption", " ".join(captions)))


def note(text: str) -> Markup:
    """A sentence in small print."""
    return tag("p", text, class_="note")


def warnings(texts: Sequence[str]) -> Markup | None:
    """Sentences that a reader must not miss; None where there are none."""
    return tag("div", [tag("p", text) for text in texts], class_="warning") if texts else None
