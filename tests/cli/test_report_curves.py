from __future__ import annotations

from rlgauge.cli import report_curves
from rlgauge.cli.summary import Asked
from rlgauge.core.reading import Curve, Reading
from rlgauge.core.run import Status
from rlgauge.report.charts import Manner
from rlgauge.report.content import Figure
from rlgauge.report.question import Question


def lines_of(*readings, numbers=None):
    sections = report_curves.sections(Asked(list(readings), Question(), []), numbers or {})
    return [line for one in sections for part in one.body if isinstance(part, Figure) for line in part.chart.lines]


def trained(algorithm, seed, values=(1.0, 2.0), status=Status.COMPLETED):
    curve = Curve((10.0, 20.0), values)
    return Reading(algorithm=algorithm, task="A", seed=seed, status=status, curves={"training_return": curve})


def test_a_line_has_the_colour_that_its_group_has_elsewhere():
    lines = lines_of(trained("sac", 0), trained("bc", 0), numbers={"ppo": 0, "sac": 1, "bc": 2})
    assert [(line.name, line.series) for line in lines] == [("bc (1 seed)", 2), ("sac (1 seed)", 1)]


def test_a_group_that_is_nowhere_else_has_the_next_colour():
    lines = lines_of(trained("new", 0), trained("ppo", 0), numbers={"ppo": 0})
    assert [line.series for line in lines] == [1, 0]


def test_few_seeds_are_thin_and_a_run_that_was_ended_is_dotted():
    runs = [trained("ppo", seed, (1.0, 2.0 + seed)) for seed in range(2)]
    lines = lines_of(*runs, trained("ppo", 2, status=Status.DIED))
    assert [line.manner for line in lines] == [Manner.THIN, Manner.THIN, Manner.DOTTED, Manner.PLAIN]
    assert [line.name for line in lines if line.is_named] == ["ppo (2 of 3 seeds)"]


def test_a_group_of_which_no_run_came_to_its_end_is_named():
    lines = lines_of(trained("ppo", 0), trained("sac", 0, status=Status.DIED))
    assert [(line.name, len(line.xs)) for line in lines if line.is_named] == [
        ("ppo (1 seed)", 200),
        ("sac (0 of 1 seed)", 0),
    ]


def test_without_curves_there_is_no_section():
    asked = Asked([Reading(algorithm="ppo", task="A", seed=0)], Question(), [])
    assert list(report_curves.sections(asked, {})) == []
