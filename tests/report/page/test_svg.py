"""Figures: names have room, and marks differ from the grid."""

from __future__ import annotations

import re

import pytest

from rlgauge.report.charts import Heat, Intervals, Line, Lines, Manner, Mark, Row, Share, Shares
from rlgauge.report.page.styles import _MARKERS, marker
from rlgauge.report.page.svg import draw

FONT_SIZE = 12


def row(label):
    return Row(label=label, point=0.5, low=0.4, high=0.6, series=0, told=label)


@pytest.mark.parametrize("name", ["ppo-hopper > sac-hopper", "random > ppo_large_network", "MMMM > WWWWW", "a > b"])
def test_a_name_has_room_in_a_wide_font(name):
    path = pytest.importorskip("matplotlib.textpath")
    drawn = str(draw(Intervals(title="t", rows=[row(name)], axis="a")))
    (end,) = map(float, re.findall(r'<text x="([\d.]+)" y="[\d.]+" class="name"', drawn))
    width = path.TextPath((0, 0), name, size=FONT_SIZE).get_extents().width
    assert width < end


def test_no_mark_is_a_mere_stroke_of_the_grid():
    for number in range(len(_MARKERS)):
        drawn = str(marker(number, 0, 0))
        assert drawn.startswith("<circle") or "Z" in drawn or drawn.count("M") > 1


def line(**given):
    return Line(**{"name": "a", "xs": [1.0, 2.0, 3.0], "ys": [1.0, 2.0, 3.0], "series": 0, **given})


def lines(*found, **given):
    return str(draw(Lines(title="t", lines=found, x_axis="x", y_axis="y", **given)))


def test_a_line_goes_through_its_points_to_a_tenth_of_a_pixel():
    xs = [at**2 / 7 for at in range(200)]
    (path,) = re.findall(r'class="line c0" d="([^"]*)"', lines(line(xs=xs, ys=[-x for x in xs])))
    steps = [float(one) for one in re.findall(r"-?(?:\d+\.\d+|\.\d+|\d+)", path)]
    across, down = sum(steps[0::2]), sum(steps[1::2])
    assert len(steps) == 2 * len(xs)
    assert across == pytest.approx(64 + (706 - 64) * (1.01 / 1.02), abs=0.1)
    assert down == pytest.approx(256 - (256 - 10) * (0.04 / 1.08), abs=0.1)


def test_a_point_that_cannot_be_trusted_is_hollow_and_a_gap_is_left_out():
    drawn = lines(line(ys=[1.0, float("nan"), 3.0], is_doubtful=[False, False, True]))
    assert drawn.count('class="mark c0"') == 2  # one in the legend
    assert drawn.count('class="mark c0 hollow"') == 1


def test_intervals_are_bands_or_bars_and_only_where_there_are_any():
    one = line(lows=[0.5, None, 2.5], highs=[1.5, None, 3.5])
    assert lines(one).count("band c0") == 1
    assert lines(one, has_bars=True).count("V") == 2
    assert "band" not in lines(line())


def test_only_named_lines_and_keys_are_in_the_legend():
    drawn = lines(line(), line(name="b", manner=Manner.THIN, is_named=False))
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
    assert widths[1] == pytest.approx(3 * widths[0], abs=0.02)


def test_a_mark_and_a_band_lie_within_the_figure():
    chart = Intervals(title="t", rows=[row("a")], axis="x", marks=[Mark(value=2.0, name="a goal")], band=(-9.0, 0.1))
    drawn = str(draw(chart))
    (at,) = map(float, re.findall(r'class="across" x1="([\d.]+)"', drawn))
    assert at < 720
    assert "a goal" in drawn
    assert 'class="span"' in drawn
