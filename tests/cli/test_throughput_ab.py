from __future__ import annotations

import json

from rlgauge.cli.main import main

QUICK = ["--num-envs", "2", "--pairs", "2", "--min-seconds", "0.01", "--repeats", "2", "--warmup", "0"]


def ab(*argv):
    return main(["throughput", "ab", "gymnasium-vector", "gymnasium-serial", *QUICK, *argv])


def test_results_are_written_beside_the_runs_as_those_of_any_measurement(tmp_path, capsys):
    assert ab("-t", "phase1", "-d", "as it was", "--json", "--out", str(tmp_path)) == 0
    (ratio,) = json.loads(capsys.readouterr().out)
    (path,) = tmp_path.glob("throughput_phase1_*.json")
    written = json.loads(path.read_text())
    assert (written["tag"], written["description"]) == ("phase1", "as it was")
    assert written["settings"]["processes"] == 2
    assert written["points"] == [ratio["candidate"], ratio["baseline"]]
    assert main(["plot", "library_comparison", str(tmp_path), "-o", str(tmp_path / "plots"), "--dpi", "50"]) == 0


def test_a_tag_that_can_be_no_part_of_a_files_name_is_refused(tmp_path, capsys):
    assert ab("--tag", "a/b", "--out", str(tmp_path / "out")) == 2
    assert "it can't hold a slash" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
