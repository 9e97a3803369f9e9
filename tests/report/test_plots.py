from __future__ import annotations

import importlib.resources
import itertools
import math
import re

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

from rlgauge.report import plots
from rlgauge.report.charts import Heat, Intervals, Key, Line, Lines, Manner, Mark, Row, Share, Shares
from rlgauge.report.page import styles
from rlgauge.report.plots_style import COLOURS, DASHES, MARKERS, dash, marker, numbers

mpl.use("Agg")
HOSTILE = "$x_{2}$ <b>&amp;\nof a run"
LONG = "a.module.of.mine:" + "setting=1," * 40 + "END"


@pytest.fixture
def axes():
    figure, axes = plt.subplots(layout="constrained")
    yield axes
    plt.close(figure)


def line(name="ours", *, factor=1.0, series=0, **more):
    return Line(name=name, xs=[1, 100], ys=[factor, 50 * factor], series=series, **more)


def lines(*given, **more):
    return Lines(**{"title": "t", "lines": given, "x_axis": "environments", "y_axis": "steps per second", **more})


def row(label="ours", *, point=1.0, series=0, **more):
    return Row(label=label, point=point, series=series, told="", **more)


def names(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def ticks(axis):
    axis.figure.canvas.draw()
    return [label.get_text() for label in axis.get_ticklabels()]


def test_draw_returns_the_axes_it_was_given_with_title_and_names(axes):
    assert plots.draw(axes, lines(line())) is axes
    assert (axes.get_title(loc="left"), axes.get_xlabel(), axes.get_ylabel()) == (
        "t",
        "environments",
        "steps per second",
    )


def test_colours_are_those_of_the_light_page():
    css = importlib.resources.files("rlgauge.report.page").joinpath("page.css").read_text()
    light = css[: css.index("@media")]
    assert re.findall(r"--s\d:(#\w+)", light)[: len(COLOURS)] == list(COLOURS)


@pytest.mark.parametrize("number", range(20))
def test_dashes_and_markers_are_those_of_the_page(number):
    on_page = {styles.dash(other): dash(other) for other in range(len(DASHES))}
    assert on_page[styles.dash(number)] == dash(number)
    alike = [
        other
        for other in range(8)
        if styles.marker(other, 0, 0).split("d=")[-1] == styles.marker(number, 0, 0).split("d=")[-1]
    ]
    (first,) = alike
    assert str(marker(first)["marker"]) == str(marker(number)["marker"])


def test_a_legend_stands_beside_the_axes_or_below_them_and_within_the_figure(axes):
    for name, is_below in (("theirs", False), ("of a name so long that no room is left", True)):
        axes.clear()
        plots.draw(axes, lines(line(), line(name, series=1)))
        axes.figure.canvas.draw()
        box, own = axes.get_legend().get_window_extent(), axes.get_window_extent()
        assert (box.y1 < axes.xaxis.get_tightbbox().y0) if is_below else (box.x0 >= own.x1)
        assert axes.figure.bbox.x0 <= box.x0 < box.x1 <= axes.figure.bbox.x1
        assert axes.figure.bbox.y0 <= box.y0 < box.y1 <= axes.figure.bbox.y1


def test_manners_are_told_by_keys_and_one_name_stands_once(axes):
    given = [line(), line(manner=Manner.BOUND, is_named=False, factor=9), line("theirs", series=1), line("ours")]
    plots.draw(axes, lines(*given, keys=[Key(name="memory bandwidth", manner=Manner.BOUND)]))
    assert names(axes) == ["ours", "theirs", "memory bandwidth"]


def test_bars_reach_from_low_to_high_where_there_are_such(axes):
    plots.draw(axes, lines(line(lows=[0.5, None], highs=[2.0, None]), has_bars=True, is_y_log=True))
    (bars,) = axes.collections
    assert [bar.tolist() for bar in bars.get_segments()] == [[[1, 0.5], [1, 2.0]]]


def test_a_band_that_leaves_few_seeds_is_cut(axes):
    mean = line(lows=[-90.0, -90.0], highs=[90.0, 90.0])
    plots.draw(axes, lines(mean, line("seed", factor=0.9, manner=Manner.THIN, is_named=False)))
    low, high = axes.get_ylim()
    assert -3 < low < 0.9
    assert 50 < high < 54
    assert len(axes.collections) == 1


def test_points_that_cannot_be_trusted_are_hollow(axes):
    plots.draw(axes, lines(line(is_doubtful=[False, True])))
    (hollow,) = [one for one in axes.lines if one.get_markerfacecolor() == axes.get_facecolor()]
    assert hollow.get_xydata().tolist() == [[100, 50]]


def test_what_has_no_value_is_a_cross_at_the_lower_edge(axes):
    plots.draw(axes, lines(line(lost=[50])))
    (cross,) = [one for one in axes.lines if one.get_marker() == "x"]
    assert list(cross.get_xdata()) == [50]
    assert cross.get_transform() == axes.get_xaxis_transform()


def test_a_long_line_has_few_markers_and_keeps_its_gaps(axes):
    ys = [math.nan if 40 < x < 60 else x for x in range(100)]
    plots.draw(axes, lines(Line(name="ours", xs=range(100), ys=ys, series=3)))
    whole, points = axes.lines
    assert math.isnan(whole.get_ydata()[50])
    assert 5 <= len(points.get_xdata()) <= 8
    assert not any(40 < x < 60 for x in points.get_xdata())


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([15.0, 17.5, 20.0], ["15.0", "17.5", "20.0"]),
        ([0.0, 1e5, 2e5], ["0", "100k", "200k"]),
        ([1_000_001.0, 1_000_002.0], ["1.000001M", "1.000002M"]),
        ([-2e6, 0.0], ["-2M", "0"]),
        ([-0.0, 0.5], ["0.0", "0.5"]),
        ([2e-5, 4e-5], ["2e-05", "4e-05"]),
    ],
)
def test_numbers_of_axes_are_short_and_not_rounded(values, told):
    assert numbers(values) == told


