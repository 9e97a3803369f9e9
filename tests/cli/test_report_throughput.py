from __future__ import annotations

import json
import math

import pytest

from rlgauge.cli.report_throughput import is_of_throughput, sections
from rlgauge.core.reading import Reading
from rlgauge.report.content import Figure, Text, Warnings
from rlgauge.report.table import Table
from tests.cli.test_plot_kinds import point

DETAILS = {"burn_in": 200, "min_seconds": 0.2, "repeats": 5, "processes": 2}


def measured(name, num, medians, **more):
    """A point with several processes."""
    speed = math.exp(sum(map(math.log, medians)) / len(medians))
    processes = {"process_medians": medians, "num_processes": len(medians)}
    return {**point(name, num, speed), **processes, "low": speed / 2, "high": speed * 2, **more}


def write(folder, *points, stamp="1", **more):
    content = {
        "points": points,
        "timestamp": stamp,
        "settings": DETAILS,
        "host": {"cpu": "CPU", "num_cores": 2},
        **more,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"throughput_{stamp}.json").write_text(json.dumps(content))
    return folder


def bodies(*sources):
    return {section.name: section.body for section in sections(sources)}


def of(body, kind):
    return [block for block in body if isinstance(block, kind)]


@pytest.fixture
def out(tmp_path):
    """Two libraries, one of which compiles, at two numbers."""
    theirs = [measured("theirs", num, (90.0 * num, 110.0 * num)) for num in (1, 99)]
    seconds = {"trace": 1.0, "compile": 2.0, "first": 0.1}
    ours = [measured("ours", num, (1e3 * num, 1e3 * num), seconds=seconds, roofline=1e6) for num in (1, 99)]
    return write(tmp_path / "out", *theirs, *ours)


def test_speeds_memory_compiling_and_noise_are_each_a_section_where_there_is_something(out):
    found = bodies(out)
    assert list(found) == ["throughput", "memory", "compiling", "noise"]
    kinds = [block.kind for block in of(found["throughput"], Figure)]
    assert kinds == ["throughput_scaling", "scaling_efficiency", "library_comparison"]
    assert of(found["throughput"], Text) == [Text("4 points of 1 measurement.")]


def test_the_table_has_a_row_for_each_point_and_no_column_of_which_nothing_was_measured(out):
    (table,) = of(bodies(out)["throughput"], Table)
    assert table.header == [
        *("library", "environments", "steps/s", "an env", "of best", "of linear", "of bandwidth", "compile", "peak"),
        *("processes", "noise", "lengths"),
    ]
    assert table.rows[-1] == [
        *("ours", "99", "99k [49.5k, 198k]", "1k", "100 %", "100 %", "9.9 %", "3 s", "100 MB"),
        *("2", "quiet", "not checked"),
    ]
    assert table.summaries[3, 2].n == 2
    assert "Of bandwidth: " in table.notes[0]


def test_what_stands_in_no_column_is_not_explained(tmp_path):
    (table,) = of(bodies(write(tmp_path, point("ours", 1, 1.0)))["throughput"], Table)
    assert "of bandwidth" not in table.header
    assert "bandwidth" not in " ".join(table.notes)


def test_a_point_that_failed_is_a_row_with_its_reason_until_it_was_measured(out):
    failed = {"point": point("gone", 5, 1.0)["point"], "task": "cartpole x 5", "status": "FAILED", "reason": "no room"}
    write(out, failed, stamp="2")
    body = bodies(out)["throughput"]
    assert of(body, Table)[0].rows[-1][:3] == ["gone", "5", "failed"]
    assert of(body, Warnings) == [Warnings(["gone, cartpole x 5 failed: no room"])]
    write(out, point("gone", 5, 1.0), stamp="3")
    assert of(bodies(out)["throughput"], Table)[0].rows[-1][2] == "1 [0.9, 1.1]"


def test_the_newest_of_what_was_measured_again_counts_and_that_is_said(out):
    write(out / "more", measured("theirs", 1, (1.0, 1.0)), stamp="0")
    body = bodies(out)["throughput"]
    told = "5 points of 2 measurements. Of the 1 that were measured again, the newest that completed is shown."
    assert of(body, Text) == [Text(told)]
    assert of(body, Table)[0].rows[0][2].startswith("99.5 [")


