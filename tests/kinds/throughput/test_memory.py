from __future__ import annotations

import json

import pytest
from scipy import stats

from rlgauge.cli.main import main
from rlgauge.core.run import Status
from rlgauge.kinds.throughput import measuring, on_device
from rlgauge.kinds.throughput.memory import Bracket, largest, memory_of, over_floor, per_step_of_chunk, round_down
from rlgauge.kinds.throughput.point import Point
from rlgauge.kinds.throughput.prepared import NoRoomError
from rlgauge.kinds.throughput.results import Measured
from rlgauge.kinds.throughput.workload import ThroughputWorkload

FLOOR = 10**8
TOY = "tests.kinds.throughput.toys:Counting"


def measured(num_envs, planned, peak, *, library="ours", chunk=None, emit="drop", device_peak=None, block=0):
    return Measured(
        point=Point(environment="cartpole", library=library, num_envs=num_envs, scan_chunk_size=chunk, emit=emit),
        task="t",
        status=Status.COMPLETED,
        steps_per_second=1.0,
        planned_bytes=planned,
        peak_bytes=peak,
        device_peak_bytes=device_peak,
        facts={"scan_chunk_size": chunk, "block": block},
    )


def test_bytes_of_an_environment_are_slopes_with_the_interval_of_least_squares():
    nums = [1, 100_000, 1_000_000, 5_000_000]
    peaks = [FLOOR + 30 * num + noise for num, noise in zip(nums, (0, 400_000, -900_000, 200_000), strict=True)]
    (memory,) = memory_of([measured(num, 500 + 24 * num, peak) for num, peak in zip(nums, peaks, strict=True)])
    assert memory.floor == FLOOR + 30
    assert memory.planned.point == pytest.approx(24)
    expected = stats.linregress(nums, peaks)
    reach = stats.t.ppf(0.975, 2) * expected.stderr
    assert memory.peak.point == pytest.approx(expected.slope)
    assert memory.peak.low == pytest.approx(expected.slope - reach)
    assert memory.peak.high == pytest.approx(expected.slope + reach)
    assert memory.per_env == memory.peak.point
    assert memory.num_that_fit(FLOOR + 40 + 1000 * memory.peak.point) == 1000
    assert memory.num_that_fit(FLOOR + 30) == 0


def test_peaks_that_hardly_rise_have_no_slope():
    low, high = (
        [measured(num, None, FLOOR + rise) for num, rise in ((1, 0), (1000, top))] for top in (2**25 - 1, 2**25)
    )
    assert memory_of(low)[0].peak is None
    assert memory_of(low)[0].num_that_fit(10**12) is None
    assert memory_of(high)[0].per_env == pytest.approx(2**25 / 999)


def test_the_larger_slope_says_how_many_fit():
    found = [measured(num, 24 * num, FLOOR + 40 * num) for num in (1, 2_000_000)]
    assert memory_of(found)[0].num_that_fit(FLOOR + 40 + 40 * 1000) == 1000


def test_numbers_of_less_than_two_blocks_have_no_slope():
    found = [measured(num, 24 * num, None, block=500) for num in (1, 500, 999)]
    assert memory_of(found)[0].planned is None
    found += [measured(num, 90 + 20 * num, None, block=500) for num in (1000, 5000)]
    assert memory_of(found)[0].planned.point == pytest.approx(20)


def test_two_numbers_have_a_slope_without_an_interval_and_one_has_none():
    (memory,) = memory_of([measured(10, 240, None), measured(20, 480, None)])
    assert (memory.planned.point, memory.planned.low, memory.peak) == (pytest.approx(24), None, None)
    assert memory_of([measured(10, 240, None)])[0].planned is None


def test_a_device_with_memory_of_its_own_has_no_floor_of_the_process():
    found = [measured(num, 24 * num, FLOOR, device_peak=28 * num) for num in (1, 10**6, 2 * 10**6)]
    (memory,) = memory_of(found)
    assert memory.num_that_fit(28_000) == 1000


def test_libraries_chunks_and_ways_stand_apart_and_share_the_floor_of_their_library():
    single = measured(1, 24, FLOOR)
    many = measured(1000, 24_000, FLOOR + 5000, chunk=16, emit="write")
    other = measured(1000, 24_000, FLOOR + 5000, library="theirs")
    assert [(one.name, one.scan_chunk_size, one.floor) for one in memory_of([single, many, other])] == [
        ("ours", None, FLOOR),
        ("ours", 16, FLOOR),
        ("theirs", None, None),
    ]
    assert over_floor(many, [single, many, other]) == 5000
    assert over_floor(other, [single, many, other]) is None


def test_steps_of_a_chunk_have_a_slope_too():
    found = [measured(100, 100 * (24 + 22 * chunk), None, chunk=chunk, emit="write") for chunk in (1, 16, 64)]
    assert per_step_of_chunk(found).point == pytest.approx(22)