def test_a_narrow_logarithmic_axis_has_numbers_too(axes):
    plots.draw(axes, Intervals(title="t", rows=[row(point=0.97, low=0.9, high=1.3)], axis="times", is_log=True))
    low, high = axes.get_xlim()
    shown = [float(text) for text in ticks(axes.xaxis) if low <= float(text) <= high]
    assert len(shown) >= 3


def test_sizes_of_chunks_are_named_as_they_are(axes):
    given = Line(name="ours", xs=[1, 4, 16], ys=[1e8, 2e8, 3e8], series=0)
    plots.draw(axes, lines(given, is_x_log=True, log_base=2))
    assert {"1", "4", "16"} <= set(ticks(axes.xaxis))
    assert "200M" in ticks(axes.yaxis)


def test_less_than_two_decades_have_more_than_one_number(axes):
    plots.draw(axes, lines(Line(name="ours", xs=[1000, 5000], ys=[1, 2], series=0), is_x_log=True))
    assert {"1k", "2k", "5k"} <= set(ticks(axes.xaxis))


def test_rows_stand_from_the_top_under_the_names_of_their_groups(axes):
    rows = [row("a", point=1.0, low=0.5, high=2.0, group="x"), row("b", point=3.0, group="x"), row("a", group="y")]
    plots.draw(axes, Intervals(title="t", rows=rows, axis="score"))
    assert ticks(axes.yaxis) == ["a", "b", "a"]
    places = [place for text in axes.texts for place in [text.get_position()[1]]]
    first, second, third = axes.get_yticks()
    assert places[0] < first < second < places[1] < third
    assert [text.get_text() for text in axes.texts] == ["x", "y"]
    (bars,) = axes.collections
    assert [bar[:, 0].tolist() for bar in bars.get_segments()] == [[0.5, 2.0]]


def test_a_row_has_its_dots_and_one_that_cannot_be_trusted_is_hollow(axes):
    rows = [row(others=[0.5, 1.5]), row("theirs", series=1, is_doubtful=True)]
    plots.draw(axes, Intervals(title="t", rows=rows, axis="score"))
    dots, _, hollow = axes.lines
    assert list(dots.get_xdata()) == [0.5, 1.5]
    assert hollow.get_markerfacecolor() == axes.get_facecolor()


def test_marks_and_the_band_are_named_above_the_axes_without_covering_one_another(axes):
    marks = [Mark(value=1.0, name="the baseline"), Mark(value=1.01, name="the target")]
    chart = Intervals(
        title="t", rows=[row(), row(point=2.0)], axis="times", marks=marks, band=(0.9, 1.1), band_name="noise"
    )
    plots.draw(axes, chart)
    axes.figure.canvas.draw()
    boxes = [text.get_window_extent() for text in axes.texts]
    assert sorted(text.get_text() for text in axes.texts) == ["noise", "the baseline", "the target"]
    assert all(box.y0 >= axes.get_window_extent().y1 for box in boxes)
    assert not any(one.overlaps(other) for place, one in enumerate(boxes) for other in boxes[place + 1 :])
    title = axes.title if axes.title.get_text() else axes._left_title
    assert title.get_window_extent().y0 >= max(box.y1 for box in boxes) - 1


def test_a_key_of_one_series_has_its_colour_and_an_axis_may_begin_at_zero(axes):
    own = [Line(name="a", xs=[3990.0, 4000.0], ys=[1.0, 2.0], series=0)]
    keys = [Key(name="best", manner=Manner.BOUND, series=2)]
    plots.draw(axes, Lines(title="t", lines=own, x_axis="steps", y_axis="y", keys=keys, is_x_from_zero=True))
    assert axes.get_legend().get_lines()[-1].get_color() == COLOURS[2]
    low, high = axes.get_xlim()
    assert low <= 0.0
    assert high >= 4000.0


def test_an_axis_shows_all_that_a_probability_can_be(axes):
    plots.draw(axes, Intervals(title="t", rows=[row(point=0.9)], axis="probability", within=(0.0, 1.0)))
    low, high = axes.get_xlim()
    assert low <= 0.0
    assert high >= 1.0


