"""Runs by workers that Ray starts: on this machine, or on a cluster that is there.

Each task holds one worker, which is told what a task of Slurm or a process on this machine is told: a plan in the
shared folder, and which of its cases are its own. The tasks end with their driver, and the workers with their tasks.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Self

import msgspec

from rlgauge.core.errors import UserError
from rlgauge.core.execute import MAX_DEATHS, Event, Item, Outcome, Plan, commit
from rlgauge.core.run import KILLED, MEMORY, Status
from rlgauge.core.store import Store
from rlgauge.core.workload import Workload
from rlgauge.launch.ray_driver import CANCEL_SECONDS, Job, News
from rlgauge.launch.ray_settings import Settings, read_settings
from rlgauge.worker.messages import Lines

_REACH_SECONDS = 3.0
"""For the cluster's port to answer."""
_JOIN_SECONDS = 20.0
_START_SECONDS = 90.0
"""For a Ray of our own, whose processes are read from a slow disk the first time."""
_SHUTDOWN_SECONDS = 10.0
_MOST_WORDS = 300
_decode = msgspec.json.Decoder(News).decode


class Ray:
    """Has Ray run the cases of a plan, in tasks of a few cases each."""

    waits = True

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Check the settings. Raises UserError."""
        self.settings: Settings = read_settings(config)
        self._crashes: Counter[str] = Counter()
        self._how: dict[str, News] = {}

    def launch(self, plan: Plan, path: Path | None, workload: Workload) -> Generator[Event]:
        """Run every item that nobody else runs; yields what the workers say. Closing it ends every task's worker."""
        del workload
        if path is None:
            raise UserError("A workload that holds live objects runs in this process only: leave out `--launcher`.")
        check_installed()
        store = Store(plan.root)
        for item in plan.items:
            if self._crashes[item.case.id] >= MAX_DEATHS:
                yield from self._give_up(item, store, plan)
        places = [place for place, item in enumerate(plan.items) if self._crashes[item.case.id] < MAX_DEATHS]
        if places:
            pack = len(places) if plan.is_alone else self.settings.pack
            tasks = [places[first : first + pack] for first in range(0, len(places), pack)]
            job = Job(plan=str(path.resolve()), tasks=tasks, settings=self.settings, is_alone=plan.is_alone)
            yield from self._run(job, plan, store)

    def _run(self, job: Job, plan: Plan, store: Store) -> Iterator[Event]:
        begun = [store.num_attempts(item.case) for item in plan.items]
        _check_reachable(self.settings.address)
        with _Driver(job) as driver:
            for news in driver.news():
                yield from news.events
                if news.crash is not None and news.task is not None:
                    for place in job.tasks[news.task]:
                        self._note_crash(plan.items[place], begun[place], news, store)

    def _note_crash(self, item: Item, begun: int, news: News, store: Store) -> None:
        """Count it against a case that was begun and has not ended."""
        if store.num_attempts(item.case) > begun and store.needs(item.case, item.need):
            self._crashes[item.case.id] += 1
            self._how[item.case.id] = news

    def _give_up(self, item: Item, store: Store, plan: Plan) -> Iterator[Event]:
        """The end of a case whose task Ray ended again and again: it failed, for all that can be known."""
        attempt = store.claim(item.case, item.need, plan.config(item), plan.start())
        if attempt is not None:
            how = self._how[item.case.id]
            message = f"Ray ended its task {self._crashes[item.case.id]} times, at last by {how.crash}"
            kind = MEMORY if how.is_memory else KILLED
            yield commit(
                item, attempt, Outcome(status=Status.FAILED, fail_kind=kind, fail_trace=message, message=message)
            )


def make(config: Mapping[str, Any], *, wait: bool = True) -> Ray:
    """The launcher of these settings. Raises UserError."""
    if not wait:
        raise UserError("Ray's tasks end with the command that started them: leave out --no-wait.")
    return Ray(config)


def check_installed() -> None:
    """Raise UserError where the library is missing."""
    if importlib.util.find_spec("ray") is None:
        raise UserError("The launcher ray needs Ray: pip install 'rlgauge[ray]'.")


def _check_reachable(given: str | None) -> None:
    """Raise UserError where nothing answers: Ray itself would try for more than a minute."""
    address = os.environ.get("RAY_ADDRESS", "") if given == "auto" else given or ""
    host, _, port = address.rpartition(":")
    if not port.isdecimal():  # a Ray of our own, or one that Ray must find
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_REACH_SECONDS).close()
    except OSError as error:
        why = "it does not answer" if isinstance(error, TimeoutError) else error.strerror
        raise UserError(
            f"No Ray cluster at address={address} ({why}). `ray status` on a machine of the cluster says its address; "
            "without address, a Ray is started on this machine."
        ) from error


class _Driver:
    """Our end of Ray's driver. Use in a `with` statement."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def __enter__(self) -> Self:
        """Start it."""
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # closed in __exit__
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "rlgauge.launch.ray_driver"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            start_new_session=True,
        )
        with contextlib.suppress(BrokenPipeError):  # its end is noticed by the end of its news
            self._input().write(msgspec.json.encode(self._job) + b"\n")
            self._input().flush()
        return self

    def __exit__(self, *_exception: object) -> None:
        """Tell it to cancel its tasks, and wait until it has; kill it where it takes too long."""
        with contextlib.suppress(BrokenPipeError):
            self._input().close()
        try:
            self._process.wait(CANCEL_SECONDS + _SHUTDOWN_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()  # its tasks, and a Ray of our own, end by themselves
            self._process.wait()
        self._output().close()
        self._errors.close()

    def news(self) -> Iterator[News]:
        """What it says, until all is over. Raises UserError where the cluster can't be joined, or is lost."""
        lines = Lines(self._output().fileno())
        address = self._job.settings.address
        deadline: float | None = time.monotonic() + (_START_SECONDS if address is None else _JOIN_SECONDS)
        while not lines.is_at_end:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not select.select([self._output()], [], [], left)[0]:
                self._process.kill()
                raise UserError(
                    f"{_where(address)} does not answer us as Ray does: {self._last_words()}. If it is one, it may ask "
                    "for a token (RAY_AUTH_MODE=token, RAY_AUTH_TOKEN), or have another version of Ray."
                )
            for news in map(_decode, lines.read()):
                deadline = None
                if news.failure is not None:
                    raise UserError(news.failure)
                if news.is_over:
                    return
                yield news
        self._raise_end(has_joined=deadline is None)

    def _raise_end(self, *, has_joined: bool) -> None:
        code = self._process.wait()
        where = _where(self._job.settings.address)
        what = "was lost" if has_joined else "can't be joined"
        raise UserError(f"{where} {what} (exit code {code}): {self._last_words()}")

    def _last_words(self) -> str:
        """The last line that Ray printed, without the place in its source."""
        self._process.wait()
        self._errors.seek(0)
        printed = self._errors.read().decode(errors="replace").strip().splitlines()
        words = re.sub(r"^\[[^]]*\] (?:\S+:\d+: )?", "", printed[-1]) if printed else "it says nothing"
        return words[:_MOST_WORDS].rstrip(".")

    def _input(self) -> IO[bytes]:
        assert self._process.stdin is not None  # noqa: S101  # it was asked for
        return self._process.stdin

    def _output(self) -> IO[bytes]:
        assert self._process.stdout is not None  # noqa: S101  # it was asked for
        return self._process.stdout


def _where(address: str | None) -> str:
    return "A Ray on this machine" if address is None else f"The Ray cluster at address={address}"
