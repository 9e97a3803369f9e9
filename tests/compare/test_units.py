from __future__ import annotations

import msgspec
import pytest

from rlgauge.compare.comparison import Outcome
from rlgauge.compare.units import factor
from rlgauge.core.errors import UserError
from rlgauge.core.reading import Reading
from rlgauge.report.overview import make_overview
from rlgauge.report.question import Question
from tests.compare.making import compared, processes

FIVE = [5.0, 5.1, 4.9, 5.05, 4.95]


def measured(values: list[float], unit: str, name: str = "seconds") -> list[Reading]:
    return [msgspec.structs.replace(one, units={name: unit}) for one in processes(values, name)]


@pytest.mark.parametrize(
    ("unit", "wanted", "expected"),
    [
        ("s", "ms", 1000.0),
        ("ns", "h", 1e-9 / 3600),
        ("GiB", "MiB", 1024.0),
        ("bytes", "kB", 1e-3),
        ("ksteps/s", "steps/s", 1000.0),
        ("steps/min", "steps/s", 1 / 60),
        ("MiB/s", "bytes/ms", 2**20 / 1000),
        ("MHz", "Hz", 1e6),
        ("kicks/s", "kicks/s", 1.0),
        ("kicks/min", "kicks/s", 1 / 60),
        ("", "ms", 1.0),
        ("reward", "", 1.0),
        ("ms", "MB", None),
        ("steps/s", "episodes/s", None),
        ("reward", "points", None),
    ],
)
def test_a_unit_is_so_many_of_another_that_measures_the_same(unit, wanted, expected):
    assert factor(unit, wanted) == (None if expected is None else pytest.approx(expected))


def test_sides_in_different_units_are_compared_in_one():
    """10 ms given in s against 5 ms: twice as slow."""
    comparison = compared(measured([2 * value / 1000 for value in FIVE], "s"), measured(FIVE, "ms"))
    (line,) = comparison.lines
    assert (comparison.outcome, line.word, line.unit) == (Outcome.WORSE, "slower", "ms")
    assert (line.candidate, line.difference) == (pytest.approx(10.0, rel=0.01), pytest.approx(2.0))
    assert "seconds was measured in s too: all of it is given in ms." in comparison.notes


def test_a_metric_over_all_tasks_is_of_one_unit_too():
    """Ranks: 10 ms given in s lose against 5 ms."""
    sides = measured([2 * value / 1000 for value in FIVE], "s"), measured(FIVE, "ms")
    assert compared(*sides, metric="improvement").overall.summary.point == 0.0


def test_the_unit_of_a_summary_does_not_depend_on_the_order_of_the_runs():
    slow, fast = measured([2 * value / 1000 for value in FIVE], "s"), measured(FIVE, "ms")
    for runs in ([*slow, *fast], [*fast, *slow]):
        overview = make_overview(runs, Question())
        assert overview.unit == "ms"
        assert overview.lines[0].score.point == pytest.approx(7.5)
        assert "seconds was measured in s too: all of it is given in ms." in overview.notes


@pytest.mark.parametrize(("name", "units"), [("seconds", ("ms", "MiB")), ("return", ("reward", "points"))])
def test_units_of_different_things_are_refused_by_name(name, units):
    ours, theirs = (measured(FIVE, unit, name) for unit in units)
    with pytest.raises(UserError, match=f"{name} is in {min(units)} in some runs and in {max(units)} in others"):
        compared(ours, theirs)


def test_a_unit_that_was_not_told_is_that_of_the_others():
    (line,) = compared(measured(FIVE, ""), measured(FIVE, "ms")).lines
    assert (line.unit, line.difference) == ("ms", pytest.approx(1.0))
