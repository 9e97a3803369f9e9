"""A store as one zip file that others can read as it is, without weights, checkpoints and films."""

from __future__ import annotations

import hashlib
import os
import uuid
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from rlgauge import __version__
from rlgauge.core.claim import number_of
from rlgauge.core.errors import UserError
from rlgauge.core.files import plain_errors
from rlgauge.core.release import FOLDER, MANIFEST, Content, LeftOut, Manifest, encode, is_inflated
from rlgauge.core.store import Store
from rlgauge.importers.release import fits

_RUN = ("config.json", "run.json", "records.jsonl", "cout.txt", "imported.json")
_ARTIFACTS = "artifacts"
_LARGE = {"weights": "weights", "checkpoints": "checkpoints", "videos": "films"}
"""Folders of artifacts that are left out, and what they hold."""
_TEXTS = {".csv", ".json", ".jsonl", ".log", ".md", ".py", ".toml", ".tsv", ".txt", ".yaml", ".yml"}
_TELLING = _TEXTS | {".live", ".names"}
"""Endings of artifacts that tell how a run went, also of one that was killed; others are models, films or arrays."""
_FOREIGN = {"tensorboard", "wandb", "work"}
"""Folders of artifacts that hold what was told elsewhere, or whatever a script left where it ran."""
_OTHER = "other artifacts"
_RESULTS = {".csv", ".json", ".md", ".tex", ".txt"}
"""Endings of what lies beside the runs: results and targets of suites."""
_TIME = (1980, 1, 1, 0, 0, 0)
"""Of every entry: the earliest that a zip file can say, so that equal stores make equal files."""
_MODE = 0o100644
_LEVEL = 6
_CHUNK = 1024 * 1024


class Written(NamedTuple):
    """What a release came to."""

    manifest: Manifest
    num_bytes: int
    notes: list[str]


class _File(NamedTuple):
    """A file of the store: where it is, and its name in the store, with slashes; `lack` says why it is left out."""

    path: str
    name: str
    lack: str | None


def write_release(out: Path, target: Path, *, listen: Callable[[int], None] = lambda _number: None) -> Written:
    """Write the store at `out` into the zip file `target`, which appears whole; the same store makes the same bytes.

    `listen` is told how many cases are in it. Raises UserError, StoreError.
    """
    notes: list[str] = []
    statuses = Counter(str(run.status) for run in Store(out).runs(notes.append))
    if not statuses:
        raise UserError(f"'{out}' holds no runs: there is nothing to export.")
    unended = statuses["RUNNING"] + statuses["QUEUED"]
    if unended:
        notes.append(f"{unended} of its runs have not ended: in the zip file they count as died.")
    part = target.with_name(f".{target.name}.{uuid.uuid4().hex}.part")
    with plain_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            manifest = _write(out, part, statuses, notes, listen)
            if is_inflated(_unpacked_bytes(part), part.stat().st_size):
                manifest = _write(out, part, statuses, notes, listen, method=zipfile.ZIP_STORED)
            with part.open("rb+") as file:
                os.fsync(file.fileno())
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    return Written(manifest, target.stat().st_size, list(dict.fromkeys(notes)))


def _write(
    out: Path,
    path: Path,
    statuses: Counter[str],
    notes: list[str],
    listen: Callable[[int], None],
    *,
    method: int = zipfile.ZIP_DEFLATED,
) -> Manifest:
    """Write the zip file; uncompressed, what would unpack to so much more that readers refuse it."""
    files: dict[str, Content] = {}
    lacks: dict[str, LeftOut] = {}
    cases: set[str] = set()
    with path.open("wb") as file, zipfile.ZipFile(file, "w", method, compresslevel=_LEVEL) as archive:
        for one in _files(str(out)):
            name, lack = f"{FOLDER}/{one.name}", one.lack
            if lack is None and not fits(name):
                notes.append(f"{one.path!r} has a name that no zip file can say everywhere: it was left out.")
                lack = _OTHER
            if lack is not None:
                had = lacks.get(lack, LeftOut(0, 0))
                lacks[lack] = LeftOut(had.files + 1, had.bytes + os.lstat(one.path).st_size)
                continue
            files[name] = _add(archive, one.path, name)
            if name.count("/") > _DEPTH_OF_CASE:
                cases.add("/".join(name.split("/")[: _DEPTH_OF_CASE + 1]))
                listen(len(cases))
        manifest = Manifest(
            rlgauge=__version__,
            num_runs=sum(statuses.values()),
            statuses=dict(sorted(statuses.items())),
            left_out=dict(sorted(lacks.items())),
            files=files,
        )
        archive.writestr(_entry(MANIFEST, method), encode(manifest))
    return manifest


_DEPTH_OF_CASE = 2
"""The slashes before the name of a case's folder in a release."""


def _unpacked_bytes(path: Path) -> int:
    with zipfile.ZipFile(path) as file:
        return sum(entry.file_size for entry in file.infolist())


def _add(archive: zipfile.ZipFile, path: str, name: str) -> Content:
    """Copy a file into the archive, of whatever size; what was copied, as it may grow meanwhile."""
    digest, size = hashlib.sha256(), 0
    with open(path, "rb") as source, archive.open(_entry(name, archive.compression), "w", force_zip64=True) as target:  # noqa: PTH123
        while content := source.read(_CHUNK):
            digest.update(content)
            size += len(content)
            target.write(content)
    return Content(size, digest.hexdigest())


def _entry(name: str, method: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _TIME)
    entry.compress_type = method
    entry.create_system = 3  # Unix, whose permissions these are
    entry.external_attr = _MODE << 16
    return entry


def _files(out: str) -> Iterator[_File]:
    """The files beside the runs, then those of every attempt, in order; links lead nowhere."""
    for entry in _sorted(out):
        if entry.is_file(follow_symlinks=False) and _ending(entry.name) in _RESULTS and entry.name != "manifest.json":
            yield _File(entry.path, entry.name, None)
    for case in Store(out).case_folders():
        for entry in _sorted(str(case)):
            if entry.is_dir(follow_symlinks=False) and number_of(entry.name) > 0:
                yield from _of_attempt(entry.path, f"{case.parent.name}/{case.name}/{entry.name}")


def _of_attempt(folder: str, name: str) -> Iterator[_File]:
    for entry in _sorted(folder):
        if entry.name in _RUN and entry.is_file(follow_symlinks=False):
            yield _File(entry.path, f"{name}/{entry.name}", None)
        elif entry.name == _ARTIFACTS and entry.is_dir(follow_symlinks=False):
            yield from _of_artifacts(entry.path, f"{name}/{_ARTIFACTS}", None)


def _of_artifacts(folder: str, name: str, lack: str | None) -> Iterator[_File]:
    for entry in _sorted(folder):
        own = f"{name}/{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            known = _LARGE.get(entry.name) or (_OTHER if entry.name in _FOREIGN else None)
            yield from _of_artifacts(entry.path, own, lack or known)
        elif entry.is_file(follow_symlinks=False):
            yield _File(entry.path, own, lack or (None if _ending(entry.name) in _TELLING else _OTHER))


def _ending(name: str) -> str:
    return os.path.splitext(name)[1].lower()  # noqa: PTH122  # a Path costs more than the call


def _sorted(folder: str) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
