"""`rlgauge train`: any training script, over environments and seeds."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rlgauge.cli.asked_runs import note
from rlgauge.cli.interruption import code_of, word_for
from rlgauge.cli.launchers import make_launcher
from rlgauge.cli.main import FAILED, FINE
from rlgauge.cli.train_options import Trainings, ask, build_parser, limits_of, trackers_of, workload_of
from rlgauge.cli.train_table import Trained, as_json, how_many, log_of, tell, tell_failures, trained
from rlgauge.cli.train_view import Listener, Tell, say_error, shown
from rlgauge.cli.train_watch import Watch
from rlgauge.cli.units import count_text
from rlgauge.core.case import Case
from rlgauge.core.errors import UserError
from rlgauge.core.execute import execute
from rlgauge.core.store import Store
from rlgauge.kinds.train import stale
from rlgauge.kinds.train.variables import threads_of
from rlgauge.launch.local import Local

if TYPE_CHECKING:
    from jsonargparse import Namespace

    from rlgauge.core.execute import Launcher

__all__ = ["build_parser", "main"]


def main(argv: Sequence[str]) -> int:
    """The exit code of `rlgauge train`. Raises UserError."""
    asked = ask(argv)
    if asked is None:
        return FINE
    workload, options = workload_of(asked), asked.options
    cases: list[Case] = []
    try:
        _prepare(workload)
        cases += workload.cases()
        found = _train(workload, options)
    except KeyboardInterrupt as error:
        say_error(f"{word_for(error)}. What was trained is in {options.out}: {_left(workload, options)}")
        return code_of(error)
    except UserError as error:
        if log := log_of(error, map(Store(options.out).find, cases)):
            raise UserError(f"{error}{log}") from error
        raise
    if options.json:
        print(as_json(found, options.out))
    elif not options.quiet:
        tell(found, options.out)
    return FAILED if tell_failures(found) or any(one.num_test_errors for one in found) else FINE


def _prepare(workload: Trainings) -> None:
    """Build what a run can't do without, where it isn't there yet, and tell how it goes."""
    prepare = getattr(workload, "prepare", None)
    if prepare is not None:
        prepare(say_error)


def _left(workload: Trainings, options: Namespace) -> str:
    """How far the runs are of a command that was ended, and how the rest is run."""
    store = Store(options.out)
    told = how_many(trained(case, store.find(case)) for case in workload.cases())
    return (
        f"{told}. The same command runs what is missing; a run that was ended on its way begins anew, or goes on from "
        "what it kept to go on from."
    )


def _train(workload: Trainings, options: Namespace) -> list[Trained]:
    """What every run came to, after those that were missing have been run."""
    store = Store(options.out)
    launcher = _launcher(options, say_error)
    store.make()
    note(workload.cases())
    with contextlib.ExitStack() as stack:
        listen, say = _listener(workload, store, options, stack)
        there = [run.folder for case in workload.cases() if (run := store.find(case)) is not None]
        if (text := stale.warning(there)) is not None:
            say(text)
        for kind in trackers_of(options):
            _track(kind, store, say, stack)
        runs = execute(
            workload,
            store,
            launcher=launcher,
            limits=limits_of(options),
            rerun_failed=options.rerun_failed,
            on_event=listen,
        )
    return [trained(case, runs[case.id]) for case in workload.cases()]


def _listener(
    workload: Trainings, store: Store, options: Namespace, stack: contextlib.ExitStack
) -> tuple[Listener, Tell]:
    """What is told of events, and what tells a sentence."""
    if options.json or options.quiet:
        return (lambda _event: None), say_error
    watch = Watch(workload, store, rerun_failed=options.rerun_failed)
    if watch.num_there:
        failed = f", {watch.num_given_up} of them failed; --rerun-failed runs those again" if watch.num_given_up else ""
        verb = "is" if watch.num_runs == 1 else "are"
        say_error(f"{watch.num_there} of {count_text(watch.num_runs, 'run')} {verb} in {options.out} already{failed}.")
    return stack.enter_context(shown(watch, store))


def _track(kind: str, store: Store, say: Tell, stack: contextlib.ExitStack) -> None:
    from rlgauge.trackers.follow import Options, start

    stack.enter_context(start(kind, Path(store.root), Options(tell=say)))


def _local(options: Namespace, own: Sequence[Mapping[str, str]]) -> Local:
    variables = {**os.environ, **threads_of(options.threads, os.environ)}
    return Local(len(own), variables=variables, worker_variables=own)


def _launcher(options: Namespace, say: Tell) -> Launcher:
    """Workers whose variables of threads are those of the runs."""
    return make_launcher(options, lambda own: _local(options, own), tell=say)
