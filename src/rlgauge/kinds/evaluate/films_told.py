"""What is known of the films of a folder: found by their names, told of by results or by what was written before.

The films that lie there are the truth; what is known of them comes from the results at hand, or, for those of other
evaluations, from the `films.json` that was written before. A film that neither names is listed by its file's name; so
is one that another evaluation wrote over that of an episode, with another seed or other settings: its mark says so.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from rlgauge.core.files import plain_errors
from rlgauge.episodes.video import OUTCOMES, mark_of, picture_of
from rlgauge.kinds.evaluate.results import BenchmarkResults, EpisodeResult, TaskResult

FORMAT = 1
ORDER = ("failure", "timeout", "error", "unmeasured", "success")
"""In which order films are shown: what went wrong first; then by the episode's number."""

_CLOSE = 1e-9
_NAME = re.compile(rf"(?P<task>.+)-e(?P<index>\d{{4,9}})-(?P<outcome>{'|'.join(OUTCOMES)})\.mp4")


class Filmed(msgspec.Struct, frozen=True, kw_only=True):
    """The film of an episode and the picture of its last frame, below the folder of the films; `seed` is the episode's.

    `is_told` where results tell of it; else all is known from its name. What was not measured is None.
    """

    film: str
    picture: str | None
    index: int
    outcome: str
    is_told: bool = False
    seed: int | None = None
    total_return: float | None = None
    length: int | None = None
    error: str | None = None


class FilmsGrid(msgspec.Struct, frozen=True, kw_only=True):
    """A grid: the episodes that it shows, row by row, and how many steps lie between two of its frames.

    `notes` say what it lacks; `stamp` changes where it would be drawn otherwise.
    """

    film: str
    picture: str
    cells: list[int]
    columns: int
    steps_per_frame: int
    notes: list[str] = []
    stamp: str


class FilmedTask(msgspec.Struct, frozen=True, kw_only=True):
    """A policy's films in a task, in the order of ORDER; `outcomes` counts all its episodes, where they are known."""

    policy: str
    task_id: str
    train_seed: int | None = None
    outcomes: dict[str, int] = {}
    episodes: list[Filmed] = []
    grid: FilmsGrid | None = None
    notes: list[str] = []


class Films(msgspec.Struct, frozen=True, kw_only=True):
    """All that was filmed into a folder; `format` is the version of this form."""

    tasks: list[FilmedTask]
    format: int = FORMAT

    @property
    def num_films(self) -> int:
        """How many episodes were filmed."""
        return sum(len(task.episodes) for task in self.tasks)


def gather(folder: Path, results: BenchmarkResults, before: Films | None) -> list[FilmedTask]:
    """Every policy in every task of the results, then what else lies in the folder."""
    found = _on_disk(folder)
    tasks = [_told(folder, result, found) for result in results.results]
    tasks += _told_before(folder, () if before is None else before.tasks, tasks, found)
    known = {one.film for task in tasks for one in task.episodes}
    for name, lying in found.items():
        untold = [one for one in lying if one.film not in known]
        if untold:
            policy, _, task_id = name.partition("/")
            tasks.append(FilmedTask(policy=policy, task_id=task_id, episodes=_ordered(untold)))
    return tasks


def folder_of(film: str) -> str:
    """The folder of a film, such as `random/CartPole-v1`."""
    return film.rpartition("/")[0]


def _on_disk(folder: Path) -> dict[str, list[Filmed]]:
    """The films by their folders."""
    found: dict[str, list[Filmed]] = {}
    with plain_errors(folder, "read"):
        for path in sorted(folder.glob("*/*/*.mp4")):
            match = _NAME.fullmatch(path.name)
            if match is not None and match["task"] == path.parent.name:
                name = path.relative_to(folder).as_posix()
                picture = picture_of(Path(name)).as_posix() if picture_of(path).is_file() else None
                one = Filmed(film=name, picture=picture, index=int(match["index"]), outcome=match["outcome"])
                found.setdefault(folder_of(name), []).append(one)
    return found


