"""Checking a launcher: small plans are launched, and the folders of their runs are looked at."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from rlgauge.core.errors import UserError, unknown
from rlgauge.core.execute import Launcher
from rlgauge.testing.checks import CHECKS, Check, why_blind, why_not_asked
from rlgauge.testing.conformity import Conformity, NonConformingError, Rule
from rlgauge.testing.launching import Launching, check_main_thread
from rlgauge.testing.scenes import Asked, Scenes
from rlgauge.testing.workloads import Process


def check_launcher(
    make_launcher: Callable[[], Launcher],
    *,
    folder: Path,
    process: Process = "shared",
    most_at_once: int | None = None,
    variables: Mapping[str, str] | None = None,
    cannot: Collection[str] = (),
    only: Collection[str] | None = None,
    patience_seconds: float = 120.0,
) -> Conformity:
    """What the launcher was checked for, and what not. Raises NonConformingError, which names all that it breaks.

    Launches small plans in `folder`, which must be empty and on a disk that the workers see. Every launch gets a
    launcher of its own. `process` is that of the workloads; `most_at_once` how many cases the launchers may measure at
    once; `variables` what they were made to give to the runs; `cannot` names rules that the launcher says it can't
    keep; `only` names those to look at. A launch that takes longer than `patience_seconds` is interrupted, and said to
    hang. Must be called in the main thread. Raises UserError.
    """
    check_main_thread()
    _check_names(cannot, only)
    _check_waits(make_launcher())
    asked = Asked(process, most_at_once, variables or {}, frozenset(cannot))
    scenes = Scenes(Launching(make_launcher, patience_seconds), _empty(folder), asked)
    broken, conformity = _judge(scenes, [check for check in CHECKS if only is None or check.rule.name in only])
    if broken:
        raise NonConformingError(broken, conformity)
    return conformity


def _judge(scenes: Scenes, checks: list[Check]) -> tuple[dict[Rule, list[str]], Conformity]:
    broken: dict[Rule, list[str]] = {}
    checked: list[Rule] = []
    unchecked: dict[str, str] = {}
    blamed: dict[str, str] = {}
    for check in checks:
        rule = check.rule
        reason = _why_not(check, scenes, [rule.name for rule in broken], blamed)
        if reason is not None:
            unchecked[rule.name] = reason
            continue
        sentences = _sentences(check, scenes)
        if sentences:
            broken[rule] = sentences
        else:
            checked.append(rule)
        if not check.may_raise and getattr(scenes, check.scene).problem is not None:
            blamed[check.scene] = rule.name
    return broken, Conformity(checked=checked, unchecked=unchecked)


def _why_not(check: Check, scenes: Scenes, broken: list[str], blamed: Mapping[str, str]) -> str | None:
    """Why a rule is not judged; None where it is."""
    name = check.rule.name
    if name in scenes.asked.cannot:
        return "the launcher is said to be unable to"
    if name in (lacking := why_not_asked(scenes)):
        return lacking[name]
    for other in check.after:
        if other.__name__ in broken:
            return f"{other.__name__} is broken"
    if check.scene in blamed:
        return f"the launch that shows it did not end well ({blamed[check.scene]})"
    return why_blind(scenes.stopped) if name == "leftovers" else None


def _sentences(check: Check, scenes: Scenes) -> list[str]:
    problem = None if check.may_raise else getattr(scenes, check.scene).problem
    return list(check.find(scenes)) if problem is None else [problem]


def _check_names(cannot: Collection[str], only: Collection[str] | None) -> None:
    rules = {check.rule.name: check.may_lack for check in CHECKS}
    for name in (*cannot, *(only or ())):
        if name not in rules:
            raise unknown("rule for launchers", name, rules)
    for name in cannot:
        if not rules[name]:
            free = ", ".join(sorted(one for one, may_lack in rules.items() if may_lack))
            raise UserError(f"cannot={name!r}: every launcher must keep this rule. Those that one may lack: {free}.")


def _check_waits(launcher: Launcher) -> None:
    if not launcher.waits:
        raise UserError(f"{type(launcher).__name__} does not wait for the runs: check it with one that does.")


def _empty(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise UserError(f"{folder} is not empty: give a new folder, whose runs tell of this check alone.")
    return folder
