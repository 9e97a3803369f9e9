from __future__ import annotations

from rlgauge.cli import report_watched
from rlgauge.cli.summary import Asked
from rlgauge.core.run import Status
from rlgauge.core.store import Store
from rlgauge.importers import read
from rlgauge.kinds.evaluate.checkpoints_curve import Curve, Point
from rlgauge.report.content import Figure, Heading
from rlgauge.report.question import Question
from tests.exporters.evaluating import evaluated

RETURNS = {10: (1.0, 3.0), 20: (5.0, 9.0)}


def watched(out):
    """A training of which two checkpoints were evaluated, two episodes each."""
    curve = Curve(id="abc123", name="walk", folder="runs/walk", policy="walk")
    for step, returns in RETURNS.items():
        values = [{"outcome": "unmeasured", "return": one, "length": 9, "seed": 1} for one in returns]
        evaluated(out, "Toy-v0", policy=f"walk@{step}", checkpoint=str(step), values=values, first=0, last=2)
        (case,) = [
            path for path in out.glob("evaluate/*") if f"walk@{step}" in next(path.glob("*/config.json")).read_text()
        ]
        cases = {"Toy-v0": [f"evaluate/{case.name}"]}
        curve.put(
            Point(
                step=step,
                checkpoint=f"m_{step}",
                mark="m",
                found="",
                status=Status.COMPLETED,
                num_episodes=2,
                cases=cases,
            )
        )
    curve.write(Store(out))
    return out


def sections(out, **question):
    return list(
        report_watched.sections(Asked(read([out]).readings, Question(**question), []), {"walk@10": 0, "walk@20": 1})
    )


def test_checkpoints_of_a_training_are_a_curve_over_its_steps(tmp_path):
    (section,) = sections(watched(tmp_path))
    heading, figure = section.body
    assert isinstance(heading, Heading)
    assert isinstance(figure, Figure)
    (line,) = figure.chart.lines
    assert (list(line.xs), list(line.ys), line.series) == ([10, 20], [2.0, 7.0], 2)


def test_of_another_task_than_was_asked_for_there_is_none(tmp_path):
    evaluated(watched(tmp_path), "Other-v0")
    assert sections(tmp_path, tasks=frozenset({"Other-v0"})) == []


def test_without_watched_checkpoints_there_is_no_section(tmp_path):
    assert sections(evaluated(tmp_path)) == []
