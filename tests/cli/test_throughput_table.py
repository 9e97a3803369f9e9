from __future__ import annotations

import msgspec
import pytest

from rlgauge.cli import throughput_table
from rlgauge.cli.console import fit
from rlgauge.cli.throughput_table import tell
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
