from __future__ import annotations

import pytest

from rlgauge.cli import report, report_asked
from rlgauge.cli.options import parse

REPEATED = ("--rename", "--algo", "--task")


def parsed(*argv):
    return parse(report.build_parser(), list(argv), repeated=REPEATED)


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["--no-scan", "--resample-tasks", "--confidence", "0.9", "--score", "success"],
        ["--task", "a, b", "--task", "-x", "--rename", "a=b=c", "--normalise", "-5,expert", "--failed", "-1.5"],
    ],
)
def test_the_command_asks_for_the_same_again(argv):
    options = parsed("out", *(f"{one}" for one in argv))
    words = report_asked.command(options)
    assert words[:3] == ["rlgauge", "report", "out"]
    assert parsed(*words[2:]) == options


def test_where_the_answer_goes_is_no_part_of_it():
    options = parsed("out", "-o", "x.html", "--embed-videos", "3", "--format", "html")
    assert report_asked.command(options) == ["rlgauge", "report", "out"]