def _told(folder: Path, result: TaskResult, found: Mapping[str, Sequence[Filmed]]) -> FilmedTask:
    """What the results tell of a policy in a task, also where nothing was filmed."""
    told = {episode.video: episode for episode in result.episodes if episode.video is not None}
    lying = [one for name in sorted({folder_of(film) for film in told}) for one in found.get(name, ())]
    shown = [_with(folder, one, told[one.film]) for one in lying if one.film in told]
    return FilmedTask(
        policy=result.policy,
        task_id=result.task_id,
        train_seed=result.train_seed,
        outcomes=_counted(episode.outcome for episode in result.episodes),
        episodes=_ordered(shown),
        notes=[*_gone(len(told) - len(shown)), *_written_over(sum(not one.is_told for one in shown))],
    )


def _with(folder: Path, one: Filmed, episode: EpisodeResult) -> Filmed:
    """The film with what is known of its episode, where it is of that and no other."""
    error = None if episode.error is None else episode.error.encode(errors="backslashreplace").decode()
    told = msgspec.structs.replace(
        one,
        is_told=True,
        seed=episode.seed,
        total_return=episode.total_return,
        length=episode.length,
        error=error,
    )
    return told if _is_its_own(folder, told) else one


def _is_its_own(folder: Path, told: Filmed) -> bool:
    """Whether the film is of the episode that is told of it; after an error, the last frame may be an earlier one's."""
    mark = mark_of(folder / told.film)
    if mark is None:
        return True
    if None not in {mark.seed, told.seed} and mark.seed != told.seed:
        return False
    if told.error is not None:
        return told.length is None or mark.step <= told.length
    is_as_long = told.length is None or mark.step == told.length
    if told.total_return is None or mark.total_return is None:
        return is_as_long
    return is_as_long and math.isclose(mark.total_return, told.total_return, rel_tol=_CLOSE, abs_tol=_CLOSE)


def _gone(num_gone: int) -> Iterable[str]:
    if num_gone:
        yield f"Films that were made of {num_gone} more of its episodes are not in this folder."


def _written_over(num_others: int) -> Iterable[str]:
    if num_others:
        films = "1 film here is" if num_others == 1 else f"{num_others} films here are"
        yield f"{films} of another evaluation, which wrote over those of these episodes: only their names tell of them."


def _told_before(
    folder: Path, before: Iterable[FilmedTask], now: Iterable[FilmedTask], found: Mapping[str, Sequence[Filmed]]
) -> list[FilmedTask]:
    """What is known from before of films that are still there, and of which these results do not tell."""
    keys = {(task.policy, task.train_seed, task.task_id) for task in now}
    taken = {one.film for task in now for one in task.episodes}
    lying = {one.film: one for films in found.values() for one in films if one.film not in taken}
    tasks = []
    for task in before:
        own = [one for one in task.episodes if one.is_told and one.film in lying and _is_its_own(folder, one)]
        kept = [_known(lying[one.film], one) for one in own]
        if kept and (task.policy, task.train_seed, task.task_id) not in keys:
            tasks.append(msgspec.structs.replace(task, episodes=_ordered(kept), grid=None, notes=[]))
    return tasks


def _known(one: Filmed, before: Filmed) -> Filmed:
    return msgspec.structs.replace(
        one,
        is_told=True,
        seed=before.seed,
        total_return=before.total_return,
        length=before.length,
        error=before.error,
    )


def _ordered(episodes: Iterable[Filmed]) -> list[Filmed]:
    return sorted(episodes, key=lambda one: (ORDER.index(one.outcome), one.index, one.film))


def _counted(outcomes: Iterable[str]) -> dict[str, int]:
    counted = Counter(outcomes)
    return {outcome: counted[outcome] for outcome in ORDER if counted[outcome]}
