from __future__ import annotations

import pytest

from rlgauge.cli import report_page
from rlgauge.cli.report_after import write_report
from tests.exporters.evaluating import evaluated


@pytest.fixture
def out(tmp_path):
    """A folder with a run."""
    evaluated(tmp_path / "out", policy="p", values=[{"return": 1.0, "length": 9, "seed": 5}])
    return tmp_path / "out"


def test_the_page_lies_in_the_folder_and_its_path_is_the_last_line(out, capsys):
    write_report(out)
    assert capsys.readouterr().out.splitlines()[-1] == f"Report: {out}/report.html"
    assert (out / "report.html").read_text().startswith("<!doctype html>")
    before = (out / "report.html").read_bytes()
    write_report(out)
    assert (out / "report.html").read_bytes() == before


def test_why_there_is_none_is_told_and_is_no_failure(out, capsys):
    (out / "report.html").mkdir()
    write_report(out)
    said = capsys.readouterr()
    assert said.err.startswith("No report was written: Can't write ")
    assert "Report:" not in said.out
    assert [path.name for path in out.iterdir() if path.name.endswith(".part")] == []


def test_a_mistake_of_ours_is_told_with_its_trace(out, capsys, monkeypatch):
    def broken(*_given):
        raise ZeroDivisionError("as it may be")

    monkeypatch.setattr(report_page, "report_of", broken)
    write_report(out)
    said = capsys.readouterr().err
    assert "No report was written to" in said
    assert "ZeroDivisionError: as it may be" in said


def test_scores_are_normalised_where_all_runs_have_the_references(tmp_path, capsys):
    rows = [f"{algo},{task},0,5,1,9" for algo in ("a", "b") for task in ("easy", "hard")]
    for name, header in (("with", "random_score,expert_score"), ("without", "one,other")):
        (tmp_path / name).mkdir()
        table = "\n".join([f"algorithm,task,seed,score,{header}", *rows]) + "\n"
        (tmp_path / name / "scores.csv").write_text(table)
        write_report(tmp_path / name)
    assert capsys.readouterr().out.count("Report: ") == 2
    assert "Over all tasks, normalised" in (tmp_path / "with" / "report.html").read_text()
    assert "Over all tasks, normalised" not in (tmp_path / "without" / "report.html").read_text()
