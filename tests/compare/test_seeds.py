from __future__ import annotations

from rlgauge.compare.quantity import Quantity, Sort
from rlgauge.compare.seeds import one_a_seed
from rlgauge.core.reading import Reading, Total
from rlgauge.core.run import Status


def run(name: str, status: Status = Status.COMPLETED) -> Reading:
    totals = {name: Total(n=1, mean=1.0)} if status is Status.COMPLETED else {}
    return Reading(algorithm="ppo", task="reach", seed=0, status=status, totals=totals)


def told_of(*readings: Reading) -> list[str]:
    told: list[str] = []
    (seed,) = one_a_seed(readings, Quantity("success", "success", Sort.SUCCESS), told)
    assert seed.used == [readings[0]]
    return told


def test_a_run_that_measured_something_else_was_not_repeated() -> None:
    assert told_of(run("success"), run("return")) == []


def test_a_run_that_failed_was_repeated() -> None:
    assert told_of(run("success"), run("success", Status.FAILED), run("return")) == [
        "ppo on reach, seed 0: 1 run without a score was repeated."
    ]
