"""What a report is made of, without markup: the page, Markdown and the other formats write the same."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from rlgauge.report.charts import Chart
from rlgauge.report.table import Table


class Text(msgspec.Struct, frozen=True, tag=True):
    """A paragraph."""

    text: str


class Note(msgspec.Struct, frozen=True, tag=True):
    """A sentence in small print."""

    text: str


class Heading(msgspec.Struct, frozen=True, tag=True):
    """The name of what follows within a section."""

    text: str


class Answer(msgspec.Struct, frozen=True, tag=True):
    """The question, and what the runs say to it, in sentences; `note` is on how much that rests."""

    question: str
    sentences: Sequence[str]
    note: str


class Warnings(msgspec.Struct, frozen=True, tag=True):
    """Sentences that a reader must not miss."""

    texts: Sequence[str]


class Figure(msgspec.Struct, frozen=True, tag=True):
    """A chart with what its marks are. `kind` is its name for `rlgauge plot`, `of` what it is of: a task."""

    kind: str
    chart: Chart
    captions: Sequence[str] = ()
    of: str = ""


class Folded(msgspec.Struct, frozen=True, tag=True):
    """A table that is shown to who asks for it."""

    title: str
    table: Table


class Film(msgspec.Struct, frozen=True, tag=True):
    """A film beside the report: `path` to it, and to its `poster` where there is one, as they lie on this machine."""

    path: str
    poster: str | None
    title: str
    told: str


class Films(msgspec.Struct, frozen=True, tag=True):
    """Films in a grid."""

    films: Sequence[Film]


class Code(msgspec.Struct, frozen=True, tag=True):
    """Commands to copy, or the end of a log."""

    text: str


Block = Text | Note | Heading | Answer | Warnings | Figure | Folded | Films | Code | Table


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A part with a heading; `name` is its id."""

    name: str
    title: str
    body: Sequence[Block]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The whole: what it is of, and its parts."""

    title: str
    intro: str
    sections: Sequence[Section]
