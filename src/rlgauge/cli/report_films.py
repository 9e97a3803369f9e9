"""Films of episodes in a report: those that evaluations and trainings kept, linked beside the page or put into it."""

from __future__ import annotations

import base64
import itertools
import mimetypes
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import msgspec

from rlgauge.cli.summary import Asked
from rlgauge.compare.phrases import count, plural, some
from rlgauge.core.errors import UserError
from rlgauge.core.files import read_if_there
from rlgauge.core.reading import Reading
from rlgauge.episodes.video import picture_of
from rlgauge.kinds.evaluate.films import DATA, PAGE, read_films
from rlgauge.kinds.evaluate.films_told import ORDER, Filmed, FilmedTask
from rlgauge.report.content import Block, Film, Films, Heading, Note, Report, Section, Warnings
from rlgauge.report.numbers import fixed, places
from rlgauge.report.order import natural

NAME = "films"
_EVALUATE, _TRAIN = "evaluate", "train"
_FOLDER = "videos"
"""Where the command line keeps the films of a store."""
_MOST_OF_TASK, _MOST = 6, 240
"""Films of a policy in a task, and of all, that are shown; the page of the films beside them has every one."""
_FEW = 2
"""Films of a policy in a task, where those of all policies stand side by side."""
_ABOVE = 3
"""How many folders above that of an attempt the store is."""
_MEGABYTE = 1_000_000


class _Settings(msgspec.Struct, frozen=True):
    video_dir: str | None = None


class _Benchmark(msgspec.Struct, frozen=True):
    settings: _Settings = _Settings()


class _Arguments(msgspec.Struct, frozen=True):
    benchmark: _Benchmark | None = None


class _Workload(msgspec.Struct, frozen=True):
    init_args: _Arguments = _Arguments()


class _Config(msgspec.Struct, frozen=True):
    """What is needed of the config.json of an evaluation."""

    workload: _Workload | None = None


class _Reel(NamedTuple):
    """The films of a policy in a task, the worst first, and one of them side by side; `gone` are not there any more."""

    policy: str
    task: str
    told: str
    grid: list[Film]
    there: list[Film]
    gone: list[str]
    notes: Sequence[str]
    page: Path | None


def sections(found: Asked, renamed: Sequence[str] = ()) -> Iterator[Section]:
    """One, where something was filmed; `renamed` holds OLD=NEW of policies and tasks, as readings have them by now."""
    names = {old.strip(): new.strip() for old, _, new in (text.rpartition("=") for text in renamed)}
    readings = [reading for reading in found.readings if found.question.asks_for(reading)]
    reels = [*_of_evaluations(readings, found, names), *_of_trainings(readings)]
    reels = [reel for reel in reels if reel.grid or reel.there or reel.gone]
    lost = list(_lost(readings))
    if reels or lost:
        reels.sort(key=lambda reel: (natural(reel.task), natural(reel.policy)))
        told = [Warnings(lost)] if lost else []
        yield Section(name=NAME, title="Films", body=[*told, *(_shown(reels) if reels else ())])


