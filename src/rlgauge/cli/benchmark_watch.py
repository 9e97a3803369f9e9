"""`rlgauge benchmark --watch`: each checkpoint of a training is evaluated as it appears, into one learning curve."""

from __future__ import annotations

import contextlib
import json
import math
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from rlgauge.cli import progress
from rlgauge.cli.asked_runs import note
from rlgauge.cli.console import complain, say
from rlgauge.cli.evaluation import Manner
from rlgauge.cli.faults import what_went_wrong
from rlgauge.cli.interruption import code_of, word_for
from rlgauge.cli.main import FAILED, FINE
from rlgauge.cli.options import as_list
from rlgauge.cli.units import count_text, parse_seeds, seconds_text
from rlgauge.compare.phrases import some
from rlgauge.core.errors import UserError
from rlgauge.core.execute import Event, execute
from rlgauge.core.files import StoreError
from rlgauge.core.platform import process_start
from rlgauge.core.run import Run, Status
from rlgauge.core.store import Store
from rlgauge.kinds.evaluate import checkpoints
from rlgauge.kinds.evaluate.candidates import Candidate, short_name
from rlgauge.kinds.evaluate.checkpoints_curve import CURVES, Point, folders_of, watched_alone
from rlgauge.kinds.evaluate.checkpoints_watch import (
    CheckpointWorkload,
    Watching,
    check_template,
    name_of,
    step_text,
    trainings,
)
from rlgauge.kinds.evaluate.films import index_films
from rlgauge.kinds.evaluate.results import BenchmarkResults
from rlgauge.kinds.evaluate.run import results_of
from rlgauge.kinds.evaluate.workload import EvaluateWorkload
from rlgauge.launch.local import Local

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

OF_WATCHING = ("watch_files", "watch_step", "watch_until", "watch_settle")
_AGAINST = ("stop_when_decided", "precision", "dry_run", "output")
"""Options that say nothing here: there is no end of what is evaluated, or it is not one evaluation."""
_SETTLE = 5.0
_EVERY = 2.0
"""Seconds from one look at a folder to the next, at most."""
_SHARE = 0.1
"""So much of the time is spent on looking at most, in a folder with many files."""


class Until(msgspec.Struct, frozen=True, kw_only=True):
    """When watching ends: with the checkpoint of a step, after seconds of stillness, or with a process."""

    step: int | None = None
    still: float | None = None
    pid: int | None = None


def add_watching(parser: ArgumentParser) -> None:
    """The options of watching a training."""
    group = parser.add_argument_group("Watching a training")
    group.add_argument(
        "--watch",
        type=str | None,
        metavar="DIR",
        help="evaluate each checkpoint in this folder as it appears; in --policy, {checkpoint} stands for its path",
    )
    group.add_argument(
        "--watch-until",
        type=list[str] | str,
        default=[],
        metavar="WHEN",
        help="end with the checkpoint of a step (step=N), when nothing changes for so many seconds (still=S; 0: once) "
        "or when a process has ended (pid=N); repeatable",
    )
    group.add_argument("--watch-files", type=str | None, metavar="GLOB", help="what checkpoints are called")
    group.add_argument(
        "--watch-step", type=str | None, metavar="REGEX", help="finds the step in a checkpoint's name, as its group"
    )
    group.add_argument(
        "--watch-settle",
        type=float | None,
        metavar="S",
        help=f"a checkpoint is whole when its files did not change for so many seconds ({_SETTLE:g})",
    )


def check_watching(options: Namespace) -> None:
    """Raise UserError where options of watching are given without it, or others that don't go with it."""
    if options.watch is None:
        given = next((name for name in OF_WATCHING if options[name] not in (None, [])), None)
        if given is not None:
            raise UserError(f"{_spelled(given)} goes with --watch DIR.")
        if any(checkpoints.PLACE in text for text in (*as_list(options.policy), options.ckpt_path or "")):
            raise UserError(
                f"{checkpoints.PLACE} stands for each checkpoint in the folder of --watch DIR: give that, or the path "
                "of one checkpoint."
            )
        return
    for name in _AGAINST:
        if options[name]:
            raise UserError(f"{_spelled(name)} does not go with --watch: each checkpoint is evaluated in full.")
    if options.no_wait:
        raise UserError("--no-wait does not go with --watch: it waits for checkpoints.")
    if len(as_list(options.policy)) > 1:
        raise UserError("--watch takes one --policy: the one whose checkpoints come.")
    if options.watch_settle is not None and not options.watch_settle >= 0:
        raise UserError(f"--watch-settle must be 0 or more, not {options.watch_settle:g}.")


