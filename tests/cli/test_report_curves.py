from __future__ import annotations

from rlgauge.cli import report_curves
from rlgauge.cli.summary import Asked
from rlgauge.core.reading import Curve, Reading
from rlgauge.core.run import Status
from rlgauge.report.page.blocks import block
from rlgauge.report.question import Question
from tests.report.page.test_markup import _Reader


def curves_of(*readings, numbers=None):
    found = list(report_curves.sections(Asked(list(readings), Question(), []), numbers or {}))
    reader = _Reader()
    reader.feed("".join(block(part) for section in found for part in section.body))
    return found, reader


def trained(algorithm, seed, values=(1.0, 2.0), status=Status.COMPLETED):
    curve = Curve((10.0, 20.0), values)
    return Reading(algorithm=algorithm, task="A", seed=seed, status=status, curves={"training_return": curve})


def lines_of(reader):
    return [
        attributes["class"]
        for name, attributes in reader.elements
        if name == "path" and attributes["class"].startswith("line")
    ]


def test_a_line_has_the_colour_that_its_group_has_elsewhere():
    _, reader = curves_of(trained("sac", 0), trained("bc", 0), numbers={"ppo": 0, "sac": 1, "bc": 2})
    assert lines_of(reader) == ["line c2", "line c1"]


def test_a_group_that_is_nowhere_else_has_the_next_colour():
    _, reader = curves_of(trained("new", 0), trained("ppo", 0), numbers={"ppo": 0})
    assert lines_of(reader) == ["line c1", "line c0"]


def test_few_seeds_are_thin_and_a_run_that_was_ended_is_dotted():
    runs = [trained("ppo", seed, (1.0, 2.0 + seed)) for seed in range(2)]
    found, reader = curves_of(*runs, trained("ppo", 2, status=Status.DIED))
    assert lines_of(reader) == ["line c0 thin", "line c0 thin", "line c0 thin", "line c0"]
    assert [
        attributes.get("stroke-dasharray")
        for name, attributes in reader.elements
        if name == "path" and attributes["class"].startswith("line")
    ][2] == "1 4"
    assert "ppo (2 of 3 seeds)" in reader.text
    assert [section.title for section in found] == ["Learning curves"]


def test_without_curves_there_is_no_section():
    found, _ = curves_of(Reading(algorithm="ppo", task="A", seed=0))
    assert found == []
