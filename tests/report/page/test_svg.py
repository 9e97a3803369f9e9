"""Figures: names have room, and marks differ from the grid."""

from __future__ import annotations

import itertools
import math
import re

import pytest

from rlgauge.report.charts import Heat, Intervals, Key, Line, Lines, Manner, Mark, Row, Share, Shares
from rlgauge.report.page.axes import ABOVE, LEFT, NARROW, WIDTH
from rlgauge.report.page.scales import Scale
from rlgauge.report.page.styles import _MARKERS, marker
from rlgauge.report.page.svg import draw, legend

FONT_SIZE = 12


def row(label):
    return Row(label=label, point=0.5, low=0.4, high=0.6, series=0, told=label)


@pytest.mark.parametrize("name", ["ppo-hopper > sac-hopper", "random > ppo_large_network", "MMMM > WWWWW", "a > b"])
def test_a_name_has_room_in_a_wide_font(name):
    path = pytest.importorskip("matplotlib.textpath")
    drawn = str(draw(Intervals(title="t", rows=[row(name)], axis="a")))
    (end,) = map(float, re.findall(r'<text x="([\d.]+)" y="[\d.]+" class="end"', drawn))
    width = path.TextPath((0, 0), name, size=FONT_SIZE).get_extents().width
    assert width < end


def test_names_that_would_take_most_of_a_figure_stand_above_their_rows():
    chart = Intervals(title="t", rows=[row("ppo-hopper > sac-hopper")], axis="a")
    assert 'class="end"' in draw(chart, WIDTH)
    assert '<text x="6" y="-11" class="over">ppo-hopper &gt; sac-hopper</text>' in draw(chart, NARROW)


LONG = "a name that goes on and on " * 5


@pytest.mark.parametrize("width", [WIDTH, NARROW])
def test_a_name_is_cut_only_where_there_is_no_room_and_is_told_in_full(width):
    names = ["metaworld/assembly-v2-goal-observable-x", LONG]
    rows = [Row(label=name, group=name, point=0.5, series=0, told="0.5") for name in names]
    drawn = str(draw(Intervals(title="t", rows=rows, axis="a"), width))
    assert drawn.count(f'class="over">{names[0]}</text>') == drawn.count(f'class="group">{names[0]}</text>') == 1
    assert len(re.findall(rf">a name [^<…]+…[^<…]+ on and on <title>{LONG}</title></text>", drawn)) == 2
    assert f'aria-label="{LONG}: {LONG}: 0.5"' in drawn
    assert f'aria-label="{names[0]}' not in drawn


def test_a_grid_cuts_the_names_of_rows_that_would_leave_it_no_room():
    chart = Heat(title="t", rows=[LONG], columns=[LONG], values=[[1.0]], texts=[["1"]], told=[["1.0"]], axis="a")
    drawn = str(draw(chart))
    assert drawn.count(f"<title>{LONG}</title>") == 2
    assert f'aria-label="{LONG}: {LONG}: 1.0"' in drawn
    (at,) = map(float, re.findall(r'class="cell c0" x="([\d.]+)"', drawn))
    assert at < WIDTH / 2


def middles(drawn, class_):
    """The words of texts that stand around their middle, with where that is."""
    found = re.findall(rf'<text x="([\d.]+)"[^>]*class="{class_} mid">([^<]*)', drawn)
    return [(words, float(x)) for x, words in found]


@pytest.mark.parametrize(
    "axis", ["return: a stronger colour is more, within each task", "share of all the episodes " * 4]
)
def test_what_an_axis_says_begins_and_ends_within_a_narrow_figure(axis):
    path = pytest.importorskip("matplotlib.textpath")
    heat = Heat(title="t", rows=["r" * 22], columns=["c"], values=[[1.0]], texts=[["1"]], told=[["1"]], axis=axis)
    shares = Shares(title="t", names=["x"], rows=[Share(label="r" * 40, parts=[1.0], told="")], axis=axis)
    for chart in (heat, shares):
        drawn = str(draw(chart, NARROW))
        assert " ".join(words for words, _ in middles(drawn, "axis")).strip() == axis.strip()
        for words, middle in (*middles(drawn, "axis"), *middles(drawn, "tick")):
            half = path.TextPath((0, 0), words, size=FONT_SIZE).get_extents().width / 2
            assert half <= middle <= NARROW - half


def test_a_grid_of_more_columns_than_have_room_scrolls_in_a_narrow_figure_as_in_a_wide_one():
    names = [f"c{place}" for place in range(60)]
    one = ["1"] * 60
    chart = Heat(title="t", rows=["r"], columns=names, values=[[1.0] * 60], texts=[one], told=[one], axis="a")
    for width, kind in ((WIDTH, "wide"), (NARROW, "narrow")):
        assert re.search(rf'class="figure {kind}" style="--w:13px;min-width:\d+px"', draw(chart, width))


