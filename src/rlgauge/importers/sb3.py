"""Stable-Baselines3's `evaluations.npz` (EvalCallback) and `monitor.csv` (Monitor), as rl-zoo keeps them or anyhow."""

from __future__ import annotations

import io
import json
import re
import zipfile
import zlib
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from rlgauge.core.reading import Curve, Reading, Total
from rlgauge.core.run import Record
from rlgauge.importers import paths
from rlgauge.importers.findings import Found, Lack
from rlgauge.importers.lacking import named
from rlgauge.importers.quantities import curve, ended, episode, number, outcome, present, summed, total, units
from rlgauge.importers.tree import Folder, check_size, join

SYSTEM = "imported-sb3"

LAST_EPISODES = 100
"""Where there was no evaluation, a training's return is the mean of so many episodes at its end, as SB3 prints it."""

_RETURN = f"the mean return of its last {LAST_EPISODES} training episodes"
_LAST = f"A training without evaluations.npz has {_RETURN}."
_PARTS = {"results": "return", "ep_lengths": "length", "successes": "success"}
_NUM_HEADS = 3
"""Lines of a monitor file to the end of its first episode."""
_ZIP = b"PK"
_ZOO_SEED = re.compile(r"- - seed\n\s+- (\d+)")


class _Episode(NamedTuple):
    """A line of a monitor file; `time` is seconds since the epoch, `summed` None for what is no finite number."""

    time: float
    summed: float | None
    length: float


class _Evaluations(NamedTuple):
    """The evaluations of a training: episodes of the last, means of each over the steps."""

    records: tuple[Record, ...]
    curves: dict[str, Curve]


class _Monitors(NamedTuple):
    """The episodes of a training in order of their ends, and the environment that the files name."""

    task: str | None
    episodes: list[_Episode]


def read(
    folder: Folder, archives: Sequence[str], monitors: Sequence[str], *, lack: Lack
) -> tuple[list[Found], list[str]]:
    """At most one reading for what lies in a folder, and what to say of it. Raises OSError."""
    opened = (_evaluations(folder.read(name) or b"", join(folder.path, name), lack) for name in archives)
    evaluated = next((made for made in opened if made is not None), None)
    training = _monitors([content for name in monitors if (content := folder.read(name)) is not None])
    if evaluated is None and training is None:
        for name in monitors:
            told = "its first line is no header of Monitor (JSON with t_start)" if folder.size(name) else "it is empty"
            lack(join(folder.path, name), told)
        return [], []
    curves, totals = ({}, {}) if training is None else _training(training.episodes)
    notes = []
    if evaluated is not None:
        if "return" in curves:
            curves["training_return"] = curves.pop("return")
        curves |= evaluated.curves
        totals = summed(evaluated.records, _PARTS.values())
    elif totals:
        notes = [_LAST]
    called = paths.named_by(folder.path, folder.root)
    seed = _zoo_seed(folder)
    measured = present(totals)
    how = outcome(evaluated.records if evaluated else (), measured, nothing="its monitor files hold no episode")
    if evaluated is None and training is not None and training.episodes:
        how = ended([episode.summed for episode in training.episodes[-LAST_EPISODES:]], what=_RETURN)
    reading = Reading(
        algorithm=called.algorithm or called.folder,
        task=(training and training.task) or called.task or "unknown",
        seed=next((value for value in (seed, called.seed, called.number) if value is not None), None),
        totals=measured,
        units=units([*measured, *curves]),
        curves=curves,
        kind=SYSTEM,
        source=folder.path,
        episodes=evaluated.records if evaluated else (),
        **how,
    )
    contents = tuple(folder.read(name) or b"" for name in (*archives, *monitors))
    whose = SYSTEM, reading.algorithm, reading.task, reading.seed
    parts = tuple((*whose, head) for content in contents[len(archives) :] if (head := _begun(content)) is not None)
    return [Found(reading, (*whose, hash(contents)), parts, extent=sum(map(len, contents)))], notes


def with_evaluation(training: Reading, evaluation: Reading) -> Reading:
    """A training whose evaluations lie in a folder of their own beneath it: what was evaluated is its result."""
    logged = {"training_return" if name == "return" else name: made for name, made in training.curves.items()}
    return msgspec.structs.replace(
        training,
        task=evaluation.task if training.task == "unknown" else training.task,
        seed=evaluation.seed if training.seed is None else training.seed,
        status=evaluation.status,
        totals=evaluation.totals,
        units=training.units | evaluation.units | units(logged),
        curves=logged | evaluation.curves,
        episodes=evaluation.episodes,
        num_errors=evaluation.num_errors,
        reason=evaluation.reason,
    )


