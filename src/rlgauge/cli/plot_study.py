"""The figures of a tuning study: its history, what mattered, slices, and both phases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from rlgauge.cli.console import complain
from rlgauge.cli.figure import Figure, Told
from rlgauge.compare.phrases import count
from rlgauge.core.errors import UserError
from rlgauge.tune import report_figures
from rlgauge.tune.question import Question
from rlgauge.tune.report_importance import importances, why_not
from rlgauge.tune.report_phases import phases
from rlgauge.tune.report_study import Report, default_values, is_study, read_report
from rlgauge.tune.trial import State

__all__ = ["KINDS", "NEEDS", "figures", "is_study"]

NEEDS = "tune with `rlgauge tune`"


class _Kind(NamedTuple):
    """`draw` draws on Axes and returns the small print; `lacks` is why it can't be drawn, None where it can."""

    draw: Callable[[Any, Report], str]
    lacks: Callable[[Report], str | None]


def figures(out: Path, names: list[str]) -> Iterator[Figure]:
    """The figures of these names. Of several those that can't be drawn yet are told on standard error.

    Raises UserError where there is no study, or the only figure can't be drawn.
    """
    report = read_report(out)
    for name in names:
        why = KINDS[name].lacks(report)
        if why is None:
            yield Figure(name, report.name, _drawing(KINDS[name], report))
        elif len(names) == 1:
            raise UserError(f"{name} of {out} can't be drawn: {why}.")
        else:
            complain(f"rlgauge: {name} is left out: {why}.")


def _drawing(kind: _Kind, report: Report) -> Callable[[Any], Told]:
    return lambda axes: Told(_told(report), kind.draw(axes, report))


def _told(report: Report) -> str:
    """How many trials there are of each state."""
    states = [one.state for one in report.trials]
    return ", ".join([count(len(states), "trial"), *(f"{states.count(one)} {one}" for one in State if one in states)])


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


def _importance(axes: Any, report: Report) -> str:  # noqa: ANN401  # matplotlib's
    found = importances(report.trials, _asked(report).axes)
    return report_figures.importance(axes, found, report.trials)


def _slices(axes: Any, report: Report) -> str:  # noqa: ANN401
    asked = _asked(report)
    return report_figures.slices(axes, report, asked.axes, default=default_values(asked))


def _two_phases(axes: Any, report: Report) -> str:  # noqa: ANN401
    final = report.final
    if final is None:
        raise RuntimeError("drawn without a phase 2")
    searched = max((one.num_searched for one in final.configurations), default=0)
    return report_figures.two_phases(axes, phases(final, report.trials), seeds=final.seeds, searched=searched)


KINDS: dict[str, _Kind] = {
    "study_history": _Kind(report_figures.history, _without_trials),
    "study_importance": _Kind(_importance, _without_importance),
    "study_slices": _Kind(_slices, _without_space),
    "study_phases": _Kind(_two_phases, _without_phases),
}
