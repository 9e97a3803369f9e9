"""What a store holds of evaluated policies, arranged as other systems keep it: a file for each policy and seed."""

from __future__ import annotations

import json
import math
import re
import shutil
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from rlgauge.core.case import fingerprint, slug
from rlgauge.core.errors import UserError
from rlgauge.core.files import plain_errors
from rlgauge.core.reading import Reading, Total
from rlgauge.core.run import ConfigFile, Record, Status
from rlgauge.importers import paths, store
from rlgauge.importers.findings import shortened
from rlgauge.importers.tree import DiskFolder, natural

OWN, PHYSICALAI, LEROBOT = "evaluate", "imported-physicalai", "imported-lerobot"
"""The kinds of readings that are policies' episodes in tasks."""
UNMEASURED = math.nan
"""What stands for a number that was not measured, in fields that the other system always writes."""
_PERCENT = 100.0
_UNENDED = {Status.RUNNING, Status.QUEUED}
_DAY = slice(10)


class Written(NamedTuple):
    """What an export came to: how many results, in how many files, and what there is to say of them."""

    num_results: int
    num_files: int
    notes: list[str]


class Evaluated(NamedTuple):
    """A policy's episodes in a task; `config` is that of its first run, of our own evaluations alone."""

    reading: Reading
    episodes: tuple[Record, ...]
    config: ConfigFile | None

    @property
    def is_failed(self) -> bool:
        """Whether it has no result; an imported file whose episodes are all errors has one, of no number."""
        is_whole = self.reading.kind != OWN and bool(self.episodes)
        return self.reading.status is not Status.COMPLETED and not is_whole

    @property
    def num_episodes(self) -> int:
        """How many episodes there are, those that are errors too; of an import without episodes, what it says."""
        return len(self.episodes) or max((total.n for total in self.reading.totals.values()), default=0)

    @property
    def setup(self) -> str:
        """A hash of what else than policy, seed and task defines what was measured."""
        if self.config is None:
            details = [self.reading.details.get(name) for name in ("metadata", "overall")]
            return fingerprint([self.reading.kind, self.reading.settings, *details])
        params = self.config.case.params
        limits = [params.get(name) for name in ("protocol", "benchmark", "max_steps", "episode_seconds", "width")]
        return fingerprint([*limits, self.config.case.seed])


def evaluations(out: Path, notes: list[str]) -> list[Evaluated]:
    """The evaluations of the store at `out`; `notes` gets what there is to say of the others.

    Raises UserError where there is none, StoreError.
    """
    with plain_errors(out, "read"):
        readings = [found.reading for found in store.read(DiskFolder(str(out)), scan=True, tell=notes.append)]
    ended = [reading for reading in readings if reading.status not in _UNENDED]
    chosen = [reading for reading in ended if reading.kind in {OWN, PHYSICALAI, LEROBOT}]
    if len(ended) < len(readings):
        notes.append(f"{len(readings) - len(ended)} of {len(readings)} results have not ended, and were left out.")
    if len(chosen) < len(ended):
        notes.append(
            f"{len(ended) - len(chosen)} of {len(readings)} results were left out: they are no evaluations of policies "
            "in tasks."
        )
    if not chosen:
        why = f" {' '.join(notes)}" if notes else ""
        raise UserError(f"'{out}' holds no evaluations of policies in tasks.{why}")
    return [Evaluated(reading, tuple(reading.records), _config(reading)) for reading in chosen]


def _config(reading: Reading) -> ConfigFile | None:
    if reading.kind != OWN:
        return None
    return msgspec.json.decode(Path(reading.folders[0], "config.json").read_bytes(), type=ConfigFile)


def sheets(evaluated: Iterable[Evaluated]) -> list[list[Evaluated]]:
    """Those that go into one file each: of one policy, training seed and setup, every task once.

    Of several checkpoints that are called alike each has its own.
    """
    found: dict[tuple[str, int | None, str], list[Evaluated]] = {}
    for one in evaluated:
        found.setdefault((one.reading.algorithm, one.reading.seed, one.setup), []).append(one)
    return [sorted(sheet, key=_in_order) for group in found.values() for sheet in _with_tasks_once(group)]


def _with_tasks_once(group: Sequence[Evaluated]) -> list[list[Evaluated]]:
    if len({one.reading.task for one in group}) == len(group):
        return [list(group)]
    found: dict[tuple[str, int], list[Evaluated]] = {}
    times: Counter[tuple[str, str]] = Counter()
    for one in group:
        own = (one.reading.checkpoint, one.reading.task)
        found.setdefault((one.reading.checkpoint, times[own]), []).append(one)
        times[own] += 1
    return list(found.values())


def _in_order(one: Evaluated) -> list[tuple[int, str]]:
    """Sorts libero_10_2 before libero_10_10."""
    return [natural(part) for part in re.split(r"(\d+)", one.reading.task)]