def _evaluations(content: bytes, path: str, lack: Lack) -> _Evaluations | None:
    """The evaluations of an npz file; None where it holds something else. Raises OSError for a damaged one."""
    if not content.startswith(_ZIP):
        raise OSError(f"{path} is {'no file of numpy.savez' if content else 'empty'}")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            if not {"timesteps", "results"} <= set(archive.files):
                lack(path, f"its arrays are {named(archive.files)}; EvalCallback writes timesteps and results")
                return None
            for entry in archive.zip.infolist():
                check_size(entry.filename, entry.file_size)
            steps = np.atleast_1d(np.asarray(archive["timesteps"], np.float64))
            values = {name: np.asarray(archive[part], np.float64) for part, name in _PARTS.items() if part in archive}
    except (ValueError, TypeError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise OSError(f"{path} is cut off, or holds something else than arrays of numbers") from error
    values = {name: array for name, array in values.items() if array.ndim == 2 and len(array) == len(steps) > 0}  # noqa: PLR2004
    if "return" not in values:
        lack(path, "its results are no table of an episode's return by evaluation and episode")
        return None
    curves = {name: curve(steps.tolist(), array.mean(axis=1).tolist()) for name, array in values.items()}
    last = {name: array[-1].tolist() for name, array in values.items()}
    records = tuple(
        episode(index, {name: row[index] for name, row in last.items() if index < len(row)}, needed=("return",))
        for index in range(len(last["return"]))
    )
    return _Evaluations(records, {name: made for name, made in curves.items() if made is not None})


def _monitors(contents: Sequence[bytes]) -> _Monitors | None:
    """The episodes of the files of one training (one a parallel environment); None where they are something else."""
    task: str | None = None
    episodes: list[_Episode] = []
    is_monitor = False
    for content in contents:
        head, *lines = content.decode(errors="replace").splitlines() or [""]
        try:
            header = json.loads(head.removeprefix("#"))
        except ValueError:
            continue
        if not isinstance(header, dict) or "t_start" not in header:
            continue
        is_monitor = True
        task = task or _task(header.get("env_id"))
        episodes += _lines(lines, number(header["t_start"]) or 0.0)
    return _Monitors(task, sorted(episodes, key=lambda episode: (episode.time, episode.length))) if is_monitor else None


def _begun(content: bytes) -> bytes | None:
    """The head and the first episode of a monitor file, which hold when it was begun; None before its end."""
    lines = content.split(b"\n", _NUM_HEADS)
    return b"\n".join(lines[:_NUM_HEADS]) if len(lines) > _NUM_HEADS else None


def _lines(lines: Sequence[str], start: float) -> list[_Episode]:
    names = lines[0].split(",") if lines else []
    if not {"r", "l", "t"} <= set(names):
        return []
    places = [names.index(name) for name in ("t", "r", "l")]
    episodes = []
    for line in lines[1:]:
        cells = line.split(",")
        if len(cells) != len(names):  # the last line of a run that was killed
            continue
        time, summed, length = (number(cells[place]) for place in places)
        if time is not None and length is not None:
            episodes.append(_Episode(start + time, summed, length))
    return episodes


def _task(env_id: object) -> str | None:
    return env_id if isinstance(env_id, str) and env_id not in {"", "None"} else None


def _training(episodes: Sequence[_Episode]) -> tuple[dict[str, Curve], dict[str, Total | None]]:
    steps = np.cumsum([episode.length for episode in episodes]).tolist()
    curves = {
        "return": curve(steps, [episode.summed for episode in episodes]),
        "length": curve(steps, [episode.length for episode in episodes]),
    }
    last = [episode for episode in episodes[-LAST_EPISODES:] if episode.summed is not None]
    totals = {"return": total(e.summed for e in last), "length": total(e.length for e in last)}
    return {name: made for name, made in curves.items() if made is not None}, totals


def _zoo_seed(folder: Folder) -> int | None:
    """The seed in rl-zoo's args.yml, which lies in a folder named after the environment."""
    for name in folder.listing().folders:
        content = folder.child(name).read("args.yml")
        if content is not None and (match := _ZOO_SEED.search(content.decode(errors="replace"))):
            return int(match[1])
    return None