def test_what_was_only_looked_at_for_its_memory_has_no_speed(tmp_path):
    few = {**DETAILS, "only_steps": True}
    found = bodies(write(tmp_path, *(point("ours", num, 1.0) for num in (1, 10)), settings=few))
    assert of(found["throughput"], Table) == []
    assert [block.kind for block in of(found["memory"], Figure)] == ["memory_scaling"]


def test_two_sides_in_turns_are_a_ratio_of_pairs(tmp_path):
    pairs = [measured(name, num, medians) for num in (1, 9) for name, medians in (("a", (2.0, 8.0)), ("b", (1.0, 2.0)))]
    figure, table = bodies(write(tmp_path, *pairs))["ab"]
    first = figure.chart.rows[0]
    assert (first.group, first.others, first.point) == ("a against b", [2.0, 4.0], pytest.approx(8**0.5))
    assert [row[6] for row in table.rows] == ["no difference shown"] * 2


def test_what_was_not_measured_in_turns_has_no_ratio(out, tmp_path):
    assert "ab" not in bodies(out)  # library after library
    alone = write(tmp_path / "alone", *(measured(name, 1, (1.0,)) for name in "ab"))
    assert "ab" not in bodies(alone)  # one process each


def test_how_far_processes_of_one_point_are_apart_is_told_as_a_factor(out):
    body = bodies(out)["noise"]
    deviation = math.sqrt(2 * 2 * (math.log(110 / 90) / 2) ** 2 / 4)
    (told,) = of(body, Text)
    pooled = "pooled over 4 points of 1 measurement, 4 degrees of freedom"
    assert f"deviate by a factor of {math.exp(deviation):.3f} ({pooled})" in told.text
    spread = of(body, Figure)[1].chart
    assert [row.label for row in spread.rows[:2]] == ["theirs, 1 env", "theirs, 99 envs"]
    assert spread.rows[0].others == pytest.approx([90 / 9900**0.5, 110 / 9900**0.5])
    (table,) = of(body, Table)
    assert table.rows == [["1", "-", "-", "CPU, 2 cores", "4", "0", "0", "2", "5 x 200 ms"]]


def test_processes_of_earlier_measurements_tell_how_far_they_are_apart_too_on_one_machine(out):
    speeds = (50.0, 200.0)
    write(out, measured("theirs", 1, speeds), stamp="0")  # measured again later, by which only the newest is shown
    write(out, measured("theirs", 1, (1.0, 9e9)), stamp="00", host={"cpu": "another", "num_cores": 2})
    squares = [2 * 2 * (math.log(110 / 90) / 2) ** 2, 2 * (math.log(200 / 50) / 2) ** 2]
    (told,) = of(bodies(out)["noise"], Text)
    pooled = "pooled over 5 points of 2 measurements, 5 degrees of freedom"
    assert f"by a factor of {math.exp(math.sqrt(sum(squares) / 5)):.3f} ({pooled})" in told.text


def test_one_process_each_can_not_tell_how_they_differ(tmp_path):
    (told,) = of(bodies(write(tmp_path, point("ours", 1, 1.0)))["noise"], Text)
    assert "--processes 3, measures that" in told.text


def test_a_file_that_can_not_be_read_is_told(out):
    (out / "throughput_9.json").write_text("{")
    assert "is no file of `rlgauge throughput`" in of(bodies(out)["throughput"], Warnings)[0].texts[0]


def test_a_folder_without_measurements_has_no_section(tmp_path):
    assert bodies(tmp_path) == {}


def test_speeds_and_memory_are_no_scores():
    given = [("cartpole x 1,000", {}), ("cartpole x 1 (memory)", {"purpose": "memory"}), ("CartPole-v1", {})]
    assert [is_of_throughput(Reading(algorithm="a", task=task, labels=labels)) for task, labels in given] == [
        True,
        True,
        False,
    ]
