from __future__ import annotations

from pathlib import Path

import pytest

from rlgauge.core.run import Record, Status
from rlgauge.importers import read
from rlgauge.report.content import Code, Figure, Note
from rlgauge.report.overview import make_overview
from rlgauge.report.question import Question
from rlgauge.report.sections import failures
from rlgauge.report.table import Table
from tests.compare.making import reading, seeds
from tests.exporters.evaluating import evaluated, played


def sections(readings):
    return {one.name: one.body for one in failures.sections(make_overview(readings, Question()))}


def tables(body):
    return {one.name: one for one in body if isinstance(one, Table)}


def texts(body, kind):
    return [one.text for one in body if isinstance(one, kind)]


def episode(index, outcome, error=None, **values):
    return Record(index, {"outcome": outcome, "return": None if error else 1.0, **values}, error)


def test_every_episode_is_counted_once_by_how_it_ended():
    records = (
        episode(0, "success", terminated=True),
        episode(1, "failure", terminated=True),
        episode(2, "failure", truncated=True),
        episode(3, "failure"),
        episode(4, "unmeasured", truncated=True),
        episode(5, "timeout", "timeout: the environment took more than 3 s for the episode in step 6"),
        episode(6, "error", "step 9: ValueError: NaN"),
        Record(7, {}, "timeout: killed after 60 s"),
        Record(8, {}, "The process died."),
    )
    body = sections([reading("return", [1.0] * 5, kind="evaluate", episodes=records)])["endings"]
    (figure,) = [one for one in body if isinstance(one, Figure)]
    names = [
        "success",
        "failure, terminated",
        "failure, cut off",
        "failure",
        "no success measured, cut off",
        "timeout",
        "error",
    ]
    assert list(figure.chart.names) == names
    assert [list(row.parts) for row in figure.chart.rows] == [[1, 1, 1, 1, 1, 2, 2]]
    assert tables(body)["endings"].rows == [["toy", "CartPole-v1", "9", "1", "1", "1", "1", "1", "2", "2"]]


def test_errors_of_real_episodes_that_say_the_same_are_one_row_with_one_trace(tmp_path):
    readings = read([played(tmp_path)]).readings
    broken = [r for one in readings if one.algorithm == "random" for r in one.records if r.error is not None]
    assert broken
    body = sections(readings)["endings"]
    rows = [row for row in tables(body)["errors"].rows if row[0] == "random"]
    assert [(row[2], row[4], row[5]) for row in rows] == [
        ("RuntimeError: the solver diverged", str(len(broken)), str(broken[0].index))
    ]
    assert Path(rows[0][3]).is_dir()
    (trace,) = texts(body, Code)
    assert trace.startswith("step 20: RuntimeError: the solver diverged\n  File ")


@pytest.fixture
def failed(tmp_path):
    evaluated(tmp_path, "A", status=Status.FAILED)
    evaluated(tmp_path, "B")
    (log,) = [one.parent / "cout.txt" for one in tmp_path.glob("evaluate/A-*/*/run.json")]
    return tmp_path, log


def test_episodes_of_evaluations_that_failed_are_in_no_share_and_that_is_said(failed):
    body = sections(read([failed[0]]).readings)["endings"]
    assert tables(body)["endings"].rows == [["act", "B", "1", "1"]]
    assert "No evaluation came to its end for act on A: no episode of these is counted." in texts(body, Note)


def test_a_run_that_failed_has_its_reason_and_the_end_of_its_log(failed):
    out, log = failed
    log.write_text("\n".join(f"line {number}" for number in range(1000)) + "\n\x1b[31m10 %\r90 %\x1b[0m\n<b>\n")
    body = sections(read([out]).readings)["failures"]
    assert tables(body)["failed"].rows == [["failed", "ValueError: the arm is gone", "act", "A", "1"]]
    trace, end = texts(body, Code)
    assert trace == "ValueError: the arm is gone"
    lines = end.split("\n")
    assert (lines[0], lines[-3:]) == ("[...]", ["line 999", "90 %", "<b>"])
    assert f"Cut: the last {len(lines) - 1} lines of it." in texts(body, Note)
    assert f"The end of its log, {log}:" in texts(body, Note)


def test_a_long_line_of_a_log_is_cut_and_says_so(failed):
    out, log = failed
    log.write_text("x" * 100_000)
    _, end = texts(sections(read([out]).readings)["failures"], Code)
    assert end == "[...]\n" + "x" * 2000


def test_a_log_that_is_gone_is_said_to_be(failed):
    out, log = failed
    log.unlink(missing_ok=True)
    notes = texts(sections(read([out]).readings)["failures"], Note)
    assert f"Its log, {log}, is empty or not there any more." in notes


def test_of_scores_alone_there_is_nothing_to_tell():
    assert sections(seeds([1.0, 2.0])) == {}
