from __future__ import annotations

import csv
import math
import statistics

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlgauge import BenchmarkResults, TaskResult, UserError
from rlgauge.core.run import Record
from rlgauge.kinds.evaluate.results import EpisodeResult
from rlgauge.stats.intervals import wilson
from tests.gyms import AlreadyThere, Goal, Of

ROOMY = {"allow_nan": False, "allow_infinity": False, "min_value": -1e6, "max_value": 1e6}


@st.composite
def episode(draw, index: int) -> EpisodeResult:
    outcome = draw(st.sampled_from(["success", "failure", "unmeasured", "error", "timeout"]))
    is_valid = outcome not in {"error", "timeout"}
    return EpisodeResult(
        index=index,
        outcome=outcome,
        total_return=draw(st.floats(**ROOMY)) if is_valid else None,
        length=draw(st.integers(0, 1000)),
        success={"success": True, "failure": False}.get(outcome),
        seed=draw(st.integers(0, 2**31 - 1)),
        error=None if is_valid else draw(st.text(min_size=1)),
        video=draw(st.none() | st.text()),
        environment_seconds=draw(st.floats(0, 1e3)),
    )


@st.composite
def task_result(draw) -> TaskResult:
    episodes = [draw(episode(index)) for index in range(draw(st.integers(0, 8)))]
    return TaskResult.from_episodes(
        draw(st.text(min_size=1)),
        draw(st.permutations(episodes)),
        policy=draw(st.text()),
        train_seed=draw(st.none() | st.integers(0, 9)),
        n_missing=draw(st.integers(0, 3)),
    )


def result(*outcomes: str, **options) -> TaskResult:
    """A task whose episodes ended so, with their index as return."""
    episodes = [
        EpisodeResult(
            index=index,
            outcome=outcome,
            total_return=None if outcome in {"error", "timeout"} else float(index),
            length=10 + index,
            success={"success": True, "failure": False}.get(outcome),
            error="step 3: no" if outcome in {"error", "timeout"} else None,
        )
        for index, outcome in enumerate(outcomes)
    ]
    return TaskResult.from_episodes("task", episodes, **{"policy": "p", **options})


@given(task_result())
def test_every_figure_follows_from_the_episodes(task):
    outcomes = [episode.outcome for episode in task.episodes]
    count = outcomes.count
    measured = count("success") + count("failure")
    returns = [e.total_return for e in task.episodes if e.outcome not in {"error", "timeout"}]
    assert [e.index for e in task.episodes] == list(range(task.n_episodes))
    assert (task.n_errors, task.n_timeouts, task.n_success) == (count("error"), count("timeout"), count("success"))
    assert (task.n_success_measured, task.n_returns) == (measured, len(returns))
    if measured:
        expected = wilson(count("success"), measured)
        assert (task.success_rate, task.success_low, task.success_high) == (expected.point, expected.low, expected.high)
        assert task.success_rate_all == count("success") / (measured + count("error") + count("timeout"))
    else:
        assert task.success_rate is task.success_low is task.success_high is None
        is_broken = 0 < len(task.episodes) == count("error") + count("timeout")
        assert task.success_rate_all == (0.0 if is_broken else None)
    assert task.mean_reward == (pytest.approx(statistics.fmean(returns), abs=1e-6) if returns else None)
    assert task.std_reward == (pytest.approx(statistics.stdev(returns), abs=1e-6) if len(returns) > 1 else None)


def test_wilsons_interval_by_its_closed_form():
    task = result(*["success"] * 8, *["failure"] * 2)
    z, n, p = 1.959963984540054, 10, 0.8
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    assert (task.success_low, task.success_high) == pytest.approx((centre - half, centre + half), abs=1e-12)


def test_an_environment_that_reports_no_success_is_unmeasured_and_never_0_percent():
    results = Of("Toy", num_episodes=5).evaluate("random")
    (task,) = results.results
    assert (task.success_rate, task.success_rate_all, task.n_success_measured) == (None, None, 0)
    assert "unmeasured" in results.summary()
    assert "%" not in results.summary()
    assert "0.0%" not in results.to_markdown()
    assert results.aggregates()[0].success_macro is None
    assert results.warnings() == []


def test_a_rate_of_few_measured_episodes_says_so():
    task = result("success", "success", "unmeasured", "unmeasured", "error")
    assert task.success_rate == 1.0
    assert task.warnings[-1].startswith("success was measured in 2 of 4 valid episodes, and the rate is of those")
    assert (
        "100.0% [34.2%, 100.0%] of the 2 measured; 66.7% with errors as failures" in BenchmarkResults([task]).summary()
    )
    assert result("success", "failure", "error").warnings == [
        "1 of 3 episodes have no valid measurement; the first, episode 2: step 3: no"
    ]


def test_errors_alone_have_no_rate():
    task = result("error", "timeout")
    assert (task.success_rate, task.mean_reward, task.std_reward, task.mean_length) == (None, None, None, None)


def test_success_at_reset_is_warned_of():
    (task,) = Of("AlreadyThere", num_episodes=4).evaluate("random").results
    assert task.warnings == ["success was already true at reset in 4 of 4 episodes"]
    assert task.success_rate == 1.0
    assert AlreadyThere is not Goal


