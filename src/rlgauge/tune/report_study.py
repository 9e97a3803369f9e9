"""What a study has come to so far, read from the folder that it left; nothing is trained."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from rlgauge.core.errors import UserError
from rlgauge.tune import question as questions
from rlgauge.tune import reports, winner
from rlgauge.tune.phase2 import Final, Judged
from rlgauge.tune.question import STUDIES, Question
from rlgauge.tune.trial import State, Trial

_QUESTION = "study.json"


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The trials that have begun, in their order, and phase 2; None is what there is not yet.

    `question` is None of a folder in which only phase 2 was, with --retune-from.
    """

    out: Path
    question: Question | None
    trials: list[Trial]
    final: Final | None

    @property
    def default(self) -> Judged | None:
        """The default configuration in phase 2."""
        return None if self.final is None else self.final.configurations[0]

    @property
    def name(self) -> str:
        """What was tuned: `bc in seals/CartPole-v0`."""
        if self.final is not None:
            algorithm, env = self.final.algorithm, self.final.environment
        elif self.question is not None:
            algorithm, env = _tuned(self.question)
        else:
            return self.out.name
        return algorithm if env is None else f"{algorithm} in {env}"


def is_study(out: Path) -> bool:
    """Whether a study left something in the folder."""
    return any((out / STUDIES / name).exists() for name in (_QUESTION, reports.SEARCH))


def read_report(out: str | Path) -> Report:
    """What the study in a folder has come to so far. Raises UserError where there is none."""
    folder = Path(out)
    trials, final = reports.read_search(folder), reports.read_final(folder)
    has_question = (folder / STUDIES / _QUESTION).exists()
    asked = questions.read(folder) if has_question or trials is None else None
    return Report(out=folder, question=asked, trials=trials or [], final=final)


def best_so_far(trials: Sequence[Trial]) -> list[float | None]:
    """After each trial the highest objective of complete ones until then; None before there is one."""
    objectives = [one.objective if one.state is State.COMPLETE else None for one in trials]
    highest = itertools.accumulate((-math.inf if one is None else one for one in objectives), max)
    return [None if one == -math.inf else one for one in highest]


def default_values(question: Question) -> dict[str, Any]:
    """The default configuration's value of each setting of the space, as far as it can be told without training."""
    try:
        base = question.base
        if base.is_ours:
            config: Any = base.configured({}, [0]).config_of(str(base.env))  # type: ignore[union-attr]  # one of ours
            found = {name: _within(config, name) for name in question.axes.axes}
            return {name: value[0] for name, value in found.items() if value}
        given = winner.entry(base, {}, [0]).get("args", {})
    except UserError:
        return {}
    return {name: given[name] for name in question.axes.axes if name in given}


def _within(config: Any, path: str) -> list[Any]:  # noqa: ANN401  # plain data
    """The value at a dotted path, alone in a list; nothing where there is none."""
    for name in path.split("."):
        if not isinstance(config, Mapping) or name not in config:
            return []
        config = config[name]
    return [config]


def _tuned(question: Question) -> tuple[str, str | None]:
    """The algorithm and the environment; of what can't be built any more, as far as its description has them."""
    try:
        return question.base.algorithm, question.base.env
    except UserError:
        given = question.workload.init_args
        env = given.get("env")
        return str(given.get("algorithm") or given.get("algo") or "study"), env[0] if isinstance(env, list) else env
