from __future__ import annotations

import json
import sys

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


def test_of_lengths_that_were_not_checked_nothing_is_claimed(tmp_path, capsys):
    asked = ["--num-envs", "1", "--pairs", "2", "--min-seconds", "1e-4", "--repeats", "1", "--out", str(tmp_path)]
    assert main(["throughput", "ab", "gymnasium-vector", "gymnasium-serial", *asked]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "limits; how long episodes were was not checked (fewer than 200 episodes)." in told


def test_a_library_that_is_not_installed_is_told_before_anything_is_measured(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "gymnax", None)  # as if it were not there
    assert main(["throughput", "ab", "gymnax", "rlgauge", "--out", str(tmp_path / "out")]) == 2
    assert "pip install 'rlgauge[gymnax]'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


STILL = """
import gymnasium


class Still(gymnasium.Env):
    observation_space = gymnasium.spaces.Discrete(9)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.height = 0
        return 0, {}

    def step(self, action):
        self.height = min(self.height + 1, 8)
        return self.height, 0.0, False, False, {}


gymnasium.register("Still-v0", entry_point="resting:Still")
"""


def test_what_has_stopped_is_told_of_both_sides(folder, give):
    (folder / "resting.py").write_text(STILL)
    said = give("throughput", "ab", "gymnasium-sync", "gymnasium-serial", "--env", "resting:Still-v0", *QUICK)
    assert said.code == 0, said.err
    told = " ".join(said.out.split())
    assert told.count("the environments may have stopped") == 2
    assert "both call it resting:Still-v0; whether they do the same work was not checked." in told
