"""Runs in workers on this machine, several at a time. All of them end when the driver ends, however it ends."""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

import msgspec

from rlgauge.core.errors import UserError
from rlgauge.core.execute import Event, Plan
from rlgauge.core.workload import Workload
from rlgauge.worker.messages import Lines

STOP_SECONDS = 10.0
"""How long a worker that was told to stop may take to end its child and commit."""
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_STOPPED = 130
"""The exit code of a worker that was asked to stop."""
_decode = msgspec.json.Decoder(Event).decode


class Local:
    """Starts `num_workers` workers, which share the plan among themselves and with anybody else's."""

    waits = True

    def __init__(
        self,
        num_workers: int = 1,
        *,
        python: Path | None = None,
        variables: Mapping[str, str] | None = None,
        worker_variables: Sequence[Mapping[str, str]] = (),
    ) -> None:
        """Workers of another `python`, in an environment of these `variables`, find this package there.

        `worker_variables` are added to those of one worker each, such as its GPU. Raises UserError for fewer than one
        worker.
        """
        if num_workers < 1:
            raise UserError(f"workers={num_workers}: at least one worker is needed.")
        self.num_workers = num_workers
        self._python = str(python or sys.executable)
        self._variables = os.environ if variables is None else variables
        self._worker_variables = worker_variables or [{}] * num_workers

    def launch(self, plan: Plan, path: Path | None, workload: Workload) -> Generator[Event]:
        """Run every item that nobody else runs; yields what the workers say."""
        del workload
        if path is None:
            raise UserError("A workload that holds live objects runs in this process only: leave out `workers`.")
        workers: list[_Worker] = []
        try:
            for own in self._worker_variables[: 1 if plan.is_alone else len(plan.items)]:
                workers.append(_Worker(self._python, path, {**self._variables, **own}))  # noqa: PERF401  # one that can't be started leaves others to be stopped
            yield from _listen(workers)
            for worker in workers:
                worker.check()
        finally:
            for worker in workers:
                worker.close_lifeline()
            for worker in workers:
                worker.stop()


def _listen(workers: list[_Worker]) -> Iterator[Event]:
    with selectors.DefaultSelector() as selector:
        for worker in workers:
            selector.register(worker.output, selectors.EVENT_READ, worker)
        while selector.get_map():
            for key, _ in selector.select():
                worker = key.data
                yield from worker.read()
                if worker.has_ended:
                    selector.unregister(key.fileobj)


class _Worker:
    """The driver's end of one worker."""

    def __init__(self, python: str, plan: Path, variables: Mapping[str, str]) -> None:
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed in stop()
        self._process = subprocess.Popen(
            [python, "-P", "-m", "rlgauge.worker", str(plan), "--lifeline"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=_environment(variables),
            start_new_session=True,
        )
        assert self._process.stdout is not None  # noqa: S101  # it was asked for
        self.output = self._process.stdout.fileno()
        self._lines = Lines(self.output)

    def read(self) -> list[Event]:
        """What it has said."""
        return [_decode(line) for line in self._lines.read()]

    @property
    def has_ended(self) -> bool:
        """Whether it will say no more."""
        return self._lines.is_at_end

    def check(self) -> None:
        """Raise UserError where it ended by an error of its own, with what it printed.

        One that was killed or stopped is none: what it left undone is told as runs that did not complete.
        """
        code = self._process.wait()
        if code > 0 and code != _STOPPED:
            self._errors.seek(0)
            printed = self._errors.read().decode(errors="replace").strip()
            raise UserError(f"A worker ended with exit code {code}: {printed or 'it printed nothing'}")

    def close_lifeline(self) -> None:
        """Tell it to stop."""
        assert self._process.stdin is not None  # noqa: S101  # it was asked for
        self._process.stdin.close()

    def stop(self) -> None:
        """Wait for its end; kill it where it takes too long (its child then ends by itself)."""
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None  # noqa: S101  # it was asked for
        self._process.stdout.close()
        self._errors.close()


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables, and one thread a worker unless they say otherwise."""
    return {**dict.fromkeys(_THREADS, "1"), **variables, "PYTHONUNBUFFERED": "1"}
