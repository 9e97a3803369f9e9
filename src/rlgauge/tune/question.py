"""What a study asks, kept beside it: one that goes on must ask the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from rlgauge.core.errors import UserError
from rlgauge.core.files import create_exclusively, plain_errors, read_if_there
from rlgauge.core.workload import Description
from rlgauge.tune.base import Base
from rlgauge.tune.space import Space, read_space

FORMAT = 1
"""Version of study.json; raised when a reader of the old one would misread."""
STUDIES = "studies"
"""The folder of a store that holds its study."""
_FILE = "study.json"


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is tuned, over which space, with which seeds a trial.

    `identity` is a hash of all that defines the default training: a script that was changed is another question.
    """

    format: int = FORMAT
    workload: Description
    identity: str
    fixed: dict[str, Any]
    space: dict[str, Any]
    where: str
    trials: int
    seeds: list[int]

    @classmethod
    def of(cls, base: Base, space: Space, *, seeds: Iterable[int]) -> Question:
        """The question about a base. Raises UserError for a space that contains no valid value."""
        free = space.without(base.fixed)
        base.check(free)
        return cls(
            workload=base.described,
            identity=base.identity,
            fixed=base.fixed,
            space=free.data,
            where=free.where,
            trials=free.trials,
            seeds=list(seeds),
        )

    @property
    def base(self) -> Base:
        """What is tuned. Raises UserError."""
        return Base(self.workload, self.fixed)

    @property
    def axes(self) -> Space:
        """The space of what is not fixed."""
        return read_space({"values": self.space, "trials": self.trials}, where=self.where)


def keep(question: Question, out: Path) -> None:
    """Keep the question in the folder. Raises UserError where another one is there."""
    folder = out / STUDIES
    with plain_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    content = msgspec.json.format(msgspec.json.encode(question))
    if not create_exclusively(folder / _FILE, content):
        check_same(question, read(out), out)


def read(out: Path) -> Question:
    """The question of the study in a folder. Raises UserError."""
    content = read_if_there(out / STUDIES / _FILE)
    if content is None:
        raise UserError(f"There is no study in {out}: `rlgauge tune SUITE --out {out}` begins one.")
    try:
        found = msgspec.json.decode(content, type=Question)
    except msgspec.DecodeError as error:
        raise UserError(f"{out / STUDIES / _FILE} is damaged ({error}): begin a study in another folder.") from error
    if found.format > FORMAT:
        raise UserError(f"The study in {out} was made by a newer version of rlgauge: update this one.")
    return found


def check_same(asked: Question, there: Question, out: Path) -> None:
    """Raise UserError where they differ in what a study can't change on its way."""
    for what, ours, theirs in (
        ("what is fixed", asked.fixed, there.fixed),
        ("the space", asked.space, there.space),
        ("the seeds of a trial", asked.seeds, there.seeds),
        ("what is trained", asked.identity, there.identity),
    ):
        if _plain(ours) != _plain(theirs):
            told = f" It was {_said(theirs)}, and is {_said(ours)} now." if what != "what is trained" else ""
            raise UserError(
                f"The study in {out} is another one: it differs in {what}.{told} Give another --out (out), or ask as "
                "it was asked."
            )


def _plain(value: object) -> object:
    return msgspec.json.decode(msgspec.json.encode(value))


def _said(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={msgspec.json.encode(one).decode()}" for name, one in value.items()) or "nothing"
    return msgspec.json.encode(value).decode()