def test_no_mark_is_a_mere_stroke_of_the_grid():
    for number in range(len(_MARKERS)):
        drawn = str(marker(number, 0, 0))
        assert "z" in drawn or drawn.count("m") > 2


def line(**given):
    return Line(**{"name": "a", "xs": [1.0, 2.0, 3.0], "ys": [1.0, 2.0, 3.0], "series": 0, **given})


def lines(*found, **given):
    return str(draw(Lines(title="t", lines=found, x_axis="x", y_axis="y", **given)))


def points(drawn):
    """The places of the only line, in pixels."""
    (path,) = re.findall(r'class="line fine c0" d="M([^"]*)"', drawn)
    steps = [int(one) for one in re.findall(r"-?\d+", path)]
    across, down = (list(itertools.accumulate(steps[first::2])) for first in (0, 1))
    return [(x / 2, y / 2) for x, y in zip(across, down, strict=True)]


def test_a_line_passes_every_point_within_a_pixel_and_ends_where_it_ends():
    xs = [at**2 / 7 for at in range(900)]
    ys = [math.sin(at / 9) * at + (50 if at == 333 else 0) for at in range(900)]
    found = points(lines(line(xs=xs, ys=ys)))
    assert len(found) < len(xs) / 2
    x, y = (
        Scale(low=low, high=high, first=first, last=last)
        for low, high, first, last in (
            (-0.01 * xs[-1], 1.01 * xs[-1], LEFT, 706),
            (min(ys) - 0.04 * (max(ys) - min(ys)), max(ys) + 0.04 * (max(ys) - min(ys)), 268, ABOVE),
        )
    )
    places = [(x.place(over), y.place(value)) for over, value in zip(xs, ys, strict=True)]
    assert found[-1] == pytest.approx(places[-1], abs=0.25)
    for at, expected in places:
        near = [place for place in itertools.pairwise(found) if place[0][0] - 0.5 <= at <= place[1][0] + 0.5]
        low = min(min(one[1], other[1]) for one, other in near)
        high = max(max(one[1], other[1]) for one, other in near)
        assert low - 1 <= expected <= high + 1


def test_a_gap_parts_a_line():
    drawn = lines(line(xs=[1.0, 2.0, 3.0, 4.0, 5.0], ys=[1.0, 2.0, float("nan"), 4.0, 5.0]))
    (path,) = re.findall(r'class="line fine c0" d="([^"]*)"', drawn)
    assert path.count("M") == 2


def test_where_there_should_be_a_value_and_is_none_there_is_a_cross():
    assert lines(line(lost=[4.0])).count('class="fine mark c0"') == lines(line()).count('class="fine mark c0"') + 1


def test_a_point_that_cannot_be_trusted_is_hollow_and_a_gap_is_left_out():
    drawn = lines(line(ys=[1.0, float("nan"), 3.0], is_doubtful=[False, False, True]))
    assert drawn.count('class="fine mark c0"') == 1
    assert drawn.count('class="fine mark c0 hollow"') == 1


def test_intervals_are_bands_or_bars_and_only_where_there_are_any():
    one = line(lows=[0.5, None, 2.5], highs=[1.5, None, 3.5])
    assert lines(one).count("band fine c0") == 1
    (bars,) = re.findall(r'class="whisker c0" d="([^"]*)"', lines(one, has_bars=True))
    assert bars.count("V") == 2
    assert "band" not in lines(line())


def ticks(drawn):
    """The values at the y axis."""
    return [float(one) for one in re.findall(r'class="tick end">(-?[\d.]+)</text>', drawn)]


def test_a_band_that_would_leave_few_seeds_no_room_is_cut_and_others_are_not():
    mean = line(lows=[-90.0] * 3, highs=[90.0] * 3)
    seed = line(name="a, seed 0", manner=Manner.THIN, is_named=False)
    alone, beside = lines(mean), lines(mean, seed)
    assert max(ticks(alone)) > 10
    assert max(ticks(beside)) == 3
    (found,) = re.findall(r'<svg x="(.+?)" y="(.+?)" width="(.+?)" height="(.+?)"[^>]*><path class="band', beside)
    assert tuple(map(float, found)) == (LEFT, ABOVE, 706 - LEFT, 268 - ABOVE)


def test_a_single_point_of_a_line_without_markers_is_a_stroke():
    drawn = lines(line(), line(name="bound", xs=[2.0], ys=[9.0], manner=Manner.BOUND, is_named=False))
    assert re.search(r'<title>bound</title><path class="line fine c0" d="M\d+ \d+l32 0" stroke-dasharray="4 6"', drawn)


