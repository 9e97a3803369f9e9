"""The files of a script: itself, and what lies beside it that it imports, found without running anything."""

from __future__ import annotations

import ast
import difflib
import hashlib
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from importlib.machinery import PathFinder
from pathlib import Path

import msgspec

from rlgauge.core.case import fingerprint
from rlgauge.core.errors import UserError

_MOST_FILES = 300
_MODULE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """`target` is an absolute path, or `package.module:function`; `root` the folder that its imports begin from.

    `files` are those of its own, by their paths relative to `root`, the script first.
    """

    target: str
    root: str
    files: dict[str, str]

    @property
    def is_module(self) -> bool:
        """Whether it is a function of a module, for whose import the root must be known."""
        return _MODULE.fullmatch(self.target) is not None

    @property
    def name(self) -> str:
        """What the script is called where nobody says otherwise."""
        module, colon, function = self.target.partition(":") if self.is_module else (self.target, "", "")
        if not colon:
            return Path(self.target).stem
        stem = module.rpartition(".")[2]
        return stem if function == "main" else f"{stem}.{function}"

    def digest(self) -> str:
        """12 hexadecimal digits of what the files say now; the name of the script itself is no part of it.

        Raises UserError where one is gone.
        """
        contents = {"" if not place else name: _hash(path) for place, (name, path) in enumerate(self.files.items())}
        return fingerprint([contents, self.target.partition(":")[2] if self.is_module else ""])

    def copy(self, folder: Path) -> None:
        """Copy the files into a folder, where they lie to each other as they do."""
        for name, path in self.files.items():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)


def find_source(script: str) -> Source:
    """The script of a path, or of `package.module:function`. Raises UserError where there is none."""
    path = Path(script)
    if path.is_dir():
        raise UserError(f"'{script}' is a folder: name the script in it.")
    if path.is_file():
        return source_of(path)
    if _MODULE.fullmatch(script) and not Path(script.rpartition(":")[0]).is_file():
        return _of_module(script)
    raise UserError(f"There is no script '{script}'.{_near(path)}{_hint(script)}")


def source_of(*paths: Path) -> Source:
    """The source whose script is the first file; beside it the others, and what each imports from its folder."""
    first = paths[0].absolute()
    files = {first.name: str(first)}
    for path in paths:
        own = path.absolute()
        for found in _with_imports(own, own.parent):
            files.setdefault(_relative(found, first.parent), str(found))
    return Source(target=str(first), root=str(first.parent), files=files)


def _of_module(script: str) -> Source:
    module = script.partition(":")[0]
    path: list[str] | None = [str(Path.cwd()), *sys.path]
    parts = module.split(".")
    for place in range(len(parts)):
        spec = PathFinder.find_spec(".".join(parts[: place + 1]), path)
        if spec is None:
            missing = ".".join(parts[: place + 1])
            raise UserError(f"There is no module {missing!r} (of {script!r}); is it installed, and on PYTHONPATH?")
        path = list(spec.submodule_search_locations or [])
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        raise UserError(f"The module {module!r} has no source file, so it can't be run as a script.")
    file = Path(spec.origin).absolute()
    root = file.parents[len(parts) - (file.name != "__init__.py")]
    is_installed = root.is_relative_to(sys.prefix) or root.is_relative_to(sys.base_prefix)
    found = [file] if is_installed else _with_imports(file, root)
    return Source(target=script, root=str(root), files={os.path.relpath(one, root): str(one) for one in found})


def _with_imports(script: Path, root: Path) -> list[Path]:
    """The file and what it imports from the folder, and so on; a file that does not parse imports nothing."""
    found = {script: None}
    waiting = [script]
    while waiting and len(found) < _MOST_FILES:
        for path in _imported(waiting.pop(), root):
            if path not in found:
                found[path] = None
                waiting.append(path)
    return [script, *sorted(path for path in found if path != script)]


def _imported(file: Path, root: Path) -> Iterator[Path]:
    for name in _names(file, root):
        parts = name.split(".")
        for end in range(1, len(parts) + 1):
            base = root.joinpath(*parts[:end])
            yield from (path for path in (base.with_name(f"{base.name}.py"), base / "__init__.py") if path.is_file())


def _names(file: Path, root: Path) -> Iterator[str]:
    """The full names of what a file imports, and of what may be a module among what it takes from one."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, OSError, RecursionError):
        return
    package = file.relative_to(root).parts[:-1] if file.is_relative_to(root) else ()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = [*above, *((node.module or "").split(".") if node.module else [])]
            yield from _joined(base, (alias.name for alias in node.names))


def _joined(base: list[str], names: Iterable[str]) -> Iterator[str]:
    if base:
        yield ".".join(base)
    for name in names:
        if name != "*":
            yield ".".join([*base, name])


def _relative(path: Path, root: Path) -> str:
    """The path from the root; of what lies elsewhere its name, in a folder named by a hash of the rest."""
    if path.is_relative_to(root):
        return str(path.relative_to(root))
    return f"{fingerprint(str(path.parent))}/{path.name}"


def _hash(path: str) -> str:
    try:
        return hashlib.blake2b(Path(path).read_bytes(), digest_size=16).hexdigest()
    except OSError as error:
        raise UserError(f"Can't read '{path}', a file of the script: {error.strerror or error}.") from error


def _near(path: Path) -> str:
    folder = path.parent
    names = [one.name for one in folder.iterdir()] if folder.is_dir() else []
    near = difflib.get_close_matches(path.name, names, n=1, cutoff=0.5)
    return f" Did you mean '{folder / near[0]}'?" if near else ""


def _hint(script: str) -> str:
    file, colon, function = script.rpartition(":")
    if colon and Path(file).is_file():
        return f" A function is named by its module, such as {Path(file).stem}:{function}."
    return " It is a file, or package.module:function; other languages are run by --command." if colon else ""
