"""Figures of a study through matplotlib; each draws on given Axes, and what it returns is the small print.

Colours and markers are those of `rlgauge.report.plots`. A pruned trial is hollow. One that failed or still runs has no
return, and stands below a line at the lower edge.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from rlgauge.compare.phrases import count
from rlgauge.report.plots import COLOURS, MARKERS
from rlgauge.tune.phase2 import Judged
from rlgauge.tune.report_importance import METHOD, REFITS, Importance
from rlgauge.tune.report_phases import Phases, mean_drop
from rlgauge.tune.report_study import Report, best_so_far
from rlgauge.tune.space import Axis, Choice, Range, Space
from rlgauge.tune.trial import State, Trial

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

_TRIAL, _FAILED, _BEST, _PRUNED = COLOURS[0], COLOURS[1], COLOURS[2], COLOURS[4]
_DEFAULT, _RUNNING = "#000000", "#777777"
_DASHES = ("-", "--", "-.", ":")
_SIZE = 4.5
_EDGE, _STRIP = 0.035, 0.07
"""Where stands what has no return, and how high is its strip at the lower edge, as parts of the height."""
_MOST_COLUMNS, _PANEL_HEIGHT, _AROUND = 3, 2.3, 1.1
"""Of slices; heights in inches, that of a row of panels and of what stands above and below all."""
_SPREAD = 0.25
"""How far from the middle of a category its trials lie at most."""
_PAD, _ALONE = 0.06, 1.5
"""Room beside the ends of a range: a part of it, and a factor where it has no width."""
_LONGEST_LABEL, _LONGEST_NAME, _MOST_CHARACTERS, _MOST_LINES = 16, 26, 34, 4
"""Characters of a category and of a setting's name in a line, of all categories beside each other; lines of one."""
_DODGE = 0.18
"""How far from the middle of a phase the first and the last configuration stand."""
_DOT = {"linestyle": "none", "marker": ".", "markersize": 3}
_END = {"linestyle": "none", "marker": "_", "markersize": 4}
_BESIDE = 0.025
"""How far right of its mean the seeds of a configuration stand."""
_UNTOLD = "Bars of trials: lowest to highest seed."


class _Mark(NamedTuple):
    """How trials of a state look."""

    colour: str
    marker: str
    is_hollow: bool = False

    @property
    def style(self) -> dict[str, Any]:
        """For matplotlib."""
        face = "white" if self.is_hollow else self.colour
        return {
            "color": self.colour,
            "marker": self.marker,
            "markerfacecolor": face,
            "markersize": _SIZE,
            "linestyle": "none",
        }


_MARKS = {
    State.COMPLETE: _Mark(_TRIAL, MARKERS[0]),
    State.PRUNED: _Mark(_PRUNED, MARKERS[2], is_hollow=True),
    State.FAILED: _Mark(_FAILED, "x"),
    State.RUNNING: _Mark(_RUNNING, "+"),
}


def history(axes: Axes, report: Report) -> str:
    """Each trial's objective, the spread of its seeds, the best so far and the default configuration."""
    from matplotlib.ticker import MaxNLocator

    trials = report.trials
    lines: list[Artist] = list(_trials(axes, [(one, float(one.number)) for one in trials]))
    best = [(one.number, value) for one, value in zip(trials, best_so_far(trials), strict=True) if value is not None]
    if best:
        xs, ys = zip(*best, strict=True)
        lines += axes.plot(xs, ys, drawstyle="steps-post", color=_BEST, linewidth=1.5, label="best so far", zorder=1.5)
    lines += _default_line(axes, report.default)
    axes.set(xlabel="trial", ylabel="mean test return", xlim=(-0.7, max(one.number for one in trials) + 0.7))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _part_off([axes], trials)
    _finish(axes, lines)
    return " ".join([_UNTOLD, _about_default(report.default), *_about_states(trials)])


