"""What a Ray task does: it holds a worker by its lifeline, and passes on what the worker says.

Ray carries this module to its nodes as it is: it imports the standard library alone, and the Python of Ray's own
processes there need not know this package.
"""

from __future__ import annotations

import errno
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import IO

STOP_SECONDS = 10.0
"""How long a worker that was told to stop may take to end its child and commit."""
_PLAN_SECONDS = 5.0
"""How long a shared folder may take to show a file that was just written elsewhere."""
_TICK_SECONDS = 0.2
"""Ray's cancellation reaches Python code only, no call of the system."""
_MOST_PRINTED = 4000
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_BETWEEN = ["/bin/sh", "-c", '"$@"; exit $?', "sh"]
"""Ray kills the children of a process that it ends, and none below them: the worker has to end its run first."""
_SIGNALLED, _STOPPED = 128, 130
"""The shell adds the first to the signal that ended a command; a worker that was asked to stop ends with the other."""


def hold(
    command: Sequence[str], plan: str, variables: Mapping[str, str], num_threads: int, folder: str
) -> Iterator[tuple[str, bytes]]:
    """What the worker says, as ("said", lines), then how it ended: ("ended", JSON) with its exit code and errors.

    It is started in the folder, where this node has it: paths may be relative to where the command was given.
    Where it could not be started, ("failed", a sentence) instead.
    """
    if not _is_there(plan):
        yield "failed", f"Ray's node {socket.gethostname()} does not see {plan}: all nodes must share --out.".encode()
        return
    with tempfile.TemporaryFile() as errors:
        try:
            process = _start(command, errors, variables, num_threads, folder)
        except OSError as error:
            text = f"Ray's node {socket.gethostname()} can't start {command[0]} ({error.strerror}): give python=PATH."
            yield "failed", text.encode()
            return
        try:
            assert process.stdout is not None  # noqa: S101  # it was asked for
            yield from _lines(process.stdout.fileno())
            process.wait()
        finally:
            _stop(process)
        errors.seek(0)
        printed = errors.read().decode(errors="replace").strip()[-_MOST_PRINTED:]
        ended = {"code": _code(process.returncode), "printed": printed, "host": socket.gethostname()}
        yield "ended", json.dumps(ended).encode()


def _is_there(plan: str) -> bool:
    deadline = time.monotonic() + _PLAN_SECONDS
    while not os.path.exists(plan):  # noqa: PTH110  # a text, and no more than that
        if time.monotonic() > deadline:
            return False
        time.sleep(_TICK_SECONDS)
    return True


def _start(
    command: Sequence[str], errors: IO[bytes], variables: Mapping[str, str], num_threads: int, folder: str
) -> subprocess.Popen[bytes]:
    threads = dict.fromkeys(_THREADS, str(num_threads))
    if shutil.which(command[0]) is None:
        number = errno.EACCES if os.path.exists(command[0]) else errno.ENOENT  # noqa: PTH110  # a text, and no more
        raise OSError(number, os.strerror(number))
    return subprocess.Popen(
        [*_BETWEEN, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        env={**threads, **os.environ, **variables, "PYTHONUNBUFFERED": "1"},
        cwd=folder if os.path.isdir(folder) else None,  # noqa: PTH112  # a text, and no more than that
        start_new_session=True,
    )


def _code(code: int) -> int:
    """How the worker ended, by how the shell did: below zero the signal."""
    return _SIGNALLED - code if code > _SIGNALLED and code != _STOPPED else code


def _lines(descriptor: int) -> Iterator[tuple[str, bytes]]:
    rest = b""
    while True:
        if not select.select([descriptor], [], [], _TICK_SECONDS)[0]:
            continue
        piece = os.read(descriptor, 1 << 16)
        if not piece:
            return
        whole, end, rest = (rest + piece).rpartition(b"\n")
        if end:
            yield "said", whole


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Close the lifeline and wait for the end; kill the worker where it takes too long (its child then ends itself)."""
    assert process.stdin is not None  # noqa: S101  # it was asked for
    assert process.stdout is not None  # noqa: S101  # it was asked for
    process.stdin.close()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    process.stdout.close()
