"""Policy servers that are waited for: what a worker notes in the log of its run is said on the terminal, too."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

from rlgauge.cli.console import complain
from rlgauge.core.case import Case
from rlgauge.kinds.evaluate.candidates import Candidate
from rlgauge.kinds.evaluate.workload import EvaluateWorkload

_SCHEMES = ("ws:", "wss:")
_LOOK_SECONDS = 1.0


@contextlib.contextmanager
def servers_told(workload: EvaluateWorkload, out: Path) -> Iterator[None]:
    """While it runs, each server that workers wait for is said, and that it is back; once, however many wait."""
    asked = _cases_by_address(workload)
    if not asked:
        yield
        return
    logs = {address: Logs(out, address, cases) for address, cases in asked.items()}
    is_over = threading.Event()

    def look() -> None:
        while not is_over.wait(_LOOK_SECONDS):
            for own in logs.values():
                own.tell()

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
        for own in logs.values():
            own.tell()


class Logs:
    """What the runs of one server's policies have printed, from now on."""

    def __init__(self, out: Path, address: str, cases: list[Case]) -> None:
        """Pass over what earlier commands have left there."""
        self._start = f"The policy server {address} "
        self._folders = [out / case.folder for case in cases]
        self._read = {path: path.stat().st_size for path in self._paths()}
        self._is_gone = False

    def tell(self) -> None:
        """Say that the server is waited for, or that it is back, where it was not said yet."""
        for text in self._new():
            is_back = text.removeprefix(self._start).startswith("is back")
            if is_back is self._is_gone:
                self._is_gone = not is_back
                complain(text)

    def _new(self) -> Iterator[str]:
        """The whole lines about the server that were not read yet."""
        for path in self._paths():
            with contextlib.suppress(OSError), path.open("rb") as file:  # a run that is deleted meanwhile says no more
                file.seek(self._read.get(path, 0))
                *lines, rest = file.read().split(b"\n")
                self._read[path] = file.tell() - len(rest)
                told = (line.decode(errors="replace") for line in lines)
                yield from [line for line in told if line.startswith(self._start)]

    def _paths(self) -> list[Path]:
        return [path for folder in self._folders for path in folder.glob("*/cout.txt")]


def _cases_by_address(workload: EvaluateWorkload) -> Mapping[str, list[Case]]:
    """The cases of each server that is asked, by its address."""
    is_asked = any(isinstance(one, Candidate) and one.uri.startswith(_SCHEMES) for one in workload.policies)
    asked: dict[str, list[Case]] = {}
    for case in workload.cases() if is_asked else ():
        uri = case.labels["uri"]
        if uri.startswith(_SCHEMES):
            asked.setdefault(uri.partition("?")[0], []).append(case)
    return asked
