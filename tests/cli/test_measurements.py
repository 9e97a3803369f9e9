"""`rlgauge compare OUT`, `--tag`, `--batch-size`, `--scaling-only`, and `rlgauge runs list --tag`."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from rlgauge.cli.main import main
from rlgauge.core.run import ConfigFile, Record, Start, Status
from rlgauge.core.store import Need, Store
from rlgauge.kinds.throughput.point import Point
from rlgauge.kinds.throughput.workload import ThroughputWorkload
from tests.cli.test_compare import HOST, PROVENANCE

OUT = "out/throughput"


def measure(  # whatever a test changes
    tag: str,
    speeds: Mapping[tuple[str, int], float],
    *,
    day: int,
    out: str = OUT,
    processes: int = 5,
    description: str = "",
    host: Mapping[str, object] = HOST,
    status: Status = Status.COMPLETED,
    min_seconds: float = 0.2,
    is_of_memory: bool = False,
) -> None:
    """Runs as `rlgauge throughput` leaves them; processes deviate by 1 % about the speed."""
    points = [Point(environment="cartpole", library=library, num_envs=number) for library, number in speeds]
    workload = ThroughputWorkload(
        points,
        processes=processes,
        stamp=f"202601{day:02}_120000",
        tag=tag,
        description=description,
        settings={"min_seconds": min_seconds, "only_steps": is_of_memory},
    )
    store = Store(out)
    store.make()
    draw = random.Random(f"{tag} {day}").gauss
    for case in workload.cases():
        point = case.params["point"]
        start = Start(start_time=f"2026-01-{day:02}T12:00:00", host=dict(host), provenance=PROVENANCE)
        attempt = store.claim(case, Need(), ConfigFile(seed=case.seed, case=case, units=dict(workload.units)), start)
        assert attempt is not None
        own = speeds[point["library"], point["num_envs"]] * math.exp(draw(0, 0.01))
        for index in range(3):
            attempt.append(Record(index, {"steps_per_second": own * (1 + index / 1000)}))
        attempt.close()
        attempt.commit(status, result={"noise": "noisy" if tag == "noisy" else "quiet"})


def two_phases(**changed) -> None:
    """A baseline, and a candidate that is 10 % slower in a batch of 500."""
    measure("phase1", {("toy", 1): 1000.0, ("toy", 500): 200_000.0}, day=1, description="as it was", **changed)
    measure("phase2", {("toy", 1): 1000.0, ("toy", 500): 180_000.0}, day=2, description="callbacks", **changed)


def jaxarc(folder: str, name: str, **content) -> None:
    Path(folder).mkdir(exist_ok=True)
    Path(folder, name).write_text(json.dumps(content))


def jaxarc_phases(folder: str) -> None:
    """As JaxARC wrote them, seconds since 1970."""
    for time, tag, batch in ((1_755_056_375.98, "phase1", 18_602.0), (1_755_265_190.5, "phase2", 37_204.0)):
        jaxarc(
            folder,
            f"benchmark_{tag}_{time:.0f}.json",
            timestamp=time,
            description=f"The {tag}",
            tag=tag,
            system_info={"platform": "macOS", "jax_version": "0.6.2"},
            single_environment={"steps_per_second": 600.0, "avg_reset_time": 0.0005},
            batch_scaling={
                "1": {"batch_size": 1, "steps_per_second": 30.0},
                "1000": {"batch_size": 1000, "steps_per_second": batch},
            },
        )


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


def test_two_tags_are_the_two_sides_of_the_gate_the_first_is_the_candidate(give):
    two_phases()
    said = give("compare", "--tag", "phase2", "--tag", "phase1")
    assert said.code == 1
    assert said.out.startswith("Candidate phase2 (0123456) against baseline phase1 (0123456).")
    slower = "candidate phase2 (0123456) is slower than baseline phase1 (0123456) in 1 of 2 lines"
    assert f"Regression: {slower}: steps_per_second of toy on cartpole x 500 0.901" in said.out
    turned = give("compare", OUT, "--tag", "phase1", "--tag", "phase2")
    assert turned.code == 0
    assert "1 faster" in turned.out


def test_the_gate_of_tags_has_all_its_formats_and_options(give, folder):
    two_phases()
    asked = ("compare", OUT, "--tag", "phase2", "--tag", "phase1")
    told = json.loads(give(*asked, "--json").out)
    assert (told["outcome"], told["candidate"]["source"], told["baseline"]["source"]) == (1, "phase2", "phase1")
    assert [round(line["difference"], 1) for line in told["lines"]] == [1.0, 0.9]
    suite = ET.fromstring(give(*asked, "--format", "junit").out)
    assert len(suite.findall(".//failure")) == 1
    assert give(*asked, "-o", "it.md").code == 1
    assert "phase2" in Path("it.md").read_text()
    assert give(*asked, "--tolerance", "20%").code == 0
    assert give(*asked, "--task", "cartpole x 1").code == 0
    assert give(*asked, "--algo", "toy").code == 1


@pytest.mark.parametrize("spelling", ["--batch-size", "--num-envs", "--num_envs"])
def test_only_the_points_of_a_number_of_environments_are_compared(give, spelling):
    two_phases()
    asked = ("compare", "--tag", "phase2", "--tag", "phase1", "--json")
    told = json.loads(give(*asked, spelling, "500").out)
    assert [line["task"] for line in told["lines"]] == ["cartpole x 500"]
    assert give(*asked, spelling, "1").code == 0
    said = give(*asked, spelling, "10")
    assert said.code == 2
    assert "Nothing was measured with 10 environments; there are 1, 500." in said.err


def test_the_number_of_environments_chooses_between_folders_too(give):
    measure("", {("toy", 1): 1000.0, ("toy", 500): 180_000.0}, day=1, out="new")
    measure("", {("toy", 1): 1000.0, ("toy", 500): 200_000.0}, day=2, out="old")
    assert give("compare", "new", "old").code == 1
    assert give("compare", "new", "old", "--batch-size", "1").code == 0


def test_of_a_tag_that_was_measured_twice_the_newest_counts_and_that_is_said(give):
    two_phases()
    measure("phase2", {("toy", 1): 1000.0, ("toy", 500): 220_000.0}, day=3)
    said = give("compare", "--tag", "phase2", "--tag", "phase1")
    assert said.code == 0
    assert "2 of 2 points of phase2 were measured again: the newest counts." in said.out
    assert "5 / 5" in said.out
    assert "10 / 5" not in said.out


def test_of_a_tag_of_several_measurements_every_point_counts_as_it_was_measured_last(give):
    """As `rlgauge suite run --tag` leaves them, an entry after the other."""
    measure("x", {("toy", 1): 100.0, ("toy", 10): 1000.0}, day=1)
    measure("y", {("toy", 1): 100.0}, day=2, description="alone")
    measure("y", {("toy", 10): 2000.0}, day=3, description="batch")
    asked = ("compare", "--tag", "y", "--tag", "x", "--json")
    told = json.loads(give(*asked).out)
    assert [line["task"] for line in told["lines"]] == ["cartpole x 1", "cartpole x 10"]
    assert [line["difference"] for line in told["lines"]] == pytest.approx([1.0, 2.0], rel=0.03)
    assert told["missing"] == []
    assert not any("again" in note for note in told["notes"])
    measure("y", {("toy", 10): 500.0}, day=4)
    told = json.loads(give(*asked).out)
    assert [line["difference"] for line in told["lines"]] == pytest.approx([1.0, 0.5], rel=0.03)
    assert "1 of 2 points of y was measured again: the newest counts." in told["notes"]


def test_scaling_of_a_tag_is_of_all_its_measurements_and_of_no_tag_of_the_newest(give):
    measure("y", {("toy", 1): 100.0}, day=1, description="alone")
    measure("y", {("toy", 10): 900.0, ("toy", 100): 900.0}, day=2, description="batch")
    measure("y", {("toy", 100): 5000.0}, day=3, description="batch")
    said = give("compare", "--scaling-only", "--tag", "y")
    assert "Of y (3 measurements, the last 2026-01-03 12:00:00 UTC): alone; batch." in said.out
    assert "1 of 3 points of y was measured again: the newest counts." in said.out
    points = json.loads(give("compare", "--scaling-only", "--tag", "y", "--json").out)["points"]
    assert [one["num_envs"] for one in points] == [1, 10, 100]
    assert [one["steps_per_second"] for one in points] == pytest.approx([100.0, 900.0, 5000.0], rel=0.03)
    assert points[1]["efficiency_of_linear"] == pytest.approx(0.9, rel=0.03)
    measure("x", {("toy", 1): 100.0}, day=2, description="other")
    for asked in (("x", "y"), ("y", "x")):
        assert "Of y (3 measurements" in give("compare", "--scaling-only", *(f"--tag={tag}" for tag in asked)).out
    newest = give("compare", "--scaling-only")
    assert "Of the measurement y (2026-01-03 12:00:00 UTC): batch." in newest.out
    assert "again" not in newest.out


def test_what_was_measured_of_memory_is_no_measurement_of_speed(give):
    two_phases()
    slow = {("toy", 1): 1.0, ("toy", 500): 1.0}
    measure("phase2", slow, day=3, is_of_memory=True)
    listed_ = give("compare")
    assert listed_.out.count(" phase2 ") == 1
    assert "10 runs of --memory or --find-max not listed: they say nothing of speed." in listed_.out
    assert "other run" not in listed_.out
    told = json.loads(give("compare", "--tag", "phase2", "--tag", "phase1", "--json").out)
    assert [round(line["difference"], 1) for line in told["lines"]] == [1.0, 0.9]
    assert "Runs of --memory or --find-max were left out: they say nothing of speed." in told["notes"]
    assert not any("again" in note for note in told["notes"])
    for asked in ((), ("--tag", "phase2")):
        scaled: dict[str, Any] = json.loads(give("compare", "--scaling-only", *asked, "--json").out)
        assert scaled["time"].startswith("2026-01-02")
        assert all(one["steps_per_second"] > 100 for one in scaled["points"])


def test_runs_of_memory_are_left_out_between_two_folders_and_of_one_with_two_libraries(give):
    measure("", {("toy", 10): 1000.0, ("other", 10): 1000.0}, day=1, out="new")
    measure("", {("toy", 10): 1000.0, ("other", 10): 1000.0}, day=2, out="old")
    measure("", {("toy", 10): 1.0, ("other", 10): 900.0}, day=3, out="new", is_of_memory=True)
    measure("", {("toy", 10): 1000.0, ("other", 10): 1.0}, day=4, out="old", is_of_memory=True)
    for asked in (
        ("new", "old", "--batch-size", "10"),
        ("new", "old"),
        ("new", "--algo", "toy", "--baseline-algo", "other"),
    ):
        told = json.loads(give("compare", *asked, "--json").out)
        assert told["outcome"] == 0
        assert {line["task"] for line in told["lines"]} == {"cartpole x 10"}


@pytest.mark.parametrize(
    "asked",
    [
        (),
        ("--batch-size", "10"),
        ("--scaling-only",),
        ("--scaling-only", "--tag", "m"),
        ("--tag", "m", "--tag", "n"),
        ("--algo", "toy", "--baseline-algo", "other"),
        ("out/throughput/",),
    ],
)
def test_a_folder_of_memory_alone_is_told_so(give, asked):
    measure("m", {("toy", 10): 1000.0}, day=1, processes=1, is_of_memory=True)
    measure("n", {("other", 10): 1000.0}, day=2, processes=1, is_of_memory=True)
    said = give("compare", *asked)
    assert (said.code, said.out) == (2, "")
    assert "holds only runs of --memory or --find-max" in said.err
    assert "which say nothing of speed: `rlgauge throughput" in said.err


def test_a_tag_of_memory_alone_is_told_so_and_not_called_unknown(give):
    two_phases(processes=1)
    measure("m", {("toy", 10): 1000.0}, day=3, processes=1, is_of_memory=True)
    for asked in (("--tag", "phase1", "--tag", "m"), ("--scaling-only", "--tag", "m")):
        said = give("compare", *asked)
        assert said.code == 2
        assert "out/throughput holds only runs of --memory or --find-max with the tag 'm'" in said.err
        assert "`rlgauge throughput --tag m --out out/throughput` measures it." in said.err


def test_tasks_come_in_rising_number_of_environments(give):
    speeds = {("toy", number): 1000.0 * number for number in (100, 1000, 1, 20)}
    measure("one", speeds, day=1)
    measure("two", speeds, day=2)
    measure("two", {("toy", 3): 1000.0}, day=3)
    told = json.loads(give("compare", "--tag", "two", "--tag", "one", "--allow-missing", "--json").out)
    numbers = ["1", "20", "100", "1,000"]
    assert [line["task"] for line in told["lines"]] == [f"cartpole x {number}" for number in numbers]


def test_what_one_side_has_more_of_is_told_of_processes_and_of_their_library(give):
    speeds = {("toy", 1): 1000.0, ("other", 1): 1000.0}
    measure("one", speeds, day=1, processes=2)
    measure("two", speeds, day=2, processes=4)
    said = give("compare", "--tag", "two", "--tag", "one")
    assert "Only the candidate has processes 2, 3 of other on cartpole x 1, toy on cartpole x 1." in said.out
    turned = give("compare", "--tag", "one", "--tag", "two")
    assert turned.code == 2
    assert "the candidate has no other on cartpole x 1 with processes 2, 3" in turned.out
    measure("three", speeds, day=3, processes=3, status=Status.FAILED)
    assert (
        "candidate: other on cartpole x 1, process 0 is FAILED" in give("compare", "--tag", "three", "--tag", "one").out
    )


def test_the_list_says_of_its_column_that_it_is_a_speed(give):
    two_phases(processes=1)
    assert "envs  best steps/s  change" in give("compare").out.splitlines()[1]
    assert "envs  steps/s  change" in give("compare", "--batch-size", "500").out.splitlines()[1]


def test_a_summary_of_points_measured_again_speaks_of_no_checkpoints(give):
    measure("a", {("toy", 10): 1000.0}, day=1, processes=2)
    measure("a", {("toy", 10): 2000.0}, day=2, processes=2)
    said = give("summary", OUT)
    assert (
        "toy on cartpole x 10, process 0; toy on cartpole x 10, process 1: each was measured 2 times: the one"
        in said.out
    )
    assert "checkpoint" not in said.out
    assert "seed 0" not in said.out


@pytest.mark.parametrize(
    "asked",
    [(), ("--scaling-only",), ("--tag", "a", "--tag", "b"), ("--batch-size", "10"), ("--no-scan",), ("--json",)],
)
def test_a_folder_that_is_not_there_is_said_not_to_be_there(give, asked):
    said = give("compare", "out/nowhere", *asked)
    assert (said.code, said.out) == (2, "")
    assert "There is no file or folder 'out/nowhere'." in said.err


def test_tags_of_different_machines_are_not_comparable_unless_that_is_allowed(give):
    two = {("toy", 1): 1000.0}
    measure("a", two, day=1)
    measure("b", two, day=2, host={**HOST, "cpu": "Another processor"})
    assert give("compare", "--tag", "b", "--tag", "a").code == 4
    assert give("compare", "--tag", "b", "--tag", "a", "--allow", "machine").code == 0


def test_two_libraries_of_one_tag_are_compared(give):
    measure("a", {("toy", 10): 1000.0, ("other", 10): 2000.0}, day=1)
    measure("b", {("toy", 10): 9000.0, ("other", 10): 2000.0}, day=2)
    said = give("compare", "--tag", "a", "--algo", "toy", "--baseline-algo", "other", "--json")
    assert said.code == 1
    assert json.loads(said.out)["lines"][0]["difference"] == pytest.approx(0.5, rel=0.05)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (("--tag", "phase1", "--tag", "phase1"), "--tag phase1 was given twice"),
        (("--tag", "a", "--tag", "b", "--tag", "c"), "two of them, not 3 (a, b, c)"),
        (("--tag", "phase1", "--tag", "phase3"), "Unknown tag 'phase3'. Did you mean"),
        (
            ("--tag", "phase1"),
            "--tag phase1 is the candidate: name the baseline with a second --tag (the others are ph",
        ),
        ((OUT, OUT, "--tag", "phase1"), "--tag chooses among the measurements of one folder"),
        (("--tag",), "--tag needs a value"),
        (("--batch-size", "0"), "'0' is no number of things"),
        (("--batch-size", "7"), "Nothing was measured with 7 environments; there are 1, 500."),
        (("--scaling-only", "--tag", "x"), "Unknown tag 'x'. Known: phase1, phase2."),
        (("--scaling-only", "--num-envs", "1"), "omit --batch-size"),
        (("--scaling-only", "--metric", "iqm"), "omit --metric"),
        ((OUT, "elsewhere", "--scaling-only"), "omit a second folder"),
        (("--strict",), "Name the baseline: another folder"),
        (("--tolerance", "5%"), "two of its tags with --tag (phase1, phase2)"),
        (("--format", "junit"), "--format junit is of a comparison of two sides"),
        (("--task", "cartpole x 2"), "Unknown task 'cartpole x 2'"),
    ],
)
def test_what_makes_no_sense_of_tags_ends_with_2_and_a_sentence(give, asked, told):
    two_phases(processes=1)
    said = give("compare", *asked)
    assert (said.code, said.out) == (2, "")
    assert told in said.err
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("asked", [("--tag", "a", "--tag", "b"), ("--scaling-only",), ("--batch-size", "3"), ()])
def test_a_folder_without_measurements_is_told_so(give, asked):
    Path("scores.csv").write_text("algo,env,seed,score\na,Ant,0,1\nb,Ant,0,2\n")
    said = give("compare", "scores.csv", *asked)
    assert said.code == 2
    assert ("holds no measurement of throughput" in said.err) == (asked[:1] in {("--tag",), ("--scaling-only",)})


def test_without_a_folder_there_must_be_that_of_throughput(give):
    said = give("compare")
    assert said.code == 2
    assert "There is no 'out/throughput' either" in said.err


def test_one_folder_alone_lists_its_measurements_by_time_with_their_changes(give):
    measure("phase1", {("toy", 1): 1000.0, ("toy", 10): 9000.0, ("toy", 500): 200_000.0}, day=2, description="first")
    measure("phase0", {("toy", 1): 500.0, ("toy", 10): 4500.0}, day=1)
    measure("phase2", {("toy", 1): 800.0, ("toy", 500): 300_000.0}, day=3, description="second")
    said = give("compare")
    assert said.code == 0
    assert said.out.splitlines()[0] == "cartpole"
    lines = [cells(line) for line in said.out.splitlines()[3:6]]
    assert [line[:2] for line in lines] == [
        ["2026-01-01 12:00:00", "phase0"],
        ["2026-01-02 12:00:00", "phase1"],
        ["2026-01-03 12:00:00", "phase2"],
    ]
    assert [line[-4] for line in lines[1:]] == ["500", "500"]
    assert lines[0][-5] == lines[1][-2] == "-"
    assert float(lines[1][-5].split()[0]) == pytest.approx(100, abs=5)
    assert lines[1][-5].endswith("faster")
    assert lines[2][-5].endswith("slower")
    assert lines[2][-2].endswith("faster")
    assert "above 0 is faster" in said.out


def test_the_list_as_json_has_every_measurement_with_numbers(give):
    two_phases()
    told = json.loads(give("compare", OUT, "--json").out)
    assert [(one["tag"], one["description"], one["time"]) for one in told["measurements"]] == [
        ("phase1", "as it was", "2026-01-01T12:00:00+00:00"),
        ("phase2", "callbacks", "2026-01-02T12:00:00+00:00"),
    ]
    ((first,), (second,)) = (one["rows"] for one in told["measurements"])
    assert first["batch"]["change"] is None
    batch = second["batch"]
    assert batch["change"]["ratio"] == pytest.approx(batch["steps_per_second"] / first["batch"]["steps_per_second"])
    assert (batch["num_envs"], batch["num_processes"], batch["noise"]) == (500, 5, "quiet")
    assert batch["change"]["word"] == "slower"
    assert batch["change"]["low"] < batch["change"]["ratio"] < batch["change"]["high"] < 1
    assert second["single"]["change"]["word"] == "same"


def test_the_list_goes_into_a_file(give):
    two_phases(processes=1)
    assert give("compare", OUT, "-o", "list.json").code == 0
    assert len(json.loads(Path("list.json").read_text())["measurements"]) == 2
    assert give("compare", OUT, "-o", "list.txt").code == 0
    assert "phase2" in Path("list.txt").read_text()


def test_the_list_shows_the_batch_that_was_asked_for(give):
    measure("a", {("toy", 10): 100.0, ("toy", 500): 2000.0}, day=1)
    rows = [
        json.loads(give("compare", *asked, "--json").out)["measurements"][0]["rows"]
        for asked in ((), ("--batch-size", "10"))
    ]
    assert [row["batch"]["num_envs"] for (row,) in rows] == [500, 10]


def test_one_process_has_a_change_and_no_verdict_and_is_told_how_to_get_one(give):
    two_phases(processes=1)
    said = give("compare")
    assert "slower" not in said.out
    assert float(cells(said.out.splitlines()[4])[-2].removesuffix(" %")) == pytest.approx(-10, abs=5)
    assert "No verdict where a measurement has one process" in said.out
    assert "`rlgauge compare out/throughput --tag phase2 --tag phase1` is the gate between two." in said.out


@pytest.mark.parametrize(
    ("changed", "allow", "told"),
    [
        ({"host": {**HOST, "cpu": "Another processor"}}, "machine", "The machines differ in CPU: candidate Another"),
        ({"min_seconds": 0.5}, "configuration", "settings.min_seconds differs: candidate 0.5, baseline 0.2."),
    ],
)
def test_what_was_measured_otherwise_has_no_change_unless_that_is_allowed(give, changed, allow, told):
    measure("a", {("toy", 10): 1000.0}, day=1)
    measure("b", {("toy", 10): 2000.0}, day=2, **changed)
    said = give("compare")
    assert said.code == 0
    assert "not comparable" in said.out
    assert (
        "Not comparable: b (2026-01-02 12:00:00 UTC), here the candidate, and a (2026-01-01 12:00:00 UTC), the"
        in said.out
    )
    assert told in said.out
    assert "faster\n" not in said.out
    allowed = give("compare", "--allow", allow)
    assert "faster" in allowed.out
    assert "ot comparable" not in allowed.out


def test_noise_and_failures_are_shown(give):
    measure("noisy", {("toy", 10): 1000.0}, day=1)
    measure("broken", {("toy", 10): 1000.0}, day=2, status=Status.FAILED)
    said = give("compare")
    assert "1 of 2 speeds measured while the machine did something else" in said.out
    (line,) = (line for line in said.out.splitlines() if " broken " in line)
    assert "FAILED" in line
    assert "%" not in line


def test_scaling_is_that_of_the_newest_measurement_or_of_the_newest_with_a_tag(give):
    measure("a", {("toy", 1): 100.0, ("toy", 10): 500.0}, day=1)
    measure("b", {("toy", 1): 100.0, ("toy", 10): 800.0, ("toy", 100): 400.0}, day=2, description="why")
    said = give("compare", "--scaling-only")
    assert said.code == 0
    assert "Of the measurement b (2026-01-02 12:00:00 UTC): why." in said.out
    header, _, *lines = [cells(line) for line in said.out.splitlines()[1:6]]
    assert header == ["library", "envs", "steps/s", "an env", "of best", "of linear", "noise"]
    assert [line[1] for line in lines] == ["1", "10", "100"]
    told = json.loads(give("compare", "--scaling-only", "--tag", "a", "--json").out)
    single, batch = told["points"]
    assert told["tag"] == "a"
    assert batch["efficiency_of_linear"] == pytest.approx(batch["steps_per_second"] / (10 * single["steps_per_second"]))
    assert single["efficiency_of_best"] == pytest.approx(single["steps_per_second"] / batch["steps_per_second"])
    assert batch["steps_per_second_per_env"] == pytest.approx(batch["steps_per_second"] / 10)


def test_jaxarcs_own_files_are_listed_compared_and_scaled(give):
    jaxarc_phases("results")
    said = give("compare", "results")
    assert said.code == 0
    lines = [cells(line) for line in said.out.splitlines()[3:5]]
    assert lines[0] == ["2025-08-13 03:39:35", "phase1", "The phase1", "jaxarc", "600", "-", "1,000", "18.6k", "-"]
    assert lines[1][1:] == ["phase2", "The phase2", "jaxarc", "600", "+0.0 %", "1,000", "37.2k", "+100.0 %"]
    gate = give("compare", "results", "--tag", "phase2", "--tag", "phase1", "--batch-size", "1000", "--json")
    (line,) = json.loads(gate.out)["lines"]
    assert (gate.code, line["algorithm"], line["difference"]) == (0, "jaxarc", pytest.approx(2.0))
    assert "configured differently" not in gate.out
    points = json.loads(give("compare", "results", "--scaling-only", "--json").out)["points"]
    assert [(one["is_single"], one["num_envs"]) for one in points] == [(True, 1), (False, 1), (False, 1000)]
    assert points[2]["efficiency_of_linear"] == pytest.approx(37_204 / 600_000)
    assert "1 in a batch" in give("compare", "results", "--scaling-only").out


def test_imported_measurements_keep_their_time_and_tag(give):
    jaxarc_phases("results")
    assert give("import", "results", "--out", "imported").code == 0
    direct, imported = (
        json.loads(give("compare", out, "--json").out)["measurements"] for out in ("results", "imported")
    )
    assert [one["time"] for one in imported] == ["2025-08-13T03:39:35+00:00", "2025-08-15T13:39:50+00:00"]
    assert imported == direct
    rows = json.loads(give("runs", "list", "imported", "--tag", "phase1", "--json").out)
    assert {row["tag"] for row in rows} == {"phase1"}


def test_the_export_for_jaxarc_says_its_library(give):
    jaxarc(
        "results",
        "benchmark_20260101_120000.json",
        timestamp="20260101_120000",
        system_info={},
        config_summary={"library": "gymnax", "environment": "cartpole"},
        single_environment={"steps_per_second": 5.0, "avg_reset_time": 0.1},
        batch_scaling={"10": {"steps_per_second": 40.0}},
    )
    (one,) = json.loads(give("compare", "results", "--json").out)["measurements"]
    ((row,),) = (one["rows"],)
    assert (row["environment"], row["library"], row["batch"]["steps_per_second"]) == ("cartpole", "gymnax", 40.0)


def test_other_runs_beside_are_counted(give):
    measure("a", {("toy", 10): 1000.0}, day=1, processes=1)
    Path("out/scores.csv").write_text("algo,env,seed,score\na,Ant,0,1\nb,Ant,0,2\n")
    assert "2 other runs not listed" in give("compare", "out").out


def test_runs_are_listed_by_tag(give):
    two_phases(processes=1)
    assert all(row["tag"] == "phase1" for row in listed(give, "--tag", "phase1"))
    assert len(listed(give, "--tag", "phase1")) == 2
    assert len(listed(give, "--tag", "phase1", "--tag", "phase2")) == len(listed(give)) == 4
    assert listed(give, "--tag", "phase1", "--status", "failed") == []
    assert " phase2 " in give("runs", "list", OUT, "--tag", "phase2").out
    said = give("runs", "list", OUT, "--tag", "phase")
    assert (said.code, said.out) == (2, "")
    assert "Unknown tag 'phase'. Did you mean 'phase" in said.err
    assert "Known: phase1, phase2." in said.err


def listed(give, *asked: str) -> Sequence[dict[str, str]]:
    rows: list[dict[str, str]] = json.loads(give("runs", "list", OUT, *asked, "--json").out)
    return rows


def test_where_nothing_has_a_tag_that_is_said(give):
    measure("", {("toy", 10): 1000.0}, day=1, processes=1)
    said = give("runs", "list", OUT, "--tag", "phase1")
    assert said.code == 2
    assert f"No run in {OUT} has a tag: `rlgauge throughput --tag phase1` gives them one." in said.err
    assert " tag " not in give("runs", "list", OUT).out
    assert "No measurement has the tag 'a', nor any other" in give("compare", "--tag", "a", "--tag", "b").err


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> Path:
    """Two measurements of `rlgauge throughput`, as a user makes them."""
    out = tmp_path_factory.mktemp("measured") / "out"
    asked = ["--env", "cartpole", "--library", "gymnasium-vector", "--num-envs", "1,10", "--min-seconds", "0.01"]
    for tag in ("phase1", "phase2"):
        command = ["throughput", *asked, "--repeats", "2", "-t", tag, "-d", f"the {tag}", "--quiet", "--out", str(out)]
        assert main(command) == 0
    return out


def test_what_throughput_measured_is_listed_compared_and_scaled(give, measured):
    told = json.loads(give("compare", str(measured), "--json").out)
    first, second = told["measurements"]
    assert [first["tag"], first["description"], second["tag"]] == ["phase1", "the phase1", "phase2"]
    (path,) = measured.glob("throughput_phase2_*.json")
    single, batch = json.loads(path.read_text())["points"]
    (row,) = second["rows"]
    assert row["single"]["steps_per_second"] == pytest.approx(single["steps_per_second"])
    assert row["batch"]["steps_per_second"] == pytest.approx(batch["steps_per_second"])
    assert row["batch"]["noise"] == batch["noise"]
    assert row["batch"]["change"]["before"].startswith("phase1 (")
    assert row["batch"]["change"]["word"] is None
    gate = give("compare", str(measured), "--tag", "phase2", "--tag", "phase1", "--batch-size", "10")
    assert gate.code == 0
    assert "Nothing decided: candidate phase2" in gate.out
    points = json.loads(give("compare", str(measured), "--scaling-only", "--json").out)["points"]
    assert [one["steps_per_second"] for one in points] == pytest.approx(
        [single["steps_per_second"], batch["steps_per_second"]]
    )


def test_of_one_environment_alone_is_the_list_and_of_two_libraries_the_gate_as_before(give, measured):
    assert give("compare", str(measured)).code == 0
    said = give("compare", str(measured), "--algo", "gymnasium-vector")
    assert said.code == 2
    assert "Name the baseline: another folder, or an algorithm of" in said.err