def _shown(reels: Sequence[_Reel]) -> Iterator[Block]:
    gone = [path for reel in reels for path in reel.gone]
    if gone:
        are = "is" if len(gone) == 1 else "are"
        yield Warnings(
            [f"{count(len(gone), 'film')} that evaluations tell of {are} not there or can't be read: {some(gone)}."]
        )
    if any(reel.there for reel in reels):
        order = "failures, timeouts, errors, episodes without a measured success, successes"
        yield Note(f"What went wrong comes first: {order}.")
    most = max(1, min(_MOST_OF_TASK, _MOST // len(reels)))
    for task, own in itertools.groupby(reels, key=lambda reel: reel.task):
        yield from _of_task(task, list(own), most)


def _of_task(task: str, reels: Sequence[_Reel], most: int) -> Iterator[Block]:
    """Policies of few films side by side, others one after the other."""
    films = [[*reel.grid, *reel.there[:most]] for reel in reels]
    if len(reels) > 1 and all(len(own) <= _FEW for own in films):
        yield Heading(task)
        yield from (Note(f"{reel.policy}: {told}") for reel in reels if (told := _told_of(reel, most)))
        yield Films([film for own in films for film in own])
        return
    for reel, own in zip(reels, films, strict=True):
        yield Heading(f"{reel.policy} in {task}")
        if told := _told_of(reel, most):
            yield Note(told)
        if own:
            yield Films(own)


def _told_of(reel: _Reel, most: int) -> str:
    """How its episodes went, and which of its films are left out."""
    is_cut = most < len(reel.there)
    told = [reel.told] if reel.told else []
    told += [f"{most} of {count(len(reel.there), 'film')} shown."] if is_cut else []
    told += [f"All are in {reel.page}."] if is_cut and reel.page is not None else []
    return " ".join([*told, *reel.notes])


def _of_evaluations(readings: Iterable[Reading], found: Asked, names: Mapping[str, str]) -> Iterator[_Reel]:
    for folder in _folders(readings):
        films = read_films(folder)
        for told in () if films is None else films.tasks:
            policy, task_id = (names.get(name, name) for name in (told.policy, told.task_id))
            task = msgspec.structs.replace(told, policy=policy, task_id=task_id)
            if _is_asked(task, found):
                yield _reel(folder, task)


def _folders(readings: Iterable[Reading]) -> Iterable[Path]:
    """Where evaluations kept their films: beside the runs, or where their benchmarks said, as far as that is there."""
    evaluated = [Path(folder) for one in readings if one.kind == _EVALUATE for folder in one.folders]
    beside = [folder.parents[_ABOVE - 1] / _FOLDER for folder in evaluated]
    said = [Path(own) for folder in evaluated if (own := _video_dir(folder)) is not None]
    there = [folder for folder in [*beside, *said] if (folder / DATA).is_file()]
    return {folder.resolve(): folder for folder in reversed(there)}.values()


def _lost(readings: Iterable[Reading]) -> Iterator[str]:
    """Where films were kept of which nothing is left."""
    nums: Counter[str] = Counter()
    for one in readings:
        said = _video_dir(Path(one.folders[-1])) if one.kind == _EVALUATE and one.folders else None
        if said is not None and not list(_folders([one])):
            nums[said] += sum(record.values.get("video") is not None for record in one.records)
    for said, num in nums.items():
        if num:
            yield f"{count(num, 'film')} of episodes went to {said}, and no {DATA} tells of them there any more."


def _video_dir(folder: Path) -> str | None:
    """Where a run was to keep its films; None for nowhere, or where its config.json can't be read."""
    content = read_if_there(folder / "config.json")
    try:
        config = _Config() if content is None else msgspec.json.decode(content, type=_Config)
    except msgspec.DecodeError:
        return None
    benchmark = None if config.workload is None else config.workload.init_args.benchmark
    return None if benchmark is None else benchmark.settings.video_dir


def _is_asked(task: FilmedTask, found: Asked) -> bool:
    question = found.question
    is_wanted = not question.algorithms or task.policy in question.algorithms
    return is_wanted and (not question.tasks or task.task_id in question.tasks)


def _reel(folder: Path, task: FilmedTask) -> _Reel:
    seed = _of_seed(task.train_seed)
    there, gone = _parted(folder, [_film(folder, task, one) for one in task.episodes])
    grid, no_grid = _parted(folder, _grid(folder, task))
    outcomes = [f"{num:,} {_plural(outcome, num)}" for outcome, num in task.outcomes.items()]
    told = f"{count(sum(task.outcomes.values()), 'episode')}: {', '.join(outcomes)}." if outcomes else ""
    notes = [*task.notes, *(() if task.grid is None else task.grid.notes)]
    return _Reel(f"{task.policy}{seed}", task.task_id, told, grid, there, [*no_grid, *gone], notes, folder / PAGE)


def _plural(outcome: str, num: int) -> str:
    return outcome if num == 1 or outcome == "unmeasured" else plural(outcome)


def _grid(folder: Path, task: FilmedTask) -> Iterator[Film]:
    """The film of many episodes side by side, where there is one."""
    if task.grid is not None:
        yield Film(
            path=str(folder / task.grid.film),
            poster=str(folder / task.grid.picture),
            title=f"{task.policy}: {count(len(task.grid.cells), 'episode')} side by side",
            told="What went wrong first.",
        )


def _parted(folder: Path, films: Iterable[Film]) -> tuple[list[Film], list[str]]:
    """The films that can be shown, and the paths of the others. What is told of files elsewhere is none of them."""
    there, gone = [], []
    for film in films:
        if not _is_there(Path(film.path), folder):
            gone.append(film.path)
            continue
        is_pictured = film.poster is not None and _is_there(Path(film.poster), folder)
        there.append(film if is_pictured else msgspec.structs.replace(film, poster=None))
    return there, gone


def _is_there(path: Path, folder: Path) -> bool:
    try:
        is_within = path.resolve().is_relative_to(folder.resolve())
        return is_within and path.is_file() and path.stat().st_size > 0 and os.access(path, os.R_OK)
    except OSError:
        return False


def _film(folder: Path, task: FilmedTask, one: Filmed) -> Film:
    return Film(
        path=str(folder / one.film),
        poster=None if one.picture is None else str(folder / one.picture),
        title=f"{task.policy}{_of_seed(task.train_seed)}, episode {one.index}: {one.outcome}",
        told=_told(task.task_id, one),
    )


def _of_seed(train_seed: int | None) -> str:
    return "" if train_seed is None else f" (train seed {train_seed})"


def _told(task: str, one: Filmed) -> str:
    facts = [
        task,
        *([] if one.seed is None else [f"seed {one.seed}"]),
        *([] if one.total_return is None else [f"return {_number(one.total_return)}"]),
        *([] if one.length is None else [count(one.length, "step")]),
        *([] if one.error is None else [one.error.partition("\n")[0].strip()]),
        *([] if one.is_told else ["known by its name alone"]),
    ]
    return ", ".join(facts)


def _number(value: float) -> str:
    return f"{value:.0f}" if value == round(value) else fixed(value, places(value, None))


def _of_trainings(readings: Iterable[Reading]) -> Iterator[_Reel]:
    """Of test episodes, whose records name their films."""
    for reading in readings:
        if (
            reading.kind != _TRAIN
            or not reading.folders
            or not (Path(reading.folders[-1]) / "artifacts" / _FOLDER).is_dir()
        ):
            continue
        folder = Path(reading.folders[-1]) / "artifacts"
        told = [
            Filmed(
                film=str(record.values["video"]),
                picture=str(picture_of(Path(str(record.values["video"])))),
                index=record.index,
                outcome=str(record.values.get("outcome", "unmeasured")),
                is_told=True,
                seed=_whole(record.values.get("seed")),
                total_return=_real(record.values.get("return")),
                length=_whole(record.values.get("length")),
                error=record.error,
            )
            for record in reading.records
            if isinstance(record.values.get("video"), str)
        ]
        told.sort(key=lambda one: (ORDER.index(one.outcome) if one.outcome in ORDER else len(ORDER), one.index))
        seed = _of_seed(reading.seed)
        task = FilmedTask(policy=reading.algorithm, task_id=reading.task, train_seed=reading.seed)
        there, gone = _parted(folder, [_film(folder, task, one) for one in told])
        yield _Reel(f"{reading.algorithm}{seed}", reading.task, "Test episodes.", [], there, gone, (), None)


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _real(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def linked(report: Report, page: Path, *, embed_megabytes: float | None = None) -> Report:
    """The report for a file: films as addresses from the folder of the page, or, up to so many megabytes, within it.

    Those within it are the first of every policy in every task, then the second of each, and so on; one that does not
    fit any more is passed over and stays beside the page. What was left out is said. Raises UserError for no budget.
    """
    if embed_megabytes is not None and not embed_megabytes > 0:
        raise UserError(f"--embed-videos {embed_megabytes:g}: give the megabytes that films may take, more than 0.")
    folder = page.resolve().parent
    blocks = [block for part in report.sections for block in part.body if isinstance(block, Films)]
    within = _embedded(blocks, embed_megabytes) if embed_megabytes is not None else {}
    num_films = sum(len(block.films) for block in blocks)

    def addressed(film: Film) -> Film:
        data = within.get(film.path)
        if data is not None:
            return msgspec.structs.replace(film, path=data.path, poster=data.poster)
        poster = None if film.poster is None else address(Path(film.poster), folder)
        return msgspec.structs.replace(film, path=address(Path(film.path), folder), poster=poster)

    def of(block: Block) -> Block:
        return Films([addressed(film) for film in block.films]) if isinstance(block, Films) else block

    sections = []
    for part in report.sections:
        body = [of(block) for block in part.body]
        if part.name == NAME and any(isinstance(block, Films) for block in body):
            body.insert(0, Note(_where(num_films, within, embed_megabytes)))
        sections.append(msgspec.structs.replace(part, body=body))
    return msgspec.structs.replace(report, sections=sections)


def _where(num_films: int, within: Mapping[str, Film], megabytes: float | None) -> str:
    beside = (
        "the page finds them by their place beside it: move both together, or put them into it with --embed-videos MB."
    )
    if megabytes is None:
        return f"{count(num_films, 'film')}; {beside}"
    size = sum(len(film.path) + len(film.poster or "") for film in within.values()) / _MEGABYTE
    told = (
        f"{len(within)} of {count(num_films, 'film')} are within this page and take {size:.3g} MB of the {megabytes:g} "
        "MB given (--embed-videos): the first of every policy in every task, then the second of each, and so on."
    )
    left = num_films - len(within)
    return told if not left else f"{told} {left} did not fit: {beside}"


def _embedded(blocks: Sequence[Films], megabytes: float) -> dict[str, Film]:
    """The films that fit, by their paths, with data instead of paths."""
    room = megabytes * _MEGABYTE
    found: dict[str, Film] = {}
    for row in itertools.zip_longest(*(block.films for block in blocks)):
        for film in row:
            if film is None or film.path in found or _size(film) > room:
                continue
            data = msgspec.structs.replace(
                film, path=_data(film.path), poster=None if film.poster is None else _data(film.poster)
            )
            room -= len(data.path) + len(data.poster or "")
            found[film.path] = data
    return found


def _size(film: Film) -> int:
    """What a film and its picture take as text, about."""
    paths = [film.path, *([] if film.poster is None else [film.poster])]
    return sum(-(-Path(path).stat().st_size // 3) * 4 + len("data:video/mp4;base64,") for path in paths)


def _data(path: str) -> str:
    kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
    return f"data:{kind};base64,{base64.b64encode(Path(path).read_bytes()).decode()}"


def address(path: Path, folder: Path) -> str:
    """The address of a file from a folder, for a page that lies there."""
    return quote(Path(os.path.relpath(path.resolve(), folder)).as_posix())
