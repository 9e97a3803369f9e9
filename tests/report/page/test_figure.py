"""Figures: names have room, and marks differ from the grid."""

from __future__ import annotations

import re

import pytest

from rlgauge.report.page.figure import Row, intervals
from rlgauge.report.page.styles import _MARKERS, marker

FONT_SIZE = 12


def row(label):
    return Row(label=label, group="", point=0.5, low=0.4, high=0.6, series=0, told=label)


@pytest.mark.parametrize("name", ["ppo-hopper > sac-hopper", "random > ppo_large_network", "MMMM > WWWWW", "a > b"])
def test_a_name_has_room_in_a_wide_font(name):
    path = pytest.importorskip("matplotlib.textpath")
    drawn = str(intervals([row(name)], title="t", axis="a"))
    (end,) = map(float, re.findall(r'<text x="([\d.]+)" y="[\d.]+" class="name"', drawn))
    width = path.TextPath((0, 0), name, size=FONT_SIZE).get_extents().width
    assert width < end


def test_no_mark_is_a_mere_stroke_of_the_grid():
    for number in range(len(_MARKERS)):
        drawn = str(marker(number, 0, 0))
        assert drawn.startswith("<circle") or "Z" in drawn or drawn.count("M") > 1
