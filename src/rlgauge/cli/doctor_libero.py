"""`rlgauge doctor libero`: the whole chain from the libraries to a first episode, and how to install it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from rlgauge.core.errors import UserError
from rlgauge.envs import libero_installed
from rlgauge.envs.apart import ApartError, Interpreter, call
from rlgauge.isolation import definitions, installed
from rlgauge.kinds.evaluate.libero import ENVIRONMENT
from rlgauge.kinds.evaluate.simulators import GL, interpreter

NUM_TASKS, NUM_INITIAL_STATES = 130, 6500
"""Of the five suites together."""
_LIBERO = "rlgauge.envs.libero_installed"
_EPISODE = "first episode"
_SYSTEM = {"osmesa": "apt-get install libosmesa6", "egl": "apt-get install libegl1"}


class Look(NamedTuple):
    """What was looked at, what was found, and what would make it better."""

    what: str
    found: str
    advice: str = ""


def look_at_all() -> Iterator[Look]:
    """Python, versions, tasks, configuration, rendering, meshes, an episode; each where what it needs is there."""
    is_here = libero_installed.is_installed()
    if not is_here and installed(ENVIRONMENT) is None:
        advice = "nothing: it is built where LiberoBenchmark or RobosuiteBenchmark is asked for"
        yield Look("Python", "hf-libero is not installed, and no environment is built for it yet", advice)
        return
    python = interpreter(ENVIRONMENT, is_here=is_here)
    yield Look("Python", f"{'this one' if is_here else 'in an environment of its own'}: {python.path}")
    told = _told(python)
    if isinstance(told, Look):
        yield told
        return
    yield from _libraries(told["versions"])
    yield _counted("tasks", told["num_tasks"], NUM_TASKS)
    yield _counted("initial states", told["num_initial_states"], NUM_INITIAL_STATES)
    yield Look("configuration", told["configuration"])
    yield Look("import", f"took {told['import_seconds']:.1f} s and asked nothing")
    yield _rendering(python)
    yield Look("meshes", told["assets"] or "missing", "" if told["assets"] else told["fetch"])
    if told["assets"]:
        yield _episode(python)


def is_ready(looks: Sequence[Look]) -> bool:
    """Whether it can be played: a first episode began."""
    return any(look.what == _EPISODE and not look.advice for look in looks)


def verdict(looks: Sequence[Look]) -> str:
    """Whether LIBERO can be played, and what is in the way."""
    if is_ready(looks):
        return "LIBERO is ready."
    lacking = [look for look in looks if look.advice]
    if not lacking:
        return "LIBERO is not ready: no episode was begun."
    return f"LIBERO is not ready. {'; '.join(f'{look.what}: {look.found}' for look in lacking)}."


def recipe() -> list[str]:
    """The commands that install it all; without them rlgauge builds an environment by itself, but for the meshes."""
    found = definitions.definition(ENVIRONMENT)
    return [
        "To install it into a Python of your own:",
        f"  {_SYSTEM['osmesa']}",
        f"  pip install {shlex.join(found.requirements)}",
        f"  pip install --no-deps {shlex.join(found.alone)}",
        f"  {libero_installed.fetch_command()}",
        f"  export {GL}=osmesa    # without a graphics device; egl with one",
    ]


def _told(python: Interpreter) -> dict[str, Any] | Look:
    try:
        told: dict[str, Any] = call(f"{_LIBERO}:look", {}, python=python)
    except (ApartError, UserError) as error:
        return Look("LIBERO", _first_line(error), "Install it as below, or remove the environment and build it again.")
    return told


def _libraries(versions: dict[str, str]) -> Iterator[Look]:
    """Each with the version that it was tried with, where another is there."""
    found = definitions.definition(ENVIRONMENT)
    pins = dict(one.split("==") for one in (*found.requirements, *found.alone) if "==" in one)
    for name in libero_installed.DISTRIBUTIONS:
        version, pinned = versions.get(name), pins.get(name)
        if version is None:
            yield Look(name, "not installed", f"pip install {name}" + (f"=={pinned}" if pinned else ""))
        else:
            is_other = pinned is not None and version != pinned
            yield Look(name, version, f"It was tried with {pinned}." if is_other else "")


def _counted(what: str, num: int, expected: int) -> Look:
    return Look(what, str(num), "" if num == expected else f"There should be {expected}: install hf-libero again.")


def _rendering(python: Interpreter) -> Look:
    backend = python.variables[GL]
    try:
        milliseconds = call(f"{_LIBERO}:try_rendering", {}, python=python)
    except (ApartError, UserError) as error:
        return Look(
            "rendering", f"{backend}: {_first_line(error)}", _SYSTEM.get(backend, f"Set {GL} to osmesa or egl.")
        )
    return Look("rendering", f"{backend}: a frame of 64x64 in {milliseconds:.1f} ms")


def _episode(python: Interpreter) -> Look:
    try:
        seconds = call(f"{_LIBERO}:try_task", {}, python=python)
    except (ApartError, UserError) as error:
        return Look(_EPISODE, _first_line(error), "Its meshes may be damaged: fetch them again.")
    return Look(_EPISODE, f"began after {seconds:.1f} s")


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
