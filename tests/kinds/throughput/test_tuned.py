from __future__ import annotations

import json
from types import SimpleNamespace

import msgspec
import pytest

from rlgauge.cli.main import main
from rlgauge.cli.throughput_table import ratio_to
from rlgauge.core.run import Status
from rlgauge.kinds.throughput import tuned
from rlgauge.kinds.throughput.point import Point
from rlgauge.kinds.throughput.results import Measured
from rlgauge.kinds.throughput.tuned import Tuned

TOY = "tests.kinds.throughput.toys:Counting"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RLGAUGE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def measured(num_envs, chunk, speed):
    point = Point(environment="cartpole", library="gymnax", num_envs=num_envs, scan_chunk_size=chunk)
    status = Status.FAILED if speed is None else Status.COMPLETED
    facts = {} if speed is None else {"scan_chunk_size": chunk}
    return Measured(point=point, task="t", status=status, steps_per_second=speed, facts=facts)


def test_the_fastest_is_found_and_all_that_was_tried_is_told():
    found = tuned.best_of([measured(10, 8, 1.0), measured(100, 16, 3.0), measured(1000, 4, None)])
    assert (found.num_envs, found.scan_chunk_size, found.steps_per_second) == (100, 16, 3.0)
    assert [one.steps_per_second for one in found.tried] == [1.0, 3.0, None]
    assert tuned.best_of([measured(10, 8, None)]) is None


def test_what_was_found_is_found_again_on_this_machine_alone(monkeypatch):
    one = Tuned(environment="cartpole", library="gymnax", num_envs=100, scan_chunk_size=16, steps_per_second=3.0)
    tuned.save(one)
    tuned.save(Tuned(environment="cartpole", library="rlgauge", num_envs=9, scan_chunk_size=2, steps_per_second=4.0))
    assert tuned.load("cartpole", "gymnax") == one
    assert tuned.load("cartpole", "rlgauge").num_envs == 9
    assert tuned.load("other", "gymnax") is None
    monkeypatch.setattr(tuned, "machine", lambda: "another")
    assert tuned.load("cartpole", "gymnax") is None


def test_a_damaged_file_is_made_again(cache):
    one = Tuned(environment="cartpole", library="gymnax", num_envs=100, scan_chunk_size=16, steps_per_second=3.0)
    tuned.save(one).write_text("{")
    assert tuned.load("cartpole", "gymnax") is None
    tuned.save(one)
    assert tuned.load("cartpole", "gymnax") == one


def test_the_command_measures_numbers_then_chunks(tmp_path, capsys):
    asked = ["--env", TOY, "--num-envs", "4,40", "--scan-chunk-size", "2,64", "--min-seconds", "0.01"]
    assert main(["throughput", "--autotune", *asked, "--repeats", "2", "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    found = tuned.load(TOY, "py")
    assert len(found.tried) == 4
    assert f"Fastest: {found.num_envs} environments in chunks of {found.scan_chunk_size}" in printed


@pytest.mark.parametrize(("axes", "chunk"), [([], 24), (["--emit", "write"], 256), (["--scan-chunk-size", "8"], 8)])
def test_later_measurements_of_that_kind_take_the_chunk_and_say_so(axes, chunk, tmp_path, capsys):
    tuned.save(Tuned(environment=TOY, library="py", num_envs=40, scan_chunk_size=24, steps_per_second=3.0))
    again = ["--env", TOY, "--num-envs", "40", "--min-seconds", "0.01", "--repeats", "1", "--json", *axes]
    assert main(["throughput", *again, "--out", str(tmp_path / "again")]) == 0
    (point,) = json.loads(capsys.readouterr().out)["points"]
    assert (point["facts"]["scan_chunk_size"], point["facts"]["chunk_is_tuned"]) == (chunk, chunk == 24)
    assert point["task"].split(" ")[:3] == [TOY, "x", "40"]


@pytest.mark.parametrize(("gain", "chunk"), [(1.04, 256), (1.06, 8)])
def test_a_size_that_hardly_gains_is_not_taken(gain, chunk, tmp_path, monkeypatch, capsys):
    speeds = {256: 1.0, 8: gain, 16: 0.5}

    def measure(workload, _options):
        sizes = [(point.num_envs, point.scan_chunk_size) for point in workload.points]
        return SimpleNamespace(found=[measured(number, size, speeds[size]) for number, size in sizes])

    monkeypatch.setattr("rlgauge.cli.throughput_tune.measure", measure)
    asked = ["throughput", "--autotune", "--library", "gymnax", "--num-envs", "100", "--scan-chunk-size", "8,16"]
    assert main([*asked, "--out", str(tmp_path / "out")]) == 0
    assert tuned.load("cartpole", "gymnax").scan_chunk_size == chunk
    assert f"in chunks of {chunk}," in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("unused", [["--emit", "write"], ["--csv", "x.csv"], ["--action", "fixed"], ["--block", "2"]])
def test_what_tuning_has_no_use_for_is_refused(unused, capsys):
    assert main(["throughput", "--autotune", *unused]) == 2
    assert f"--autotune has no use for {unused[0]}" in capsys.readouterr().err


def test_what_has_no_chunks_is_refused(capsys):
    assert main(["throughput", "--autotune", "--library", "gymnasium-vector"]) == 2
    assert "no chunks to choose" in capsys.readouterr().err


def test_a_chunk_that_was_found_has_its_ratio_to_the_default_of_others():
    ours, theirs, chunked = measured(100, 256, 6.0), measured(100, None, 2.0), measured(100, 8, 1.0)
    theirs, chunked = (
        msgspec.structs.replace(one, point=msgspec.structs.replace(one.point, library="theirs"), task=task)
        for one, task in ((theirs, "d"), (chunked, "c"))
    )
    written = msgspec.structs.replace(theirs, point=msgspec.structs.replace(theirs.point, emit="write"))
    assert ratio_to(ours, [ours, written, chunked, theirs], "theirs") == 3.0
    assert ratio_to(msgspec.structs.replace(ours, task="c"), [chunked, theirs], "theirs") == 6.0
    assert ratio_to(ours, [ours, written, chunked], "theirs") is None
