"""What is done with what a script left: its weights are saved, and what acts is tested. It can fail without harm."""

from __future__ import annotations

import math
import sys

import msgspec

from rlgauge.kinds.train.journal import Journal
from rlgauge.kinds.train.script import weights
from rlgauge.kinds.train.script.found import Thing, things
from rlgauge.kinds.train.script.left import Left
from rlgauge.kinds.train.script.witness import Witness
from rlgauge.kinds.train.spec import Spec

_SPARE_SECONDS, _SPARE_SHARE = 10.0, 0.1
"""How much of its time a run keeps for telling how it ended: the lesser of the two."""
_OLD = (
    "environments of gym, and test episodes are played in those of gymnasium. Its training is counted all the same; to "
    "have it tested, let it import gymnasium"
)


class Finished(msgspec.Struct, frozen=True):
    """The files of weights by name, relative to the run's folder; what was tested, or why nothing; sentences to read.

    `actor` is None where no tests were asked for.
    """

    saved: dict[str, str]
    actor: str | None
    warnings: list[str]


def finish(spec: Spec, left: Left, journal: Journal, witness: Witness | None = None) -> Finished:
    """Save, test and film; what acts is held against what was witnessed. Whatever goes wrong is told in a warning."""
    try:
        found = things(left)
    except Exception as error:  # noqa: BLE001  # a stranger's objects are looked at, and may answer with anything
        told = f"What the script left could not be looked at: {type(error).__name__}: {error}"
        return Finished({}, None, [told])
    saved = weights.save(found, spec.artifacts)
    if spec.num_test_episodes == 0:
        return Finished(saved.files, None, saved.warnings)
    actor, warnings = _tested(spec, found, journal, witness)
    return Finished(saved.files, actor, [*saved.warnings, *warnings])


def _tested(spec: Spec, found: list[Thing], journal: Journal, witness: Witness | None) -> tuple[str, list[str]]:
    if "gymnasium" not in sys.modules:
        text = f"Nothing was tested: the script has {'no environment' if 'gym' not in sys.modules else _OLD}."
        return text, [text]
    try:
        from rlgauge.kinds.train.script.testing import play

        tested = play(spec, found, deadline=_deadline(spec, journal), witness=witness)
    except (Exception, SystemExit) as error:  # noqa: BLE001  # a failure here is no failure of the run
        text = f"Nothing was tested: {type(error).__name__}: {error}"
        return text, [text]
    return tested.actor, tested.warnings


def _deadline(spec: Spec, journal: Journal) -> float:
    if spec.limit_seconds is None:
        return math.inf
    spare = min(_SPARE_SECONDS, _SPARE_SHARE * spec.limit_seconds)
    return journal.start + spec.limit_seconds - spare
