from __future__ import annotations

import pytest

from rlgauge.cli import report_measured
from rlgauge.cli.options import parse
from rlgauge.cli.summary import build_parser
from rlgauge.core.errors import UserError
from rlgauge.core.reading import Reading
from tests.cli.test_measurements import measure
from tests.cli.test_plot_kinds import point
from tests.cli.test_report_throughput import write
from tests.studied import searched


def found(*sources):
    """What is asked of the sources, and the options."""
    options = parse(build_parser(), list(map(str, sources)))
    return report_measured.asked(options), options


def names(*sources):
    report = report_measured.alone(*found(*sources))
    return None if report is None else [section.name for section in report.sections]


def test_files_of_measurements_and_a_study_without_any_run_are_a_report(tmp_path):
    files = write(tmp_path / "files", point("ours", 1, 1.0))
    searched(tmp_path / "study", trials=2)
    assert names(files) == ["throughput", "noise", "reproduce"]
    assert names(files, tmp_path / "study") == ["throughput", "noise", "study", "reproduce"]


@pytest.mark.parametrize("argv", [["--score", "success"], ["--normalise", "0,1"], ["--confidence", "0.9"]])
def test_what_is_asked_of_scores_is_refused_where_there_are_speeds_alone(argv, tmp_path):
    files = write(tmp_path / "files", point("ours", 1, 1.0))
    options = parse(build_parser(), [str(files), *argv])
    with pytest.raises(UserError, match=f"^{argv[0]} asks for scores of runs, and .* holds measurements of speed"):
        report_measured.alone(report_measured.asked(options), options)


def test_speeds_in_a_store_are_told_as_measurements_and_not_as_scores(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for day, tag in enumerate(("old", "new"), start=1):
        measure(tag, {("ours", 10): 100.0}, day=day, processes=3)
    assert len(report_measured.scored(found("out/throughput")[0].readings, ["out/throughput"])) == 6
    write(tmp_path / "out" / "throughput", point("ours", 10, 100.0))
    assert report_measured.scored(found("out/throughput")[0].readings, ["out/throughput"]) == []
    assert names("out/throughput") == ["throughput", "noise", "history", "changes", "reproduce"]


def test_trials_of_a_study_are_not_averaged_with_other_runs(tmp_path):
    searched(tmp_path / "study", trials=1)
    folders = {"trial": str(tmp_path / "study" / "train" / "a"), "other": str(tmp_path / "runs" / "b")}
    readings = [Reading(algorithm=name, task="t", folders=(folder,)) for name, folder in folders.items()]
    assert [one.algorithm for one in report_measured.scored(readings, [str(tmp_path)])] == ["other"]


def test_where_there_is_nothing_it_is_said_as_ever(tmp_path):
    with pytest.raises(UserError, match="is a run or a table"):
        found(tmp_path)
    write(tmp_path / "files", point("ours", 1, 1.0))
    with pytest.raises(UserError, match="There is no file or folder"):
        found(tmp_path / "files", tmp_path / "nothing")
