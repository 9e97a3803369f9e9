from __future__ import annotations

import json
import subprocess
import sys

import pytest

from rlgauge.report.formats.tracked import typed
from tests.report.formats.made import ODD, table
from tests.trackers.offline import OfflineRun

SEND = """
import sys
sys.path.insert(0, {root!r})
from rlgauge.report.formats.tracked import send
from tests.report.formats.made import report
send(report(), "<!doctype html><p>page", project="mine", tell=print)
"""


@pytest.fixture(scope="module")
def sent(tmp_path_factory, request):
    """The offline run of a report, and what was told of it."""
    folder = tmp_path_factory.mktemp("run")
    variables = {"HOME": str(folder), "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-c", SEND.format(root=str(request.config.rootpath))]
    (folder / "artifacts").mkdir()
    ended = subprocess.run(
        command, cwd=folder / "artifacts", env=variables, text=True, capture_output=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return OfflineRun(folder), ended.stdout


def content(run, name):
    """A table as W&B was given it."""
    (path,) = {row[f"{name}/path"] for row in run.rows if f"{name}/path" in row}
    return json.loads((run.folder / "files" / path).read_text())


def test_nobody_logged_in_means_offline_and_is_said_with_how_it_is_sent(sent):
    _, said = sent
    assert said.splitlines() == [
        "Nobody is logged in to W&B: the report is an offline run. To send it: wandb sync wandb/offline-run-*"
    ]


@pytest.mark.parametrize(("mode", "told"), [("offline", "is an offline run. To send it: "), ("disabled", "not kept")])
def test_what_the_environment_says_of_wandb_is_told(mode, told, tmp_path, request):
    command = [sys.executable, "-c", SEND.format(root=str(request.config.rootpath))]
    variables = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "WANDB_MODE": mode}
    said = subprocess.check_output(command, cwd=tmp_path, env=variables, text=True, timeout=120)
    assert said.startswith(f"WANDB_MODE is {mode}: the report ")
    assert told in said


def test_the_tables_have_numbers_with_what_stands_behind_them(sent):
    run, _ = sent
    assert (run.run.project, run.run.display_name, run.run.job_type) == ("mine", ODD[:128], "report")
    scores = content(run, "report/scores")
    assert scores["columns"] == [
        *("algorithm", "task", "score", "score, low", "score, high", "score, n", "score, missing", "score, method"),
        "runs",
    ]
    assert scores["data"] == [[ODD, "task 0", 0.5, 0.25, 0.75, 7, 2, "Wilson", 1234]]
    figures = content(run, "report/figures")
    assert "method" in figures["columns"]
    assert len(figures["data"]) == 10
    assert content(run, "report/every_run")["data"]


def test_the_page_is_there_as_it_is_and_all_of_it_as_files(sent):
    run, _ = sent
    (path,) = {row["report/page/path"] for row in run.rows if "report/page/path" in row}
    assert (run.folder / "files" / path).read_text() == "<!doctype html><p>page"
    files = [
        entry.path for artifact in run.artifacts if artifact.type == "report" for entry in artifact.manifest.contents
    ]
    assert sorted(files) == ["report.csv", "report.html", "report.json"]


def test_a_column_of_words_stays_one_and_titles_differ():
    found = table(num_rows=2, group="a")
    odd = [[*row[:4], text] for row, text in zip(found.rows, ["5", "2 of 3"], strict=True)]
    from msgspec.structs import replace

    header, rows = typed(replace(found, header=["x", "x", "score", "90 %", ""], rows=odd, summaries={}))
    assert header == ["x", "x 2", "score", "90 %", "name"]
    assert [row[-1] for row in rows] == ["5", "2 of 3"]
