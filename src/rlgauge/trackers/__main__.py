"""`python -m rlgauge.trackers KIND ATTEMPT_FOLDER`: tells a tracker of one run, while it goes on or afterwards.

What a person should know is a line on standard output; what libraries print goes to standard error, whose last line
says why it failed. Ends with 0, with 1 where the tracker failed, or with 2 for wrong usage.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from rlgauge.core.errors import UserError
from rlgauge.trackers.run import track

_USAGE = "usage: python -m rlgauge.trackers KIND ATTEMPT_FOLDER"
_POLITE = 19
_LONGEST_REASON = 300
_CLEAN_UP_SECONDS = 10.0
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "GOMAXPROCS")


def main(arguments: Sequence[str]) -> int:
    """The exit code."""
    told = _take_output()
    _be_modest()
    try:
        kind, folder = arguments
    except ValueError:
        sys.stderr.write(f"{_USAGE}\n")
        return 2
    attempt = Path(folder).absolute()
    if attempt.is_dir():
        os.chdir(attempt.parents[2])  # what a library writes where it runs goes into the store
    try:
        track(kind, attempt, tell=lambda text: _write(told, text))
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except (Exception, SystemExit) as error:  # noqa: BLE001  # a library's fault: said in one line, after its trace
        traceback.print_exc()
        sys.stderr.write(f"{type(error).__name__}: {' '.join(str(error).split())[:_LONGEST_REASON]}\n")
        return 1
    return 0


def _take_output() -> int:
    """A descriptor of standard output for us alone; from now on what libraries print there is no message."""
    own = os.dup(1)
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)  # nobody is asked anything
    os.close(nothing)
    return own


def _write(descriptor: int, text: str) -> None:
    os.write(descriptor, f"{' '.join(text.split())}\n".encode())


def _be_modest() -> None:
    """Give way to the runs: the lowest priority, and one thread."""
    with contextlib.suppress(OSError):
        os.nice(_POLITE)
    for name in _THREADS:
        os.environ[name] = "1"


def _end(code: int) -> NoReturn:
    """Exit, with as much of libraries' own clean-up as is done soon: what was to be sent is sent, or can't be."""
    late = threading.Timer(_CLEAN_UP_SECONDS, os._exit, [code])
    late.daemon = True
    late.start()
    sys.exit(code)


if __name__ == "__main__":
    _end(main(sys.argv[1:]))
