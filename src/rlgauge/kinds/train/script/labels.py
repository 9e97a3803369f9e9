"""Whether a script trained in the environment that its run is labelled with."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rlgauge.kinds.train.script.planning import Plan
    from rlgauge.kinds.train.spec import Spec

_VERSION = re.compile(r"-v\d+$")


def is_same(wanted: str, made: str) -> bool:
    """Whether an id that a script made is the one that was asked for, perhaps without its module or its version."""
    wanted, made = (one.rpartition(":")[2] for one in (wanted, made))
    return wanted == made or (not _VERSION.search(wanted) and wanted == _VERSION.sub("", made))


def wrong(plan: Plan, spec: Spec, made: Sequence[str], script: str) -> str | None:
    """What is wrong with a script that made other environments than the one it was asked to; None where nothing is.

    Where the script was told the name, it may stand for an id in which it occurs: `pong` for `ALE/Pong-v5`.
    """
    if spec.env is None or not made or any(is_same(spec.env, one) for one in made):
        return None
    part = _VERSION.sub("", spec.env).casefold()
    if "env" in plan.ways and any(part in one.casefold() for one in made):
        return None
    return sentence(script, spec.env, made)


def doubts(plan: Plan, spec: Spec, made: Sequence[str], texts: Iterable[str]) -> list[str]:
    """A warning where nothing tells whether a script trained in the environment that it was asked to."""
    if spec.env is None or made or "env" in plan.ways or any(is_same(spec.env, text) for text in texts):
        return []
    return [f"Nothing tells whether the script trained in {spec.env}: it made no environment by name in its process."]


def sentence(script: str, env: str, made: Sequence[str]) -> str:
    """What is wrong, and what to do."""
    return (
        f"{script} makes {', '.join(made)}, not {env}: name the option that takes it with --env-flag, give its main a "
        "parameter env, or say with --env what it makes."
    )
