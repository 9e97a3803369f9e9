"""What a report holds of studies of `rlgauge tune`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rlgauge.compare.phrases import count
from rlgauge.core.errors import UserError
from rlgauge.report.content import Answer, Block, Folded, Heading, Note, Section, Warnings
from rlgauge.report.numbers import estimate, places
from rlgauge.report.table import Table
from rlgauge.stats.summary import Summary
from rlgauge.tune import report_figures, reports
from rlgauge.tune.phase2 import Final
from rlgauge.tune.report_phases import phases
from rlgauge.tune.report_study import Report, default_values, is_study, read_report
from rlgauge.tune.sentences import outcome, settings_text
from rlgauge.tune.trial import State, Trial


def folders(sources: Sequence[Path]) -> list[Path]:
    """The folders with a study: the sources, and those in them."""
    found = [
        path
        for source in sources
        if source.is_dir()
        for path in [source, *sorted(one for one in source.iterdir() if one.is_dir())]
        if is_study(path)
    ]
    return list(dict.fromkeys(found))


def sections(sources: Sequence[Path]) -> Iterator[Section]:
    """One for each study in the sources, or in a folder in them."""
    for place, path in enumerate(folders(sources)):
        name = "study" if place == 0 else f"study-{place + 1}"
        try:
            report = read_report(path)
            yield Section(name=name, title=f"Tuning {report.name}", body=_body(report))
        except UserError as error:
            yield Section(name=name, title=f"Tuning in {path.name}", body=[Warnings([str(error)])])


def _body(report: Report) -> list[Block]:
    told: list[Block] = [_answer(report)]
    if report.final is not None:
        told += _final(report.final, report.trials)
    if report.trials:
        told += [Heading("Trials"), report_figures.history(report), *_mattered(report), *_slices(report)]
        told.append(Folded(f"Every trial ({len(report.trials):,})", _trials(report.trials)))
    return told


def _answer(report: Report) -> Answer:
    """What phase 2 says of the winner, or why it says nothing yet; the note is on the trials."""
    states = [one.state for one in report.trials]
    parts = [f"{states.count(one)} {one}" for one in State if one in states]
    trials = f"{count(len(states), 'trial')} ({', '.join(parts)})." if states else "No trial has ended yet."
    question = f"Which settings of {report.name} have the highest mean test return?"
    if report.final is None:
        return Answer(question, ["Phase 2 has not been: nothing was judged on fresh seeds yet."], trials)
    won, (first, *more) = report.final.won, outcome(report.final)
    if won is None or won.mean is None:
        return Answer(question, [first, *more], trials)
    of = f"{len(won.returns)} of {count(len(report.final.seeds), 'fresh seed')}"
    of = of if won.mean.missing else count(len(report.final.seeds), "fresh seed")
    known = {} if won.number is not None or report.question is None else default_values(report.question)
    settings = [f"default: {settings_text(known)}"] if known else []
    reached = f"The return of {won.name} over {of}: {_estimate(won.mean)}."
    return Answer(question, [first, reached, *more, *settings], trials)


def _estimate(summary: Summary | None) -> str:
    if summary is None:
        return "-"
    width = None if summary.low is None or summary.high is None else summary.high - summary.low
    return estimate(summary, digits=places(summary.point, width))


def _final(final: Final, trials: Sequence[Trial]) -> list[Block]:
    """Both phases, as a figure and as a table."""
    found = phases(final, trials)
    of = final.algorithm if final.environment is None else f"{final.algorithm} in {final.environment}"
    figure = [report_figures.two_phases(found, seeds=final.seeds, of=of)] if any(one.judged for one in found) else []
    rows = [
        [
            one.name,
            _estimate(one.searched),
            _estimate(one.judged),
            "-" if judged.deviation is None else f"{judged.deviation:.4g}",
            f"{len(judged.returns)} of {len(final.seeds)}",
            _estimate(judged.gain),
        ]
        for one, judged in zip(found, final.configurations, strict=True)
    ]
    pairs = zip(found, final.configurations, strict=True)
    summaries = {
        (row, column): summary
        for row, (one, judged) in enumerate(pairs)
        for column, summary in ((1, one.searched), (2, one.judged), (5, judged.gain))
        if summary is not None
    }
    header = ["configuration", "phase 1 return", "phase 2 return", "deviation", "seeds", "gain over default"]
    note = (
        "Returns are means over seeds with 95 % intervals (Student's t); gains are Welch's, 95 % for all together. "
        "Phase 1 chose these configurations for these means, which tend to be too high for that: phase 2 is what to "
        "report."
    )
    table = Table(
        name="configurations",
        title="Configurations",
        header=header,
        rows=rows,
        num_text=1,
        bold=frozenset() if final.winner is None else frozenset({(final.winner, 0)}),
        notes=[note, "{mark} is the winner."],
        summaries=summaries,
    )
    problems = [f"{one.name}, seed {seed}: {why}" for one in final.configurations for seed, why in one.problems.items()]
    sides = (side for one in final.configurations for side in (one.mean, one.gain) if side is not None)
    doubts = sorted({text for side in sides for text in side.warnings})
    return [Heading("Both phases"), *([Warnings([*problems, *doubts])] if problems or doubts else []), *figure, table]


def _mattered(report: Report) -> list[Block]:
    """How much each setting matters, as it was told at the end of the study."""
    told = reports.read_importance(report.out)
    if told is None:
        return [Note("How much each setting matters is told at the end of phase 2.")]
    if not told.settings:
        return [Note(f"How much each setting matters: {told.why_not}.")] if told.why_not else []
    return [Heading("What mattered"), report_figures.importance(report, told.settings)]


def _slices(report: Report) -> list[Block]:
    if report.question is None:
        return [Note("What was searched is in the folder in which phase 1 was: here was only phase 2.")]
    found = list(report_figures.slices(report, report.question.axes, default=default_values(report.question)))
    return [Heading("Slices"), *found] if found else []


def _trials(trials: Sequence[Trial]) -> Table:
    header, rows = reports.table_of(trials)
    written = [
        ["-" if cell is None else f"{cell:.6g}" if isinstance(cell, float) else str(cell) for cell in row]
        for row in rows
    ]
    return Table(name="trials", title="Every trial", header=header, rows=written, num_text=2)