def watch(options: Namespace, base: EvaluateWorkload, template: Candidate, manner: Manner) -> int:
    """The exit code, after all checkpoints were evaluated that came until the end. Raises UserError."""
    if template.name == short_name(template.uri):  # nobody named it
        template = msgspec.structs.replace(template, name=name_of(options.watch))
    until = parse_until(as_list(options.watch_until))
    known = checkpoints.Manner(
        scheme=check_template(base, template),
        pattern=options.watch_files,
        step=options.watch_step,
        is_normalised="normalize=" in template.uri.partition("?")[2],
    )
    known.check()
    watched = trainings(options.watch, None if options.train_seeds is None else parse_seeds(options.train_seeds))
    store = Store(manner.out)
    store.make()
    settle = _SETTLE if options.watch_settle is None else options.watch_settle
    watching = Watching(
        base,
        store,
        template,
        folder=options.watch,
        watched=watched,
        manner=known,
        settle=settle,
        rerun_failed=manner.rerun_failed,
    )
    with watched_alone(store, watching.curve) as beat:
        following = _Following(watching, store, manner, until, every=min(_EVERY, settle / 2), beat=beat)
        try:
            following.go_on()
        except KeyboardInterrupt as error:
            following.tell_end()
            print(f"{word_for(error)}. The same command goes on.", file=sys.stderr)
            return code_of(error)
    following.tell_end()
    return following.code()


def parse_until(texts: Sequence[str]) -> Until:
    """When watching ends. Raises UserError."""
    given: dict[str, float] = {}
    for text in texts:
        name, _, value = text.partition("=")
        pattern = r"\d+(\.\d+)?" if name == "still" else r"\d+"
        if name not in Until.__struct_fields__ or not re.fullmatch(pattern, value):
            raise UserError(f"--watch-until {text}: write step=N, still=SECONDS or pid=N.")
        given[name] = float(value) if name == "still" else int(value)
    return msgspec.convert(given, Until)


