from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from rlgauge.core.errors import UserError
from rlgauge.core.execute import execute
from rlgauge.core.index import readings
from rlgauge.core.run import Status
from rlgauge.core.store import Store
from rlgauge.core.workload import build
from rlgauge.kinds.throughput.measuring import prepare_process
from rlgauge.kinds.throughput.memory import memory_of
from rlgauge.kinds.throughput.noise import Noise
from rlgauge.kinds.throughput.point import Point
from rlgauge.kinds.throughput.results import _reason, results_of
from rlgauge.kinds.throughput.timer import Settings
from rlgauge.kinds.throughput.workload import ThroughputWorkload, task_of
from rlgauge.launch.local import Local

SHORT = Settings(min_seconds=0.01, repeats=3, warmup=0)
TOYS = "tests.kinds.throughput.toys"


def measured(points, tmp_path, *, processes=1):
    workload = ThroughputWorkload(points, settings=SHORT, processes=processes, stamp="now", tag="a")
    return results_of(workload, execute(workload, Store(tmp_path), launcher=Local(1)))


def toy(name, num_envs=6, **axes):
    return Point(environment=f"{TOYS}:{name}", library="py", num_envs=num_envs, **axes)


def test_a_worker_makes_it_again():
    workload = ThroughputWorkload([toy("Vector")], settings=SHORT, processes=2, tag="t", description="d")
    again = build(workload.describe())
    assert [case.id for case in again.cases()] == [case.id for case in workload.cases()]
    assert [case.seed for case in workload.cases()] == [0, 1]


def test_the_same_points_measured_another_time_are_other_cases():
    one, other = (ThroughputWorkload([toy("Vector")], stamp=stamp) for stamp in ("a", "b"))
    assert next(iter(one.cases())).id != next(iter(other.cases())).id


def test_every_kind_is_measured_and_what_fails_is_said_and_fails_alone(tmp_path):
    points = [
        Point(environment="cartpole", library="rlgauge", num_envs=64),
        toy("Counting", scan_chunk_size=10, block=3),
        toy("Vector"),
        toy("Single"),
        toy("Compiled"),
        toy("Broken"),
        toy("Xyzzy"),
        Point(environment="no-such-environment", library="gymnax", num_envs=2),
        Point(environment="cartpole", library="rlgauge", num_envs=10**12),
        toy("Vector", rng="rbg"),
    ]
    found = measured(points, tmp_path)
    assert [one.status for one in found] == [Status.COMPLETED] * 5 + [Status.FAILED] * 5
    assert [one.reason for one in found[5:]] == [
        f"{TOYS}:Broken of py is no JaxEnv: it lacks sample, step.",
        f"Unknown name in {TOYS} 'Xyzzy'. Known: Broken, Compiled, Count, Counting, Single, Vector.",
        found[7].reason,
        found[8].reason,
        "rng=rbg can't be honoured: py has no compiled loop.",
    ]
    assert "Unknown gymnax environment 'no-such-environment'" in str(found[7].reason)
    assert "would fit" in str(found[8].reason)
    for one in found[:5]:
        assert one.num_repetitions == 3
        assert one.least <= one.median <= one.mean + 3 * one.deviation
        assert one.least <= one.quartiles[0] <= one.median <= one.quartiles[1]
        assert one.noise in set(Noise)
        assert one.low is None
        assert one.peak_bytes > 1e7
    cartpole, counting, *others = found
    assert {"make", "init", "trace", "compile", "first", "reset", "run"} <= cartpole.seconds.keys()
    assert cartpole.planned_bytes > 64 * cartpole.state_bytes_per_env > 0
    assert cartpole.facts["flops"] > 0
    assert counting.facts["scan_chunk_size"] == 10
    assert "episodes of 60 steps, and as many in chunks of 5 and blocks of 1" in counting.checks[-1]
    assert all(one.planned_bytes is None for one in others)


def test_processes_have_an_interval_and_are_the_readings_of_a_store(tmp_path):
    (found,) = measured([toy("Vector", 8)], tmp_path, processes=3)
    assert found.low < found.steps_per_second < found.high
    assert found.num_processes == 3
    read = readings(tmp_path)
    assert [(one.algorithm, one.task, one.seed) for one in read] == [("py", f"{TOYS}:Vector x 8", i) for i in range(3)]
    assert read[0].units["steps_per_second"] == "steps/s"


def test_a_task_says_what_is_not_the_default():
    assert task_of(toy("Vector", 1000)) == f"{TOYS}:Vector x 1,000"
    assert task_of(toy("Counting", scan_chunk_size=4, policy="fixed", emit="write")).endswith(
        "x 6 scan_chunk_size=4 policy=fixed emit=write"
    )


def test_bytes_an_environment_are_a_slope(tmp_path):
    points = [Point(environment="cartpole", library="rlgauge", num_envs=num) for num in (50_000, 200_000)]
    found = measured(points, tmp_path)
    assert memory_of(found)[0].planned.point == pytest.approx(20, abs=1)
    assert memory_of(found[:1])[0].planned is None


def test_no_process_is_refused():
    with pytest.raises(UserError, match="processes=0"):
        ThroughputWorkload([toy("Vector")], processes=0)


@pytest.mark.parametrize(
    ("trace", "reason"),
    [
        ("Traceback ...\n  File x\nValueError: one\n  two\n\nthree", "ValueError: one two three"),
        ("ValueError: one\n\nThe above exception was the cause\n\nrlgauge.x.CheckError: All.", "All."),
        ("killed", "killed"),
    ],
)
def test_a_reason_is_the_whole_message_of_what_was_raised_last(trace, reason):
    run = SimpleNamespace(file=SimpleNamespace(fail_trace=trace), status=Status.FAILED)
    assert _reason(run) == reason


@pytest.mark.parametrize(("num_envs", "is_off"), [(1, True), (999, True), (1000, False)])
def test_few_environments_are_not_scheduled_for_several_threads(num_envs, is_off, monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_prefer_vector_width=256")
    monkeypatch.setenv("NPROC", "2")
    prepare_process(Point(environment="cartpole", library="gymnax", num_envs=num_envs))
    flags = os.environ["XLA_FLAGS"].split()
    assert [flag for flag in flags if "width" in flag] == ["--xla_cpu_prefer_vector_width=256"]
    assert ("--xla_cpu_enable_concurrency_optimized_scheduler=false" in flags) is is_off


@pytest.mark.parametrize(
    ("library", "devices", "given", "threads"),
    [
        ("gymnax", 1, None, "1"),
        ("gymnax", 2, None, None),
        ("jaxarc", 1, None, None),
        ("gymnasium-vector", 1, None, None),
        ("rlgauge", 1, "3", "3"),
    ],
)
def test_one_thread_steps_what_threads_would_slow_unless_told_otherwise(library, devices, given, threads, monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "")
    monkeypatch.setenv("NPROC", given or "")
    if given is None:
        monkeypatch.delenv("NPROC")
    prepare_process(Point(environment="cartpole", library=library, num_envs=1000, devices=devices))
    assert os.environ.get("NPROC") == threads
