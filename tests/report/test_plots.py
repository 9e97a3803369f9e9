from __future__ import annotations

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

from rlgauge.report import plots
from rlgauge.report.plots import Series

mpl.use("Agg")


@pytest.fixture
def axes():
    figure, axes = plt.subplots(layout="constrained")
    yield axes
    plt.close(figure)


def series(name="ours", *, factor=1.0, **more):
    return Series(name=name, xs=[1, 100], ys=[1e6 * factor, 5e7 * factor], **more)


def names(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def ticks(axis):
    axis.figure.canvas.draw()
    return [label.get_text() for label in axis.get_ticklabels()]


def test_lines_are_told_by_a_legend_beside_the_axes(axes):
    plots.throughput_scaling(axes, [series("ours"), series("theirs", factor=2)])
    axes.figure.canvas.draw()
    assert names(axes) == ["ours", "theirs"]
    assert axes.get_legend().get_window_extent().x0 >= axes.get_window_extent().x1
    assert axes.get_legend().get_window_extent().x1 <= axes.figure.bbox.x1


def test_a_single_line_is_the_title(axes):
    plots.throughput_scaling(axes, [series()])
    assert axes.get_title(loc="left") == "ours"
    assert axes.get_legend() is None


def test_rooflines_are_in_the_legend_once(axes):
    plots.throughput_scaling(axes, [series("ours"), series("theirs")], rooflines=[series("roof", factor=9)] * 2)
    assert names(axes) == ["ours", "theirs", "memory bandwidth"]


def test_bars_reach_from_low_to_high_where_there_are_such(axes):
    plots.throughput_scaling(axes, [series(lows=[9e5, None], highs=[2e6, None])])
    (bars,) = axes.collections
    (bar,) = bars.get_segments()
    assert bar.tolist() == [[1, 9e5], [1, 2e6]]


def test_points_that_cannot_be_trusted_are_hollow(axes):
    plots.scaling_efficiency(axes, [series(is_doubtful=[False, True])], bests=[1e8])
    (hollow,) = [line for line in axes.lines if line.get_markerfacecolor() == "white"]
    assert hollow.get_xydata().tolist() == [[100, 0.5]]


def test_planned_is_solid_and_held_dashed_in_the_colour_of_its_library(axes):
    nothing = Series(name="theirs", xs=[], ys=[])
    plots.memory_scaling(axes, [series(), nothing], held=[series(factor=3), series("theirs")])
    assert [line.get_linestyle() for line in axes.lines] == ["-", "--", "-", "--"]
    colours = [line.get_color() for line in axes.lines]
    assert colours[0] == colours[1] != colours[2] == colours[3]
    assert names(axes) == [
        *("ours", "theirs", "planned by the compiler"),
        "held beyond a single\nenvironment's process",
    ]


def test_only_what_is_drawn_of_memory_is_in_the_legend(axes):
    plots.memory_scaling(axes, [series()], held=[Series(name="ours", xs=[], ys=[])])
    assert names(axes) == ["ours", "planned by the compiler"]


def test_linear_axes_have_numbers_as_short_as_others(axes):
    chunks = Series(name="ours", xs=[1, 4, 16], ys=[1e8, 2e8, 3e8])
    plots.scan_chunk_sensitivity(axes, [chunks])
    assert "200M" in ticks(axes.yaxis)
    assert axes.yaxis.get_offset_text().get_text() == ""
    assert {"1", "4", "16"} <= set(ticks(axes.xaxis))


def test_less_than_two_decades_have_more_than_one_number(axes):
    plots.throughput_scaling(axes, [Series(name="ours", xs=[1000, 5000], ys=[2e6, 7e6])])
    assert {"1k", "2k", "5k"} <= set(ticks(axes.xaxis))


def test_libraries_stand_by_their_best_and_say_where_that_was(axes):
    slow = Series(name="slow", xs=[1, 100_000], ys=[2.25e6, 1e6])
    plots.library_comparison(axes, [slow, series("fast, because it is written in another language")])
    assert ticks(axes.yaxis) == ["fast, because it is written\nin another language", "slow"]
    assert [text.get_text() for text in axes.texts] == ["50M at 100", "2.25M at 1"]


def test_a_long_name_is_broken(axes):
    plots.throughput_scaling(axes, [series("x" * 40), series("theirs")])
    assert max(len(line) for line in names(axes)[0].split("\n")) <= 28
