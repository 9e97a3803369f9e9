from __future__ import annotations

import msgspec
import pytest

from rlgauge.cli.plot_kinds import KINDS, small_print, title_of
from rlgauge.cli.plot_points import Points
from rlgauge.kinds.throughput.results import Measured
from rlgauge.report import plots
from tests.cli.test_plot import point


def points(*found):
    measured = msgspec.convert(list(found), list[Measured])
    return Points(timed=measured, all=measured)


@pytest.fixture
def drawn(monkeypatch):
    """What each function of the figures is given."""
    given = {}
    for name in KINDS:
        monkeypatch.setattr(plots, name, lambda _axes, series, name=name, **more: given.update({name: (series, more)}))
    return given


def test_a_line_holds_what_was_measured(drawn):
    found = points(*(point(name, num, 1e6 * num) for name in ("ours", "theirs") for num in (99, 1)))
    assert list(KINDS["throughput_scaling"].draw(None, found)) == ["ours", "theirs"]
    ours, _ = drawn["throughput_scaling"][0]
    assert (ours.xs, ours.ys) == ([1, 99], [1e6, 99e6])
    assert ours.lows == pytest.approx([0.9e6, 0.9 * 99e6])


def test_one_process_has_quartiles_instead_of_an_interval(drawn):
    one = {**point("ours", 1, 10.0), "low": None, "high": None, "quartiles": (9.0, 12.0)}
    sets = KINDS["throughput_scaling"].draw(None, points(one, point("ours", 2, 100.0)))
    (ours,) = drawn["throughput_scaling"][0]
    assert (ours.lows, ours.highs) == ([9.0, 90.0], [12.0, pytest.approx(110.0)])
    told = small_print(KINDS["throughput_scaling"], sets)
    assert told == "Bars: quartiles of the repetitions in one process; 95 % intervals over processes."
    assert small_print(KINDS["library_comparison"], sets) == ""  # which has no bars


def test_what_is_invalid_is_marked_and_told(drawn):
    found = points(point("ours", 1, 1.0), {**point("ours", 2, 1.0), "noise": "invalid"})
    sets = KINDS["scaling_efficiency"].draw(None, found)
    (ours,) = drawn["scaling_efficiency"][0]
    assert ours.is_doubtful == [False, True]
    assert "Hollow: the machine did something else" in small_print(KINDS["scaling_efficiency"], sets)
    assert small_print(KINDS["memory_scaling"], sets) == ""


def test_what_differs_is_in_the_names_and_what_does_not_in_the_title():
    ways = [{"emit": emit, "rng": "rbg"} for emit in ("drop", "write")]
    found = points(*(point("ours", num, 1.0, **way) for way in ways for num in (1, 2)))
    sets = KINDS["throughput_scaling"].draw(_Nowhere(), found)
    assert list(sets) == ["ours, dropped", "ours, written"]
    assert title_of(sets) == "random actions, rbg"


class _Nowhere:
    """Axes on which nothing is drawn."""

    def __getattr__(self, name):
        return lambda *_positional, **_named: []


@pytest.fixture(autouse=True)
def _without_drawing(monkeypatch):
    monkeypatch.setattr(plots, "_finish", lambda _axes, _lines: None)


def test_chosen_chunks_stay_out_of_figures_over_environments_where_there_are_others(drawn):
    usual = [point("ours", num, 1.0) for num in (1, 2)]
    chosen = [point("ours", num, 1.0, scan_chunk_size=8) for num in (1, 2)]
    assert list(KINDS["throughput_scaling"].draw(None, points(*usual, *chosen))) == ["ours"]
    assert list(KINDS["throughput_scaling"].draw(None, points(*chosen))) == ["ours"]
    both = [*chosen, *(point("ours", num, 1.0, scan_chunk_size=9) for num in (1, 2))]
    assert list(KINDS["throughput_scaling"].draw(None, points(*both))) == ["ours, chunk 8", "ours, chunk 9"]
    assert drawn


def test_chunks_are_compared_within_a_number_and_a_way(drawn):
    found = [
        point("ours", num, float(size), scan_chunk_size=size, emit=emit)
        for emit in ("drop", "write")
        for num in (1, 1000)
        for size in (64, 1, 8)
    ]
    sets = KINDS["scan_chunk_sensitivity"].draw(None, points(*found, point("ours", 1, 1.0)))
    assert list(sets) == [
        *("ours, dropped, 1 env", "ours, dropped, 1,000 envs"),
        *("ours, written, 1 env", "ours, written, 1,000 envs"),
    ]
    assert all(one.xs == one.ys == [1.0, 8.0, 64.0] for one in drawn["scan_chunk_sensitivity"][0])


def test_memory_is_what_was_planned_and_what_was_held_beyond_a_single_environment(drawn):
    single = {**point("theirs", 1, 1.0), "planned_bytes": None}
    many = {**point("theirs", 100, 1.0), "planned_bytes": None, "peak_bytes": single["peak_bytes"] - 1}
    more = {**point("theirs", 900, 1.0), "planned_bytes": None, "peak_bytes": single["peak_bytes"] + 7}
    ours = [point("ours", num, 1.0) for num in (1, 100)]
    KINDS["memory_scaling"].draw(None, points(*ours, single, many, more))
    planned, held = drawn["memory_scaling"][0], drawn["memory_scaling"][1]["held"]
    assert [(one.name, one.xs, one.ys) for one in planned] == [("ours", [1, 100], [40, 4000]), ("theirs", [], [])]
    assert [(one.name, one.xs, one.ys) for one in held] == [("ours", [100], [50 * 99]), ("theirs", [900], [7])]


def test_the_best_of_each_library_is_compared_however_it_was_divided(drawn):
    found = [point("ours", 1, 5.0), point("ours", 9, 7.0, scan_chunk_size=8), point("theirs", 1, 6.0)]
    written = point("ours", 1, 1.0, emit="write")
    sets = KINDS["library_comparison"].draw(None, points(*found, written))
    assert list(sets) == ["ours, dropped", "theirs, dropped", "ours, written"]
    assert [(one.xs, one.ys) for one in drawn["library_comparison"][0]] == [([9], [7.0]), ([1], [6.0]), ([1], [1.0])]
    assert KINDS["library_comparison"].draw(None, points(*found[:2])) == {}
