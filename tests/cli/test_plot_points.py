from __future__ import annotations

import json

import pytest

from rlgauge.cli.plot_points import read_points
from tests.cli.test_plot_kinds import point


def write(folder, stamp, points, *, tag="", **settings):
    content = {"points": points, "tag": tag, "timestamp": stamp, "settings": {"burn_in": 200, **settings}}
    (folder / f"throughput_{tag}_{stamp}.json").write_text(json.dumps(content))


def speeds(points):
    return {(one.point.library, one.point.num_envs): one.steps_per_second for one in points}


def test_of_all_measurements_the_newest_of_every_point_is_taken(tmp_path):
    write(tmp_path, "20260102_000000_000", [point("ours", 1, 2.0), point("theirs", 1, 3.0)])
    write(tmp_path, "20260101_000000_000", [point("ours", 1, 1.0), point("ours", 9, 9.0)])  # written last, made first
    found = read_points(tmp_path, None)
    assert speeds(found.timed) == {("ours", 1): 2.0, ("theirs", 1): 3.0, ("ours", 9): 9.0}
    assert found.timed == found.all


def test_points_that_differ_in_any_way_are_two(tmp_path):
    write(tmp_path, "1", [point("ours", 1, 1.0), point("ours", 1, 2.0, emit="write"), point("ours", 1, 3.0, block=1)])
    assert [one.steps_per_second for one in read_points(tmp_path, None).timed] == [1.0, 2.0, 3.0]


def test_a_tag_takes_all_its_measurements_and_no_others(tmp_path):
    write(tmp_path, "1", [point("ours", 1, 1.0)], tag="a")
    write(tmp_path, "2", [point("ours", 9, 2.0)], tag="a")
    write(tmp_path, "3", [point("ours", 1, 3.0)], tag="b")
    assert speeds(read_points(tmp_path, "a").timed) == {("ours", 1): 1.0, ("ours", 9): 2.0}


@pytest.mark.parametrize("settings", [{"burn_in": 0}, {"only_steps": True}])
def test_speeds_of_what_was_looked_at_for_its_memory_do_not_count(tmp_path, settings):
    write(tmp_path, "1", [point("ours", 1, 1.0)])
    write(tmp_path, "2", [point("ours", 1, 2.0), point("ours", 9, 3.0)], **settings)
    found = read_points(tmp_path, None)
    assert speeds(found.timed) == {("ours", 1): 1.0}
    assert speeds(found.all) == {("ours", 1): 2.0, ("ours", 9): 3.0}


def test_what_failed_hides_nothing(tmp_path):
    write(tmp_path, "1", [point("ours", 1, 1.0)])
    write(tmp_path, "2", [{"point": point("ours", 1, 1.0)["point"], "task": "t", "status": "FAILED", "reason": "no"}])
    assert speeds(read_points(tmp_path, None).timed) == {("ours", 1): 1.0}
