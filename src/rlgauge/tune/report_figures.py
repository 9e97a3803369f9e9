"""What a study has come to as charts: its history, what mattered, slices through the space, and both phases."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rlgauge.compare.phrases import count
from rlgauge.report.charts import Intervals, Key, Line, Lines, Manner, Mark, Row
from rlgauge.report.content import Figure
from rlgauge.stats.summary import Summary
from rlgauge.tune.phase2 import Judged
from rlgauge.tune.report_importance import METHOD, REFITS, Importance
from rlgauge.tune.report_phases import Phases, mean_drop
from rlgauge.tune.report_study import Report, best_so_far
from rlgauge.tune.sentences import value_text
from rlgauge.tune.space import Choice, Range, Space
from rlgauge.tune.trial import State, Trial

_TRIAL, _FAILED, _BEST, _PRUNED = 0, 1, 2, 4
"""The colours of trials by their state, and of the best so far."""
_RETURN = "mean test return"
_LONGEST = 60
"""Characters of a category that are shown."""


def history(report: Report) -> Figure:
    """Each trial's objective, the spread of its seeds, the best so far and the default configuration."""
    trials = report.trials
    best = [(one.number, value) for one, value in zip(trials, best_so_far(trials), strict=True) if value is not None]
    last = max(one.number for one in trials)
    lines = list(_trials([(float(one.number), one) for one in trials]))
    lines += [_steps(best, last)] if best else []
    chart = Lines(
        title=f"{_RETURN} of each trial, {report.name}",
        lines=lines,
        x_axis="trial",
        y_axis=_RETURN,
        has_bars=True,
        keys=[Key(name="best so far", manner=Manner.BOUND, series=_BEST)] if best else [],
        marks=_default_mark(report.default),
    )
    return Figure("study_history", chart, _captions(report), of=report.name)


def importance(report: Report, found: Sequence[Importance]) -> Figure:
    """How much each setting matters, the most important first, and how much refits differ."""
    rows = [
        Row(
            label=one.setting,
            point=one.share,
            low=min(one.low, one.share),
            high=max(one.high, one.share),
            series=_TRIAL,
            told=f"{one.setting}: {one.share:.2f} [{one.low:.2f}, {one.high:.2f}]; by chance {one.chance:.3f}; "
            f"{'matters' if one.is_told else 'not shown to matter'}",
            is_doubtful=not one.is_told,
        )
        for one in found
    ]
    complete = sum(one.state is State.COMPLETE for one in report.trials)
    told = [
        f"What tells the better half of {count(complete, 'complete trial')} from all; the parts sum to 1.",
        f"Bars: 95 % of {REFITS} refits on resampled trials.",
    ]
    if any(not one.is_told for one in found):
        told.append("Hollow: no more than chance gives (returns shuffled among trials; 5 % over all settings).")
    if complete < len(report.trials):
        told.append("Trials that are not complete are not in it.")
    axis = f"part of the importance ({METHOD})"
    return Figure("study_importance", Intervals(title=axis, rows=rows, axis=axis), told, of=report.name)


def slices(report: Report, space: Space, *, default: Mapping[str, Any]) -> Iterator[Figure]:
    """The objective over each setting; `default` has the default configuration's values, as far as they are known."""
    for name, axis in space.axes.items():
        known = [one for one in report.trials if name in one.values]
        if not any(one.objective is not None for one in known):
            continue
        chart = _categories(name, axis, known) if isinstance(axis, Choice) else _range(name, axis, known, report)
        told = _captions(report, is_choice=isinstance(axis, Choice))
        if name in default:
            told.append(f"The default configuration has {value_text(default[name])}.")
        yield Figure("study_slices", chart, told, of=f"{report.name}, {name}")


def two_phases(found: Sequence[Phases], *, seeds: Sequence[int], of: str) -> Figure:
    """The mean of each configuration in the search, and below that on fresh seeds."""
    rows = [
        _phase(one, name, series, summary, returns)
        for one in found
        for name, series, summary, returns in (
            ("phase 1, the search", _TRIAL, one.searched, one.searched_returns),
            (f"phase 2, {count(len(seeds), 'fresh seed')}", _BEST, one.judged, one.judged_returns),
        )
        if summary is not None
    ]
    chart = Intervals(title=f"{_RETURN} in both phases, {of}", rows=rows, axis=_RETURN)
    return Figure("study_phases", chart, [_about_phases(found)], of=of)


def _phase(one: Phases, name: str, series: int, summary: Summary | None, returns: Sequence[float]) -> Row:
    if summary is None:
        raise RuntimeError("a phase without a mean")
    ends = "" if summary.low is None or summary.high is None else f" [{summary.low:.6g}, {summary.high:.6g}]"
    return Row(
        label=name,
        group=one.name,
        point=summary.point,
        low=summary.low,
        high=summary.high,
        others=returns,
        series=series,
        told=f"{one.name}, {name}: {summary.point:.6g}{ends}; {summary.method}; n = {summary.n}",
        summary=summary,
    )


