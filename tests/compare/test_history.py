from __future__ import annotations

import math
import statistics

import pytest
from scipy import stats

from rlgauge.compare.history import Row, history
from rlgauge.compare.measurements import measurements
from rlgauge.core.reading import Reading
from rlgauge.core.run import Status
from tests.compare.test_measurements import reading


def made(stamp: str, *speeds: float, task: str = "a x 10", **labels: str) -> list[Reading]:
    """Processes of one measurement; stamps are days."""
    given = {"stamp": stamp, "started": f"2026-01-{stamp}T00:00:00", **labels}
    return [reading(task, speed, seed=seed, **given) for seed, speed in enumerate(speeds)]


def rows(*found: list[Reading], **asked) -> list[Row]:
    return history(measurements([reading for own in found for reading in own]), **asked)


def test_a_change_is_the_ratio_to_the_measurement_before_above_1_where_the_later_is_faster():
    first, second, third = rows(made("03", 150.0), made("01", 100.0), made("02", 200.0))
    assert first.batch is not None
    assert first.batch.change is None
    changes = [row.batch.change for row in (second, third)]
    assert [change.ratio for change in changes] == pytest.approx([2.0, 0.75])
    assert [change.before for change in changes] == ["2026-01-01 00:00:00 UTC", "2026-01-02 00:00:00 UTC"]


def test_one_process_gives_no_verdict_and_no_interval():
    change = rows(made("01", 100.0), made("02", 200.0, 201.0))[1].batch.change
    assert (change.word, change.low, change.high) == (None, None, None)
    assert change.ratio == pytest.approx(math.sqrt(200.0 * 201.0) / 100.0)


def test_several_processes_give_welchs_interval_and_the_word_of_the_gate():
    ours, theirs = (80.0, 82.0, 81.0, 79.0), (100.0, 102.0, 99.0, 101.0)
    change = rows(made("01", *theirs), made("02", *ours))[1].batch.change
    test = stats.ttest_ind(*([math.log(speed) for speed in side] for side in (ours, theirs)), equal_var=False)
    interval = test.confidence_interval(0.9)
    assert (change.low, change.high) == pytest.approx((math.exp(interval.low), math.exp(interval.high)))
    assert change.ratio == pytest.approx(statistics.geometric_mean(ours) / statistics.geometric_mean(theirs))
    assert change.word == "slower"


def test_many_changes_are_judged_together():
    sides = (100.0, 106.0, 103.0), (107.0, 112.0, 110.0)
    alone = rows(made("01", *sides[0]), made("02", *sides[1]))[1].batch.change
    assert alone.word == "faster"
    among = [made(day, *sides[0], task=f"a{number} x 10") for number in range(9) for day in ("01", "02")]
    found = rows(made("01", *sides[0]), made("02", *sides[1]), *among)
    (change,) = (row.batch.change for row in found if row.environment == "a" and row.measurement.stamp == "02")
    assert change.word == "inconclusive"


def test_a_change_is_of_the_same_place_however_long_ago_that_was():
    one = [*made("01", 100.0), *made("01", 700.0, task="a x 50")]
    two = made("02", 300.0, task="a x 50")
    three = [*made("03", 120.0), *made("03", 90.0, task="a x 50")]
    found = rows(one, two, three)
    assert [row.batch.spot.place.num_envs for row in found] == [50, 50, 10]
    assert found[2].batch.change.ratio == pytest.approx(1.2)  # not 120 / 300, which is of another number
    assert found[2].batch.change.before.startswith("2026-01-01")
    chosen = rows(one, two, three, num_envs=50)
    assert [None if row.batch.change is None else row.batch.change.ratio for row in chosen] == [
        None,
        pytest.approx(3 / 7),
        pytest.approx(0.3),
    ]


def test_other_work_other_libraries_and_one_environment_alone_are_kept_apart():
    every = [
        *made("01", 1.0, task="a x 1"),
        *made("01", 100.0, task="a x 10 policy=fixed"),
        *made("02", 2.0, task="a x 1"),
        *made("02", 110.0),
        *made("02", 300.0, algorithm="other"),
    ]
    found = rows(every)
    assert [(row.measurement.stamp, row.manner, row.library) for row in found] == [
        ("01", "", "toy"),
        ("01", "policy=fixed", "toy"),
        ("02", "", "toy"),
        ("02", "", "other"),
    ]
    assert found[2].single.change.ratio == pytest.approx(2.0)
    assert found[2].batch.change is None
    assert found[3].batch.change is None


def test_jaxarcs_batch_of_one_is_not_one_environment_alone():
    (row,) = rows([*made("01", 600.0, task="arc-single"), *made("01", 30.0, task="arc-1envs")])
    assert (row.single.spot.speed.point, row.batch.spot.speed.point) == pytest.approx((600.0, 30.0))
    (row,) = rows([*made("01", 30.0, task="arc-1envs"), *made("01", 60.0, task="arc-2envs")])
    assert (row.single.spot.speed.point, row.batch.spot.speed.point) == pytest.approx((30.0, 60.0))


def test_what_failed_is_no_speed_and_nothing_is_compared_with_it():
    failed = Reading(
        algorithm="toy", task="a x 10", status=Status.FAILED, labels={"stamp": "02"}, started="2026-01-02T00:00:00"
    )
    found = rows(made("01", 100.0), [failed], made("03", 150.0))
    assert found[1].batch.change is None
    assert found[1].batch.spot.status is Status.FAILED
    assert found[2].batch.change.ratio == pytest.approx(1.5)
