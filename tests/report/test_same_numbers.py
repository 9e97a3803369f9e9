"""The same runs through an overview and through a comparison: the same scores, runs and missing runs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from rlgauge.compare.gate import compare
from rlgauge.compare.question import Question as Asked
from rlgauge.compare.references import Normalisation
from rlgauge.compare.sides import Side
from rlgauge.core.errors import UserError
from rlgauge.core.reading import Reading
from rlgauge.core.run import Status
from rlgauge.importers import read
from rlgauge.report.overview import make_overview
from rlgauge.report.question import Question
from tests.compare.making import checkpoint, failed, processes, reading, seeds

DATA = Path(__file__).parents[1] / "data"
OWN = {"references": {"random": 1.0, "expert": 21.0}}
CASES = {
    "plain": seeds([3.0, 5.0, 10.0]),
    "a seed twice": [*seeds([3.0, 5.0, 10.0]), *seeds([4.0])],
    "failed": [*seeds([3.0, 5.0]), failed(seed=2), failed(seed=3, status=Status.DIED)],
    "failed with a number": [*seeds([3.0, 5.0]), reading("return", [99.0], seed=2, status=Status.INTERRUPTED)],
    "failed, then repeated": [failed(seed=0), *seeds([3.0, 5.0])],
    "failed twice": [failed(seed=9), failed(seed=9), *seeds([3.0, 5.0])],
    "no seeds": [*(reading("return", [score]) for score in (3.0, 4.0, 9.0)), failed()],
    "two checkpoints": [
        checkpoint([9.0, 1.0], seed=0, checkpoint="old", started="2026-01-01"),
        checkpoint([2.0, 3.0], seed=0, checkpoint="new", started="2026-01-02"),
        *seeds([0.0, 7.0])[1:],
    ],
    "one checkpoint twice": [
        checkpoint([9.0, 1.0], checkpoint="x", started="2026-01-02"),
        checkpoint([2.0, 3.0, 4.0], checkpoint="x", started="2026-01-01"),
    ],
    "references of their own": [*seeds([3.0, 5.0], **OWN), *seeds([1.0, 1.0, 8.0])[2:]],
}
BASELINE = seeds([1.0, 2.5, 4.0, 5.5], algorithm="baseline")


def both(readings: list[Reading], names: tuple[str, str], normalisation: Normalisation | None = None, **asked):
    overview = make_overview(readings, Question(normalisation=normalisation))
    sides = [Side(name, [one for one in readings if one.algorithm == name], name) for name in names]
    comparison = compare(
        candidate=sides[0],
        baseline=sides[1],
        question=Asked(normalisation=normalisation, **asked),
        others=readings,
    )
    return overview, comparison


@pytest.mark.parametrize("normalisation", [None, Normalisation(0.0, 10.0), Normalisation("random", "expert")])
@pytest.mark.parametrize("runs", CASES.values(), ids=CASES)
def test_a_line_of_both_has_one_mean_of_as_many_runs_and_as_many_missing(runs, normalisation):
    more = [
        *seeds([0.0, 1.0], algorithm="random"),
        *seeds([9.0, 8.0, 7.0], algorithm="expert"),
        *seeds([11.0], algorithm="expert"),
    ]
    overview, comparison = both([*runs, *BASELINE, *more], ("toy", "baseline"), normalisation)
    (line,) = comparison.lines
    found = {one.group: one for one in overview.lines}
    for group, mean, num, missing in (
        ("toy", line.candidate, line.num_candidate, line.missing_candidate),
        ("baseline", line.baseline, line.num_baseline, line.missing_baseline),
    ):
        own = found[group]
        score = own.score if normalisation is None else own.normalised
        assert mean == pytest.approx(score.point, rel=1e-12)
        if line.noun == "run":
            assert (num, missing) == (own.num_runs, own.num_missing)
    shared = [note for note in comparison.notes if note.startswith("toy on CartPole-v1")]
    names = [note.partition(" was run")[0] for note in shared]
    assert all(any(name in note for note in overview.notes) for name in names)


@pytest.mark.parametrize("metric", ["iqm", "mean", "median", "optimality_gap"])
def test_a_metric_of_both_is_one_summary(metric):
    readings = read([DATA / "imitation_published_scores.csv"]).readings
    overview, comparison = both(readings, ("GAIL", "AIRL"), Normalisation(0.0, "expert"), metric=metric)
    found = {one.group: one.metrics[metric] for one in overview.overall}
    assert comparison.overall.candidate == found["GAIL"]
    assert comparison.overall.baseline == found["AIRL"]
    assert comparison.overall.formula == overview.formula


def test_a_metric_of_both_misses_the_same_runs():
    runs = [*CASES["failed"], failed(seed=5), *BASELINE]
    overview, comparison = both(runs, ("toy", "baseline"), metric="iqm")
    found = {one.group: one.metrics["iqm"] for one in overview.overall}
    assert (comparison.overall.candidate, comparison.overall.baseline) == (found["toy"], found["baseline"])
    assert found["toy"].missing == comparison.overall.summary.missing == 3
    assert both(runs, ("toy", "baseline"), metric="improvement")[1].overall.summary.missing == 3


def test_sacred_runs_are_the_same_in_both(tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(DATA / "sacred_sample", copy)
    ours, theirs = read([DATA / "sacred_sample"]).readings, read([copy]).readings
    overview = make_overview(ours, Question())
    comparison = compare(candidate=Side("a", ours), baseline=Side("b", theirs), question=Asked(scores=("return",)))
    found = {(one.group, one.task): one for one in overview.lines if one.score is not None}
    assert len(comparison.lines) == len(found) > 1
    for line in comparison.lines:
        assert line.candidate == line.baseline == pytest.approx(found[line.algorithm, line.task].score.point)
        assert line.missing_candidate == found[line.algorithm, line.task].num_missing


def test_a_speed_is_of_processes_by_their_medians_in_both():
    runs = [checkpoint([10.0, 10.0, 1.0], "steps_per_second", seed=0) for _ in range(3)]
    overview, comparison = both(
        [*runs, *processes([9.0, 11.0], algorithm="baseline")], ("toy", "baseline"), metric="mean"
    )
    (_, line) = overview.lines
    assert (line.score.point, line.num_runs) == (comparison.overall.candidate.point, 3) == (10.0, 3)


def test_the_samples_of_one_process_are_no_interval_in_either():
    run = checkpoint([10.0, 12.0, 9.0], "steps_per_second", seed=0)
    overview, comparison = both([run, *processes([9.0], algorithm="baseline")], ("toy", "baseline"))
    assert overview.lines[1].score.low is None
    assert comparison.lines[0].low is None
    assert overview.lines[1].score.warnings
    assert comparison.lines[0].warnings


def test_a_success_rate_is_not_normalised_in_either_and_both_say_so():
    runs = seeds([0.5, 0.6, 0.8], "success") + seeds([0.2, 0.3, 0.4], "success", algorithm="baseline")
    overview, comparison = both(runs, ("toy", "baseline"), Normalisation(0.0, 10.0))
    told = "A success rate is not normalised: it has a scale of its own."
    assert told in overview.notes
    assert told in comparison.notes
    assert (overview.formula, overview.lines[1].normalised) == (None, None)
    assert comparison.lines[0].candidate == pytest.approx(overview.lines[1].score.point)


@pytest.mark.parametrize(
    ("runs", "normalisation"),
    [
        (seeds([1e200, 1.0]), None),
        (seeds([1e90, 1.0]), Normalisation(0.0, 1e-300)),
        (seeds([1.0, 2.0]), Normalisation("random", "expert")),
        (seeds([1.0, 2.0], references={"random": 3.0, "expert": 3.0}), Normalisation("random", "expert")),
    ],
)
def test_both_refuse_the_same_in_the_same_words(runs, normalisation):
    said = []
    everything = [*runs, *(reading("return", [1.0], algorithm="other", seed=seed) for seed in range(2))]
    for ask in (
        lambda: make_overview(everything, Question(normalisation=normalisation, algorithms=frozenset({"toy"}))),
        lambda: compare(
            candidate=Side("toy", runs, "toy"),
            baseline=Side("other", everything[2:], "other"),
            question=Asked(normalisation=normalisation),
        ),
    ):
        with pytest.raises(UserError) as refusal:
            ask()
        said.append(str(refusal.value))
    assert said[0] == said[1]
