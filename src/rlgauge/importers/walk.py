"""The walk through folders and zip files that tells by content which system wrote what."""

from __future__ import annotations

import os
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from enum import Enum, auto
from pathlib import Path

import msgspec

from rlgauge.core.errors import UserError
from rlgauge.core.links import BY_ALGORITHM
from rlgauge.core.release import FOLDER
from rlgauge.importers import jaxarc, lacking, lerobot, physicalai, release, sacred, sb3, store, tensorboard
from rlgauge.importers.adoption import adopted
from rlgauge.importers.findings import Findings, Found
from rlgauge.importers.tables import Tables
from rlgauge.importers.tree import Archive, DiskFolder, Folder, Listing, ZipFolder, join

LOOKED_FOR = (
    "runs of rlgauge, Sacred run folders, results.json of physical-ai, eval_info.json of lerobot, evaluations.npz and "
    "monitor.csv of Stable-Baselines3, TensorBoard event files, JSON of JaxARC, CSV of Myriad, score tables (CSV)"
)

_DEEPEST = 60
"""Folders in folders beyond which nobody keeps results."""
_SHOWN = 80
_SKIPPED = {"_sources", "__pycache__", "node_modules", "plans", "jobs", BY_ALGORITHM}


class _Part(Enum):
    """What a folder turned out to be: a part of a store of ours, which is read from its root, or anything else."""

    ANYTHING = auto()
    CASE = auto()
    WORKLOAD = auto()


_ABOVE = {_Part.WORKLOAD: 1, _Part.CASE: 2}
"""How many folders up the root of the store is."""


