"""The two tables of an overview as rows of text, for whichever format draws them."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from rlgauge.report.best import RULE
from rlgauge.report.numbers import NAMES, counted, estimate, places, plus_minus
from rlgauge.report.overview import Line, Overview

_RATE = "success"


class Table(msgspec.Struct, frozen=True):
    """A title, a header and rows; `bold` holds (row, column) of the cells that stand out."""

    title: str
    header: list[str]
    rows: list[list[str]]
    bold: frozenset[tuple[int, int]] = frozenset()

    def starred(self) -> list[list[str]]:
        """The rows for plain text, where a star stands for bold."""
        return [
            [f"{cell} *" if (row, column) in self.bold else cell for column, cell in enumerate(cells)]
            for row, cells in enumerate(self.rows)
        ]


def tables(overview: Overview) -> list[Table]:
    """Per task, then over all tasks where there is something to tell."""
    found = [_per_task(overview)]
    if overview.overall:
        found.append(_over_all(overview))
    return found


def footnotes(overview: Overview, *, mark: str = "Bold") -> list[str]:
    """What the numbers of the tables mean; `mark` is how a best result looks."""
    unit = f" ({overview.unit})" if overview.unit and overview.unit != overview.score else ""
    better = "less is better" if overview.less_is_better else "more is better"
    told = [f"{overview.score}{unit}: mean ± standard deviation between runs, 95 % interval of the mean; {better}."]
    confidence = next((line.score.confidence for line in overview.lines if line.score is not None), 0.95)
    told[0] = told[0].replace("95 %", f"{confidence * 100:g} %")
    if overview.formula is not None:
        told.append(f"Normalised: {overview.formula}, run by run.")
    if any(line.is_best for line in overview.lines):
        told.append(f"{mark}: {RULE}")
    if set(overview.statuses) - {"COMPLETED"}:
        told.append("Runs: " + ", ".join(f"{count} {status}" for status, count in overview.statuses.items()) + ".")
    return told


def _per_task(overview: Overview) -> Table:
    header = ["algorithm", "task", f"{overview.score}", "interval"]
    cells: list[Callable[[Line], str]] = [lambda line: line.group, lambda line: line.task]
    cells += [lambda line: _score(line, overview), lambda line: _interval(line, overview)]
    if overview.formula is not None:
        header += ["normalised", "interval"]
        cells += [_normalised, _normalised_interval]
    header.append("runs")
    cells.append(lambda line: counted(line.num_runs, line.num_missing))
    rows = [[cell(line) for cell in cells] for line in overview.lines]
    bold = frozenset((row, 2) for row, line in enumerate(overview.lines) if line.is_best)
    return Table("Scores", header, rows, bold)


def _over_all(overview: Overview) -> Table:
    metrics = list(overview.overall[0].metrics)
    num_tasks = max(one.num_tasks for one in overview.overall)
    header = ["algorithm", *(NAMES[name] for name in metrics), "tasks", "runs"]
    rows = [
        [
            one.group,
            *(estimate(one.metrics[name], digits=3 if overview.formula else None) for name in metrics),
            counted(one.num_tasks, num_tasks - one.num_tasks),
            counted(one.num_runs, one.num_missing),
        ]
        for one in overview.overall
    ]
    what = "normalised scores" if overview.formula is not None else overview.score
    return Table(f"Over all tasks, {what}", header, rows)


def _score(line: Line, overview: Overview) -> str:
    if line.score is None:
        return "-"
    if overview.unit == _RATE:
        return plus_minus(100 * line.score.point, None if line.sd is None else 100 * line.sd, digits=1) + " %"
    return plus_minus(line.score.point, line.sd, digits=places(line.score.point, line.sd))


def _interval(line: Line, overview: Overview) -> str:
    score = line.score
    if score is None or score.low is None or score.high is None:
        return "-"
    if overview.unit == _RATE:
        return f"[{100 * score.low:.1f}, {100 * score.high:.1f}] %"
    digits = places(score.point, line.sd)
    return f"[{score.low:.{digits}f}, {score.high:.{digits}f}]"


def _normalised(line: Line) -> str:
    return "-" if line.normalised is None else plus_minus(line.normalised.point, line.normalised_sd, digits=3)


def _normalised_interval(line: Line) -> str:
    summary = line.normalised
    if summary is None or summary.low is None or summary.high is None:
        return "-"
    return f"[{summary.low:.3f}, {summary.high:.3f}]"
