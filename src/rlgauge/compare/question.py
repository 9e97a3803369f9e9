"""What is asked when two sides are compared."""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

from rlgauge.compare.references import Normalisation

Metric = Literal["improvement", "iqm", "mean", "median", "optimality_gap"]
METRICS: tuple[Metric, ...] = get_args(Metric)
"""What can be asked of all tasks together."""
ALLOWABLE = ("machine", "versions", "configuration")
"""What may differ between the sides if it is allowed by name."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """How two sides are compared.

    Without a `metric` every task and quantity is a line of its own, and all are judged; with one, all tasks together
    are. `tolerance` is the change that is no regression, as a part: of the ratio, of a success rate (0.02 is 2
    points), of the baseline's mean return or of a normalised score's range. `confidence` is that of a verdict: each of
    worse, better and same is wrong with a probability of at most 1 - `confidence`.
    """

    metric: Metric | None = None
    scores: tuple[str, ...] = ()
    normalisation: Normalisation | None = None
    tolerance: float = 0.02
    confidence: float = 0.95
    allowed: frozenset[str] = frozenset()
    allow_missing: bool = False
    strict: bool = False
