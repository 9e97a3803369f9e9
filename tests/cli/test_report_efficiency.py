from __future__ import annotations

import json
from statistics import fmean

import msgspec
import pytest

from rlgauge.cli import plot_curves, report_efficiency
from rlgauge.compare.references import Normalisation
from rlgauge.core.reading import Curve, Reading
from rlgauge.core.run import Status
from rlgauge.kinds.train.journal import EPISODES, Episode, encoded, line_of
from rlgauge.report.charts import Manner
from rlgauge.report.content import Figure, Note
from rlgauge.report.overview import make_overview
from rlgauge.report.question import Question
from rlgauge.stats.intervals import student_t
from tests.compare.making import seeds

LOW, EXPERT = -50.0, {"A": 100.0, "B": 10.0}


def trained(task, seed, values, *, status=Status.COMPLETED, algorithm="ppo", steps=(10.0, 20.0, 30.0)):
    (one,) = seeds([values[-1]], task=task, algorithm=algorithm, references={"expert": EXPERT[task]})
    curves = {"training_return": Curve(steps[: len(values)], tuple(values))}
    return msgspec.structs.replace(one, seed=seed, status=status, curves=curves, source=f"{task}{seed}")


def sections(readings, *, is_normalised=True):
    normalisation = Normalisation(LOW, "expert") if is_normalised else None
    overview = make_overview(readings, Question(normalisation=normalisation))
    return {one.name: one.body for one in report_efficiency.sections(overview, {"ppo": 0, "sac": 1})}


def figure(body):
    (found,) = [one for one in body if isinstance(one, Figure)]
    return found


RUNS = [
    trained("A", 0, (10.0, 20.0, 50.0)),
    trained("A", 1, (20.0, 40.0, 70.0)),
    trained("B", 0, (0.0, 5.0, 9.0)),
    trained("B", 1, (3.0, 1.0, 8.0)),
]


