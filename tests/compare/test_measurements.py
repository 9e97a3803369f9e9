from __future__ import annotations

import datetime as dt

import msgspec
import pytest

from rlgauge.compare.measurements import Place, joined, measurements, of_size, order_of, place_of, with_tag
from rlgauge.core.errors import UserError
from rlgauge.core.reading import Reading, Total
from rlgauge.core.run import Status
from rlgauge.kinds.throughput.point import Point
from rlgauge.kinds.throughput.workload import task_of


def reading(task: str, speed: float = 100.0, *, seed: int | None = 0, **labels: str) -> Reading:
    started = labels.pop("started", "2026-01-01T00:00:00")
    return Reading(
        algorithm=labels.pop("algorithm", "toy"),
        task=task,
        seed=seed,
        totals={"steps_per_second": Total(n=1, mean=speed, median=speed)},
        units={"steps_per_second": "steps/s"},
        started=started,
        labels=labels,
    )


@pytest.mark.parametrize(
    ("point", "place"),
    [
        (
            Point(environment="cartpole", library="a", num_envs=1),
            Place(environment="cartpole", num_envs=1, is_single=True),
        ),
        (
            Point(environment="walk:Random x 3", library="a", num_envs=1_000_000, policy="fixed", emit="write"),
            Place(environment="walk:Random x 3", num_envs=1_000_000, is_single=False, manner="policy=fixed emit=write"),
        ),
        (
            Point(environment="cartpole", library="a", num_envs=1000, scan_chunk_size=16, block=100, rng="rbg"),
            Place(
                environment="cartpole", num_envs=1000, is_single=False, variant="scan_chunk_size=16 block=100 rng=rbg"
            ),
        ),
    ],
)
def test_the_name_of_a_task_says_what_its_point_was(point, place):
    assert place_of(reading(task_of(point))) == place


@pytest.mark.parametrize(
    ("task", "place"),
    [
        ("arc-single", Place(environment="arc", num_envs=1, is_single=True)),
        ("arc-1envs", Place(environment="arc", num_envs=1, is_single=False)),
        ("Mini-500envs", Place(environment="Mini", num_envs=500, is_single=False)),
        ("arc-100steps", None),
        ("CartPole-v1", None),
    ],
)
def test_jaxarcs_tasks_have_numbers_of_environments_too(task, place):
    assert place_of(reading(task)) == place


def test_what_has_one_stamp_and_tag_was_measured_together_and_the_oldest_comes_first():
    found = measurements(
        [
            reading("a x 1", tag="new", stamp="20260102_000000", started="2026-01-02T00:00:09"),
            reading("a x 1", tag="old", stamp="20260101_000000", started="2026-01-01T00:00:00"),
            reading("a x 10", tag="new", stamp="20260102_000000", started="2026-01-02T00:00:05", description="why"),
            reading("a x 1", tag="jaxarc", stamp="2026-01-01T12:00:00+00:00", started="2030-01-01T00:00:00"),
            reading("CartPole-v1", stamp="20260102_000000"),
            reading("a x 10"),
        ]
    )
    assert [(one.tag, one.description, len(one.readings)) for one in found] == [
        ("old", "", 1),
        ("jaxarc", "", 1),  # imported in 2030: its stamp says when it was
        ("new", "why", 2),
    ]
    assert found[-1].time == dt.datetime(2026, 1, 2, 0, 0, 5, tzinfo=dt.UTC)
    assert found[-1].name == "new (2026-01-02 00:00:05 UTC)"


def test_a_speed_is_the_geometric_mean_of_processes_and_a_failed_one_leaves_none():
    own = [reading("a x 10", speed, seed=seed, stamp="s") for seed, speed in enumerate((100.0, 400.0))]
    ((spot,),) = (one.spots for one in measurements(own))
    assert spot.speed is not None
    assert spot.speed.point == pytest.approx(200.0)
    failed = Reading(algorithm="toy", task="a x 10", seed=2, status=Status.FAILED, labels={"stamp": "s"})
    ((spot,),) = (one.spots for one in measurements([*own, failed]))
    assert (spot.speed, spot.status) == (None, Status.FAILED)


