from __future__ import annotations

import csv
import json

import pytest

from rlgauge.tune import reports
from rlgauge.tune.question import STUDIES
from rlgauge.tune.report_importance import importances
from tests.studied import FAILED, asked, finished


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_both_phases_are_tables(tmp_path):
    trials, final = finished(tmp_path, less=40.0)
    first = rows(tmp_path / STUDIES / "phase1.csv")
    assert [row["trial"] for row in first] == [str(one.number) for one in trials]
    assert (first[FAILED]["state"], first[FAILED]["objective"]) == ("failed", "")
    second = rows(tmp_path / STUDIES / "phase2.csv")
    assert [row["configuration"] for row in second] == [one.name for one in final.configurations]
    assert (second[0]["phase 1"], second[0]["phase 2"], second[0]["gain"]) == ("", "25.0", "")
    won = final.configurations[1]
    assert float(second[1]["phase 1"]) - float(second[1]["phase 2"]) == pytest.approx(40.0)
    assert float(second[1]["gain low"]) == won.gain.low
    assert second[1]["policy.activation_fn"] == won.values["policy.activation_fn"]
    assert [row["phase 2 missing"] for row in second] == ["0"] * 4


def test_what_mattered_is_kept_with_how_sure_it_is(tmp_path):
    trials, _ = finished(tmp_path, trials=24)
    kept = reports.read_importance(tmp_path)
    assert kept.settings == importances(trials, asked().axes)
    assert kept.settings[0].setting == "bc.optimizer_kwargs.lr"
    assert kept.why_not is None
    data = json.loads((tmp_path / STUDIES / "importance.json").read_text())
    assert (data["method"], data["refits"]) == ("PED-ANOVA", 200)


def test_of_few_trials_it_is_kept_why_nothing_is_known(tmp_path):
    finished(tmp_path)
    kept = reports.read_importance(tmp_path)
    assert kept.settings == []
    assert "there are 6" in kept.why_not
