"""A workload whose cases measure nothing: what is left is what it costs to run a case at all."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Literal

from rlgauge.core.case import Case
from rlgauge.core.run import Record
from rlgauge.core.workload import Context, Description, Measure


class EmptyCases:
    """`num_cases` cases of no record, each in a process of the kind that is asked for."""

    name = "empty"
    hang_seconds = None

    def __init__(self, num_cases: int, process: Literal["shared", "fresh", "forked"]) -> None:
        self.units: dict[str, str] = {}
        self.process = process
        self._arguments: dict[str, Any] = {"num_cases": num_cases, "process": process}

    def describe(self) -> Description:
        """How a worker makes it again."""
        return Description("empty_cases:EmptyCases", self._arguments)

    def cases(self) -> Iterator[Case]:
        """All cases."""
        for seed in range(self._arguments["num_cases"]):
            yield Case(workload=self.name, name=f"empty-{seed}", params={}, seed=seed)

    def num_wanted(self, case: Case) -> None:
        """One finished run is enough."""
        del case

    @contextlib.contextmanager
    def session(self) -> Iterator[Measure]:
        """What measures nothing."""
        yield self._measure

    def _measure(self, case: Case, context: Context) -> Iterator[Record]:
        del case, context
        yield from ()