class Places:
    """Folders for the files of a new tree: their names tell what the files themselves can't."""

    def __init__(self, target: Path) -> None:
        """Take the tree's root, whose own name speaks, too, when it is imported."""
        self._root = str(target)
        self._taken: set[str] = set()

    def find(
        self, candidates: Sequence[str], seed: int | None, *, started: str = "", **wanted: str
    ) -> tuple[str, list[str]]:
        """The first folder by which an import knows the seed, and the algorithm and the task that are wanted.

        And what it takes otherwise, in words, where none of the candidates tells all.
        """
        free = [self._free(candidate, started) for candidate in candidates]
        odd = [self._misunderstood(folder, seed, wanted) for folder in free]
        best = min(range(len(free)), key=lambda index: len(odd[index]))
        self._taken.add(free[best].casefold())
        return free[best], odd[best]

    def _misunderstood(self, folder: str, seed: int | None, wanted: Mapping[str, str]) -> list[str]:
        named = paths.named_by(f"{self._root}/{folder}", self._root)
        told = {"algorithm": named.algorithm or named.folder, "task": named.task or "unknown"}
        odd = [f"{text} is called {told[name]}" for name, text in wanted.items() if told[name] != text]
        found = named.number if named.seed is None else named.seed
        return odd if found == seed else [*odd, f"seed {seed} is taken for {found}"]

    def _free(self, candidate: str, started: str) -> str:
        """The candidate; where it is taken, a folder in it that is named after a day, which tells nothing else."""
        number, folder = 1, candidate
        while folder.casefold() in self._taken:
            number += 1
            folder = f"{candidate}/{started[_DAY] or '0000-00-00'}-{number}"
        return folder


def folders_of(name: str) -> str:
    """The name as folders in folders that any system can have."""
    return "/".join(slug(part) for part in name.split("/"))


def seed_folder(folder: str, seed: int | None) -> str:
    """The folder of a training seed in that of its policy."""
    return folder if seed is None else f"{folder}/seed_{seed}"


@contextmanager
def new_tree(target: Path) -> Iterator[Path]:
    """A folder to write into, which appears whole as `target` at the end. Raises UserError, StoreError."""
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise UserError(f"'{target}' holds something already: name a folder that does not exist yet.")
    part = target.absolute().with_name(f".{target.absolute().name}.{uuid.uuid4().hex}.part")
    try:
        with plain_errors(target):
            part.mkdir(parents=True)
            yield part
            part.rename(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def write_json(path: Path, content: object) -> None:
    """Write JSON as both systems do: indented by two, with NaN where there is no number. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2))


def write_all(
    target: Path, name: str, files: Iterable[tuple[str, object, int]], listen: Callable[[int], None]
) -> tuple[int, int]:
    """How many results and files were written: of each its folder, content and number of results, as `name`."""
    num_results = num_files = 0
    with new_tree(target) as tree:
        for folder, content, number in files:
            write_json(tree / folder / name, content)
            num_results, num_files = num_results + number, num_files + 1
            listen(num_results)
    return num_results, num_files


def mean_of(total: Total | None) -> float:
    """The mean, or what stands for one that was not measured."""
    return UNMEASURED if total is None else total.mean


def percent_of(total: Total | None) -> float:
    """The rate as 0..100, so that a hundredth of it is the rate again, to the last bit where there is such a number."""
    if total is None:
        return UNMEASURED
    near = _PERCENT * total.mean
    around = [near, math.nextafter(near, 0.0), math.nextafter(near, _PERCENT)]
    return next((percent for percent in around if percent / _PERCENT == total.mean), near)


def kept(one: Evaluated, kind: str, name: str) -> dict[str, Any]:
    """What an import of this kind kept of its file beside the numbers."""
    value = one.reading.details.get(name) if one.reading.kind == kind else None
    return dict(value) if isinstance(value, Mapping) else {}


def unheld(evaluated: Iterable[Evaluated], held: Iterable[str], system: str) -> Iterator[str]:
    """What episodes and readings have that the system has no field for, in sentences."""
    names: dict[str, None] = {}
    references: dict[str, None] = {}
    for one in evaluated:
        names |= {n: None for record in one.episodes for n, value in record.values.items() if value is not None}
        names |= {} if one.episodes else dict.fromkeys(one.reading.totals)
        references |= dict.fromkeys(one.reading.references)
    left = [name for name in names if name not in held]
    if left:
        yield f"{system} has no field for {_listed(left)} of episodes: left out."
    if references:
        yield f"{system} has no field for the scores of {_listed(list(references))}: left out."


def errors(evaluated: Sequence[Evaluated], how: str) -> Iterator[str]:
    """That some episodes are errors, and how they are written."""
    episodes = [episode for one in evaluated for episode in one.episodes]
    number = sum(episode.error is not None for episode in episodes)
    if number:
        yield f"{number} of {len(episodes)} episodes have no valid measurement, and are in no mean: {how}."


def bare(evaluated: Iterable[Evaluated], kind: str, such_as: str) -> Iterator[str]:
    """That of some imports of this kind no more is known than the numbers that everybody has, in a sentence."""
    imported = [one for one in evaluated if one.reading.kind == kind]
    number = sum(
        not one.reading.details and not any("max_reward" in e.values for e in one.episodes) for one in imported
    )
    if number:
        yield f"{number} of {len(imported)} imported results came without what else their files may say: {such_as}."


def alike(evaluated: Iterable[Evaluated], told: Callable[[Evaluated], str], system: str) -> Iterator[str]:
    """That some differ in what the system's files do not tell, which of settings is `told`, in a sentence."""
    keys = Counter((one.reading.algorithm, one.reading.task, one.reading.seed, told(one)) for one in evaluated)
    number = sum(count for count in keys.values() if count > 1)
    if number:
        yield (
            f"{number} results differ from others of the same policy, task and seed in settings or weights that "
            f"{system} has no field for: imported again, they are told apart by nothing."
        )


def named(evaluated: Iterable[Evaluated]) -> str:
    """Policy, task and status of each; of many the first, and how many more."""
    return shortened([f"{one.reading.algorithm} in {one.reading.task} ({one.reading.status})" for one in evaluated])


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
