"""The figures of a tuning study: its history, what mattered, slices, and both phases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from rlgauge.cli.console import complain
from rlgauge.core.errors import UserError
from rlgauge.report.content import Figure
from rlgauge.tune import report_figures
from rlgauge.tune.question import Question
from rlgauge.tune.report_importance import importances, why_not
from rlgauge.tune.report_phases import phases
from rlgauge.tune.report_study import Report, default_values, is_study, read_report

__all__ = ["KINDS", "NEEDS", "figures", "is_study"]

NEEDS = "tune with `rlgauge tune`"


class _Kind(NamedTuple):
    """`draw` yields the figures; `lacks` is why there is none, None where there is."""

    draw: Callable[[Report], Iterator[Figure]]
    lacks: Callable[[Report], str | None]


def figures(out: Path, names: list[str]) -> Iterator[Figure]:
    """The figures of these names. Of several those that can't be drawn yet are told on standard error.

    Raises UserError where there is no study, or the only figure can't be drawn.
    """
    report = read_report(out)
    for name in names:
        why = KINDS[name].lacks(report)
        if why is None:
            yield from KINDS[name].draw(report)
        elif len(names) == 1:
            raise UserError(f"{name} of {out} can't be drawn: {why}.")
        else:
            complain(f"rlgauge: {name} is left out: {why}.")


def _without_trials(report: Report) -> str | None:
    return None if report.trials else "no trial has ended yet"


def _without_space(report: Report) -> str | None:
    if report.question is None:
        return "only its phase 2 was here (--retune-from): draw that of the folder in which was searched"
    return _without_trials(report)


def _without_importance(report: Report) -> str | None:
    if report.question is None or not report.trials:
        return _without_space(report)
    return why_not(report.trials, report.question.axes)


def _without_phases(report: Report) -> str | None:
    if report.final is None:
        return "phase 2 has not been: the `rlgauge tune` that began it, given again, goes on with it"
    if all(one.mean is None for one in report.final.configurations):
        return "no configuration came to a return on fresh seeds"
    return None


def _asked(report: Report) -> Question:
    if report.question is None:
        raise RuntimeError("drawn without a space")
    return report.question


def _history(report: Report) -> Iterator[Figure]:
    yield report_figures.history(report)


def _importance(report: Report) -> Iterator[Figure]:
    yield report_figures.importance(report, importances(report.trials, _asked(report).axes))


def _slices(report: Report) -> Iterator[Figure]:
    asked = _asked(report)
    yield from report_figures.slices(report, asked.axes, default=default_values(asked))


def _two_phases(report: Report) -> Iterator[Figure]:
    final = report.final
    if final is None:
        raise RuntimeError("drawn without a phase 2")
    yield report_figures.two_phases(phases(final, report.trials), seeds=final.seeds, of=report.name)


KINDS: dict[str, _Kind] = {
    "study_history": _Kind(_history, _without_trials),
    "study_importance": _Kind(_importance, _without_importance),
    "study_slices": _Kind(_slices, _without_space),
    "study_phases": _Kind(_two_phases, _without_phases),
}