class _Following:
    """Evaluates what comes, and tells of it."""

    def __init__(
        self,
        watching: Watching,
        store: Store,
        manner: Manner,
        until: Until,
        *,
        every: float,
        beat: Callable[[], None],
    ) -> None:
        self._watching = watching
        self._store = store
        self._manner = manner
        self._until = until
        self._every = every
        self._pause = every
        self._looked = -math.inf
        self._started = None if until.pid is None else process_start(until.pid)
        self._beat = beat
        self._told: set[str] = set()
        self._fault: UserError | None = None

    def go_on(self) -> None:
        """Look and evaluate until the end. Raises UserError."""
        self._tell_start()
        while True:
            is_over = self._is_over()
            self._look(is_over=is_over)
            if self._until.step is not None and self._watching.has_done(self._until.step):
                return
            waiting = self._watching.waiting
            if waiting:
                self._evaluate(waiting[0], num_more=len(waiting) - 1)
                if self._fault is not None:
                    raise self._fault
            elif is_over and not self._watching.is_unsettled:
                return
            else:
                time.sleep(self._pause)

    def _is_over(self) -> bool:
        """Whether the trainings write no more, as far as can be known."""
        until, watching = self._until, self._watching
        if until.pid is not None and (self._started is None or process_start(until.pid) != self._started):
            return True
        if until.still is not None and time.monotonic() - watching.changed >= until.still:
            return True
        return watching.is_told_over

    def _look(self, *, is_over: bool = False) -> None:
        begun = time.monotonic()
        self._beat()
        watching = self._watching
        new = watching.look(is_over=is_over)
        self._looked = time.monotonic()
        self._pause = max(self._every, (self._looked - begun) / _SHARE)
        for path, why in watching.passed_over.items():
            self._tell_once(f"note: {path} is no point of the curve: {why}.")
        for text in watching.notes:
            self._tell_once(text)
        watching.notes.clear()
        for point in new:
            if point.status is Status.FAILED:
                self._tell_failed(point)

    def _evaluate(self, point: Point, *, num_more: int) -> None:
        """Play the episodes of a point; a checkpoint that can't be read is a failed one. Raises StoreError."""
        begun = time.monotonic()
        try:
            workload = self._watching.workload_of(point)
            cases = list(workload.cases())
            note(cases)
            point = msgspec.structs.replace(point, cases=folders_of(cases), num_episodes=self._watching.num_episodes)
            runs = self._run(workload)
        except StoreError:
            raise
        except UserError as error:
            self._end(point, reason=str(error))
            return
        results = results_of(workload, runs)
        failed = [run for run in runs.values() if run is None or run.status is not Status.COMPLETED]
        self._end(point, reason=_reason(failed[0]) if failed else None)
        self._index_films(results)
        if self._manner.is_told:
            took = seconds_text(time.monotonic() - begun) + (f"; {num_more} to go" if num_more else "")
            for text in _lines(point, results):
                say(f"{text}, {took}")
            for warning in results.warnings():
                self._tell_once(f"warning: {warning}")

    def _index_films(self, results: BenchmarkResults) -> None:
        """Write the page of the films; what prevents it is no reason to end."""
        video_dir = results.metadata["settings"]["video_dir"]
        if video_dir is not None:
            try:
                index_films(Path(video_dir), results)
            except UserError as error:
                self._tell_once(f"note: the videos have no index. {error}")

    def _look_meanwhile(self) -> None:
        """Look while a checkpoint is played, since a training may delete soon what it wrote.

        What is wrong with the folder is no fault of what is being played: it is raised after that.
        """
        if self._fault is None and time.monotonic() - self._looked >= self._pause:
            try:
                self._look()
            except UserError as error:
                self._fault = error

    def _run(self, workload: CheckpointWorkload) -> Mapping[str, Run | None]:
        manner = self._manner
        with contextlib.ExitStack() as stack:
            listen: progress.Listener = lambda _event: None  # noqa: E731
            if manner.is_told:
                listen = stack.enter_context(progress.shown(workload, self._store))

            def on_event(event: Event) -> None:
                listen(event)
                self._look_meanwhile()

            return execute(
                workload,
                self._store,
                launcher=manner.launcher or Local(manner.workers),
                limits=manner.limits,
                rerun_failed=manner.rerun_failed,
                on_event=on_event,
            )

    def _end(self, point: Point, *, reason: str | None) -> None:
        status = Status.COMPLETED if reason is None else Status.FAILED
        told = None if reason is None else self._watching.told_of(point, reason)
        ended = msgspec.structs.replace(point, status=status, reason=told)
        self._watching.end(ended)
        if reason is not None:
            self._tell_failed(ended)

    def tell_end(self) -> None:
        """Say what there is now, and where."""
        watching, manner = self._watching, self._manner
        curve = watching.curve
        if manner.json:
            print(json.dumps(curve.rows(watching.results), indent=1))
        if not manner.is_told or not curve.points:
            return
        if watching.lacking:
            steps = some([f"step {step_text(point)}" for point in watching.lacking])
            complain(
                f"note: runs of {steps} are gone from {manner.out}: without the checkpoints nothing is measured again."
            )
        counts = Counter(point.status for point in curve.points)
        told = [f"{number} {status.lower()}" for status, number in sorted(counts.items())]
        where = manner.out / CURVES / curve.file_name
        say(f"{count_text(len(curve.points), 'checkpoint')}: {', '.join(told)}. Curve: {where}.csv, {where}.json")
        say(f"A figure: rlgauge plot learning_curve {manner.out}")

    def code(self) -> int:
        """1 where a checkpoint has failed, there was none, or more episodes than allowed have no valid measurement."""
        watching = self._watching
        if not watching.curve.points:
            complain(f"No checkpoint came in {watching.curve.folder}.")
        results = [result for own in watching.results.values() for result in own]
        num_errors = sum(result.n_errors + result.n_timeouts for result in results)
        if num_errors > self._manner.max_errors:
            told = count_text(num_errors, "episode")
            complain(f"{told} ended in an error or a timeout; --max-errors allows {self._manner.max_errors}.")
        failed = [point for point in watching.curve.points if point.status is Status.FAILED]
        if failed:
            complain(f"{count_text(len(failed), 'checkpoint')} failed. Again: the same command with --rerun-failed.")
        is_fine = watching.curve.points and not failed and num_errors <= self._manner.max_errors
        return FINE if is_fine else FAILED

    def _tell_start(self) -> None:
        watching = self._watching
        done = [point.step for point in watching.curve.points if point.status is not Status.QUEUED]
        if done:
            self._tell_once(f"There already: {count_text(len(done), 'checkpoint')}, up to step {max(done)}.")
        for folder in watching.folders:
            if not folder.is_dir():
                self._tell_once(f"note: there is no folder {folder} yet.")
        if self._until.pid is not None and self._started is None:
            self._tell_once(f"note: no process {self._until.pid} runs on this machine: it is taken to have ended.")
        if self._until == Until():
            self._tell_once(
                f"Watching {watching.curve.folder} until Ctrl-C, or the training's end where it can be known."
            )

    def _tell_once(self, text: str) -> None:
        if text not in self._told and not self._manner.quiet:
            complain(text)
        self._told.add(text)

    def _tell_failed(self, point: Point) -> None:
        complain(f"step {step_text(point)}: {point.checkpoint} FAILED: {point.reason}")


def _reason(run: Run | None) -> str:
    if run is None:
        return "a run never began"
    status = "" if run.status is Status.FAILED else f"{run.status}: "
    return f"{status}{what_went_wrong(run)}; its log: {run.folder / 'cout.txt'}"


def _lines(point: Point, results: BenchmarkResults) -> Iterator[str]:
    """What came of a point, task by task."""
    header, rows = results.table()
    for result, row in zip(results.results, rows, strict=False):
        if not result.n_episodes:
            continue
        cells = dict(zip(header, row, strict=True))
        told = [f"return {cells['return']}"]
        if result.success_rate_all is not None:
            told.append(f"success {cells['success rate']}")
        told.append(f"{cells['episodes']} episodes")
        told += [f"{cells[name]} {name}" for name in ("errors", "timeouts") if cells[name] != "0"]
        yield f"step {step_text(point)}: {result.task_id} {', '.join(told)}"


def _spelled(name: str) -> str:
    return f"--{name.replace('_', '-')}"
