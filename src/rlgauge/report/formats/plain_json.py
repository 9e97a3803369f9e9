"""A report as JSON: all that a page is made from."""

from __future__ import annotations

import msgspec

from rlgauge.report.content import Block, Figure, Films, Folded, Report
from rlgauge.report.formats.filmed import beside
from rlgauge.report.table import Table

FORMAT = 1
"""The number of what the content looks like; it changes where a reader would have to."""


def to_json(report: Report) -> str:
    """Everything, with a format number. Blocks and charts have a `type`; what is not a finite number is null."""
    content = {
        "format": FORMAT,
        "title": report.title,
        "intro": report.intro,
        "sections": [
            {"name": one.name, "title": one.title, "body": [_block(block) for block in one.body]}
            for one in report.sections
        ],
    }
    return msgspec.json.format(msgspec.json.encode(content), indent=1).decode() + "\n"


def _block(one: Block) -> dict[str, object]:
    if isinstance(one, Table):
        return _table(one)
    if isinstance(one, Folded):
        return {"type": "Folded", "title": one.title, "table": _table(one.table)}
    if isinstance(one, Films):
        films = [{"title": film.title, "told": film.told, "path": beside(film) or None} for film in one.films]
        return {"type": "Films", "films": films}
    told: dict[str, object] = msgspec.to_builtins(one)
    if isinstance(one, Figure):
        told["chart"] = {"type": type(one.chart).__name__, **msgspec.to_builtins(one.chart)}
    return told


def _table(one: Table) -> dict[str, object]:
    return {
        "type": "Table",
        "name": one.name,
        "title": one.title,
        "header": one.header,
        "rows": one.rows,
        "num_text": one.num_text,
        "bold": sorted(one.bold),
        "notes": one.explained("Bold"),
        "summaries": [
            {"row": row, "column": column, **msgspec.to_builtins(summary)}
            for (row, column), summary in sorted(one.summaries.items(), key=lambda pair: pair[0])
        ],
    }
