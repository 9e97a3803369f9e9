"""Targets against measurements whose numbers are known."""

from __future__ import annotations

import csv
import io
import json

import msgspec
import numpy as np
import pytest

from rlgauge.cli import targets
from rlgauge.core.errors import UserError
from rlgauge.core.run import Status
from rlgauge.kinds.throughput.memory import Memory, Slope
from rlgauge.kinds.throughput.noise import Noise
from rlgauge.kinds.throughput.point import Point
from rlgauge.kinds.throughput.results import Measured
from rlgauge.report.judged import Verdict
from rlgauge.stats.intervals import geometric_mean
from rlgauge.suites.suite import Entry, Suite
from rlgauge.suites.target import Target

CARTPOLE = {"env": "cartpole", "library": "rlgauge", "num_envs": "1k"}


def point(*medians, library="rlgauge", num_envs=1000, planned=None, noise=Noise.QUIET, **chosen):
    """A point as so many processes measured it."""
    speed = geometric_mean(medians)
    return Measured(
        point=Point(environment="cartpole", library=library, num_envs=num_envs, **chosen),
        task="cartpole",
        status=Status.COMPLETED,
        num_processes=len(medians),
        steps_per_second=speed.point,
        low=speed.low,
        high=speed.high,
        process_medians=tuple(medians),
        planned_bytes=planned,
        seconds={"reset": 0.5, "trace": 1.0, "compile": 2.0},
        noise=noise,
    )


def failed(reason, *, library="rlgauge", num_envs=1000):
    own = Point(environment="cartpole", library=library, num_envs=num_envs)
    return Measured(point=own, task="cartpole", status=Status.FAILED, reason=reason)


@pytest.fixture
def measured(tmp_path):
    """Writes a measurement; a later call is a later one."""

    def write(*points, tag="", burn_in=200):
        stamp = f"20260101_00000{len(list(tmp_path.glob('throughput_*')))}"
        content = {"points": points, "timestamp": stamp, "tag": tag, "settings": {"burn_in": burn_in}}
        (tmp_path / f"throughput_{stamp}.json").write_bytes(msgspec.json.encode(content))

    return write


@pytest.fixture
def judge(tmp_path):
    """What becomes of a target."""

    def judge(*, tag="", **said):
        suite = suite_of(Target(**{"of": CARTPOLE, "quantity": "steps_per_second", **said}))
        targets.check(suite)
        targets.keep(suite, tmp_path, tag)
        (found,) = [one for one in targets.judged([tmp_path]) if one.tag == tag]
        return found

    return judge


def suite_of(*wanted):
    return Suite(name="mine", where="mine.yaml", description="", entries=[Entry("throughput", {})], targets=[*wanted])


def test_a_speed_is_judged_by_its_estimate_and_doubted_by_its_interval(measured, judge):
    measured(point(100.0, 110.0, 121.0))
    found = judge(at_least=50)
    assert found.measured.point == pytest.approx(110.0)
    logs = np.log([100.0, 110.0, 121.0])
    half = 4.302652729696142 * logs.std(ddof=1) / np.sqrt(3)  # Student's quantile of two degrees of freedom
    assert (found.measured.low, found.measured.high) == pytest.approx((110 * np.exp(-half), 110 * np.exp(half)))
    assert (found.verdict, found.is_certain) == (Verdict.MET, True)
    for bound, verdict, is_certain in ((109, "met", False), (111, "not met", False), (500, "not met", True)):
        found = judge(at_least=bound)
        assert (found.verdict, found.is_certain) == (verdict, is_certain)
    assert judge(at_most=111).verdict == "met"


def test_one_process_has_no_interval_and_no_certainty(measured, judge):
    measured(point(100.0))
    found = judge(at_least=50)
    assert (found.verdict, found.measured.low, found.is_certain) == ("met", None, None)


def test_a_ratio_is_that_of_the_processes_that_took_turns(measured, judge):
    ours, theirs = (200.0, 330.0, 400.0), (10.0, 11.0, 10.0)
    measured(point(*ours), point(*theirs, library="gymnax"))
    found = judge(ratio_to="gymnax", at_least=20)
    expected = geometric_mean([20.0, 30.0, 40.0])
    assert (found.measured.point, found.measured.low) == pytest.approx((expected.point, expected.low))
    assert (found.verdict, found.is_certain, found.unit) == ("met", False, "")


