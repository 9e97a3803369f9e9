"""Releases of stores: checked against their manifest and unpacked once, into the cache."""

from __future__ import annotations

import hashlib
import io
import shutil
import stat
import uuid
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath

from rlgauge.core.errors import UserError
from rlgauge.core.files import cache_folder, plain_errors
from rlgauge.core.release import FOLDER, MANIFEST, Content, Manifest, decode, is_inflated
from rlgauge.importers.tree import opened

_LONGEST_MANIFEST = 256 * 1024 * 1024
_CHUNK = 1024 * 1024
_SHOWN = 60


class ReleaseError(OSError):
    """A release that is damaged, was changed, or would do harm."""


def fits(name: str) -> bool:
    """Whether a release can hold a file of this name: it is text, and leads nowhere else on any system."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return ".." not in PureWindowsPath(name).parts and not any(PureWindowsPath(part).anchor for part in name.split("/"))


def folder_of(path: str) -> Path | None:
    """The store of the release at `path` as a folder; None where that is no zip file of a release. Raises UserError."""
    if not Path(path).is_file() or not zipfile.is_zipfile(path):
        return None
    try:
        with opened(path) as file:
            if not is_release(file):
                return None
        return unpacked(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise UserError(f"Can't read '{path}': {error}.") from error


def is_release(file: zipfile.ZipFile) -> bool:
    """Whether the archive says of itself that it is one."""
    return MANIFEST in file.NameToInfo


def unpacked(source: str | bytes) -> Path:
    """The store of a release, given by its path or content, as a folder of the cache: every file was checked.

    Raises ReleaseError for one that was changed or is damaged, StoreError where the cache can't be written.
    """
    folder = cache_folder() / "releases" / _digest(source)[:32]
    if not _is_whole(folder):
        shutil.rmtree(folder, ignore_errors=True)
        with zipfile.ZipFile(io.BytesIO(source) if isinstance(source, bytes) else source) as file:
            manifest = _checked(file, size=len(source) if isinstance(source, bytes) else Path(source).stat().st_size)
            _unpack(file, manifest, folder)
    return folder / FOLDER


def _is_whole(folder: Path) -> bool:
    """Whether all files are there that it was unpacked with: who cleans a cache may take some of them."""
    manifest = folder / MANIFEST
    if not manifest.is_file():
        return False
    try:
        wanted = decode(manifest.read_bytes()).files
    except ValueError:
        return False
    return all(_size(folder / name) == content.bytes for name, content in wanted.items())


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _digest(source: str | bytes) -> str:
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    with Path(source).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _checked(file: zipfile.ZipFile, *, size: int) -> Manifest:
    """The manifest, which names exactly what the archive holds. Raises ReleaseError."""
    entries = file.infolist()
    names = [entry.filename for entry in entries]
    for entry in entries:
        _check_entry(entry)
    if len(set(names)) < len(names):
        raise ReleaseError(f"it holds {_shown(next(n for n in names if names.count(n) > 1))} twice")
    whole = sum(entry.file_size for entry in entries)
    if is_inflated(whole, size):
        raise ReleaseError(
            f"it would unpack to {whole >> 20:,} MiB, {whole // size:,} times its size: it is no release"
        )
    manifest = _manifest(file)
    for name in names:
        if name not in manifest.files and name != MANIFEST:
            raise ReleaseError(f"it holds {_shown(name)}, which its manifest does not name: it was changed")
    for name, content in manifest.files.items():
        if name not in file.NameToInfo:
            raise ReleaseError(f"it lacks {_shown(name)}, which its manifest names: it was changed")
        if file.NameToInfo[name].file_size != content.bytes:
            raise ReleaseError(_changed(name))
    return manifest


def _check_entry(entry: zipfile.ZipInfo) -> None:
    """Raise ReleaseError for what is no plain file in the one folder, on any system."""
    name = entry.filename
    parts = name.split("/")
    is_inside = parts[0] == FOLDER and len(parts) > 1 and not {"", ".", ".."} & set(parts)
    if not is_inside or not fits(name):
        raise ReleaseError(f"it holds {_shown(name)}, which would lie outside its folder: it is no release of rlgauge")
    if stat.S_ISLNK(entry.external_attr >> 16) or entry.flag_bits & 1:
        raise ReleaseError(f"{_shown(name)} in it is a link, or encrypted: it is no release of rlgauge")


def _manifest(file: zipfile.ZipFile) -> Manifest:
    if file.getinfo(MANIFEST).file_size > _LONGEST_MANIFEST:
        raise ReleaseError("its manifest is far too large")
    try:
        return decode(b"".join(_content(file, MANIFEST)))
    except ValueError as error:
        raise ReleaseError(f"its manifest can't be understood ({error})") from error


def _content(file: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    """The file in pieces, of whatever size. Raises ReleaseError where it is damaged."""
    try:
        with file.open(name) as entry:
            while content := entry.read(_CHUNK):
                yield content
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, RuntimeError) as error:
        raise ReleaseError(f"{_shown(name)} in it is damaged ({error}): fetch it again") from error


def _unpack(file: zipfile.ZipFile, manifest: Manifest, folder: Path) -> None:
    """Write all of it under another name first, checked on the way: nobody sees a part of it."""
    part = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}.part")
    try:
        for name, wanted in manifest.files.items():
            _write(file, name, wanted, part)
        with plain_errors(part):
            (part / MANIFEST).write_bytes(b"".join(_content(file, MANIFEST)))
            try:
                part.rename(folder)
            except OSError:
                if not (folder / MANIFEST).is_file():  # else another process was as quick
                    raise
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _write(file: zipfile.ZipFile, name: str, wanted: Content, folder: Path) -> None:
    digest = hashlib.sha256()
    path = folder.joinpath(*name.split("/"))
    with plain_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        target = path.open("xb")
    with target:
        for content in _content(file, name):
            digest.update(content)
            with plain_errors(path):
                target.write(content)
    if digest.hexdigest() != wanted.sha256:
        raise ReleaseError(_changed(name))


def _changed(name: str) -> str:
    return f"{_shown(name)} in it is not what its manifest says: it was changed, or is damaged; fetch it again"


def _shown(name: str) -> str:
    return repr(name if len(name) <= _SHOWN else f"...{name[-_SHOWN:]}")
