"""Case folders read by several processes: calls of the system and decoding hold one processor, others may help.

A process that helps is given the paths in a file and answers in a file; whatever goes wrong with it, its share is read
by the one that asked, which meets any error itself.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from typing import IO

import msgspec

from rlgauge.core import platform
from rlgauge.core.case_folder import Entry, read_case
from rlgauge.core.files import StoreError

_WORTHWHILE = 3_000
"""Folders that one process reads in the time that another takes to start."""
_MOST = 4
_HANDICAP = 0.06
"""What a process that has to start first gets less of, as a share of all."""


class _Order(msgspec.Struct, array_like=True):
    """What is to be read; the root as the system has it, which need not be valid Unicode."""

    root: bytes
    settled: int
    paths: Sequence[str]


_decode_order = msgspec.msgpack.Decoder(_Order).decode
_decode_answer = msgspec.msgpack.Decoder(list[Entry | str | None]).decode


def read_cases(root: str, paths: Sequence[str], *, settled: int) -> list[Entry | str | None]:
    """What `read_case` says of every case, in the order of the paths. Raises StoreError."""
    num_processors = len(platform.affinity() or ()) or os.cpu_count() or 1
    num_hands = min(num_processors, _MOST, len(paths) // _WORTHWHILE + 1)
    own = len(paths) if num_hands == 1 else int(len(paths) * (1 / num_hands + _HANDICAP))
    with contextlib.ExitStack() as stack:
        shares = _split(paths[own:], num_hands - 1)
        helping = [stack.enter_context(_ask(_Order(os.fsencode(root), settled, share))) for share in shares]
        read = [read_case(root, path, settled=settled) for path in paths[:own]]
        for share, process in zip(shares, helping, strict=True):
            answer = _answer(*process) if process is not None else None
            if answer is None or len(answer) != len(share):
                answer = [read_case(root, path, settled=settled) for path in share]
            read += answer
    return read


def _split(paths: Sequence[str], num_shares: int) -> list[Sequence[str]]:
    ends = [len(paths) * share // max(num_shares, 1) for share in range(num_shares + 1)]
    return [paths[start:end] for start, end in itertools.pairwise(ends)]


@contextlib.contextmanager
def _ask(order: _Order) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]] | None]:
    """A process at work and the file of its answer; None where there can't be one."""
    with contextlib.ExitStack() as stack:
        try:
            asked, answered = (stack.enter_context(tempfile.TemporaryFile()) for _ in range(2))
            asked.write(msgspec.msgpack.encode(order))
            asked.seek(0)
            command = [sys.executable, "-P", "-m", __name__]
            process = subprocess.Popen(command, stdin=asked, stdout=answered, stderr=subprocess.DEVNULL)
        except OSError:
            yield None
            return
        try:
            yield process, answered
        finally:
            process.kill()
            process.wait()


def _answer(process: subprocess.Popen[bytes], answered: IO[bytes]) -> list[Entry | str | None] | None:
    """What the process found; None where it failed."""
    if process.wait() != 0:
        return None
    answered.seek(0)
    try:
        return _decode_answer(answered.read())
    except (msgspec.DecodeError, OSError):
        return None


def main() -> int:
    """Read the cases that are asked for on the standard input; the exit code."""
    gc.disable()
    order = _decode_order(sys.stdin.buffer.read())
    try:
        found = [read_case(os.fsdecode(order.root), path, settled=order.settled) for path in order.paths]
    except StoreError:
        return 1
    sys.stdout.buffer.write(msgspec.msgpack.encode(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