def test_of_a_ratio_both_sides_are_of_one_measurement(measured, judge):
    measured(point(200.0), point(10.0, library="gymnax"))
    measured(point(50.0))
    assert judge(ratio_to="gymnax", at_least=1).measured.point == pytest.approx(20.0)
    assert judge(at_least=1).measured.point == pytest.approx(50.0)
    assert judge(ratio_to="myriad", at_least=1).verdict == "not measured"


def test_a_target_that_was_not_measured_is_never_met(measured, judge):
    assert judge(at_most=1e12).verdict == "not measured"
    measured(point(1.0, num_envs=10), point(1.0, library="gymnax"))
    assert judge(at_most=1e12).reason == "no measurement has it."
    measured(failed("it did not start"))
    found = judge(at_most=1e12)
    assert (found.verdict, found.reason) == ("not measured", "it did not start")
    found = judge(at_most=1e12, ratio_to="gymnax")
    assert (found.verdict, found.measured) == ("not measured", None)


def test_a_newer_measurement_that_failed_counts_more_than_an_older_one(measured, judge):
    measured(point(100.0))
    measured(failed("out of memory"))
    assert judge(at_least=1).reason == "out of memory"


def test_what_was_measured_for_memory_alone_tells_no_speed(measured, judge):
    measured(point(100.0, planned=1))
    measured(point(900.0, planned=2), burn_in=0)
    assert judge(at_least=1).measured.point == pytest.approx(100.0)
    assert judge(quantity="planned_bytes", at_least=1).measured.point == pytest.approx(2.0)


def test_a_slope_is_rather_of_what_was_measured_for_memory(measured, judge):
    measured(*(point(1.0, num_envs=num, planned=24 * num) for num in (10, 100)), burn_in=0)
    measured(*(point(1.0, num_envs=num, planned=30 * num) for num in (10, 100)))
    found = judge(of={"env": "cartpole", "library": "rlgauge"}, quantity="planned_bytes_per_env", at_most=1)
    assert found.measured.point == pytest.approx(24.0)


def test_each_tag_has_its_own_measurements(measured, judge):
    measured(point(100.0), tag="before")
    measured(point(300.0), tag="after")
    assert judge(tag="before", at_least=200).verdict == "not met"
    assert judge(tag="after", at_least=200).verdict == "met"
    assert judge(at_least=200).verdict == "not measured"


def test_of_chunks_and_blocks_the_best_counts_and_other_work_does_not(measured, judge):
    measured(
        point(100.0, scan_chunk_size=1),
        point(300.0, scan_chunk_size=64),
        point(200.0, block=500),
        point(900.0, policy="fixed"),
        point(900.0, devices=2),
    )
    assert judge(at_least=1).measured.point == pytest.approx(300.0)
    assert judge(at_most=1).measured.point == pytest.approx(100.0)
    assert judge(of={**CARTPOLE, "scan_chunk_size": 1}, at_least=1).measured.point == pytest.approx(100.0)
    assert judge(of={**CARTPOLE, "action": "fixed"}, at_least=1).measured.point == pytest.approx(900.0)
    assert judge(of={**CARTPOLE, "devices": 2}, at_least=1).measured.point == pytest.approx(900.0)


def test_bytes_of_an_environment_are_a_slope(measured, judge):
    ours = [point(1.0, num_envs=num, planned=500 + 24 * num) for num in (10, 100, 1000)]
    theirs = [point(1.0, num_envs=num, planned=900 + 48 * num, library="gymnax") for num in (10, 100, 1000)]
    measured(*ours, *theirs)
    of = {"env": "cartpole", "library": "rlgauge"}
    found = judge(of=of, quantity="planned_bytes_per_env", at_most=24.5)
    assert found.measured.point == pytest.approx(24.0)
    assert (found.verdict, found.unit) == ("met", "bytes")
    assert judge(of=of, quantity="planned_bytes_per_env", ratio_to="gymnax", at_most=1).measured.point == 0.5
    found = judge(of=of, quantity="peak_bytes_per_env", at_most=1)
    assert (found.verdict, found.reason) == (
        "not measured",
        "rlgauge: no two numbers of environments were measured alike.",
    )