def _steps(best: Sequence[tuple[int, float]], last: int) -> Line:
    """The best so far: it stays until there is a better one."""
    xs, ys = [float(best[0][0])], [best[0][1]]
    for number, value in best[1:]:
        if value != ys[-1]:
            xs += [float(number), float(number)]
            ys += [ys[-1], value]
    xs, ys = [*xs, float(last)], [*ys, ys[-1]]
    return Line(name="best so far", xs=xs, ys=ys, series=_BEST, manner=Manner.BOUND, is_named=False)


def _trials(placed: Sequence[tuple[float, Trial]]) -> Iterator[Line]:
    """A line of one point for each trial, for nothing joins them; the legend names one of each state.

    Pruned ones are hollow; those that failed, or still run, have no return.
    """
    named: set[State] = set()
    for x, one in placed:
        if one.objective is None:
            continue
        is_pruned = one.state is State.PRUNED
        yield Line(
            name=str(one.state),
            xs=[x],
            ys=[one.objective],
            lows=[min(one.returns.values(), default=None)],
            highs=[max(one.returns.values(), default=None)],
            series=_PRUNED if is_pruned else _TRIAL,
            is_named=one.state not in named,
            is_doubtful=[is_pruned],
        )
        named.add(one.state)
    lost = [x for x, one in placed if one.objective is None]
    if lost:
        yield Line(name="without a return", xs=[], ys=[], series=_FAILED, is_named=False, lost=lost)


def _range(name: str, axis: Range, trials: Sequence[Trial], report: Report) -> Lines:
    return Lines(
        title=f"{_RETURN} over {name}, {report.name}",
        lines=list(_trials([(float(one.values[name]), one) for one in trials])),
        x_axis=name,
        y_axis=_RETURN,
        is_x_log=axis.log,
        has_bars=True,
        is_markers_only=True,
        marks=_default_mark(report.default),
    )


def _categories(name: str, axis: Choice, trials: Sequence[Trial]) -> Intervals:
    """The trials of each value, and their mean."""
    rows = []
    for text in dict.fromkeys(map(_text, axis.values)):
        own = [one.objective for one in trials if one.objective is not None and _text(one.values[name]) == text]
        if not own:
            continue
        mean = sum(own) / len(own)
        told = f"{name} = {text}: mean {mean:.6g} of {count(len(own), 'trial')}, from {min(own):.6g} to {max(own):.6g}"
        rows.append(Row(label=text[:_LONGEST], point=mean, others=own, series=_TRIAL, told=told))
    return Intervals(title=f"{_RETURN} by {name}", rows=rows, axis=f"{_RETURN}, by {name}")


def _default_mark(default: Judged | None) -> list[Mark]:
    return [] if default is None or default.mean is None else [Mark(value=default.mean.point, name="default")]


def _captions(report: Report, *, is_choice: bool = False) -> list[str]:
    told = [
        "Small dots: trials; the marker is their mean." if is_choice else "Bars: lowest to highest seed of a trial."
    ]
    told += [] if is_choice else [_about_default(report.default)]
    return [*told, *_about_states(report.trials, is_choice=is_choice)]


def _about_default(default: Judged | None) -> str:
    if default is None:
        return "The default configuration is trained in phase 2, which has not been."
    if default.mean is None:
        return "The default configuration came to no return on fresh seeds."
    low, high = default.mean.low, default.mean.high
    ends = "" if low is None or high is None else f", with a 95 % interval from {low:.4g} to {high:.4g}"
    return f"Across: the default configuration on {count(default.mean.n, 'fresh seed')}{ends}."


def _about_states(trials: Sequence[Trial], *, is_choice: bool) -> Iterator[str]:
    states = [one.state for one in trials]
    if State.PRUNED in states:
        yield f"{'With' if is_choice else 'Hollow:'} {states.count(State.PRUNED)} pruned, with what they had."
    missing = [f"{states.count(state)} {state}" for state in (State.FAILED, State.RUNNING) if state in states]
    if missing:
        where = "Not shown" if is_choice else "Crosses at the lower edge"
        yield f"{where}: {' and '.join(missing)}, without a return."


def _about_phases(found: Sequence[Phases]) -> str:
    drop = mean_drop(found)
    told = (
        "Means with 95 % intervals (Student's t); small dots are seeds. "
        "Phase 1 chose these configurations for these means."
    )
    if drop is None:
        return told
    is_all = all(one.drop is not None for one in found if one.searched is not None)
    who = "they" if is_all else "those with all of them"
    return f"{told} On fresh seeds {who} came to {abs(drop):.3g} {'less' if drop >= 0 else 'more'}, on average."


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