def test_a_tag_names_its_measurements_by_time_and_an_unknown_one_those_that_there_are():
    found = measurements(
        [reading("a x 1", tag=tag, stamp=stamp) for tag, stamp in (("phase1", "1"), ("phase2", "2"), ("phase1", "3"))]
    )
    assert [one.stamp for one in with_tag(found, "phase1")] == ["1", "3"]
    with pytest.raises(UserError, match=r"Unknown tag .phase3.\. Did you mean .phase2.\? Known: phase1, phase2"):
        with_tag(found, "phase3")
    with pytest.raises(UserError, match="No measurement has the tag 'x', nor any other"):
        with_tag(measurements([reading("a x 1", stamp="1")]), "x")


def test_measurements_are_joined_by_the_newest_of_every_point():
    every = [
        reading("a x 1", 1.0, tag="x", stamp="1", description="first"),
        reading("a x 10", 2.0, tag="x", stamp="1", description="first"),
        reading("a x 10 scan_chunk_size=16", 3.0, tag="x", stamp="2", description="second"),
        reading("a x 10", 4.0, tag="x", stamp="2", algorithm="other", description="second"),
        reading("a x 10", 5.0, tag="x", stamp="3", seed=0, started="2026-01-03T00:00:00", description="first"),
        reading("a x 10", 5.0, tag="x", stamp="3", seed=1, started="2026-01-03T00:00:00", description="first"),
    ]
    whole = joined(measurements(every))
    assert [spot.speed.point for spot in whole.spots if spot.speed] == pytest.approx([1.0, 5.0, 3.0, 4.0])
    assert (whole.num_joined, whole.num_repeated, whole.description) == (3, 1, "first; second")
    assert whole.name == "x (3 measurements, the last 2026-01-03 00:00:00 UTC)"
    (only,) = measurements(every[4:])
    assert joined([only]) == only


def test_a_measurement_of_which_nothing_is_the_newest_is_not_counted_among_those_joined():
    every = [reading("a x 1", tag="x", stamp=stamp, description=stamp) for stamp in ("1", "2")]
    whole = joined(measurements(every))
    assert (whole.num_joined, whole.num_repeated, whole.description, whole.stamp) == (1, 1, "2", "2")


def test_runs_of_memory_are_of_no_place_whatever_their_task_says():
    for task in ("a x 10", "a x 10 (memory)"):
        own = reading(task, stamp="1", tag="x", purpose="memory")
        assert place_of(own) is None
        assert measurements([own]) == []
    assert place_of(reading("a x 10", purpose="speed")) is not None


def test_tasks_are_sorted_by_environment_and_rising_number():
    tasks = ["a x 1", "a x 20", "a x 20 policy=fixed", "a x 100", "a x 1,000", "b x 3 (memory)", "b x 10 (memory)", "c"]
    assert sorted(tasks, key=order_of) == tasks


def test_only_runs_of_the_number_of_environments_are_kept():
    every = [reading("a x 1"), reading("a x 1,000"), reading("arc-1000envs"), reading("CartPole-v1")]
    assert of_size(every, 1000) == every[1:3]
    with pytest.raises(UserError, match=r"Nothing was measured with 7 environments; there are 1, 1,000\."):
        of_size(every, 7)
    with pytest.raises(UserError, match="--batch-size is of measurements of throughput"):
        of_size(every[3:], 7)


def test_files_of_one_time_that_name_no_library_are_not_taken_for_processes():
    every = [reading("arc-10envs", speed, seed=None, tag="a", stamp="1") for speed in (1.0, 900.0)]
    with pytest.raises(UserError, match=r"2 files of a .* do not say of which library"):
        measurements(every)
    assert len(measurements([every[0], msgspec.structs.replace(every[1], algorithm="other (a)")])) == 1
