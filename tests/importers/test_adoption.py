"""Damaged Sacred runs beside whole ones: what is untold is taken from those, where that can be one thing alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rlgauge.compare.seeds import present
from rlgauge.core.reading import Reading
from rlgauge.core.run import Status
from rlgauge.importers import read
from tests.importers.test_sacred import BC, DAGGER, copied

SPENT = {"start_time": "2026-01-01", "status": "FAILED", "result": None}


def torn(run: Path, *names: str, log: bool = True) -> Path:
    """The run with half of the files that are named."""
    for name in names:
        content = (run / name).read_bytes()
        (run / name).write_bytes(content[: len(content) // 2])
    if not log:
        (run / "cout.txt").unlink(missing_ok=True)
    return run


def broken(*paths: Path) -> Reading:
    (found,) = [reading for reading in read(paths).readings if reading.status is not Status.COMPLETED]
    return found


@pytest.mark.parametrize("names", [["run.json"], ["config.json"]])
def test_a_damaged_run_that_was_repeated_with_success_is_no_further_seed(tmp_path, names):
    torn(copied(BC, tmp_path / "1", **SPENT), *names)
    copied(BC, tmp_path / "2", start_time="2026-01-02")
    collected = read([tmp_path])
    assert len(collected.readings) == 2
    (counted,) = present(collected.readings)
    assert counted.source == str(tmp_path / "2")
    assert all(reading.details == {} for reading in collected.readings)


def test_a_whole_configuration_tells_the_settings_of_a_run_alone(tmp_path):
    whole = copied(BC, tmp_path / "1")
    found = broken(torn(copied(BC, tmp_path / "2"), "run.json"))
    (other,) = read([whole]).readings
    assert (found.algorithm, found.task, found.seed) == (other.algorithm, other.task, other.seed)
    assert found.settings == other.settings != ""


def test_a_run_without_its_run_file_and_log_has_the_algorithm_of_its_settings(tmp_path):
    copied(BC, tmp_path / "2")
    lost = copied(BC, tmp_path / "1")
    (lost / "run.json").write_text("")
    torn(lost, log=False)
    assert broken(tmp_path).algorithm == "bc"
    assert broken(lost).algorithm != "bc"


def test_of_several_settings_those_of_the_same_seed_are_meant(tmp_path):
    first = copied(BC, tmp_path / "1")
    seed = json.loads((first / "config.json").read_text())["seed"]
    copied(BC, tmp_path / "2", config={"seed": seed + 1, "bc__batch_size": 64})
    torn(copied(BC, tmp_path / "3", **SPENT), "config.json")
    expected = {reading.source: reading.settings for reading in read([tmp_path / "1", tmp_path / "2"]).readings}
    assert broken(tmp_path).settings == expected[str(first)]


def test_where_several_can_be_meant_none_is(tmp_path):
    copied(BC, tmp_path / "1")
    copied(BC, tmp_path / "2", config={"bc__batch_size": 64})
    torn(copied(BC, tmp_path / "3", **SPENT), "config.json")
    assert broken(tmp_path).settings == ""


def test_what_a_damaged_run_tells_is_not_changed(tmp_path):
    copied(DAGGER, tmp_path / "1")
    torn(copied(BC, tmp_path / "2", **SPENT), "config.json")
    assert broken(tmp_path).algorithm == "bc"
