from __future__ import annotations

import msgspec
import pytest

from rlgauge.cli import throughput_table
from rlgauge.cli.console import fit
from rlgauge.cli.throughput_table import same_work, tell
from rlgauge.kinds.throughput.results import Measured


def measured(library, num_envs, **more):
    told = {
        "point": {"environment": "cartpole", "library": library, "num_envs": num_envs},
        "task": f"cartpole x {num_envs}",
        "status": "COMPLETED",
        "steps_per_second": 123456.0 * num_envs,
        "deviation": 98765.0,
        "seconds": {"reset": 0.00123, "run": 12.3, "trace": 0.123, "compile": 0.456},
        "steps_per_cpu_second": 98765.0,
        "planned_bytes": 123_456,
        "peak_bytes": 123_456_789,
        "noise": "invalid",
        "num_processes": 1,
    }
    return msgspec.convert({**told, **more}, Measured)


FOUND = [measured(name, number) for name in ("gymnasium-vector", "gymnasium-serial") for number in (1, 1_000_000)]


@pytest.fixture
def shown(monkeypatch):
    """The columns of the table."""
    given = []

    def show(header, rows, *, expendable):
        columns = [[title, *cells] for title, *cells in zip(header, *rows, strict=True)]
        given.append((columns, expendable))

    monkeypatch.setattr(throughput_table, "show_table", show)
    return given


@pytest.mark.parametrize("width", [80, 100, 120])
def test_columns_are_left_out_before_a_word_is_broken(width, shown):
    tell(FOUND, baseline="gymnasium-serial")
    ((columns, expendable),) = shown
    fitted, _ = fit(columns, width, expendable)
    titles = [column[0] for column in fitted]
    assert titles == [title for title in (column[0] for column in columns) if title in titles]
    assert {"library", "envs", "steps/s", "x gymnasium-serial", "noise"} <= set(titles)
    assert fitted[0] == columns[0]
    assert sum(max(len(line) for cell in column for line in cell.split("\n")) + 2 for column in fitted) - 2 <= width


def test_wider_terminals_show_more(shown):
    tell(FOUND, baseline="gymnasium-serial")
    ((columns, expendable),) = shown
    num_columns = [len(fit(columns, width, expendable)[0]) for width in (80, 110, 140, 300)]
    assert num_columns == sorted(set(num_columns))
    assert num_columns[-1] == len(columns)


def test_what_a_speed_of_one_process_is_stands_in_one_paragraph(shown, monkeypatch):
    said = []
    monkeypatch.setattr(throughput_table, "say", said.append)
    tell(FOUND)
    assert said[0].startswith("Steps per second: median ± standard deviation of repetitions in one process")
    assert said[0].endswith("--processes 3, measures that.")
    assert shown


def test_what_was_not_timed_is_a_dash(shown):
    tell([measured("ours", 1, seconds={"run": 2.0})])
    ((columns, _),) = shown
    assert {column[0]: column[1] for column in columns if column[0] in {"reset", "compile", "run"}} == {
        "reset": "-",
        "compile": "-",
        "run": "2 s",
    }


LENGTHS = {"checks": ["rewards sum to 9", "mean length 22.40 of 1000 episodes, expected 22.2..22.6"]}


def test_lengths_are_claimed_only_where_every_process_of_every_point_has_checked_them():
    checked = [measured(name, 1, **LENGTHS) for name in ("gymnax", "envpool")]
    assert "rewards and limits; episodes of both were as long as they must be." in same_work(checked)
    twice = measured("gymnax", 9, num_processes=2, **LENGTHS)
    assert "how long episodes were was not checked of 1 of 3 points." in same_work([*checked, twice])
    fixed = measured("gymnax", 9, lengths_unchecked=["fixed actions"])
    few = measured("envpool", 9, lengths_unchecked=["fewer than 200 episodes"])
    assert "not checked of 2 of 4 points (fixed actions, fewer than 200 episodes)." in same_work([*checked, fixed, few])
    assert "limits; how long episodes were was not checked (fixed actions)." in same_work([fixed, fixed])


def test_an_environment_of_which_no_length_is_known_has_none_to_claim():
    def of(environment, *libraries):
        points = [{"environment": environment, "library": library, "num_envs": 1} for library in libraries]
        return same_work([measured("any", 1, point=point, **LENGTHS) for point in points])

    assert "the same task as docs/performance.md" in of("gene-circuit", "rlgauge", "myriad")
    assert "both call it Acrobot-v1; whether they do the same work was not checked" in of(
        "Acrobot-v1", "gymnax", "envpool"
    )
    assert "as long as they must be" in of("CartPole-v1", "gymnax", "envpool")


def test_of_work_only_what_has_a_ratio_is_told(shown, monkeypatch):
    said = []
    monkeypatch.setattr(throughput_table, "say", said.append)
    failed = {"status": "FAILED", "steps_per_second": None}
    tell([measured("gymnax", 1, **LENGTHS), measured("envpool", 1, **LENGTHS), measured("envpool", 9, **failed)],
         baseline="gymnax")  # fmt: skip
    assert said[-1].startswith("x gymnax: the same dynamics")
    assert "episodes of both were as long as they must be" in said[-1]
    said.clear()
    tell([measured("gymnax", 1, **LENGTHS), measured("envpool", 1, **failed)], baseline="gymnax")
    assert not any(sentence.startswith("x gymnax") for sentence in said)
    assert len(shown) == 2


def test_warnings_of_a_point_stand_below_the_table(shown, monkeypatch):
    said = []
    monkeypatch.setattr(throughput_table, "say", said.append)
    tell([measured("ours", 1, warnings=["it has stopped."])])
    assert "ours, cartpole x 1: it has stopped." in said
    assert shown
