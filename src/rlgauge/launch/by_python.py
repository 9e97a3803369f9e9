"""Runs by workers of several Pythons: libraries that don't agree with each other are measured in environments apart."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path

import msgspec

from rlgauge.core.case import Case
from rlgauge.core.execute import Event, Item, Plan, plan_file
from rlgauge.core.store import Store
from rlgauge.core.workload import Workload
from rlgauge.launch.local import Local


class ByPython:
    """Starts a worker of the Python that each case needs; cases that need the same follow each other."""

    def __init__(self, python_of: Callable[[Case], Path | None]) -> None:
        """`python_of` says which Python a case needs; None is this one."""
        self._python_of = python_of

    def launch(self, plan: Plan, path: Path | None, workload: Workload) -> Generator[Event]:
        """Run every item that nobody else runs; yields what the workers say."""
        del path
        groups: dict[Path | None, list[Item]] = {}
        for item in plan.items:
            groups.setdefault(self._python_of(item.case), []).append(item)
        for python, items in groups.items():
            part = msgspec.structs.replace(plan, items=items)
            with plan_file(part, Store(plan.root)) as own_path:
                yield from Local(1, python=python).launch(part, own_path, workload)
