"""Folders, on disk or inside a zip file, read in the same way."""

from __future__ import annotations

import io
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from typing import NamedTuple, Protocol

_LARGEST = 512 * 1024 * 1024
"""Files above so many bytes hold no results that anything here reads."""
_END, _LONGEST_END, _TOO_MANY = b"PK\x05\x06", 22 + 0xFFFF, 0xFFFF
"""How the end of a zip file begins, its most bytes, and what stands there for more files than it can say."""
_CHUNK = 8 * 1024
"""What one read asks for: most files that describe a run are smaller, and a larger buffer costs more than it saves."""


class Listing(NamedTuple):
    """What lies directly in a folder, each sorted by name; links are symbolic ones, wherever they lead."""

    files: list[str]
    folders: list[str]
    links: list[str]


class Folder(Protocol):
    """A folder that can be listed and whose files can be read whole."""

    @property
    def path(self) -> str:
        """Where it is, for people; a folder of a zip file is named as if that were a folder."""

    @property
    def root(self) -> str:
        """The beginning of `path` that somebody asked for: what is above was not meant to tell anything."""

    def listing(self) -> Listing:
        """What lies in it. Raises OSError."""

    def read(self, name: str) -> bytes | None:
        """The file's content; None where there is no such file. Raises OSError."""

    def size(self, name: str) -> int:
        """The file's length in bytes, 0 where there is no such file."""

    def child(self, name: str) -> Folder:
        """The folder of this name inside, whether or not there is one."""


class DiskFolder:
    """A folder on disk; `only` names the one file of it that was asked for."""

    __slots__ = ("only", "path", "root")

    def __init__(self, path: str, *, only: str | None = None, root: str | None = None) -> None:
        """Name the folder; nothing is read yet."""
        self.path = path
        self.root = path if root is None else root
        self.only = only

    def listing(self) -> Listing:
        """What lies in it. Raises OSError."""
        if self.only is not None:
            return Listing([self.only], [], [])
        files, folders, links = [], [], []
        with os.scandir(self.path) as entries:
            for entry in entries:
                if entry.is_symlink():
                    links.append(entry.name)
                elif entry.is_dir(follow_symlinks=False):
                    folders.append(entry.name)
                else:
                    files.append(entry.name)
        return Listing(sorted(files), sorted(folders, key=natural), sorted(links))

    def read(self, name: str) -> bytes | None:
        """The file's content; None where there is no such file. Raises OSError."""
        try:
            descriptor = os.open(f"{self.path}/{name}", os.O_RDONLY)
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            content = os.read(descriptor, _CHUNK)
            return content if len(content) < _CHUNK else b"".join([content, *_rest(descriptor, name)])
        finally:
            os.close(descriptor)

    def size(self, name: str) -> int:
        """The file's length in bytes, 0 where there is no such file."""
        try:
            return os.stat(f"{self.path}/{name}").st_size  # noqa: PTH116  # a Path costs more than the call
        except OSError:
            return 0

    def child(self, name: str) -> DiskFolder:
        """The folder of this name inside, whether or not there is one."""
        return DiskFolder(join(self.path, name), root=self.root)


class ZipFolder:
    """A folder inside a zip file."""

    __slots__ = ("_archive", "_inner", "path", "root")

    def __init__(self, archive: Archive, path: str, inner: str = "", *, root: str | None = None) -> None:
        """Name the folder; `inner` is its name in the archive, with a slash at the end unless it is the top."""
        self.path = path
        self.root = path if root is None else root
        self._archive = archive
        self._inner = inner

    def listing(self) -> Listing:
        """What lies in it."""
        return self._archive.folders.get(self._inner, Listing([], [], []))

    def read(self, name: str) -> bytes | None:
        """The file's content; None where there is no such file. Raises OSError where the archive is damaged."""
        try:
            check_size(name, self._archive.file.getinfo(self._inner + name).file_size)
            return self._archive.file.read(self._inner + name)
        except KeyError:
            return None
        except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError) as error:
            raise OSError(f"{error} in the zip file") from error

    def size(self, name: str) -> int:
        """The file's length in bytes, 0 where there is no such file."""
        try:
            return self._archive.file.getinfo(self._inner + name).file_size
        except KeyError:
            return 0

    def child(self, name: str) -> ZipFolder:
        """The folder of this name inside, whether or not there is one."""
        return ZipFolder(self._archive, f"{self.path}/{name}", f"{self._inner}{name}/", root=self.root)


def opened(source: str | bytes) -> zipfile.ZipFile:
    """The zip file of a path or of a content. Raises OSError where a damaged directory hides some of its files."""
    file = zipfile.ZipFile(io.BytesIO(source) if isinstance(source, bytes) else source)
    wanted = _num_entries(source)
    if wanted is not None and wanted != len(file.infolist()):
        file.close()
        raise OSError(f"its directory is damaged: it tells {len(file.infolist())} of {wanted} files. Fetch it again")
    return file


def _num_entries(source: str | bytes) -> int | None:
    """How many files a zip file says to hold; None where there are too many for that number."""
    if isinstance(source, bytes):
        tail = source[-_LONGEST_END:]
    else:
        with open(source, "rb") as file:  # noqa: PTH123  # paths are texts here
            file.seek(max(0, os.path.getsize(source) - _LONGEST_END))  # noqa: PTH202
            tail = file.read()
    place = tail.rfind(_END)
    told = int.from_bytes(tail[place + 10 : place + 12], "little")
    return None if place < 0 or told == _TOO_MANY else told


class Archive:
    """An open zip file and what lies in each of its folders."""

    def __init__(self, file: zipfile.ZipFile) -> None:
        """Sort the names of the archive into folders."""
        self.file = file
        found: dict[str, tuple[set[str], set[str], set[str]]] = {"": (set(), set(), set())}
        for entry in file.infolist():
            kind = 2 if stat.S_ISLNK(entry.external_attr >> 16) else 0
            *parents, name = entry.filename.split("/")
            inner = ""
            for parent in parents:
                found[inner][1].add(parent)
                inner += f"{parent}/"
                found.setdefault(inner, (set(), set(), set()))
            if name:
                found[inner][kind].add(name)
        self.folders = {
            inner: Listing(sorted(files), sorted(folders, key=natural), sorted(links))
            for inner, (files, folders, links) in found.items()
        }

    @classmethod
    def open(cls, source: str | bytes) -> Archive:
        """The archive of a path or of a content. Raises OSError where it is none."""
        try:
            return cls(opened(source))
        except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError, EOFError) as error:
            raise OSError(f"{error}") from error

    @property
    def is_model(self) -> bool:
        """Whether it is a saved model, which many libraries keep as a zip file."""
        return bool({"data.pkl", "_stable_baselines3_version", "pytorch_variables.pth"} & set(self.folders[""].files))


def join(path: str, name: str) -> str:
    """The path of what lies in a folder, as people write it."""
    return name if path == "." else f"{path}/{name}"


def natural(name: str) -> tuple[int, str]:
    """Sorts 2 before 10, as runs are numbered."""
    return (int(name), "") if name.isdecimal() else (1 << 62, name)


def check_size(name: str, size: int) -> None:
    """Raise OSError for a file that holds no results which anything here reads, and would fill the memory."""
    if size > _LARGEST:
        raise OSError(f"{name} has {size >> 20:,} MiB, more than any file of results")


def _rest(descriptor: int, name: str) -> Iterator[bytes]:
    size = max(os.fstat(descriptor).st_size, _CHUNK)
    check_size(name, size)
    while content := os.read(descriptor, size):
        yield content