def importance(axes: Axes, found: Sequence[Importance], trials: Sequence[Trial]) -> str:
    """How much each setting matters, the most important at the top, and how much refits differ."""
    for place, one in enumerate(found):
        axes.hlines(place, one.low, one.high, color=_TRIAL, linewidth=1.2)
        axes.plot([one.low, one.high], [place, place], color=_TRIAL, linestyle="none", marker="|", markersize=6)
        axes.plot(one.share, place, **_Mark(_TRIAL, MARKERS[0], is_hollow=not one.is_told).style)
    axes.set_yticks(range(len(found)), [_folded(one.setting) for one in found])
    axes.set(xlim=(-0.02, 1.02), ylim=(len(found) - 0.5, -0.5), xlabel=f"part of the importance ({METHOD})")
    axes.grid(visible=True, axis="x", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    complete = sum(one.state is State.COMPLETE for one in trials)
    told = [
        f"What tells the better half of {count(complete, 'complete trial')} from all; the parts sum to 1.",
        f"Bars: 95 % of {REFITS} refits on resampled trials.",
    ]
    if any(not one.is_told for one in found):
        told.append("Hollow: no more than chance gives (returns shuffled among trials; 5 % over all settings).")
    if complete < len(trials):
        told.append("Trials that are not complete are not in it.")
    return " ".join(told)


def slices(axes: Axes, report: Report, space: Space, *, default: Mapping[str, Any]) -> str:
    """The objective over each setting, a panel each, the first of which are the Axes; the figure is as tall as needed.

    `default` has the default configuration's values, as far as they are known.
    """
    columns = min(_MOST_COLUMNS, len(space.axes))
    rows = math.ceil(len(space.axes) / columns)
    figure: Any = axes.figure
    figure.set_figheight(rows * _PANEL_HEIGHT + _AROUND)
    grid = figure.add_gridspec(rows, columns)
    axes.set_subplotspec(grid[0, 0])
    lines: list[Artist] = []
    panels = [axes]
    for place, (name, axis) in enumerate(space.axes.items()):
        cell = grid[place // columns, place % columns]
        if place:
            panels.append(figure.add_subplot(cell, sharey=axes))
        panel = panels[-1]
        drawn = _slice(panel, report, name, axis, default=default)
        lines = drawn if len(drawn) > len(lines) else lines
        is_first = place % columns == 0
        panel.tick_params(labelleft=is_first, labelsize="x-small")
        panel.set_ylabel("mean test return" if is_first else "", fontsize="small")
    _part_off(panels, report.trials)
    figure.legend(handles=lines, frameon=False, fontsize="x-small", loc="outside upper right", ncols=len(lines))
    return " ".join([_UNTOLD, _about_default(report.default), *_about_states(report.trials)])


def two_phases(axes: Axes, found: Sequence[Phases], *, seeds: Sequence[int], searched: int) -> str:
    """The mean of each configuration in the search beside that on fresh seeds, joined by a line."""
    lines: list[Artist] = []
    width = max(1, len(found) - 1)
    for place, one in enumerate(found):
        away, style = _DODGE * (2 * place / width - 1), _style(one, place - 1)
        own = [(x + away, part) for x, part in ((0, one.searched), (1, one.judged)) if part is not None]
        lines += axes.plot([x for x, _ in own], [part.point for _, part in own], label=one.name, **style)
        for x, returns in ((away, one.searched_returns), (1 + away, one.judged_returns)):
            axes.plot([x + _BESIDE] * len(returns), returns, alpha=0.5, **{**style, **_DOT})
        for x, part in own:
            if part.low is not None and part.high is not None:
                axes.vlines(x, part.low, part.high, color=style["color"], linewidth=0.9)
                axes.plot([x, x], [part.low, part.high], **{**style, **_END})
    names = [f"phase 1, the search\n({count(searched, 'seed')})", f"phase 2\n({count(len(seeds), 'fresh seed')})"]
    axes.set_xticks([0, 1], names)
    axes.set(xlim=(-0.5, 1.5), ylabel="mean test return")
    _finish(axes, lines)
    axes.grid(visible=False, axis="x")
    return _about_phases(found)


def _style(one: Phases, number: int) -> dict[str, Any]:
    """Of a configuration: black is the default's alone."""
    if one.number is None:
        return {"color": _DEFAULT, "marker": "*", "markersize": 2 * _SIZE, "linestyle": "none"}
    colours = [colour for colour in COLOURS if colour != _DEFAULT]
    return {
        "color": colours[number % len(colours)],
        "marker": MARKERS[number % len(MARKERS)],
        "markersize": _SIZE,
        "linestyle": _DASHES[number // len(colours) % len(_DASHES)],
        "linewidth": 1.3,
    }


def _slice(axes: Axes, report: Report, name: str, axis: Axis, *, default: Mapping[str, Any]) -> list[Artist]:
    """The trials over a setting; what a legend names."""
    known = [one for one in report.trials if name in one.values]
    has_default = name in default and report.default is not None and report.default.mean is not None
    others = [default[name]] if has_default else []
    at: float | None
    if isinstance(axis, Choice):
        labels = list(dict.fromkeys(map(_text, [*axis.values, *others])))
        places = _spread([labels.index(_text(one.values[name])) for one in known])
        _name_categories(axes, labels)
        at = next((float(labels.index(_text(one))) for one in others), None)
    else:
        places = [float(one.values[name]) for one in known]
        at = next((float(one) for one in others if _is_number(one) and (one > 0 or not axis.log)), None)
        _show_range(axes, axis, others=[] if at is None else [at])
    lines: list[Artist] = list(_trials(axes, list(zip(known, places, strict=True))))
    lines += _default_line(axes, report.default, at=at)
    axes.set_xlabel(_folded(name), fontsize="small")
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    return lines


def _show_range(axes: Axes, axis: Range, *, others: Sequence[float]) -> None:
    """Show all that the space has, and what others there are."""
    low, high = min([axis.low, *others]), max([axis.high, *others])
    if axis.log:
        away = (high / low) ** _PAD if high > low else _ALONE
        axes.set(xscale="log", xlim=(low / away, high * away))
    else:
        away = (high - low) * _PAD or abs(high) or 1.0
        axes.set_xlim(low - away, high + away)


def _name_categories(axes: Axes, labels: Sequence[str]) -> None:
    short = ["\n".join(_shortened(line) for line in one.splitlines()[:_MOST_LINES]) for one in labels]
    is_long = sum(max(map(len, one.splitlines()), default=0) for one in short) > _MOST_CHARACTERS
    axes.set_xticks(range(len(short)), short, rotation=30 if is_long else 0, ha="right" if is_long else "center")
    axes.set_xlim(-0.6, len(short) - 0.4)


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_LABEL else f"{text[: _LONGEST_LABEL - 3]}..."


def _spread(places: Sequence[int]) -> list[float]:
    """Places beside each other where several trials have a category, the first trial at the left."""
    found = []
    for index, place in enumerate(places):
        number, before = places.count(place), places[:index].count(place)
        found.append(place + (_SPREAD * (2 * before / (number - 1) - 1) if number > 1 else 0.0))
    return found


def _trials(axes: Axes, placed: Sequence[tuple[Trial, float]]) -> Iterator[Artist]:
    """Draw trials at their places; what a legend names, one a state."""
    for state, mark in _MARKS.items():
        own = [(one, x) for one, x in placed if one.state is state]
        if not own:
            continue
        known = [(x, one.objective, list(one.returns.values())) for one, x in own if one.objective is not None]
        axes.vlines(
            [x for x, _, _ in known],
            [min(returns, default=y) for _, y, returns in known],
            [max(returns, default=y) for _, y, returns in known],
            color=mark.colour,
            linewidth=0.8,
            alpha=0.5,
        )
        lines = axes.plot([x for x, _, _ in known], [y for _, y, _ in known], label=str(state), **mark.style)
        if unknown := [x for one, x in own if one.objective is None]:
            axes.plot(unknown, [_EDGE] * len(unknown), transform=axes.get_xaxis_transform(), **mark.style)
        yield lines[0]


def _part_off(panels: Sequence[Axes], trials: Sequence[Trial]) -> None:
    """Make room at the lower edge for trials without a return. The panels have one scale of returns."""
    if all(one.objective is not None for one in trials):
        return
    low, high = panels[0].get_ylim()
    panels[0].set_yticks([tick for tick in panels[0].get_yticks() if low <= tick <= high])
    panels[0].set_ylim(low - (high - low) * _STRIP / (1 - _STRIP), high)
    for panel in panels:
        panel.plot([0, 1], [_STRIP, _STRIP], transform=panel.transAxes, color=_RUNNING, linewidth=0.6)


def _default_line(axes: Axes, default: Judged | None, *, at: float | None = None) -> list[Artist]:
    """The default configuration's mean, with a star where its value is known."""
    if default is None or default.mean is None:
        return []
    mean = default.mean
    if mean.low is not None and mean.high is not None:
        axes.axhspan(mean.low, mean.high, color=_DEFAULT, alpha=0.08, linewidth=0)
    line = axes.axhline(mean.point, color=_DEFAULT, linestyle="--", linewidth=1, label="default", zorder=1.4)
    if at is None:
        return [line]
    style: dict[str, Any] = {"color": _DEFAULT, "linestyle": "--", "linewidth": 1, "marker": "*"}
    return list(axes.plot(at, mean.point, markersize=2 * _SIZE, label="default", **style))


def _about_default(default: Judged | None) -> str:
    if default is None:
        return "The default configuration is trained in phase 2, which has not been."
    if default.mean is None:
        return "The default configuration came to no return on fresh seeds."
    band = "" if default.mean.low is None else ", and its 95 % interval"
    return f"Dashed: the default configuration on {count(default.mean.n, 'fresh seed')}{band}."


def _about_states(trials: Sequence[Trial]) -> Iterator[str]:
    states = [one.state for one in trials]
    if State.PRUNED in states:
        yield f"Hollow: {states.count(State.PRUNED)} pruned, with what they had."
    missing = [f"{states.count(state)} {state}" for state in (State.FAILED, State.RUNNING) if state in states]
    if missing:
        yield f"Below the line: {' and '.join(missing)}, without a return."


def _about_phases(found: Sequence[Phases]) -> str:
    drop = mean_drop(found)
    told = (
        "Means with 95 % intervals (Student's t), and beside them the seeds. "
        "Phase 1 chose these configurations for these means."
    )
    if drop is None:
        return told
    is_all = all(one.drop is not None for one in found if one.searched is not None)
    who = "they" if is_all else "those with all of them"
    return f"{told} On fresh seeds {who} came to {abs(drop):.3g} {'less' if drop >= 0 else 'more'}, on average."


def _finish(axes: Axes, lines: Sequence[Artist]) -> None:
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(
        handles=lines, frameon=False, fontsize="x-small", loc="upper left", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.0
    )


def _folded(name: str) -> str:
    """A dotted path in lines that are not too long."""
    lines = [""]
    for part in name.split("."):
        if lines[-1] and len(lines[-1]) + len(part) > _LONGEST_NAME:
            lines.append("")
        lines[-1] += f"{part}."
    return "\n".join(lines)[:-1]


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _text(value: object) -> str:
    """The value as a label, of a mapping a line for each entry."""
    if isinstance(value, Mapping) and value:
        return "\n".join(f"{name}={_text(one)}" for name, one in value.items())
    return value if isinstance(value, str) else json.dumps(value)
