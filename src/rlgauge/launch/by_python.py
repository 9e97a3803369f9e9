"""Runs by workers of several Pythons: libraries that don't agree with each other are measured in environments apart."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from rlgauge.core.case import Case
from rlgauge.core.execute import Event, Item, Plan, plan_file
from rlgauge.core.store import Store
from rlgauge.core.workload import Workload
from rlgauge.launch.local import Local


class Python(NamedTuple):
    """An interpreter, and the environment variables to start it with."""

    path: Path
    variables: Mapping[str, str]


class ByPython:
    """Starts a worker of the Python that each case needs; cases that need the same follow each other."""

    def __init__(self, python_of: Callable[[Case], Python | None]) -> None:
        """`python_of` says which Python a case needs; None is this one."""
        self._python_of = python_of

    def launch(self, plan: Plan, path: Path | None, workload: Workload) -> Generator[Event]:
        """Run every item that nobody else runs; yields what the workers say."""
        del path
        pythons: dict[Path | None, Python | None] = {}
        groups: dict[Path | None, list[Item]] = {}
        for item in plan.items:
            python = self._python_of(item.case)
            place = None if python is None else python.path
            pythons[place] = python
            groups.setdefault(place, []).append(item)
        for place, items in groups.items():
            part, python = msgspec.structs.replace(plan, items=items), pythons[place]
            local = Local(1) if python is None else Local(1, python=python.path, variables=python.variables)
            with plan_file(part, Store(plan.root)) as own_path:
                yield from local.launch(part, own_path, workload)