def test_intervals_without_an_end_reach_to_the_edge_and_what_is_no_number_is_left_out(axes):
    rows = [row(low=-math.inf, high=math.inf), row("nothing", point=math.nan)]
    plots.draw(axes, Intervals(title="t", rows=rows, axis="score"))
    (bars,) = axes.collections
    assert tuple(bars.get_segments()[0][:, 0]) == axes.get_xlim()


def test_a_heat_map_is_written_in_each_cell_and_what_is_missing_has_no_colour(axes):
    chart = Heat(
        title="t",
        rows=["a", "b"],
        columns=["one", "two"],
        values=[[0.0, 1.0], [None, 0.5]],
        texts=[["0", "1"], ["-", "0.5"]],
        told=[["", ""], ["", ""]],
        axis="score",
    )
    plots.draw(axes, chart)
    assert [text.get_text() for text in axes.texts] == ["0", "1", "-", "0.5"]
    (grid,) = axes.collections
    shades = [tuple(colour) for colour in grid.get_array().reshape(4, 4)]
    assert len(set(shades)) == 4
    assert max(colour[3] for colour in shades if colour[:3] != shades[2][:3]) <= 0.55


def test_columns_that_are_too_narrow_have_their_numbers_turned_and_apart(axes):
    many = 40
    chart = Heat(
        title="t",
        rows=["a", "b"],
        columns=[f"column {number}" for number in range(many)],
        values=[[1.0] * many] * 2,
        texts=[["1234.5"] * many] * 2,
        told=[[""] * many] * 2,
        axis="score",
    )
    plots.draw(axes, chart)
    axes.figure.canvas.draw()
    boxes = [text.get_window_extent() for text in axes.texts]
    assert not any(one.overlaps(other) for one, other in itertools.pairwise(boxes))
    assert plots.num_rows(chart, width=axes.get_window_extent().width) > 5


def test_parts_make_up_a_whole_and_are_named_where_there_is_room(axes):
    rows = [Share(label="a", parts=[3.0, 1.0, 0.0], told=""), Share(label="b", parts=[0.1, 99.0, 1.0], told="")]
    plots.draw(axes, Shares(title="t", names=["fell", "late", "error"], rows=rows, axis="share"))
    widths = [[bar.get_width() for bar in bars] for bars in axes.containers]
    assert sum(width for (width,) in widths) == pytest.approx(2.0)
    assert len(widths) == 5
    assert [text.get_text() for text in axes.texts] == ["fell", "late", "late"]
    assert names(axes) == ["fell", "late", "error"]


def test_names_are_text_whatever_they_are(axes):
    plots.draw(axes, lines(line(HOSTILE), line("theirs", series=1), title=HOSTILE))
    axes.figure.canvas.draw()
    assert names(axes)[0] == r"\$x_{2}\$ <b>&amp; of a run"


def test_a_long_name_is_folded_and_what_is_cut_is_told():
    chart = Intervals(title="t", rows=[row("short"), row(LONG)], axis="score")
    ((short, full),) = plots.cut_names(chart)
    assert full == LONG
    assert short.startswith("a.module.of.mine")
    assert short.endswith("END")
    assert len(short) < 80


@pytest.mark.parametrize(
    "chart",
    [
        lines(line().__class__(name="ours", xs=[], ys=[], series=0)),
        Intervals(title="t", rows=[], axis="score"),
        Shares(title="t", names=["a"], rows=[], axis="share"),
    ],
)
def test_a_chart_without_anything_is_empty(chart):
    assert plots.is_empty(chart)


def test_hollow_markers_have_an_inside():
    assert len(set(MARKERS)) == 8
    assert not {"x", "+", "|", "_"} & set(MARKERS)


def test_sizes_of_chunks_are_written_as_powers_of_two(axes):
    sizes = Line(name="ours", xs=[1, 16, 65_536], ys=[1, 2, 3], series=0)
    plots.draw(axes, lines(sizes, is_x_log=True, log_base=2))
    found = {float(one.replace(",", "")) for one in ticks(axes.xaxis)}
    assert {1.0, 65_536.0} & found
    assert all(math.log2(one).is_integer() for one in found)


def test_trials_are_counted_in_whole_numbers(axes):
    plots.draw(axes, lines(Line(name="ours", xs=list(range(4)), ys=[0.0, 1.0, 2.0, 3.0], series=0)))
    assert {"0", "1", "2", "3"} <= set(ticks(axes.xaxis))
    assert all(one.lstrip("-").isdigit() for one in ticks(axes.xaxis))


def test_bars_of_single_seeds_are_whole_where_bands_would_be_cut(axes):
    seed = line("seed", manner=Manner.THIN, is_named=False)
    plots.draw(axes, lines(line(lows=[-90.0, -90.0], highs=[90.0, 90.0]), seed, has_bars=True))
    low, high = axes.get_ylim()
    assert low < -90 < 90 < high


def test_a_single_point_of_a_limit_is_seen(axes):
    plots.draw(axes, lines(line(), Line(name="b", xs=[10], ys=[9.0], series=0, manner=Manner.BOUND, is_named=False)))
    assert [one.get_xydata().tolist() for one in axes.lines if one.get_marker() == "_"] == [[[10, 9]]]