@pytest.mark.parametrize("limit", [1, 2, 7, 100, 12_345, 10**9])
@pytest.mark.parametrize("first", [1, 10, 11_000, 10**7])
def test_the_largest_number_that_fits_is_found_to_a_tenth_from_anywhere(limit, first):
    tried = []

    def fits(number):
        tried.append(number)
        return number <= limit

    most, fewest = largest(fits, first)
    assert most <= limit < fewest
    assert fewest <= max(1.1 * most, most + 1)
    assert len(tried) == len(set(tried))
    assert all(number == round_down(number) for number in tried if number >= 100)


def test_where_nothing_fits_nothing_is_found():
    assert largest(lambda _number: False, 1000) == Bracket(None, 1)


@pytest.mark.parametrize(("number", "rounded"), [(0.4, 0), (7, 7), (99.9, 99), (123, 120), (98_765, 98_000)])
def test_numbers_are_rounded_down_to_two_digits(number, rounded):
    assert round_down(number) == rounded


def test_memory_is_told_over_both_axes_above_the_floor(tmp_path, capsys):
    asked = [
        "--library",
        "rlgauge,gymnasium-vector",
        "--memory",
        "both",
        "--num-envs",
        "20k",
        "--scan-chunk-size",
        "1,8",
    ]
    path = tmp_path / "memory.json"
    assert main(["throughput", *asked, "--out", str(tmp_path / "out"), "-o", str(path)]) == 1
    printed = capsys.readouterr()
    assert printed.err.count("can't be honoured: gymnasium-vector has no compiled loop") == 2
    assert "cartpole: memory" in printed.out
    content = json.loads(path.read_text())
    points = [one["point"] for one in content["points"] if one["point"]["library"] == "rlgauge"]
    assert [one["num_envs"] for one in points] == [1, 20_000, 20_000, 20_000, 20_000]
    written = [one for one in content["points"] if one["point"]["emit"] == "write"]
    sizes = [one["planned_bytes"] for one in written]
    written, block = 20_000, 10_000  # environments whose outcomes are kept, and those of the block at work
    assert sizes[1] - sizes[0] == pytest.approx(7 * (written + block) * 22, rel=0.2)  # 4 floats, a reward and two ends


def test_the_most_that_fits_is_found_by_filling_memory(tmp_path, capsys):
    heavy = ["--env", "tests.kinds.throughput.heavy:Heavy", "--num-envs", "5k,10k", "--repeats", "1"]
    asked = ["--find-max", "--memory-limit", "500M", "--json", "--out", str(tmp_path / "out")]
    assert main(["throughput", *heavy, *asked]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["bytes_per_env"] == pytest.approx(10_000, rel=0.1)
    assert 20_000 < found["fitted"] < found["too_many"] <= 1.1 * found["fitted"]
    assert 0.8 < found["predicted"] / found["fitted"] < 1.25
    assert found["limit"] == 500 * 2**20 > found["peak_bytes"]
    assert "The run held" in found["reason"]


def test_memory_that_xla_does_not_get_is_recorded_as_such(monkeypatch):
    monkeypatch.setattr(measuring, "prepare_process", lambda _point: None)
    monkeypatch.setattr(on_device, "_free_bytes", lambda: None)
    point = Point(environment="cartpole", library="rlgauge", num_envs=10**6, scan_chunk_size=10**5, emit="write")
    case = ThroughputWorkload([point]).case(point, 0)
    with pytest.raises(NoRoomError, match="RESOURCE_EXHAUSTED"):
        list(measuring.measure_case(case, None))


def test_what_fails_for_another_reason_than_memory_is_told(tmp_path, capsys):
    broken = "tests.kinds.throughput.toys:Broken"
    assert main(["throughput", "--env", broken, "--find-max", "--num-envs", "2", "--out", str(tmp_path / "out")]) == 1
    assert "Broken" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (["--memory", "env"], "Did you mean 'envs'"),
        (["--memory", "envs", "--find-max"], "ask for one"),
        (["--memory", "chunk", "--library", "gymnasium-vector"], "none has chunks"),
    ],
)
def test_what_cannot_be_asked_for_is_said(asked, told, tmp_path, capsys):
    assert main(["throughput", *asked, "--out", str(tmp_path / "out")]) == 2
    assert told in capsys.readouterr().err


def test_a_number_in_blocks_of_another_size_says_nothing_of_the_slope():
    found = [measured(num, 90 + 20 * num, None, block=500) for num in (1000, 5000)]
    found.append(measured(20_011, 400_000, None, block=1))
    assert memory_of(found)[0].planned.point == pytest.approx(20)


def test_where_nothing_grows_no_slope_is_known():
    assert memory_of([measured(10, 480, None), measured(20, 240, None)])[0].planned is None
