from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pytest

from rlgauge.cli.stopped import with_stopping
from rlgauge.importers import read
from rlgauge.report.lines import STOPPED

STOP = ("--stop-when-decided", "--max-episodes", "40")


@pytest.fixture
def stopped(give, policies) -> str:
    """A folder of two policies whose evaluation was stopped, and of a third one whose was not."""
    command = ("benchmark", "--env", "CartPole-v1", "--success-return", "15", "--out", "out", "--quiet")
    assert give(*command, "--policy", "zero", "--num-episodes", "10").code == 0
    assert give(*command, "--policy", "zero", "--policy", "random", *STOP).code == 0
    assert give(*command, "--policy", "other=zero", "--num-episodes", "5", "--out", "out2").code == 0
    return "out"


def marks(path: str, **options) -> dict[str, bool]:
    return {r.algorithm: STOPPED in r.details for r in with_stopping(read([path], **options).readings)}


def test_only_evaluations_that_a_rule_ended_are_marked(stopped):
    assert marks(stopped) == {"zero": True, "random": True}
    assert marks("out2") == {"other": False}


def test_they_are_marked_in_a_part_of_a_store_without_a_scan_and_in_a_zip_file(stopped, folder):
    shutil.make_archive("all", "zip", ".", "out")
    with zipfile.ZipFile("top.zip", "w") as archive:
        for path in Path("out").rglob("*"):
            archive.write(path, path.relative_to("out"))
    expected = {"zero": True, "random": True}
    assert marks("out/evaluate") == marks(stopped, scan=False) == marks("all.zip") == marks("top.zip") == expected


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"metadata": 3}', '{"metadata": {}, "results": []}', '{"results": 1}']
)
def test_another_results_file_marks_nothing(stopped, content):
    Path(stopped, "results.json").write_text(content)
    assert marks(stopped) == {"zero": False, "random": False}


def test_the_summary_warns_of_the_interval_and_of_no_other(stopped, give):
    for score in ("return", "success"):
        said = give("summary", stopped, "out2", "--score", score, "--json")
        lines = {line["group"]: line["score"] for line in json.loads(said.out)["lines"]}
        for name, is_stopped in (("zero", True), ("random", True), ("other", False)):
            told = [text for text in lines[name]["warnings"] if "decided by looking at them" in text]
            assert bool(told) is is_stopped, name
    text = give("summary", stopped).out
    assert "The number of episodes was decided by looking at them, so that this interval" in text
    assert "the results of out have those that do" in " ".join(text.split())
