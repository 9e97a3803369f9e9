"""The Python that a library is measured by: this one, or one of an environment that is built for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from rlgauge.core.case import Case
from rlgauge.core.errors import UserError
from rlgauge.envs.libraries import LIBRARIES, missing
from rlgauge.isolation import Environment, environment, environment_of, environment_of_revision
from rlgauge.kinds.throughput.point import Point
from rlgauge.launch.by_python import Python

REVISION = "git:"
"""What the source of a point begins with where it is a revision of this package."""


class Pythons:
    """Finds the Python of a case, and builds its environment where that is not there yet."""

    def __init__(self, listen: Callable[[str], None]) -> None:
        """`listen` is told how building goes on."""
        self._listen = listen
        self._found: dict[tuple[str, str | None], Python | None] = {}

    def __call__(self, case: Case) -> Python | None:
        """The Python; None for this one. Raises UserError where the environment of a point's source can't be built.

        Where that of a library can't, it is said, and the point is left to this Python, which tells what it lacks.
        """
        point = msgspec.convert(case.params["point"], Point)
        key = point.library, point.source
        if key not in self._found:
            own = self._environment(point)
            self._found[key] = None if own is None else Python(own.python, own.variables())
        return self._found[key]

    def _environment(self, point: Point) -> Environment | None:
        if point.source is not None and point.source.startswith(REVISION):
            return environment_of_revision(Path.cwd(), point.source.removeprefix(REVISION), listen=self._listen)
        if point.source is not None:
            return environment_of(list(map(str.strip, point.source.split(","))), listen=self._listen)
        if point.library not in LIBRARIES or missing(point.library) is None:
            return None
        isolated = LIBRARIES[point.library].isolated
        if isolated is None:
            return None
        try:
            return environment(isolated, listen=self._listen)
        except UserError as error:
            self._listen(f"The environment of {isolated} can't be built. {error}")
            return None
