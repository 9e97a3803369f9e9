"""The environment variables of a script's process: seeds, threads, no screen, nobody to ask."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
"""What libraries read to know how many threads they may use."""
SCRIPT, ENV, SEED = "BENCH_SCRIPT", "BENCH_ENV", "BENCH_SEED"
"""What a script, and `rlgauge train` itself, is told by variables."""
_HEADLESS = {"SDL_VIDEODRIVER": "dummy", "SDL_AUDIODRIVER": "dummy", "PYGAME_HIDE_SUPPORT_PROMPT": "1"}
_UNASKED = {
    "MPLBACKEND": "Agg",  # a window that waits to be closed is a run that hangs
    "WANDB_MODE": "offline",  # else it asks for a key
    "PYTHONFAULTHANDLER": "1",  # a crash and a hang tell where they are
    "PYTHONUNBUFFERED": "1",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # several runs share a device
}
"""What is set unless it is set already."""


def variables_of(seed: int, *, script: str, env: str | None) -> dict[str, str]:
    """What is set for a run, beside what is set already."""
    given = {name: text for name, text in {**_HEADLESS, **_UNASKED}.items() if name not in os.environ}
    if sys.platform == "linux" and not ({"MUJOCO_GL", "DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ)):
        given["MUJOCO_GL"] = _mujoco_gl()
    return {
        **given,
        **threads_of(None, os.environ),
        "PYTHONHASHSEED": str(seed),
        SCRIPT: script,
        SEED: str(seed),
        **({} if env is None else {ENV: env}),
    }


def threads_of(threads: int | None, known: Mapping[str, str]) -> dict[str, str]:
    """The variables of threads: all of them so many, or without a number what they are, and 1 where nothing is set."""
    if threads is not None:
        return dict.fromkeys(THREADS, str(threads))
    number = known.get("OMP_NUM_THREADS", "1")
    return {name: known.get(name, number) for name in THREADS}


def _mujoco_gl() -> str:
    """How MuJoCo renders where there is no screen: by the GPU where one is, else by the processor."""
    return "egl" if os.path.exists("/dev/nvidiactl") else "osmesa"  # noqa: PTH110  # no Path is kept