class NothingKnownError(UserError):
    """Beneath the path there is nothing that any reader knows."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


class Walk:
    """Reads paths one after the other; `found` holds what was found."""

    def __init__(self, found: Findings, *, scan: bool, columns: Mapping[str, str], roots: Sequence[str]) -> None:
        """Take what is wanted; `roots` are the real paths of all that will be read."""
        self.found = found
        self._scan = scan
        self._tables = Tables(found, columns)
        self._roots = roots
        self._visited: set[str] = set()
        self._logs: list[tuple[str, Found]] = []
        self._depth = 0

    def start(self, path: str) -> None:
        """Read what lies beneath a path. Raises UserError where it is not there or nothing in it is known."""
        if os.path.realpath(path) in self._visited:
            return
        before = self.found.num_found + len(self._logs)
        try:
            if Path(path).is_dir():
                self._enter(DiskFolder(path.rstrip("/") or "/"))
            elif zipfile.is_zipfile(path) and not path.endswith(".npz"):
                self._open(path, path, root=path)
            elif path.endswith(".zip") and Path(path).exists():
                raise UserError(f"'{path}' is no zip file, or was cut off: fetch it again.")
            elif Path(path).exists():
                folder, _, name = path.rpartition("/")
                self._read_file_alone(DiskFolder(folder or ".", only=name), name)
            else:
                raise UserError(f"There is no file or folder '{path}'.")
        except OSError as error:
            raise UserError(f"Can't read '{path}': {error.strerror or error}.") from error
        if self.found.num_found + len(self._logs) == before:
            self._tables.check_columns()
            told = [*self.found.lacks(path), *(note for note in self.found.notes() if path in note)]
            why = " ".join(told) if told else f"Looked for: {LOOKED_FOR}."
            raise NothingKnownError(path, f"Nothing in '{path}' is a run or a table of results. {why}")

    def end(self) -> None:
        """Settle which logs belong to which runs. Raises UserError for columns that no table had."""
        self._tables.check_columns()
        self._tables.tell()
        beneath = Counter((owner, found.reading.kind) for owner, found in self._logs)
        places = {reading.source: place for place, reading in enumerate(self.found.readings)}
        copied = self.found.copied()
        for owner, found in self._logs:
            place = places.get(owner)
            if place is None and owner in copied:
                continue
            if place is None or beneath[owner, found.reading.kind] > 1:  # of many trainings, with a log of its own
                self.found.add(found)
                continue
            reading = self.found.readings[place]
            if found.reading.kind == sb3.SYSTEM:
                self.found.readings[place] = sb3.with_evaluation(reading, found.reading)
                continue
            curves = found.reading.curves | reading.curves
            self.found.readings[place] = msgspec.structs.replace(reading, curves=curves)
        self.found.settle()
        self.found.readings = adopted(self.found.readings)
        self._drop_logs_of_sacred()
        self._tell_logged_twice()

    def _enter(self, folder: DiskFolder) -> None:
        real = os.path.realpath(folder.path)
        if real in self._visited:
            return
        self._visited.add(real)
        part = self._visit(folder, is_owned=False, owner=None)
        if part is _Part.ANYTHING:
            return
        root = Path(real).parents[_ABOVE[part] - 1]
        for found in store.read(DiskFolder(str(root)), scan=self._scan, tell=self.found.note):
            if all(os.path.realpath(run).startswith(real + os.sep) for run in found.reading.folders):
                self.found.add(found)

    def _descend(self, folder: Folder, *, is_owned: bool, owner: str | None) -> _Part:
        """Visit a folder, or a zip file, inside another."""
        if self._depth >= _DEEPEST:
            self.found.note(f"{folder.path[:_SHOWN]} ... lies {_DEEPEST} folders deep: it was left out.")
            return _Part.ANYTHING
        self._depth += 1
        part = self._visit(folder, is_owned=is_owned, owner=owner)
        self._depth -= 1
        return part

    def _visit(self, folder: Folder, *, is_owned: bool, owner: str | None) -> _Part:
        """Read a folder and what is beneath it. The logs beneath a Sacred run's log folder are owned by that run.

        `owner` is the source of the run above, to which a log beneath belongs.
        """
        with self.found.forgiving(folder.path):
            listing = folder.listing()
            if store.is_case(folder.path.rpartition("/")[2], listing):
                return _Part.CASE
            if self._is_sacred(folder, listing):
                return _Part.ANYTHING
            is_owned = is_owned or _is_log_of_sacred(folder, listing)
            owner = self._read_logs(folder, listing.files, is_owned=is_owned, owner=owner)
            part = self._visit_folders(folder, listing.folders, is_owned=is_owned, owner=owner)
            if part is _Part.WORKLOAD:
                return part
            if part is None:
                for name in listing.files:
                    with self.found.forgiving(join(folder.path, name)):
                        self._read_file(folder, name)
            for name in listing.links:
                self._follow(folder, name)
        return _Part.ANYTHING

    def _visit_folders(
        self, folder: Folder, names: Sequence[str], *, is_owned: bool, owner: str | None
    ) -> _Part | None:
        """WORKLOAD where the folder is one of a store, ANYTHING where it is a store, which was read; else None."""
        found = None
        for name in names:
            if name.startswith(".") or name in _SKIPPED:
                continue
            child = folder.child(name)
            if name.isdecimal() and self._add_sacred(child):  # most such are Sacred's, which need not be listed
                continue
            part = self._descend(child, is_owned=is_owned, owner=owner)
            if part is _Part.CASE:
                return _Part.WORKLOAD
            if part is _Part.WORKLOAD and found is None:
                found = _Part.ANYTHING
                with self.found.forgiving(folder.path):
                    self.found.extend(store.read(folder, scan=self._scan, tell=self.found.note))
        return found

    def _is_sacred(self, folder: Folder, listing: Listing) -> bool:
        files = listing.files
        if "run.json" in files:
            return self._add_sacred(folder, is_likely="config.json" in files)
        if "config.json" in files and ("cout.txt" in files or "metrics.json" in files):
            self.found.add(sacred.read_run(folder, None, folder.read("config.json")))
            return True
        if "cout.txt" in files:
            self.found.note(f"{folder.path} has a cout.txt, but no run.json or config.json: it was left out.")
        return False

    def _add_sacred(self, folder: Folder, *, is_likely: bool = False) -> bool:
        """Whether the folder is a Sacred run, which is added then."""
        try:
            run = folder.read("run.json")
            if not sacred.is_run(run) and not (is_likely and sacred.is_cut_off(run)):
                return False
            self.found.add(sacred.read_run(folder, run, folder.read("config.json")))
        except OSError as error:
            self.found.note(f"Can't read {folder.path}: {error.strerror or error}; it was left out.")
        return True

    def _read_logs(self, folder: Folder, files: Sequence[str], *, is_owned: bool, owner: str | None) -> str | None:
        """The source of the run to which logs beneath belong, after reading what this folder logged of a training."""
        archives = [name for name in files if name.endswith(".npz")]
        monitors = [name for name in files if name.endswith("monitor.csv")]
        events = [name for name in files if "tfevents" in name]
        if is_owned:
            self.found.num_logs += bool(archives or monitors or events)
            return owner
        if archives or monitors:
            with self.found.forgiving(folder.path):
                trained, notes = sb3.read(folder, archives, monitors, lack=self.found.lack)
                if owner is not None and trained and not monitors:
                    self._logs.extend((owner, found) for found in trained)
                else:
                    self.found.extend(trained, notes)
                    owner = folder.path if trained else owner
        if events:
            with self.found.forgiving(folder.path):
                logged, notes = tensorboard.read(folder, events, lack=self.found.lack)
                if owner is None:
                    self.found.extend(logged, notes)
                else:
                    self._logs.extend((owner, found) for found in logged)
        return owner

    def _read_file_alone(self, folder: Folder, name: str) -> None:
        """Read the one file that was asked for. Raises UserError where it is a table without the columns."""
        self._read_logs(folder, [name], is_owned=False, owner=None)
        self._read_file(folder, name, is_asked=True)

    def _read_file(self, folder: Folder, name: str, *, is_asked: bool = False) -> None:
        """Read a file of results, a table or an archive; others are left alone. Raises OSError."""
        if name.endswith(".zip"):
            path = join(folder.path, name)
            self._open(path, path if isinstance(folder, DiskFolder) else folder.read(name) or b"", root=folder.root)
        elif name.endswith(".json"):
            self._read_json(folder, name, folder.read(name) or b"", is_asked=is_asked)
        elif name.endswith((".csv", ".tsv")) and not name.endswith("monitor.csv"):
            self._tables.read(folder, name, folder.read(name) or b"", is_asked=is_asked)

    def _read_json(self, folder: Folder, name: str, content: bytes, *, is_asked: bool) -> None:
        results = physicalai.read(folder, content) or lerobot.read(folder, content)
        if results is not None:
            self.found.extend(*results)
        elif (found := jaxarc.read(folder, content)) is not None:
            self.found.extend(found)
        elif (text := lacking.of_json(name, content, is_asked=is_asked)) is not None:
            self.found.lack(join(folder.path, name), text)

    def _open(self, path: str, source: str | bytes, *, root: str) -> None:
        archive = Archive.open(source)
        with archive.file:
            if release.is_release(archive.file):
                self._read_release(path, source)
            elif not archive.is_model:
                self._descend(ZipFolder(archive, path, root=root), is_owned=False, owner=None)

    def _read_release(self, path: str, source: str | bytes) -> None:
        """Read a release of a store from where it is unpacked, as if it lay in the zip file. Raises OSError."""
        folder, shown = str(release.unpacked(source)), f"{path}/{FOLDER}"
        found = store.read(
            DiskFolder(folder), scan=self._scan, tell=lambda text: self.found.note(text.replace(folder, shown))
        )
        for one in found:
            told = one.reading.source.replace(folder, shown, 1)
            self.found.add(one._replace(reading=msgspec.structs.replace(one.reading, source=told)))

    def _follow(self, folder: Folder, name: str) -> None:
        """Follow a symbolic link that leads out of everything that is read anyhow."""
        if not isinstance(folder, DiskFolder):
            return
        path = Path(folder.path, name)
        real = os.path.realpath(path)
        if real in self._visited or any(f"{real}/".startswith(f"{root}/") for root in self._roots):
            return
        if path.is_dir():
            case = Path(real).parent
            is_attempt = store.is_case(case.name, Listing([], [Path(real).name], []))  # as links of by-algo lead to
            self._enter(DiskFolder(str(case if is_attempt else path), root=folder.root))
        elif path.is_file():
            self._visited.add(real)
            with self.found.forgiving(str(path)):
                self._read_file_alone(DiskFolder(folder.path, only=name, root=folder.root), name)

    def _tell_logged_twice(self) -> None:
        """Say where event files may be of trainings that were found as such: they would count twice."""
        trained = {(r.algorithm.lower(), r.task): r for r in self.found.readings if r.kind == sb3.SYSTEM}
        for reading in self.found.readings:
            other = trained.get((reading.algorithm.lower(), reading.task))
            if reading.kind == tensorboard.SYSTEM and other is not None:
                self.found.note(
                    f"The event files in {reading.source} may be of a training that was found in {other.source} too, "
                    "and would count twice: name the folders of one kind alone."
                )
                return

    def _drop_logs_of_sacred(self) -> None:
        """Leave out the logs of Sacred runs whose link from the log folder was lost in copying."""
        readings = self.found.readings
        logs = [reading for reading in readings if reading.kind in {sb3.SYSTEM, tensorboard.SYSTEM}]
        runs = [reading for reading in readings if reading.kind == sacred.SYSTEM] if logs else []
        tails = {tail for run in runs if (tail := sacred.log_folder(DiskFolder(run.source))) is not None}
        owned = {log.source for log in logs if any(f"/{tail}/" in f"/{log.source}/" for tail in tails)}
        self.found.num_logs += len(owned)
        self.found.readings = [reading for reading in readings if reading.source not in owned]


def _is_log_of_sacred(folder: Folder, listing: Listing) -> bool:
    """Whether imitation logged here: it links its Sacred folder, and copies may hold the folder or a broken link."""
    if "sacred" in listing.links or "sacred" in listing.files:
        return True
    return "sacred" in listing.folders and folder.child("sacred").read("run.json") is not None
