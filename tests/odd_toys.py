"""Workloads that break their contract, one way each."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rlgauge.core.case import Case
from rlgauge.core.errors import UserError
from rlgauge.core.run import Record
from rlgauge.core.workload import Context, Measure
from tests.toys import Toy


class Odd(Toy):
    """`num_cases` cases of two records each, until somebody is odd."""

    name = "odd"

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.process = arguments.get("process", "shared")

    def cases(self) -> Iterator[Case]:
        for seed in range(self.arguments.get("num_cases", 2)):
            yield Case(workload=self.name, name=f"odd-{seed}", params={}, seed=seed)

    def measure(self, case: Case, context: Context) -> Iterator[Record]:
        done = {record.index for record in context.kept}
        yield from (Record(index, {"value": float(index)}) for index in range(2) if index not in done)


class Unopenable(Odd):
    """Has no session."""

    @contextlib.contextmanager
    def session(self) -> Iterator[Measure]:
        raise RuntimeError("there is no display")
        yield self.measure


class Mistaken(Odd):
    """Has no session, by its user's mistake."""

    @contextlib.contextmanager
    def session(self) -> Iterator[Measure]:
        raise UserError("There is no policy.zip.")
        yield self.measure


class Closing(Odd):
    """Adds a line to a file when its session is closed."""

    @contextlib.contextmanager
    def session(self) -> Iterator[Measure]:
        yield self.measure
        with Path(self.arguments["file"]).open("a") as file:
            file.write("closed\n")


class TooFew(Odd):
    """Measures fewer records than it says complete a case."""

    def num_wanted(self, case: Case) -> int:
        return 3


class Reporting(Odd):
    """Reports as its result what no file can hold."""

    def measure(self, case: Case, context: Context) -> Iterator[Record]:
        yield Record(0, {"value": 0.0})
        context.result["best"] = {"nan": float("nan"), "object": object()}[self.arguments["result"]]


class Wordy(Odd):
    """Writes more than a small disk takes: 60 records of 1 KiB."""

    def measure(self, case: Case, context: Context) -> Iterator[Record]:
        done = {record.index for record in context.kept}
        yield from (Record(index, {"text": "x" * 1000}) for index in range(60) if index not in done)
