"""The learning curves of a report: a figure for each task, a line for each algorithm."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rlgauge.cli.plot_curves import Trained, alone_of, note_of, seeds_of, series_of, trained, what_of
from rlgauge.cli.summary import Asked
from rlgauge.report.charts import Line, Lines, Manner
from rlgauge.report.content import Block, Figure, Heading, Section
from rlgauge.report.plots import Series


def sections(found: Asked, numbers: Mapping[str, int]) -> Iterator[Section]:
    """One, where there are trainings with curves; groups have the colours of these numbers, others the next ones."""
    tasks = trained([reading for reading in found.readings if found.question.asks_for(reading)])
    names = dict.fromkeys([*numbers, *(name for algorithms in tasks.values() for name in algorithms)])
    places = {name: place for place, name in enumerate(names)}
    drawn = [part for task, algorithms in tasks.items() for part in _task(task, algorithms, places)]
    if drawn:
        yield Section(name="curves", title="Learning curves", body=drawn)


def _task(task: str, algorithms: Mapping[str, list[Trained]], places: Mapping[str, int]) -> list[Block]:
    """The figure of a task; nothing where no training has a curve."""
    curves: list[Line] = []
    for name, runs in algorithms.items():
        place = places[name]
        curves += [_line(one, place, Manner.THIN) for one in seeds_of(runs)]
        curves += [_line(alone_of(run), place, Manner.DOTTED) for run in runs if not run.is_whole]
        curves.append(_line(series_of(name, runs), place))
    curves = [one for one in curves if one.xs]
    if not curves:
        return []
    what = what_of(algorithms.values())
    chart = Lines(title=f"{what}, {task}", lines=curves, x_axis="environment steps", y_axis=what)
    return [Heading(task), Figure("learning_curve", chart, [note_of(algorithms.values())], of=task)]


def _line(one: Series, place: int, manner: Manner = Manner.PLAIN) -> Line:
    return Line(
        name=one.name,
        xs=one.xs,
        ys=one.ys,
        lows=one.lows or (),
        highs=one.highs or (),
        series=place,
        manner=manner,
        is_named=manner is Manner.PLAIN,
    )
