from __future__ import annotations

import msgspec
import pytest

from rlgauge.cli.plot_kinds import KINDS, figures
from rlgauge.cli.plot_points import Points
from rlgauge.kinds.throughput.results import Measured
from rlgauge.report.charts import Manner


def point(library, num_envs, speed, **axes):
    return {
        "point": {"environment": "cartpole", "library": library, "num_envs": num_envs, **axes},
        "task": f"cartpole x {num_envs}",
        "status": "COMPLETED",
        "steps_per_second": speed,
        "low": speed * 0.9,
        "high": speed * 1.1,
        "planned_bytes": 40 * num_envs,
        "peak_bytes": 10**8 + 50 * num_envs,
        "noise": "quiet",
    }


def drawn(name, *found):
    """The figures of a name."""
    measured = msgspec.convert(list(found), list[Measured])
    return list(figures(Points(timed=measured, all=measured), "cartpole", [name]))


def names_of(figure):
    return [line.name for line in figure.chart.lines]


def test_a_line_holds_what_was_measured():
    found = [point(name, num, 1e6 * num) for name in ("ours", "theirs") for num in (99, 1)]
    (figure,) = drawn("throughput_scaling", *found)
    assert (figure.kind, figure.of, names_of(figure)) == ("throughput_scaling", "cartpole", ["ours", "theirs"])
    ours = figure.chart.lines[0]
    assert (ours.xs, ours.ys) == ([1, 99], [1e6, 99e6])
    assert ours.lows == pytest.approx([0.9e6, 0.9 * 99e6])
    assert figure.captions == ["Random actions, outcomes dropped.", "Bars: 95 % intervals over processes."]


def test_one_process_has_quartiles_and_two_have_their_medians_instead_of_an_interval():
    one = {**point("ours", 1, 10.0), "low": None, "high": None, "quartiles": (9.0, 12.0)}
    two = {**point("ours", 2, 100.0), "low": 1.0, "high": 1e4, "process_medians": (120.0, 80.0), "num_processes": 2}
    (figure,) = drawn("throughput_scaling", one, two)
    (ours,) = figure.chart.lines
    assert (ours.lows, ours.highs) == ([9.0, 80.0], [12.0, 120.0])
    assert figure.captions[1] == "Bars: quartiles of the repetitions in one process; the medians of two processes."


def test_what_memory_allows_is_a_bound_with_a_key():
    found = [{**point("ours", num, 1e6), "roofline": 1e7} for num in (1, 2)]
    (figure,) = drawn("throughput_scaling", *found, point("theirs", 1, 1.0), point("theirs", 2, 1.0))
    bound = figure.chart.lines[-1]
    assert (bound.manner, bound.ys, bound.series, bound.is_named) == (Manner.BOUND, (1e7, 1e7), 0, False)
    assert [key.manner for key in figure.chart.keys] == [Manner.BOUND]


def test_what_is_invalid_is_marked_and_told():
    (figure,) = drawn("scaling_efficiency", point("ours", 1, 1.0), {**point("ours", 2, 2.0), "noise": "invalid"})
    (ours,) = figure.chart.lines
    assert (ours.ys, ours.is_doubtful) == ([0.5, 1.0], [False, True])
    assert "Hollow: the machine did something else" in figure.captions[-1]


def test_what_differs_is_in_the_names_and_what_does_not_in_the_captions():
    ways = [{"emit": emit, "rng": "rbg"} for emit in ("drop", "write")]
    (figure,) = drawn("throughput_scaling", *(point("ours", num, 1.0, **way) for way in ways for num in (1, 2)))
    assert names_of(figure) == ["ours, dropped", "ours, written"]
    assert figure.captions[0] == "Random actions, rbg."


def test_chosen_chunks_stay_out_of_figures_over_environments_where_there_are_others():
    usual = [point("ours", num, 1.0) for num in (1, 2)]
    chosen = [point("ours", num, 1.0, scan_chunk_size=8) for num in (1, 2)]
    assert [names_of(one) for one in drawn("throughput_scaling", *usual, *chosen)] == [["ours"]]
    assert [names_of(one) for one in drawn("throughput_scaling", *chosen)] == [["ours"]]
    both = [*chosen, *(point("ours", num, 1.0, scan_chunk_size=9) for num in (1, 2))]
    assert [names_of(one) for one in drawn("throughput_scaling", *both)] == [["ours, chunk 8", "ours, chunk 9"]]


