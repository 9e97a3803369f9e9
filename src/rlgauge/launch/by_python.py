"""Runs by workers of several Pythons: libraries that don't agree with each other are measured in environments apart."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from rlgauge.core.case import Case
from rlgauge.core.execute import Event, Launcher, Plan, plan_file
from rlgauge.core.store import Store
from rlgauge.core.workload import Workload
from rlgauge.launch.local import Local


class Python(NamedTuple):
    """An interpreter, and the environment variables to start it with."""

    path: Path
    variables: Mapping[str, str]


def on_this_machine(python: Python | None) -> Launcher:
    """One worker of this Python; None is that of this process."""
    return Local(1) if python is None else Local(1, python=python.path, variables=python.variables)


class ByPython:
    """Starts a worker of the Python that each case needs, in the order of the cases."""

    waits = True

    def __init__(
        self,
        python_of: Callable[[Case], Python | None],
        launcher_of: Callable[[Python | None], Launcher] = on_this_machine,
    ) -> None:
        """`python_of` says which Python a case needs, `launcher_of` what starts it and waits; None is this one."""
        self._python_of = python_of
        self._launcher_of = launcher_of

    def launch(self, plan: Plan, path: Path | None, workload: Workload) -> Generator[Event]:
        """Run every item that nobody else runs; yields what the workers say."""
        del path
        found = ((item, self._python_of(item.case)) for item in plan.items)
        for python, group in itertools.groupby(list(found), key=lambda pair: pair[1]):
            part = msgspec.structs.replace(plan, items=[item for item, _ in group])
            with plan_file(part, Store(plan.root)) as own_path:
                yield from self._launcher_of(python).launch(part, own_path, workload)
