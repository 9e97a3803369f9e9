from __future__ import annotations

import json

from rlgauge.core.reading import Reading
from rlgauge.report.page.blocks import block
from rlgauge.report.sections import reproduce
from tests.report.page.test_markup import _Reader

START = {
    "start_time": "2026-01-02T03:04:05",
    "host": {"hostname": "here", "cpu": "fast", "num_cores": 2, "gpus": [{"name": "large"}]},
    "provenance": {"python": "3.11.7", "python_implementation": "CPython", "packages": {"torch": "2.13.0"}},
}


def told(tmp_path, *files):
    folders = []
    for place, content in enumerate(files):
        folder = tmp_path / str(place)
        folder.mkdir()
        (folder / "run.json").write_text(content if isinstance(content, str) else json.dumps(content))
        folders.append(str(folder))
    found = list(reproduce.section([Reading(algorithm="a", task="t", folders=tuple(folders))]))
    reader = _Reader()
    reader.feed("".join(block(part) for section in found for part in section.body))
    return found, reader.text


def test_commands_code_and_machines_are_told_with_how_many_runs_had_them(tmp_path):
    clean = {"repository": {"commit": "a" * 40, "dirty": False}}
    changed = {"repository": {"commit": "b" * 40, "dirty": True, "diff_hash": "c" * 32}}
    files = [
        {**START, "command": "rlgauge x", "provenance": {**START["provenance"], **one}}
        for one in (clean, clean, changed)
    ]
    _, text = told(tmp_path, *files)
    for part in (
        "rlgauge x3",
        "repositoryaaaaaaaaaaaa2",
        "bbbbbbbbbbbb with changes (hash cccccccccccc)1",
        "torch2.13.03",
    ):
        assert part in text
    for part in ("PythonCPython 3.11.73", "hostnamehere3", "GPUlarge3", "cores23"):
        assert part in text


def test_what_a_damaged_run_does_not_tell_is_said(tmp_path):
    _, text = told(tmp_path, START, "{ torn")
    assert "1 of 2 runs don't tell how they came about" in text


def test_a_command_is_told_as_it_is_typed_wherever_it_is_installed(tmp_path):
    commands = ["/opt/a b/bin/rlgauge x 'y z'", "rlgauge x 'y z'", "/opt/train.py --out 'a"]
    quoted = [{**START, "command": one.replace("/opt/a b", "'/opt/a b'")} for one in commands]
    _, text = told(tmp_path, *quoted)
    assert "rlgauge x 'y z'2" in text
    assert "/opt/train.py --out 'a1" in text


def test_several_runs_of_one_result_are_told(tmp_path):
    _, text = told(tmp_path, START, START)
    assert "2 runs for 1 result" in text


def test_of_a_table_of_scores_the_file_its_digest_and_how_many_results_it_gave_are_told(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("abc")
    readings = [Reading(algorithm="a", task=task, source=str(path)) for task in "xyz"]
    (section,) = reproduce.section(readings)
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert section.body[0].rows == [[str(path), digest, "3"]]


def test_runs_of_other_systems_tell_nothing():
    assert list(reproduce.section([Reading(algorithm="a", task="t")])) == []


def test_the_days_of_runs_are_told_as_far_as_they_are_known():
    one, two, none = (Reading(algorithm="a", task="t", started=at) for at in ("2026-01-02T03", "2026-02-03T04", ""))
    assert reproduce.dates([none]) == ""
    assert reproduce.dates([one, none]) == "; runs began on 2026-01-02"
    assert reproduce.dates([two, one]) == "; runs began from 2026-01-02 to 2026-02-03"
