"""What lies near a script and is not found from where it runs, which is a folder of its own: files and packages.

Files are copied there that are surely given to it and not made by it: settings that its source names, and what its
arguments name. What an earlier run of it has left, such as weights to go on from, is none of a new run's business.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

_SETTINGS = re.compile(r"(?i)\.(ya?ml|toml|ini|cfg|conf|gin)$|(arg|conf|hyper|opt|param|setting)[^/]*\.json$")
"""Names of settings; of JSON not all, in which scripts keep results, too."""
_LARGEST = 64 * 2**20
"""A larger file is not copied, in bytes."""
_NUM_ABOVE = 3
"""In so many folders above the script a missing module is looked for."""
_NO_PACKAGE = "no known parent package"
"""What Python says of a relative import in a file that was not run as a part of a package."""
_LONGEST = 200
"""A longer text names no file."""


def bring(folder: Path, into: Path, *, texts: Iterable[str], args: Sequence[str]) -> list[str]:
    """The relative names of the files that were copied from the script's folder to the one where it runs."""
    settings = (text for text in texts if _SETTINGS.search(text))
    words = (part for word in args for part in (word, word.partition("=")[2]))
    return [name for name in sorted(set(_names([*settings, *words]))) if _copied(folder / name, into / name)]


def advice(error: BaseException, folder: Path) -> str:
    """What to do where a script did not find what lies near it, as a sentence to be added to the error; else empty."""
    if isinstance(error, FileNotFoundError):
        return _of_file(error.filename, folder)
    if not isinstance(error, ImportError):
        return ""
    if isinstance(error, ModuleNotFoundError):
        return _of_module((error.name or "").partition(".")[0], folder)
    if _NO_PACKAGE not in str(error):
        return ""
    return " It is part of a package: name it as package.module:function, or use --command 'python -m package.module'."


def _of_file(name: object, folder: Path) -> str:
    if not isinstance(name, str) or not name or Path(name).is_absolute() or not _is_file(folder / name):
        return ""
    return (
        f" It ran in a folder of its own, and {name} lies beside it: give it the whole path, or have it ask for "
        f"Path(__file__).with_name({Path(name).name!r})."
    )


def _of_module(name: str, folder: Path) -> str:
    for above in folder.parents[:_NUM_ABOVE] if name else ():
        if _is_file(above / f"{name}.py") or any((above / name).glob("*.py")):
            return f" {name} lies in {above}: add that folder to PYTHONPATH."
    return ""


def _names(texts: Iterable[str]) -> Iterator[str]:
    """Those that can be relative names of files in a folder or below it."""
    for text in texts:
        path = Path(text)
        if text and len(text) <= _LONGEST and text.isprintable() and not path.is_absolute() and ".." not in path.parts:
            yield text


def _copied(file: Path, target: Path) -> bool:
    """Whether it is there, and is now here as well."""
    with contextlib.suppress(OSError, ValueError):
        if _is_file(file) and file.stat().st_size <= _LARGEST and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
            return True
    return False


def _is_file(path: Path) -> bool:
    with contextlib.suppress(OSError, ValueError):
        return path.is_file()
    return False
