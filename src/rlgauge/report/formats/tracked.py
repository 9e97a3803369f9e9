"""A report as a run of W&B: the page, its tables, the numbers of its figures, and the whole of it as files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rlgauge.report.content import Folded, Report
from rlgauge.report.formats.plain_json import to_json
from rlgauge.report.formats.tidy import Cell, cells, to_csv
from rlgauge.report.table import Table
from rlgauge.trackers.wandb import first_line, is_logged_in, quiet_settings, stay_inside

if TYPE_CHECKING:
    import wandb as library

_FOLDER = "wandb"
_MOST_ROWS = 10_000
"""Of a table: W&B shows no more."""
_TYPE = "report"
_LEFT_OUT = {"table", "caption", "note", "heading", "text", "answer", "warning", "code", "film"}
"""Kinds of cells that are no numbers of figures."""

_HOW = f"To send it: wandb sync {_FOLDER}/offline-run-*"

Value = str | float | None


def send(report: Report, page: str, *, project: str, tell: Callable[[str], None]) -> None:
    """Send it to W&B where somebody is logged in; else it is an offline run in the folder `wandb` of this one.

    Where it is, how an offline run is sent, and what is left out of a table is told in sentences. Raises
    wandb.errors.Error.
    """
    folder = Path.cwd() / _FOLDER
    stay_inside(folder)
    given = os.environ.get("WANDB_MODE") or "online"
    mode = given
    if mode == "online" and not is_logged_in(os.environ, Path.home()):
        tell(f"Nobody is logged in to W&B: the report is an offline run. {_HOW}")
        mode = "offline"
    from wandb.errors import Error

    try:
        run = _begin(report, project, mode)
    except Error as error:
        if mode != "online":
            raise
        tell(f"W&B can't be reached ({first_line(error)}): the report is an offline run. {_HOW}")
        run = _begin(report, project, "offline")
    with run:
        run.log(_media(report, page, tell))
        run.log_artifact(_files(report, page, run.id))
    if run.url:
        tell(f"Sent to W&B: {run.url}")
    elif given != "online":
        what = f"the report is an offline run. {_HOW}" if given == "offline" else "the report was not kept there."
        tell(f"WANDB_MODE is {given}: {what}")


def _begin(report: Report, project: str, mode: str) -> library.Run:
    import wandb

    return wandb.init(
        project=project,
        name=report.title[:128],
        notes=report.intro,
        job_type=_TYPE,
        dir=str(Path.cwd()),
        mode=mode,  # type: ignore[arg-type]  # from a variable; W&B says what is possible
        settings=quiet_settings(),
    )


def _media(report: Report, page: str, tell: Callable[[str], None]) -> dict[str, object]:
    """The page, each table, and the numbers, by name."""
    import wandb

    media: dict[str, object] = {f"{_TYPE}/page": wandb.Html(page, inject=False, data_is_not_path=True)}
    for found in _tables(report):
        media[f"{_TYPE}/{found.name}"] = _table(*typed(found), name=found.name, tell=tell)
    numbers = [list(cell) for cell in cells(report) if cell.kind not in _LEFT_OUT]
    media[f"{_TYPE}/figures"] = _table(Cell._fields, numbers, name="figures", tell=tell)
    return media


def _files(report: Report, page: str, run_id: str) -> library.Artifact:
    """The page, and all numbers as CSV and JSON, however many there are."""
    import wandb

    made = wandb.Artifact(f"{_TYPE}-{run_id}", type=_TYPE)
    for name, text in (("report.html", page), ("report.csv", to_csv(report)), ("report.json", to_json(report))):
        with made.new_file(name, mode="w", encoding="utf-8") as file:
            file.write(text)
    return made


def _tables(report: Report) -> Iterator[Table]:
    for section in report.sections:
        for one in section.body:
            if isinstance(one, Table | Folded):
                yield one.table if isinstance(one, Folded) else one


def typed(found: Table) -> tuple[list[str], list[list[Value]]]:
    """Columns and rows with numbers as numbers; what stands behind those of a column are columns after it.

    A column whose numbers stand before it already, as the intervals that are text do, is left out.
    """
    header: list[str] = []
    columns: list[list[Value]] = []
    for column, title in enumerate(found.header):
        own = [found.summaries.get((row, column)) for row in range(len(found.rows))]
        if any(own) and own == [found.summaries.get((row, column - 1)) for row in range(len(found.rows))]:
            continue
        texts = [cells[column] for cells in found.rows]
        if any(own):
            for name in ("point", "low", "high", "n", "missing", "method"):
                header.append(title if name == "point" else f"{title}, {name}")
                columns.append([None if one is None else getattr(one, name) for one in own])
        else:
            header.append(title)
            columns.append(_column(texts) if column >= found.num_text else list(texts))
    return _unlike(header), [list(row) for row in zip(*columns, strict=True)]


def _column(texts: Sequence[str]) -> list[Value]:
    """The numbers of a column, or its texts where one of them is none."""
    try:
        return [None if text in {"", "-"} else float(text.replace(",", "")) for text in texts]
    except ValueError:
        return list(texts)


def _unlike(header: Sequence[str]) -> list[str]:
    """The titles, a number behind each that was there before."""
    return [
        f"{title} {header[:place].count(title) + 1}" if title in header[:place] else title or "name"
        for place, title in enumerate(header)
    ]


def _table(
    header: Sequence[str], rows: Sequence[Sequence[Value]], *, name: str, tell: Callable[[str], None]
) -> library.Table:
    import wandb

    if len(rows) > _MOST_ROWS:
        left = f"of '{name}', which has {len(rows):,}, the first are sent; the files have all"
        tell(f"W&B shows {_MOST_ROWS:,} rows of a table: {left}.")
    return wandb.Table(columns=list(header), data=[list(row) for row in rows[:_MOST_ROWS]])