def chunks():
    return [
        point("ours", num, float(size * num), scan_chunk_size=size, emit=emit)
        for emit in ("drop", "write")
        for num in (1, 1000)
        for size in (64, 1, 8)
    ]


def test_chunks_are_compared_within_a_number_and_a_way():
    (figure,) = drawn("scan_chunk_sensitivity", *chunks(), point("ours", 1, 1.0))
    assert names_of(figure) == [
        *("ours, dropped, 1 env", "ours, dropped, 1,000 envs"),
        *("ours, written, 1 env", "ours, written, 1,000 envs"),
    ]
    assert all(one.xs == [1.0, 8.0, 64.0] for one in figure.chart.lines)


def test_several_chunks_at_several_numbers_are_a_surface_for_each_way_whose_rows_are_parts_of_their_best():
    found = chunks()[:-1]  # without the last chunk of the last number
    dropped, written = drawn("chunk_surface", *found)
    assert (dropped.of, written.of) == ("cartpole, ours, dropped", "cartpole, ours, written")
    assert (dropped.chart.rows, dropped.chart.columns) == (["1 env", "1,000 envs"], ["chunk 1", "chunk 8", "chunk 64"])
    assert dropped.chart.values == [[1 / 64, 8 / 64, 1.0]] * 2
    assert written.chart.texts[1] == ["1k", "-", "64k"]
    assert drawn("chunk_surface", *(one for one in found if one["point"]["num_envs"] == 1)) == []


def test_memory_is_what_was_planned_and_what_was_held_beyond_a_single_environment():
    single = {**point("theirs", 1, 1.0), "planned_bytes": None}
    many = {**point("theirs", 100, 1.0), "planned_bytes": None, "peak_bytes": single["peak_bytes"] - 1}
    more = {**point("theirs", 900, 1.0), "planned_bytes": None, "peak_bytes": single["peak_bytes"] + 7}
    ours = [point("ours", num, 1.0) for num in (1, 100)]
    (figure,) = drawn("memory_scaling", *ours, single, many, more)
    assert [(one.name, one.manner, one.xs, one.ys) for one in figure.chart.lines] == [
        ("ours", Manner.BOUND, [1, 100], [40, 4000]),
        ("ours", Manner.PLAIN, [100], [50 * 99]),
        ("theirs", Manner.PLAIN, [900], [7]),
    ]
    (alone,) = drawn("memory_scaling", *({**one, "peak_bytes": None} for one in ours))
    assert [one.manner for one in alone.chart.lines] == [Manner.PLAIN]
    assert (alone.chart.y_axis, alone.chart.keys) == ("bytes planned by the compiler", [])


def test_the_best_of_each_library_is_compared_however_it_was_divided_the_fastest_first():
    found = [point("ours", 1, 5.0), point("ours", 9, 7.0, scan_chunk_size=8), point("theirs", 1, 6.0)]
    (figure,) = drawn("library_comparison", *found, point("ours", 1, 1.0, emit="write"))
    assert [(row.label, row.point) for row in figure.chart.rows] == [
        ("ours, dropped, 9 envs", 7.0),
        ("theirs, dropped, 1 env", 6.0),
        ("ours, written, 1 env", 1.0),
    ]
    assert drawn("library_comparison", *found[:2]) == []


def test_compiling_is_shown_of_what_was_compiled():
    seconds = {"trace": 0.5, "compile": 1.5, "first": 0.1}
    (figure,) = drawn("compile_times", {**point("ours", 1, 1.0), "seconds": seconds}, point("theirs", 1, 1.0))
    (row,) = figure.chart.rows
    assert (row.label, row.point) == ("1 env", 2.0)
    assert "trace 500 ms, compile 1.5 s, first 100 ms" in row.told


def test_every_kind_says_what_it_needs():
    assert all(kind.needs for kind in KINDS.values())
    assert drawn("throughput_scaling", point("ours", 1, 1.0)) == []
