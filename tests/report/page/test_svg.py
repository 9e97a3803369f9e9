"""Figures: names have room, and marks differ from the grid."""

from __future__ import annotations

import itertools
import math
import re

import pytest

from rlgauge.report.charts import Heat, Intervals, Line, Lines, Manner, Mark, Row, Share, Shares
from rlgauge.report.page.axes import NARROW, WIDTH
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
    assert '<text x="6" y="-11">ppo-hopper &gt; sac-hopper</text>' in draw(chart, NARROW)


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
            (-0.01 * xs[-1], 1.01 * xs[-1], 64, 706),
            (min(ys) - 0.04 * (max(ys) - min(ys)), max(ys) + 0.04 * (max(ys) - min(ys)), 256, 10),
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


def test_only_named_lines_and_keys_are_in_the_legend():
    found = [line(), line(name="b", manner=Manner.THIN, is_named=False)]
    drawn = str(legend(Lines(title="t", lines=found, x_axis="x", y_axis="y")))
    assert drawn.count("<li>") == 1


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


def test_a_mark_and_a_band_lie_within_the_figure():
    chart = Intervals(title="t", rows=[row("a")], axis="x", marks=[Mark(value=2.0, name="a goal")], band=(-9.0, 0.1))
    drawn = str(draw(chart))
    (at,) = map(float, re.findall(r'class="across" x1="([\d.]+)"', drawn))
    assert at < 720
    assert "a goal" in drawn
    assert 'class="span"' in drawn