def slope_of(monkeypatch, **slopes):
    """Has every library's planned bytes rise by so much."""

    def memory_of(points):
        return [Memory(environment="cartpole", name="x", planned=slopes[points[0].point.library])]

    monkeypatch.setattr(targets, "memory_of", memory_of)


PLANNED = {"of": {"env": "cartpole", "library": "rlgauge"}, "quantity": "planned_bytes_per_env"}


@pytest.mark.parametrize(
    ("slope", "at_most", "verdict", "is_certain"),
    [
        (None, 100, "not measured", None),
        (Slope(point=-45.5), 100, "not measured", None),
        (Slope(point=-45.5, low=-60, high=200), 100, "not measured", None),
        (Slope(point=50, low=-1, high=99), 100, "met", False),
        (Slope(point=50, low=40, high=101), 100, "met", False),
        (Slope(point=50, low=40, high=99), 100, "met", True),
        (Slope(point=50, low=40, high=99), 30, "not met", True),
        (Slope(point=50), 100, "met", None),
        (Slope(point=24.000000000001, low=23.99999999, high=24.00000000001), 24, "met", True),
    ],
)
def test_a_slope_by_chance_is_not_measured_or_uncertain(
    slope, at_most, verdict, is_certain, measured, judge, monkeypatch
):
    measured(*(point(1.0, num_envs=num, planned=num) for num in (10, 100)))
    slope_of(monkeypatch, rlgauge=slope)
    found = judge(**PLANNED, at_most=at_most)
    assert (found.verdict, found.is_certain) == (verdict, is_certain)
    assert (found.reason is None) is (verdict != "not measured")
    if found.reason is not None:
        assert found.reason == "rlgauge: up to 100 environments are too few for a slope."


@pytest.mark.parametrize(
    ("ours", "theirs", "verdict", "is_certain"),
    [
        (Slope(point=50, low=45, high=55), Slope(point=100, low=90, high=110), "met", True),
        (Slope(point=50, low=45, high=95), Slope(point=100, low=90, high=110), "met", False),
        (Slope(point=200, low=91, high=300), Slope(point=91, low=90, high=92), "not met", False),
        (Slope(point=200, low=150, high=300), Slope(point=91, low=90, high=92), "not met", True),
        (Slope(point=50, low=-5, high=55), Slope(point=100, low=90, high=110), "met", False),
        (Slope(point=50, low=45, high=55), Slope(point=100, low=-9, high=110), "met", False),
        (Slope(point=50), Slope(point=100, low=90, high=110), "met", None),
        (Slope(point=95), Slope(point=100, low=90, high=110), "met", False),
        (Slope(point=50), Slope(point=100), "met", None),
        (Slope(point=50), Slope(point=0), "not measured", None),
        (Slope(point=50), Slope(point=-1), "not measured", None),
    ],
)
def test_a_ratio_of_slopes_is_as_certain_as_both(ours, theirs, verdict, is_certain, measured, judge, monkeypatch):
    sides = [point(1.0, num_envs=num, planned=num, library=name) for num in (10, 100) for name in ("rlgauge", "gymnax")]
    measured(*sides)
    slope_of(monkeypatch, rlgauge=ours, gymnax=theirs)
    found = judge(**PLANNED, ratio_to="gymnax", at_most=1)
    assert (found.verdict, found.is_certain) == (verdict, is_certain)
    assert (found.reason is None) is (verdict != "not measured")


@pytest.mark.parametrize(
    ("quantity", "value"), [("planned_bytes", 7.0), ("reset_seconds", 0.5), ("compile_seconds", 3.0)]
)
def test_other_quantities_of_a_point(quantity, value, measured, judge):
    measured(point(1.0, planned=7))
    assert judge(quantity=quantity, at_most=value).verdict == "met"
    assert judge(quantity=quantity, at_most=value - 0.1).verdict == "not met"


def test_what_was_not_told_is_not_measured(measured, judge):
    measured(point(1.0))
    found = judge(quantity="steps_per_cpu_second", at_least=0)
    assert (found.verdict, found.reason) == ("not measured", "rlgauge: nothing tells its steps_per_cpu_second.")


