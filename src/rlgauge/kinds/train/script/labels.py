"""Whether a script trained in the environment that its run is labelled with."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rlgauge.kinds.train.script.planning import Plan
    from rlgauge.kinds.train.spec import Spec

_VERSION = re.compile(r"-v\d+$")
_USUAL = re.compile(r"^(?:gym|gymnasium|ALE)/")
"""Names of libraries before an id, which some write and some leave out."""
_ADAPTER = re.compile(r"^GymV\d+Environment-v\d+$")
"""Ids of environments that stand for one of another library."""
_MUCH = 0.1
"""A share of the steps that is worth a word."""


def is_same(wanted: str, made: str) -> bool:
    """Whether an id that a script made is the one that was asked for, perhaps without its module or its version."""
    wanted, made = (_USUAL.sub("", one.rpartition(":")[2]) for one in (wanted, made))
    return wanted == made or (not _VERSION.search(wanted) and wanted == _VERSION.sub("", made))


def is_other(wanted: str, made: Sequence[str], steps: Mapping[str, int], *, is_told: bool = False) -> bool:
    """Whether most steps of a training were taken in another environment than the one that was asked for.

    `made` are the ids of those that were made, `steps` those of the training by id. Where nobody knows in which of them
    they were taken, one that was asked for is enough. A script that `is_told` a name which is no id may make one of it:
    `pong` is for `ALE/Pong-v5`.
    """
    most = max(steps, key=lambda one: steps[one], default="")
    is_known = bool(steps.get(most)) and (most in made or bool(_VERSION.search(most))) and not _ADAPTER.match(most)
    ids = [most] if is_known else list(made)
    if not ids or any(is_same(wanted, one) for one in ids):
        return False
    return not (is_told and not _is_id(wanted) and any(wanted.casefold() in one.casefold() for one in ids))


def wrong(plan: Plan, spec: Spec, made: Sequence[str], script: str, steps: Mapping[str, int]) -> str | None:
    """What is wrong with a script that trained in another environment than it was asked to; None where nothing is."""
    if spec.env is None or not is_other(spec.env, made, steps, is_told="env" in plan.ways):
        return None
    if any(is_same(spec.env, one) for one in made):
        return f"{script} makes {spec.env}, but trains in another environment: {told(steps)}."
    return sentence(script, spec.env, made or sorted(steps))


def told(steps: Mapping[str, int]) -> str:
    """`30 steps in A-v1, 2 steps in B-v1`, the most first."""
    ordered = sorted(steps.items(), key=lambda one: -one[1])
    return ", ".join(f"{num} steps in {env}" for env, num in ordered if env and num)


def doubts(plan: Plan, spec: Spec, made: Sequence[str], texts: Iterable[str], steps: Mapping[str, int]) -> list[str]:
    """Warnings where not all of a training may be of the environment that the run is labelled with."""
    if spec.env is None:
        return []
    if not made:
        is_told = "env" in plan.ways or any(is_same(spec.env, text) for text in texts)
        text = f"Nothing tells whether the script trained in {spec.env}: it made no environment by name in its process."
        return [] if is_told else [text]
    others = sum(num for env, num in steps.items() if _VERSION.search(env) and not is_same(spec.env, env))
    if others < _MUCH * sum(steps.values()) or not any(is_same(spec.env, one) for one in steps):
        return []
    return [f"What is filed under {spec.env} was trained in other environments, too: {told(steps)}."]


def sentence(script: str, env: str, made: Sequence[str]) -> str:
    """What is wrong, and what to do."""
    return (
        f"{script} makes {', '.join(made)}, not {env}: name the option that takes it with --env-flag, give its main a "
        "parameter env, or say with --env what it makes."
    )


def _is_id(name: str) -> bool:
    """Whether a name is an environment's id, with a version or without."""
    if _VERSION.search(name):
        return True
    registry = getattr(sys.modules.get("gymnasium"), "registry", {})
    return any(_VERSION.sub("", one) == name for one in registry)