def test_of_very_many_lines_the_courses_are_drawn_alone():
    many = [line(name=f"n{place}", series=place, lows=[0.5] * 3, highs=[9.5] * 3) for place in range(20)]
    seed = line(name="a seed", ys=[50.0] * 3, manner=Manner.THIN, is_named=False)
    assert 'class="band' in lines(*many[:9], seed)
    drawn = lines(*many, seed)
    assert 'class="figure wide crowd"' in drawn
    assert 'class="band' not in drawn
    assert "a seed" not in drawn


def test_the_size_of_a_chunk_has_marks_at_powers_of_two():
    drawn = lines(line(xs=[1, 16, 1024]), is_x_log=True, log_base=2)
    assert [words for words, _ in middles(drawn, "tick")] == ["1", "4", "16", "64", "256", "1,024"]


def test_trials_are_counted_in_whole_numbers():
    drawn = lines(line(xs=list(range(12)), ys=list(range(12))))
    assert [words for words, _ in middles(drawn, "tick")] == ["0", "5", "10"]


@pytest.mark.parametrize(("ys", "class_"), [([0.0, 1.0, 5.0], "tick"), ([5.0, 1.0, 0.0], "tick end")])
def test_the_name_of_a_mark_stands_where_fewer_points_are(ys, class_):
    assert f'class="{class_}">a goal' in lines(line(ys=ys), marks=[Mark(value=4.9, name="a goal")])


def test_only_named_lines_and_keys_are_in_the_legend():
    found = [line(), line(name="b", manner=Manner.THIN, is_named=False)]
    drawn = str(legend(Lines(title="t", lines=found, x_axis="x", y_axis="y")))
    assert drawn.count("<li>") == 1


def test_a_key_of_one_series_has_its_colour():
    keys = [Key(name="best", manner=Manner.BOUND, series=2), Key(name="any", manner=Manner.DASHED)]
    found = legend(Lines(title="t", lines=[], x_axis="x", y_axis="y", keys=keys))
    assert re.findall(r'class="line (\w+)"', found) == ["c2", "any"]


def test_an_axis_that_is_from_zero_begins_there():
    own = [Line(name="a", xs=[3990.0, 4000.0], ys=[1.0, 2.0], series=0)]
    drawn = str(draw(Lines(title="t", lines=own, x_axis="steps", y_axis="y", is_x_from_zero=True)))
    assert ">0<" in drawn
    assert ">0<" not in str(draw(Lines(title="t", lines=own, x_axis="steps", y_axis="y")))


def test_a_heat_map_shows_what_is_missing_and_says_what_each_cell_is():
    drawn = str(
        draw(
            Heat(
                title="t",
                rows=["r"],
                columns=["c", "d"],
                values=[[1.0, None]],
                texts=[["1", "-"]],
                told=[["c: 1", "d: nothing"]],
                axis="a",
            )
        )
    )
    assert drawn.count("cell none") == 1
    assert 'aria-label="d: nothing"' in drawn


def test_around_a_middle_the_colours_differ():
    values = [[-1.0, 0.0, 1.0]]
    texts = [["", "", ""]]
    chart = Heat(
        title="t", rows=["r"], columns=["a", "b", "c"], values=values, texts=texts, told=texts, axis="a", middle=0.0
    )
    found = re.findall(r'class="cell (c\d)"[^>]*fill-opacity="([\d.]+)"', str(draw(chart)))
    assert [name for name, _ in found] == ["c1", "c0", "c0"]
    assert float(found[0][1]) == float(found[2][1]) > float(found[1][1])


def test_shares_fill_the_whole_width():
    chart = Shares(title="t", names=["one", "two"], rows=[Share(label="a", parts=[1.0, 3.0], told="a")], axis="x")
    widths = [float(one) for one in re.findall(r'class="part c\d"[^>]* width="([\d.]+)"', str(draw(chart)))][:2]
    assert widths[1] == pytest.approx(3 * widths[0], abs=0.05)


def test_an_axis_shows_all_that_a_probability_can_be():
    drawn = str(draw(Intervals(title="t", rows=[row("a")], axis="probability", within=(-7.0, 8.0))))
    assert all(f">{end}<" in drawn for end in ("-5", "5"))


def test_a_mark_and_a_band_lie_within_the_figure():
    chart = Intervals(title="t", rows=[row("a")], axis="x", marks=[Mark(value=2.0, name="a goal")], band=(-9.0, 0.1))
    drawn = str(draw(chart))
    (at,) = map(float, re.findall(r'class="across" x1="([\d.]+)"', drawn))
    assert at < 720
    assert "a goal" in drawn
    assert 'class="span"' in drawn
