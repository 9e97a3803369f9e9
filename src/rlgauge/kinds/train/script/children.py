"""Processes that a script starts by `multiprocessing`: each counts its own environments, in files of its own.

Those that a vector starts, whose episodes are counted where it is stepped, only tell which environments they make.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable
from types import FrameType, ModuleType
from typing import Any

from rlgauge.kinds.train.script import known
from rlgauge.kinds.train.script.hooks import after_import
from rlgauge.kinds.train.script.patching import Method, replace

Begin = Callable[[Any, bool], None]
"""What has a process count: given what it is to know, and whether it belongs to a vector."""

_HANDED = "_rlgauge_handed"
_LONGEST_WAY = 20


class Handed:
    """What a process is given that begins anew, with all else that `multiprocessing` hands it: it counts from there."""

    def __init__(self, begin: Begin, told: object, *, is_part: bool) -> None:
        self._given = begin, told, is_part

    def __reduce__(self) -> tuple[Callable[..., None], tuple[Any, ...]]:
        return _begin, self._given


class Starts:
    """The processes that a script starts; whether the one that is being started belongs to a vector."""

    def __init__(self, begin: Begin) -> None:
        """Know of none; `begin` has one count."""
        self.is_part = False
        self.told: object = None
        self._begin = begin

    def install(self) -> None:
        """Know of all that are started from now on."""
        after_import("multiprocessing.process", self._change)

    def _change(self, module: ModuleType) -> None:
        replace(module.BaseProcess, "start", self._noting)

    def _noting(self, start: Method) -> Method:
        @functools.wraps(start)
        def noted(process: Any, *args: Any, **named: Any) -> Any:  # noqa: ANN401  # as the library has it
            if self.told is None:
                return start(process, *args, **named)
            is_part = _is_of_vector(sys._getframe(1))  # noqa: SLF001  # a vector starts its processes by itself
            if _is_this_python():
                setattr(process, _HANDED, Handed(self._begin, self.told, is_part=is_part))
            before, self.is_part = self.is_part, is_part
            try:
                return start(process, *args, **named)
            finally:
                self.is_part = before
                with contextlib.suppress(AttributeError):
                    delattr(process, _HANDED)

        return noted


def _begin(begin: Begin, told: object, is_part: bool) -> None:  # noqa: FBT001  # called as it was pickled
    """Nothing; a process that can't count runs all the same."""
    with contextlib.suppress(Exception):
        known.install()
        begin(told, is_part)


def _is_this_python() -> bool:
    """Whether a process that begins anew has this package, and what it needs."""
    spawn = sys.modules.get("multiprocessing.spawn")
    found = None if spawn is None else spawn.get_executable()
    return found is None or str(getattr(found, "decode", lambda: found)()) == sys.executable


def _is_of_vector(frame: FrameType | None) -> bool:
    """Whether a vector of environments, of which resets are counted here, is being made, or reset."""
    for _ in range(_LONGEST_WAY):
        if frame is None:
            return False
        code = frame.f_code
        if code.co_name in {"__init__", "reset"} and code.co_argcount:
            owner = type(frame.f_locals.get(code.co_varnames[0]))
            names = {cls.__name__ for cls in owner.__mro__}
            if names & {"VectorEnv", "VecEnv"} and hasattr(getattr(owner, "reset", None), "_rlgauge_wraps"):
                return True
        frame = frame.f_back
    return False
