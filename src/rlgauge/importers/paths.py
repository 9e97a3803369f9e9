"""Algorithm, task and seed as folders are named after them."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import NamedTuple

_CLEANRL = re.compile(r"(?P<task>.+?)__(?P<algorithm>.+?)__(?P<seed>-?\d+)__\d+")
_RL_ZOO = re.compile(r"(?P<task>.+-v\d+)_(?P<number>\d+)")
_SB3 = re.compile(r"(?P<algorithm>[A-Za-z][A-Za-z0-9-]*)_(?P<number>\d+)")
_LEROBOT = re.compile(r"\d\d-\d\d-\d\d_(?P<task>.+)_(?P<algorithm>[^_]+)")
_SEED = re.compile(r"(?:.*[_-])?(?:train_?)?seed[_=-]?(?P<seed>\d+)", re.IGNORECASE)
_TASK = re.compile(r".*-v\d+")
_ALGORITHMS = {
    *("a2c", "ars", "crossq", "ddpg", "dqn", "dreamerv3", "her", "ppg", "ppo", "ppo_lstm", "qrdqn", "rainbow"),
    *("recurrentppo", "sac", "td3", "tqc", "trpo", "airl", "bc", "dagger", "gail", "sqil"),
}


_RUN = re.compile(r"(run|trial|rep|repeat|repetition|replicate|job|session)[-_ ]?(?P<number>\d+)?\w*", re.IGNORECASE)
"""Folders named after a run, which may have a number."""
_DATE = re.compile(r"\d{4}([-_.]?)\d\d\1\d\d.*|\d\d([-_:])\d\d\2\d\d.*|\d+")
_PLAIN = {
    *("best_model", "checkpoint", "checkpoints", "data", "eval", "evals", "evaluation", "evaluations", "log", "logs"),
    *("metrics", "model", "models", "monitor", "monitors", "out", "output", "outputs", "result", "results", "run"),
    *("runs", "tb", "tb_logs", "tensorboard", "tensorboard_log", "test", "train", "training", "videos"),
}
"""Folders of these names tell nothing of what was trained."""


class Named(NamedTuple):
    """What a path tells; None where it does not. `number` is a run's number, which may stand for its seed.

    `algorithm` has after the name the folders beneath it that are not known to mean anything else: they tell variants
    apart. `folder` is what to call what has no algorithm's name.
    """

    algorithm: str | None = None
    task: str | None = None
    seed: int | None = None
    number: int | None = None
    folder: str = "unknown"


def named_by(path: str, root: str) -> Named:
    """What the folders of a path tell, the innermost first; `root` is the one that was asked for.

    Above it only its own name speaks, and those above names that are a task's or a seed's: where somebody keeps results
    (a folder of a job's number, a home called `bc`) tells nothing of them.
    """
    above, beneath = _above(root), _parts(path if root == "." else path[len(root) :])
    inner, folders = _tell(beneath, above)
    outer, unknown = _tell(above, [])
    own = [*above, *unknown][-1] if above else "unknown"
    algorithm = inner.algorithm
    if algorithm is None and not folders:
        algorithm = outer.algorithm
    elif algorithm is not None and folders:
        algorithm = "/".join([algorithm, *folders])
    return Named(
        algorithm,
        outer.task if inner.task is None else inner.task,
        outer.seed if inner.seed is None else inner.seed,
        inner.number,
        "/".join(folders) or own,
    )


def _parts(path: str) -> list[str]:
    return [part.removesuffix(".zip") for part in re.split(r"[/\\]", path) if part not in {"", "."}]


def _above(root: str) -> list[str]:
    """The root's own name, and as many of those above as stand above the name of a task or a seed."""
    folders = _parts(os.path.abspath(root))  # noqa: PTH100  # a Path would follow links
    first = len(folders) - 1
    while first > 0 and _folder(folders[first], []) != Named() and _folder(folders[first], []).algorithm is None:
        first -= 1
    return folders[max(first, 0) :]


def _tell(folders: Sequence[str], known: Sequence[str]) -> tuple[Named, list[str]]:
    """What the folders tell, and those beneath the algorithm's that nothing is known of."""
    found, rest = Named(), list[str]()
    for position in range(len(folders) - 1, -1, -1):
        name = folders[position]
        told = _folder(name, [*known, *folders[:position]])
        if told == Named() and found.algorithm is None and name.lower() not in _PLAIN and not _DATE.fullmatch(name):
            rest.insert(0, name)
        found = Named(
            told.algorithm if found.algorithm is None else found.algorithm,
            told.task if found.task is None else found.task,
            told.seed if found.seed is None else found.seed,
            told.number if found.number is None else found.number,
        )
    return found, rest


def _folder(name: str, parents: Sequence[str]) -> Named:
    found = Named(number=int(name)) if name.isdecimal() else Named()
    if match := _CLEANRL.fullmatch(name):
        found = Named(match["algorithm"], match["task"], int(match["seed"]))
    elif match := _RL_ZOO.fullmatch(name):
        found = Named(parents[-1] if parents else None, match["task"], None, int(match["number"]))
    elif match := _LEROBOT.fullmatch(name):
        found = Named(match["algorithm"], match["task"])
    elif match := _SEED.fullmatch(name):
        found = Named(seed=int(match["seed"]))
    elif name.lower() in _ALGORITHMS:
        found = Named(name)
    elif (match := _SB3.fullmatch(name)) and match["algorithm"].lower() in _ALGORITHMS:
        found = Named(match["algorithm"], None, None, int(match["number"]))
    elif _TASK.fullmatch(name):
        found = Named(None, name)
    elif name.lower() not in _PLAIN and (match := _RUN.fullmatch(name)):
        found = Named(number=None if match["number"] is None else int(match["number"]), folder="run")
    return found
