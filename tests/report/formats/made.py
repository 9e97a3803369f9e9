"""A report with every block and every chart, whose names are made of special characters."""

from __future__ import annotations

import math

from rlgauge.report.charts import Heat, Intervals, Key, Line, Lines, Manner, Mark, Row, Share, Shares
from rlgauge.report.content import (
    Answer,
    Code,
    Figure,
    Film,
    Films,
    Folded,
    Heading,
    Note,
    Report,
    Section,
    Text,
    Warnings,
)
from rlgauge.report.table import Table
from rlgauge.stats.summary import Summary

ODD = "<script>|*a*_b_`c`$d$~e~[f](http://g.h)![i](j)@octocat #12 GH-3 www.k.l :tada: %&{}\\end{x}^ 中\u202e"
"""What HTML, Markdown, GitHub and LaTeX would each take for something."""
SUMMARY = Summary(point=0.5, low=0.25, high=0.75, n=7, missing=2, method="Wilson", confidence=0.9)


def table(*, name: str = "scores", num_rows: int = 1, group: str = ODD) -> Table:
    """A table of groups and tasks: a score with what stands behind it, and how many runs."""
    return Table(
        name=name,
        title="Scores",
        header=["algorithm", "task", "score", "90 % interval", "runs"],
        rows=[[group, f"task {row}", "50.0 %", "[25, 75] %", "1,234"] for row in range(num_rows)],
        num_text=2,
        bold=frozenset({(0, 2)}),
        notes=["{mark}: the best."],
        summaries={(row, column): SUMMARY for row in range(num_rows) for column in (2, 3)},
    )


def intervals() -> Intervals:
    """A row that rests on a summary, and a doubtful one without an interval."""
    rows = [
        Row(label=ODD, group="mean", point=0.5, low=0.25, high=0.75, others=[0.4], series=0, told="a", summary=SUMMARY),
        Row(label="b", group="mean", point=2.0, series=1, told="b", is_doubtful=True),
    ]
    return Intervals(title=f"intervals {ODD}", rows=rows, axis="return", marks=[Mark(value=1.5, name="target")])


def lines(num_points: int = 2) -> Lines:
    """A line with a gap and a place that is lost, and a seed without a name of its own."""
    xs = [1000.0 * place for place in range(num_points)]
    named = Line(name=ODD, xs=[*xs, 9e6], ys=[*xs, math.nan], lows=[x - 1 for x in xs], highs=[None] * 3, series=0)
    seed = Line(name="seed 0", xs=[0.0], ys=[7.0], series=0, manner=Manner.THIN, is_named=False)
    keys = [Key(name="one seed", manner=Manner.THIN)]
    return Lines(title="curves", lines=[named, seed], x_axis="steps", y_axis="return", keys=keys)


def heat() -> Heat:
    """Two cells, one of them without a value."""
    return Heat(
        title="heat",
        rows=[ODD],
        columns=["a", "b"],
        values=[[0.5, None]],
        texts=[["51", "-"]],
        told=[["a on x: 51", "nothing measured"]],
        axis="return",
    )


def shares() -> Shares:
    """A row of three parts to one."""
    rows = [Share(label=ODD, parts=[3.0, 1.0], told="x")]
    return Shares(title="shares", names=["won", "lost"], rows=rows, axis="share of episodes")


def report(*, num_rows: int = 1) -> Report:
    """All of it."""
    films = [Film(path="videos/a.mp4", poster=None, title=ODD, told="won")]
    films.append(Film(path="data:video/mp4;base64,AAAA", poster=None, title="within", told="lost"))
    answer = Answer(question=f"Which of {ODD} is better?", sentences=[f"- {ODD} is."], note="7 runs.")
    charts = [intervals(), lines(), heat(), shares()]
    figures = [Figure(type(one).__name__, one, [f"A caption of {ODD}."], of="Hopper") for one in charts]
    body = [answer, Warnings([ODD, "few runs"]), Text(f"1. {ODD}"), Note(f"[x] {ODD}"), Heading(ODD), *figures]
    body += [table(num_rows=num_rows), Folded(f"Every run {ODD}", table(name="every_run")), Films(films)]
    body.append(Code(f"rlgauge run --x '{ODD}'\n```\n</details>"))
    return Report(title=ODD, intro=ODD, sections=[Section(name="first", title=ODD, body=body)])