def test_missing_episodes_are_counted_in_the_table():
    text = BenchmarkResults([result("success", n_missing=4)]).summary()
    assert "1 of 5" in text
    assert "4 episodes are missing: their runs failed" in text


@given(st.lists(task_result(), max_size=2), st.dictionaries(st.text(), st.integers() | st.text() | st.none()))
def test_json_gives_back_what_was_written(tmp_path_factory, tasks, metadata):
    results = BenchmarkResults(tasks, metadata)
    path = results.to_json(tmp_path_factory.getbasetemp() / "results.json")
    again = BenchmarkResults.from_json(path)
    assert (again.results, again.metadata, again.digest()) == (results.results, metadata, results.digest())
    assert again.summary() == results.summary()


def test_a_row_of_csv_survives_line_breaks_in_its_text(tmp_path):
    results = BenchmarkResults([result("success", policy="a\rb\r\nc")])
    with results.to_csv(tmp_path / "tasks.csv").open(newline="") as file:
        assert [row["policy"] for row in csv.DictReader(file)] == ["a\nb\nc"]


@given(st.lists(task_result(), min_size=1, max_size=2))
def test_csv_holds_every_task_and_every_episode(tmp_path_factory, tasks):
    results = BenchmarkResults(tasks)
    folder = tmp_path_factory.getbasetemp()
    with results.to_csv(folder / "tasks.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["task_id"].split() for row in rows] == [task.task_id.split() for task in tasks]
    for row, task in zip(rows, tasks, strict=True):
        assert row["success_rate"] == ("" if task.success_rate is None else str(task.success_rate))
        assert row["mean_reward"] == ("" if task.mean_reward is None else str(task.mean_reward))
        assert int(row["n_episodes"]) == task.n_episodes
    with results.to_csv(folder / "episodes.csv", episodes=True).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(int(row["index"]), row["outcome"]) for row in rows] == [
        (e.index, e.outcome) for t in tasks for e in t.episodes
    ]


def test_markdown_is_a_table_of_the_same_cells(tmp_path):
    results = BenchmarkResults([result("success", "error", policy="a|b")])
    text = results.to_markdown(tmp_path / "results.md")
    assert (tmp_path / "results.md").read_text() == text
    header, rule, row, *_ = text.splitlines()
    assert header.count("|") == rule.count("|") == 9
    assert row.startswith("| a\\|b | task | 2 | 100.0% [20.7%, 100.0%]; 50.0% with errors as failures |")
    assert "> a|b, task: 1 of 2 episodes have no valid measurement" in text


def test_the_digest_is_of_what_was_measured_and_not_of_durations_or_files():
    base = result("success", "failure", "error")

    def digest(**changes) -> str:
        episodes = [msgspec.structs.replace(base.episodes[0], **changes), *base.episodes[1:]]
        return BenchmarkResults([TaskResult.from_episodes("task", episodes, policy="p")]).digest()

    same = BenchmarkResults([base], {"any": "metadata"}).digest()
    assert digest(environment_seconds=9.0, video="film.mp4") == same
    for change in [
        {"total_return": 0.5},
        {"length": 11},
        {"outcome": "failure", "success": False},
        {"seed": 3},
        {"truncated": True},
        {"success_ever": True},
    ]:
        assert digest(**change) != same
    assert BenchmarkResults([result("success", policy="q")]).digest() != BenchmarkResults([result("success")]).digest()


def test_returns_are_shown_with_the_digits_that_they_need():
    small = TaskResult.from_episodes(
        "s", [EpisodeResult(index=i, outcome="unmeasured", total_return=0.9) for i in (0, 1)]
    )
    assert "0.900 ± 0.000" in BenchmarkResults([small]).summary()
    large = TaskResult.from_episodes("s", [EpisodeResult(index=0, outcome="unmeasured", total_return=-1234.56)])
    assert "-1234.6" in BenchmarkResults([large]).summary()


@pytest.mark.parametrize("error", ["timeout: nothing happened for 3 s; the process was killed", "step 3: no"])
def test_a_record_of_the_supervisor_is_an_episode(error):
    told = EpisodeResult.from_record(Record(4, {}, error))
    assert told == EpisodeResult(index=4, outcome="timeout" if "timeout" in error else "error", error=error)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "There is no results file"),
        (b"{", "is no results file of RLGauge"),
        (b'{"format": 1}', "is no results file of RLGauge"),
        (b'{"format": 99, "metadata": {}, "results": []}', "written by a newer RLGauge"),
    ],
)
def test_a_file_of_something_else_is_said(tmp_path, content, told):
    path = tmp_path / "results.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=told):
        BenchmarkResults.from_json(path)


def test_a_folder_instead_of_a_file_is_said(tmp_path):
    with pytest.raises(UserError, match="Can't read the results file"):
        BenchmarkResults.from_json(tmp_path)


def test_no_results_have_a_table_too():
    assert BenchmarkResults().summary().startswith("policy")
    assert BenchmarkResults().aggregates() == []
