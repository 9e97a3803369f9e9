from __future__ import annotations

import csv
import io

import pytest

from rlgauge.report.content import Report, Section
from rlgauge.report.formats.tidy import Cell, to_csv
from rlgauge.report.table import Table
from rlgauge.stats.intervals import wilson
from tests.report.formats.made import ODD, report


@pytest.fixture(scope="module")
def rows():
    """The rows as a reader of CSV has them."""
    return list(csv.DictReader(io.StringIO(to_csv(report()))))


def of(rows, **wanted):
    return [row for row in rows if all(row[name] == value for name, value in wanted.items())]


def test_every_row_has_every_column_and_its_section(rows):
    assert all(tuple(row) == Cell._fields and row["section"] == "first" for row in rows)


def test_a_cell_has_what_stands_behind_it_once(rows):
    score, runs = of(rows, part="scores", kind="table")
    assert score["group"] == ODD
    assert score["task"] == "task 0"
    numbers = ("value", "low", "high", "confidence", "n", "missing", "method")
    assert [score[name] for name in numbers] == ["0.5", "0.25", "0.75", "0.9", "7", "2", "Wilson"]
    assert (runs["quantity"], runs["value"], runs["told"]) == ("runs", "1234.0", "1,234")


def test_two_numbers_that_are_equal_are_both_there():
    same = wilson(3, 4)
    table = Table(
        name="overall",
        title="Overall",
        header=["group", "mean", "median", "95 % interval"],
        rows=[["a", "0.75", "0.75", "[0.3, 0.9]"]],
        num_text=1,
        summaries={(0, 1): same, (0, 2): same, (0, 3): same},
    )
    whole = Report(title="t", intro="", sections=[Section(name="s", title="S", body=[table])])
    found = list(csv.DictReader(io.StringIO(to_csv(whole))))
    assert [row["quantity"] for row in of(found, kind="table")] == ["mean", "median"]


def test_the_points_of_figures_are_there_and_seeds_and_marks(rows):
    points = of(rows, part="Intervals", kind="intervals", quantity="return")
    assert [(row["heading"], row["value"], row["n"]) for row in points] == [("mean", "0.5", "7"), ("mean", "2.0", "")]
    assert [row["value"] for row in of(rows, quantity="return, one of them")] == ["0.4"]
    assert [(row["group"], row["value"]) for row in of(rows, kind="intervals, mark")] == [("target", "1.5")]
    lines = of(rows, kind="lines")
    assert [(row["x"], row["value"], row["low"]) for row in lines][:2] == [
        ("0.0", "0.0", "-1.0"),
        ("1000.0", "1000.0", "999.0"),
    ]
    assert [(row["group"], row["told"]) for row in lines][2:] == [("seed 0", "thin")]
    assert [row["value"] for row in of(rows, kind="heat")] == ["0.5"]
    assert [(row["quantity"], row["value"]) for row in of(rows, kind="shares")] == [("won", "3.0"), ("lost", "1.0")]


def test_sentences_have_rows_too(rows):
    assert [row["told"] for row in of(rows, kind="warning")][1] == "few runs"
    assert of(rows, kind="answer")[0]["told"].startswith("Which of ")
    assert [row["told"] for row in of(rows, kind="film")] == ["won videos/a.mp4", "lost "]
