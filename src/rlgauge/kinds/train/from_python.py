"""Training an algorithm from Python: what `rlgauge train --algo` does, in one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rlgauge.core.errors import UserError
from rlgauge.core.execute import Limits, execute
from rlgauge.core.run import Run
from rlgauge.core.store import Store
from rlgauge.kinds.train.algorithm_workload import AlgorithmWorkload
from rlgauge.launch.local import Local

_SEED = 42
_GRACE_SECONDS = 30.0
"""So much later than the run itself its worker ends it: a run that is ended tells first where it stands."""


def run(
    algo: str | None = None,
    config_name: str | None = None,
    *,
    env: str | Sequence[str] | None = None,
    overrides: Mapping[str, Any] | None = None,
    seed: int | None = None,
    seeds: int | Sequence[int] | None = None,
    time_limit: float | None = None,
    out: str | Path = "out/train",
    workers: int = 1,
    rerun_failed: bool = False,
    **more: Any,  # noqa: ANN401  # each has a type of its own
) -> list[Run]:
    """The runs of one configuration, all seeds in the first environment, then in the next; a failed one has its reason.

    What is in the folder `out` already is not run again. Arguments, `more` of them too, mean what they mean to
    `AlgorithmWorkload`; without `seed` or `seeds` the seed is 42. `time_limit` is in seconds a run. Raises UserError
    for what can't be trained.
    """
    if seed is not None and seeds is not None:
        raise UserError("seed is one seed and seeds are several: give one of them.")
    if not isinstance(out, str | Path):
        raise UserError(f"out={out!r}: it must be the name of a folder.")
    chosen = _SEED if seed is None else seed
    workload = AlgorithmWorkload(
        algo,
        config_name=config_name,
        overrides=overrides,
        env=env,
        seeds=chosen if seeds is None else seeds,
        time_limit=time_limit,
        **more,
    )
    limits = Limits(seconds=None if time_limit is None else time_limit + _GRACE_SECONDS)
    found = execute(workload, Store(out), launcher=Local(workers), limits=limits, rerun_failed=rerun_failed)
    return [one for one in found.values() if one is not None]
