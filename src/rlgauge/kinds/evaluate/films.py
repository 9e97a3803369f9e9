"""What was filmed, put together: a grid a policy and task, films.json and a page of them, beside the films."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from rlgauge.core.case import fingerprint
from rlgauge.core.errors import UserError
from rlgauge.core.files import plain_errors, read_if_there, write_atomic
from rlgauge.episodes.video import picture_of
from rlgauge.episodes.video_grid import DRAWING, FEWEST_CELLS, MOST_CELLS, Shown, write_grid
from rlgauge.kinds.evaluate.films_page import GENERATOR, page
from rlgauge.kinds.evaluate.films_told import Filmed, FilmedTask, Films, FilmsGrid, folder_of, gather
from rlgauge.kinds.evaluate.results import BenchmarkResults

DATA, PAGE = "films.json", "index.html"
"""What is written into the folder of the films."""


def index_films(
    folder: Path, results: BenchmarkResults, *, listen: Callable[[str], None] = lambda _grid: None
) -> Films | None:
    """What lies in the folder, after grids, films.json and index.html were written; None where there is no film.

    A grid whose films are as they were is left as it is; `listen` is told of what each other is, before it is drawn.
    None is drawn of a benchmark whose `video_grids` is false.
    Raises UserError where the folder can't be written, and where its index.html is not RLGauge's.
    """
    before = read_films(folder)
    tasks = gather(folder, results, before)
    if before is None and not any(task.episodes for task in tasks):
        return None
    _check_page(folder / PAGE)
    grids = {} if before is None else {task.grid.film: task.grid for task in before.tasks if task.grid is not None}
    is_drawn = results.metadata.get("settings", {}).get("video_grids", True)
    films = Films(tasks=list(_with_grids(folder, tasks, grids, listen if is_drawn else None)))
    write_atomic(folder / DATA, msgspec.json.format(msgspec.json.encode(films), indent=1) + b"\n", is_synced=False)
    write_atomic(folder / PAGE, page(films, folder).encode(), is_synced=False)
    return films


def read_films(folder: Path) -> Films | None:
    """What `index_films` wrote into the folder; None where there is nothing, or nothing that can be read."""
    content = read_if_there(folder / DATA)
    try:
        return None if content is None else msgspec.json.decode(content, type=Films)
    except msgspec.DecodeError:
        return None


def _check_page(path: Path) -> None:
    content = read_if_there(path)
    if content is not None and GENERATOR.encode() not in content:
        raise UserError(
            f"{path} was not written by RLGauge, so it is left as it is and the films are in no index: move it, or "
            "give the films a folder of their own (video_dir)."
        )


def _with_grids(
    folder: Path, tasks: Iterable[FilmedTask], before: Mapping[str, FilmsGrid], listen: Callable[[str], None] | None
) -> Iterator[FilmedTask]:
    """The tasks with their grids, one a folder: what else lies in the folder of a task is in no grid.

    Without `listen` only those that are there already and show the films as they are.
    """
    taken = {""}
    for task in tasks:
        own = folder_of(task.episodes[0].film) if task.episodes else ""
        yield task if own in taken else _with_grid(folder, task, before, listen)
        taken.add(own)


def _with_grid(
    folder: Path, task: FilmedTask, before: Mapping[str, FilmsGrid], listen: Callable[[str], None] | None
) -> FilmedTask:
    """The task with a grid of its films, where there are two or more."""
    own = folder / folder_of(task.episodes[0].film)
    path = own / f"{own.name}-grid.mp4"
    if len(task.episodes) < FEWEST_CELLS:
        _remove(path)
        return task
    stamp = _stamp(folder, task.episodes[:MOST_CELLS])
    kept = before.get(path.relative_to(folder).as_posix())
    if kept is not None and kept.stamp == stamp and path.is_file() and picture_of(path).is_file():
        return msgspec.structs.replace(task, grid=kept)
    if listen is None:
        _remove(path)
        return task
    if importlib.util.find_spec("av") is None:
        return _noted(task, ["There is no grid, which needs PyAV: pip install 'rlgauge[video]'."])
    listen(f"{task.policy} in {task.task_id}")
    return _drawn(folder, path, task, stamp)


def _drawn(folder: Path, path: Path, task: FilmedTask, stamp: str) -> FilmedTask:
    grid = write_grid(path, [Shown(folder / one.film, one.index, one.outcome) for one in task.episodes])
    notes = [f"The grid lacks {film.name}: {reason}." for film, reason in grid.unreadable.items()]
    if not grid.cells:
        _remove(path)
        return _noted(task, notes)
    told = FilmsGrid(
        film=path.relative_to(folder).as_posix(),
        picture=picture_of(path).relative_to(folder).as_posix(),
        cells=[cell.episode_index for cell in grid.cells],
        columns=grid.columns,
        steps_per_frame=grid.steps_per_frame,
        notes=notes,
        stamp=stamp,
    )
    return msgspec.structs.replace(task, grid=told)


def _noted(task: FilmedTask, notes: Iterable[str]) -> FilmedTask:
    return msgspec.structs.replace(task, notes=[*task.notes, *notes])


def _stamp(folder: Path, shown: Sequence[Filmed]) -> str:
    """Of what a grid is drawn: the films as they are on the disk, and the way of drawing."""
    with plain_errors(folder, "read"):
        files = [(folder / one.film).stat() for one in shown]
    told = [[one.film, one.outcome, file.st_size, file.st_mtime_ns] for one, file in zip(shown, files, strict=True)]
    return fingerprint([DRAWING, told])


def _remove(path: Path) -> None:
    with plain_errors(path, "remove"):
        path.unlink(missing_ok=True)
        picture_of(path).unlink(missing_ok=True)
