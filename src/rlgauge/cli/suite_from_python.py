"""Running a suite from Python: what `rlgauge suite run` does, in one call."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from rlgauge.cli.interruption import CODES
from rlgauge.cli.main import MISUSED
from rlgauge.core.errors import UserError
from rlgauge.core.run import Run
from rlgauge.core.store import Store

Selected = str | int | float | Sequence[str | int | float]


def run_suite(
    suite: str | Path,
    select: Mapping[str, Selected] | None = None,
    *,
    budget: str = "full",
    out: str | Path | None = None,
    options: Sequence[str] = (),
) -> list[Run]:
    """The runs of the suite's folder, after those that were missing have been run; it prints what the command prints.

    `select` has the values of axes as a text (`"0..2"`), one value or several; `options` are those that follow `--`.
    A run that failed has its reason. Raises UserError for what can't be run, KeyboardInterrupt where it is ended.
    """
    from rlgauge.cli.suite import default_out, run_suites
    from rlgauge.suites.suite import Budget, find

    chosen = [f"--select={axis}={_text(values)}" for axis, values in (select or {}).items()]
    own = ["--", *options] if options else []
    into = [] if out is None else [f"--out={out}"]
    code = run_suites([str(suite), *chosen, f"--budget={budget}", *into, *own])
    if code in CODES:
        raise KeyboardInterrupt(signal.Signals(code - 128).name)
    if code == MISUSED:
        raise UserError(f"Commands of the suite {suite} could not be run; what was wrong with each is printed above.")
    return list(Store(default_out(find(str(suite)), Budget(budget)) if out is None else out).runs())


def _text(values: Selected) -> str:
    return ",".join(map(str, values)) if isinstance(values, Sequence) and not isinstance(values, str) else str(values)