def test_over_all_tasks_a_line_is_the_middle_half_of_normalised_returns_at_equal_steps():
    (line,) = figure(sections(RUNS)["efficiency"]).chart.lines
    assert line.name == "ppo (n = 4)"
    assert (line.xs[0], line.xs[-1], len(line.xs)) == (10, 30, 50)
    returns = {"A": {10: (10, 20), 20: (20, 40), 30: (50, 70)}, "B": {10: (0, 3), 20: (5, 1), 30: (9, 8)}}
    for x, y in zip(line.xs, line.ys, strict=True):
        step = int(x // 10 * 10)
        scaled = [(one - LOW) / (EXPERT[task] - LOW) for task, own in returns.items() for one in own[step]]
        assert y == pytest.approx(fmean(sorted(scaled)[1:3]))
    assert all(low <= y <= high for low, y, high in zip(line.lows, line.ys, line.highs, strict=True))


def test_runs_that_did_not_complete_are_counted_and_in_no_mean():
    lost = trained("B", 2, (9.0, 9.0), status=Status.FAILED)
    body = sections([*RUNS, lost])["efficiency"]
    assert figure(body).chart.lines[0].name == "ppo (n = 4)"
    assert any("(1 more did not complete" in one.text for one in body if isinstance(one, Note))


def test_a_group_without_any_whole_training_is_said_not_to_be_shown():
    lost = trained("B", 2, (9.0, 9.0), status=Status.FAILED, algorithm="sac")
    body = sections([*RUNS, lost])["efficiency"]
    assert any(one.text.startswith("sac is not shown") for one in body if isinstance(one, Note))


def test_tasks_that_not_every_group_has_are_left_out_and_named():
    both = [trained(task, seed, (1.0, 2.0, 3.0), algorithm="sac") for task in EXPERT for seed in range(2)]
    more = msgspec.structs.replace(RUNS[0], task="C")
    found = figure(sections([*RUNS, *both, more])["efficiency"])
    assert "Left out, since not every group has them: C." in found.captions[0]
    assert [one.name for one in found.chart.lines] == ["ppo (n = 4)", "sac (n = 4)"]


def test_runs_of_tasks_that_are_left_out_are_not_missed():
    both = [trained(task, seed, (1.0, 2.0, 3.0), algorithm="sac") for task in EXPERT for seed in range(2)]
    lost = msgspec.structs.replace(RUNS[0], task="C", status=Status.FAILED)
    body = sections([*RUNS, *both, lost])["efficiency"]
    assert not any("did not complete" in one.text for one in body if isinstance(one, Note))


def test_scores_of_unlike_scales_are_not_put_together():
    assert sections(RUNS, is_normalised=False) == {}


def journal(folder, seed, episodes, *, status=Status.COMPLETED):
    """A training whose episodes ended after these seconds with these returns."""
    artifacts = folder / str(seed) / "artifacts"
    artifacts.mkdir(parents=True)
    lines = [line_of(encoded(Episode(i, total, 5, 5 * (i + 1), at))) for i, (at, total) in enumerate(episodes)]
    (artifacts / EPISODES).write_bytes(b"".join(lines))
    (one,) = seeds([episodes[-1][1]], "return", task="A", algorithm="ppo", kind="train")
    return msgspec.structs.replace(one, seed=seed, status=status, folders=(str(folder / str(seed)),), source=str(seed))


def test_by_time_a_line_is_the_mean_over_seeds_of_the_last_episodes_then(tmp_path):
    runs = [
        journal(tmp_path, 0, [(1.0, 10.0), (3.0, 30.0)]),
        journal(tmp_path, 1, [(1.0, 20.0), (3.0, 20.0)]),
        journal(tmp_path, 2, [(1.0, 60.0), (2.0, 0.0), (9.0, 90.0)]),
        journal(tmp_path, 3, [(2.0, 7.0)], status=Status.TIMEOUT),
    ]
    chart = figure(sections(runs, is_normalised=False)["wall_clock"]).chart
    line = chart.lines[-1]
    assert (line.name, chart.x_axis) == ("ppo (3 of 4 seeds)", "seconds since the training began")
    assert (line.xs[0], line.xs[-1]) == (1, 3)
    first, last = student_t([10.0, 20.0, 60.0]), student_t([20.0, 20.0, 30.0])
    assert (line.lows[0], line.ys[0], line.highs[0]) == (first.low, first.point, first.high)
    assert (line.lows[-1], line.ys[-1], line.highs[-1]) == (last.low, last.point, last.high)
    assert [one.manner for one in chart.lines] == [Manner.THIN] * 3 + [Manner.DOTTED, Manner.PLAIN]


def test_a_group_of_which_no_training_completed_is_named(tmp_path):
    lost = journal(tmp_path, 0, [(1.0, 1.0), (2.0, 2.0)], status=Status.FAILED)
    chart = figure(sections([lost], is_normalised=False)["wall_clock"]).chart
    assert [(one.name, len(one.xs)) for one in chart.lines if one.is_named] == [("ppo (0 of 1 seed)", 0)]
    other = msgspec.structs.replace(journal(tmp_path, 1, [(1.0, 1.0), (2.0, 2.0)]), algorithm="sac")
    chart = figure(sections([lost, other], is_normalised=False)["wall_clock"]).chart
    named = [(one.name, len(one.xs)) for one in chart.lines if one.is_named]
    assert named == [("ppo (0 of 1 seed)", 0), ("sac (1 seed)", 100)]


def test_episodes_in_which_an_expert_acts_are_named_as_such_whatever_the_runs_are_called(tmp_path):
    runs = [journal(tmp_path, 0, [(1.0, 1.0), (2.0, 2.0)])]
    found = figure(sections(runs, is_normalised=False)["wall_clock"])
    assert not any("expert" in text for text in [found.chart.lines[-1].name, *found.captions])
    config = {"case": {"params": {"algorithm": {"name": "ppo", "train": "dagger"}}}}
    (tmp_path / "0" / "config.json").write_text(json.dumps(config))
    found = figure(sections(runs, is_normalised=False)["wall_clock"])
    assert found.chart.lines[-1].name == "ppo + expert (1 seed)"
    assert found.captions[-1].startswith("+ expert: an expert acts in these episodes")
    (curves,) = plot_curves.figures(runs, {})
    assert [line.name for line in curves.chart.lines] == ["ppo + expert (1 seed)"]
    assert "little of what was learned" in curves.captions[0]


def test_two_seeds_are_shown_and_have_no_band(tmp_path):
    runs = [journal(tmp_path, seed, [(1.0, 10.0), (600.0, 10.0 * seed)]) for seed in range(2)]
    found = figure(sections(runs, is_normalised=False)["wall_clock"])
    assert not found.chart.lines[-1].lows
    assert "One or two seeds have no band." in found.captions
    assert found.chart.x_axis == "minutes since the training began"
    assert found.chart.lines[-1].xs[-1] == 10


def test_without_curves_there_is_no_section():
    assert sections([Reading(algorithm="ppo", task="A", seed=0)], is_normalised=False) == {}
