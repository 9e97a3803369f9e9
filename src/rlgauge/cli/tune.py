"""`rlgauge tune`: better configurations, judged on seeds that the search never saw."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rlgauge.cli.console import complain
from rlgauge.cli.interruption import code_of, word_for
from rlgauge.cli.launchers import make_launcher
from rlgauge.cli.main import FAILED, FINE
from rlgauge.cli.train_options import Asked, Trainings, limits_of
from rlgauge.cli.train_view import say_error
from rlgauge.cli.tune_options import ask, asked_of, build_parser, fixed_of, workload_of
from rlgauge.cli.tune_view import Shown, as_json, tell, tell_search
from rlgauge.core.case import slug
from rlgauge.core.execute import Limits
from rlgauge.kinds.train.variables import threads_of
from rlgauge.launch.local import Local
from rlgauge.tune.trainings import Silent
from rlgauge.tune.tuning import REPEATS, NothingToChooseError, Tuned, retune, tune

if TYPE_CHECKING:
    from jsonargparse import Namespace

__all__ = ["build_parser", "main"]


def main(argv: Sequence[str]) -> int:
    """The exit code of `rlgauge tune`: 1 where nothing came to a return. Raises UserError."""
    given = ask(argv)
    if given is None:
        return FINE
    options = given.options
    asked = None if options.suite is None else asked_of(given)
    workload = None if asked is None else workload_of(asked)
    out = _out(options, workload)
    try:
        found = _tuned(options, asked, workload, out)
    except NothingToChooseError as error:
        _print(error.tuned, options)
        complain(f"rlgauge: {error}")
        return FAILED
    except KeyboardInterrupt as error:
        say_error(f"{word_for(error)}. The study is in {out}; the same command goes on where it was.")
        return code_of(error)
    _print(found, options)
    return FAILED if found.final is None or found.final.won is None else FINE


def _tuned(options: Namespace, asked: Asked | None, workload: Trainings | None, out: str) -> Tuned:
    """What it comes to. Raises UserError."""
    threads = None if asked is None else asked.options.threads
    variables = {**os.environ, **threads_of(threads, os.environ)}
    launcher = make_launcher(
        options, lambda own: Local(len(own), variables=variables, worker_variables=own), tell=say_error
    )
    prepare = getattr(workload, "prepare", None)
    if prepare is not None:
        prepare(say_error)
    limits = Limits() if asked is None else limits_of(asked.options)
    view = Silent() if options.json or options.quiet else Shown()
    if options.retune_from is not None or workload is None:
        return retune(
            options.retune_from,
            workload=workload,
            fixed=fixed_of(options) or None,
            out=options.out,
            eval_seeds=options.eval_seeds,
            top=options.top,
            launcher=launcher,
            limits=limits,
            rerun_failed=options.rerun_failed,
            view=view,
        )
    return tune(
        workload,
        out=out,
        space=options.space,
        fixed=fixed_of(options),
        trials=options.trials,
        repeats=REPEATS if options.repeats is None else options.repeats,
        eval_seeds=options.eval_seeds,
        top=options.top,
        sampler=options.sampler or "tpe",
        pruner=options.pruner or "none",
        seed=options.seed or 0,
        launcher=launcher,
        limits=limits,
        rerun_failed=options.rerun_failed,
        view=view,
    )


def _out(options: Namespace, workload: Trainings | None) -> str:
    """Where results go."""
    if options.out is not None or workload is None:
        return str(options.out or options.retune_from)
    if options.retune_from is not None:
        return str(options.retune_from)
    env = workload.envs[0]
    return f"out/tune/{slug('-'.join([workload.algorithm, *([] if env is None else [env])]))}"


def _print(found: Tuned, options: Namespace) -> None:
    if options.json:
        print(as_json(found))
    elif found.final is None:
        tell_search(found)
    elif not options.quiet:
        tell(found)