def test_a_noisy_machine_is_told(measured, judge):
    measured(point(200.0, planned=1), point(10.0, library="gymnax", noise=Noise.NOISY, planned=1))
    assert judge(at_least=1).noise is None
    assert judge(at_least=1, ratio_to="gymnax").noise == "noisy"
    assert judge(quantity="planned_bytes", ratio_to="gymnax", at_most=1).noise is None


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"of": {**CARTPOLE, "librry": 1}}, "Unknown name 'librry'. Did you mean 'library'"),
        ({"of": {"library": "rlgauge"}}, "names an env and a library"),
        ({"of": {**CARTPOLE, "library": "gymnx"}}, "Did you mean 'gymnax'"),
        ({"ratio_to": "gymnx"}, "Did you mean 'gymnax'"),
        ({"quantity": "steps_per_secnd"}, "Did you mean 'steps_per_second'"),
        ({"quantity": "planned_bytes_per_env"}, "leave out num_envs"),
        ({"of": {"env": "cartpole", "library": "rlgauge"}}, "needs num_envs"),
        ({"of": {**CARTPOLE, "num_envs": "ten"}}, "num_envs: 'ten' is no number"),
        ({"of": {"policy": "random"}}, "names its env"),
        ({"of": {"policy": "random", "env": "x"}, "ratio_to": "zero"}, "no ratio_to"),
        ({"of": {"policy": "random", "envi": "x"}}, "Did you mean 'env'"),
    ],
)
def test_a_target_of_which_nothing_can_be_measured_is_told(said, message):
    target = Target(**{"of": CARTPOLE, "quantity": "steps_per_second", "at_least": 1, **said})
    with pytest.raises(UserError) as told:
        targets.check(suite_of(target))
    assert str(told.value).startswith("mine.yaml, target 1: ")
    assert message in str(told.value)


def test_summary_shows_the_targets_in_every_format(measured, tmp_path, give):
    measured(point(200.0, 220.0), point(10.0, 11.0, library="gymnax"), tag="phase 1")
    wanted = [
        Target(of=CARTPOLE, quantity="steps_per_second", ratio_to="gymnax", at_least=15),
        Target(of={**CARTPOLE, "num_envs": 10_000}, quantity="steps_per_second", at_least="1G"),
    ]
    targets.keep(suite_of(*wanted), tmp_path, "phase 1")
    asked = ["summary", str(tmp_path), "--targets"]
    table = give(*asked).out
    assert "Targets of mine" in table
    assert "steps_per_second, ratio to gymnax" in table
    assert "20 [20, 20]" in table
    assert "1G" in table
    rows = list(csv.DictReader(io.StringIO(give(*asked, "--format", "csv").out)))
    assert [(row["tag"], row["verdict"], row["measured"]) for row in rows] == [
        ("phase 1", "met", rows[0]["measured"]),
        ("phase 1", "not measured", ""),
    ]
    assert float(rows[0]["measured"]) == pytest.approx(20.0)
    found = json.loads(give(*asked, "--json").out)
    assert [one["verdict"] for one in found["targets"]] == ["met", "not measured"]
    assert found["targets"][1]["measured"] is None
    assert "| phase 1 |" in give(*asked, "--format", "markdown").out
    assert r"\begin{tabular}{llllrl}" in give(*asked, "--format", "latex").out
    assert give(*asked, "-o", str(tmp_path / "t.md")).code == 0
    assert "| phase 1 |" in (tmp_path / "t.md").read_text()


def test_targets_that_a_suite_no_longer_has_are_forgotten(tmp_path):
    targets.keep(suite_of(), tmp_path, "")
    assert list(tmp_path.iterdir()) == []
    targets.keep(suite_of(Target(of=CARTPOLE, quantity="steps_per_second", at_least=1)), tmp_path, "")
    assert len(targets.judged([tmp_path])) == 1
    targets.keep(suite_of(), tmp_path, "")
    assert targets.judged([tmp_path]) == []


def test_a_folder_without_targets_is_told(tmp_path, give):
    said = give("summary", str(tmp_path), "--targets")
    assert said.code == 2
    assert "holds no targets: `rlgauge suite run` keeps" in said.err


def test_a_damaged_file_of_targets_is_told(tmp_path, give):
    (tmp_path / "targets_mine.json").write_text("{")
    said = give("summary", str(tmp_path), "--targets")
    assert said.code == 2
    assert "targets_mine.json can't be understood" in said.err
