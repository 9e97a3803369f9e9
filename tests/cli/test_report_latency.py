from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest

from rlgauge.cli import report_latency
from rlgauge.importers import read
from rlgauge.report.content import Figure
from rlgauge.report.overview import make_overview
from rlgauge.report.question import Question
from rlgauge.report.table import Table
from tests.compare.making import seeds
from tests.exporters.evaluating import played

SERIES = {"random": 0, "zero": 1}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return played(tmp_path_factory.mktemp("out"))


def sections(readings):
    return list(report_latency.sections(make_overview(readings, Question()), SERIES))


def durations(store, policy, part):
    """The middles of the bins of all durations, as often as they were."""
    counts = Counter()
    for path in store.glob("evaluate/*/*/run.json"):
        if json.loads((path.parent / "config.json").read_text())["case"]["labels"]["policy"] == policy:
            counts.update(json.loads(path.read_text())["result"]["latency"][part])
    return np.sort([10 ** ((int(bin_) + 0.5) / 100) for bin_ in counts.elements()])


def test_quantiles_of_a_policys_calls_are_those_of_all_its_runs_together(store):
    (section,) = sections(read([store]).readings)
    (table,) = [one for one in section.body if isinstance(one, Table)]
    rows = {(row[0], row[1]): row[2:] for row in table.rows}
    for policy in SERIES:
        for part, name in (("policy", "policy's answer"), ("environment", "environment's step")):
            own = durations(store, policy, part)
            expected = [f"{1000 * np.quantile(own, q, method='inverted_cdf'):.3g}" for q in (0.5, 0.95, 0.99)]
            assert rows[policy, name] == [f"{len(own):,}", *expected]


def test_a_line_rises_to_all_calls_and_is_half_where_half_took_no_longer(store):
    (section,) = sections(read([store]).readings)
    (figure,) = [one for one in section.body if isinstance(one, Figure)]
    line = next(one for one in figure.chart.lines if one.name.startswith("random"))
    own = 1000 * durations(store, "random", "policy")
    assert (line.ys[0], line.ys[-1]) == (0, 1)
    for x, y in zip(line.xs, line.ys, strict=True):
        assert y == pytest.approx(np.mean(own < x))


def test_lanes_that_differ_are_told_apart(store):
    first = next(path for path in store.glob("evaluate/*/*/config.json") if '"zero"' in path.read_text())
    kept = first.read_text()
    try:
        first.write_text(kept.replace('"width": 8', '"width": 4'))
        (section,) = sections(read([store]).readings)
    finally:
        first.write_text(kept)
    (figure,) = [one for one in section.body if isinstance(one, Figure)]
    assert [one.name.partition(" (")[0] for one in figure.chart.lines] == [
        "random, 8 lanes",
        "zero, 4 lanes",
        "zero, 8 lanes",
    ]


def test_of_more_groups_than_colours_the_figure_says_how_many_it_shows(store, monkeypatch):
    monkeypatch.setattr(report_latency, "_MOST_LINES", 1)
    (section,) = sections(read([store]).readings)
    (figure,) = [one for one in section.body if isinstance(one, Figure)]
    assert len(figure.chart.lines) == 1
    assert figure.captions[-1] == "The first 1 of 2 are drawn; the table has all."


def test_without_an_evaluation_there_is_no_section():
    assert sections(seeds([1.0, 2.0])) == []
