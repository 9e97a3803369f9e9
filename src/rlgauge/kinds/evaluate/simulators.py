"""The Python in which a benchmark's simulators run: this one, or an isolated environment that is built for them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from rlgauge.envs.apart import Interpreter
from rlgauge.isolation import environment, installed

GL = "MUJOCO_GL"


def interpreter(name: str, *, is_here: bool, listen: Callable[[str], None] | None = None) -> Interpreter:
    """This Python where the libraries are here, else that of the environment called `name`, built where it isn't.

    Its processes render by what `MUJOCO_GL` says, else as `gl_backend` does. Raises UserError where the environment
    can't be built.
    """
    rendering = {GL: gl_backend()}
    if is_here:
        return Interpreter(Path(sys.executable), {**os.environ, **rendering})
    found = installed(name) or environment(name, listen=listen)
    return Interpreter(found.python, {**found.variables(), **rendering})


def gl_backend() -> str:
    """What renders: as `MUJOCO_GL` says, else "egl" where there is a graphics device, else "osmesa"."""
    said = os.environ.get(GL)
    if said:
        return said
    return "egl" if any(Path("/dev").glob("nvidia[0-9]*")) or any(Path("/dev/dri").glob("renderD*")) else "osmesa"
