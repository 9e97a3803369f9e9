"""The files of a script: itself, and what lies beside it that it imports, found without running anything."""

from __future__ import annotations

import ast
import contextlib
import difflib
import functools
import os
import re
import shutil
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.machinery import PathFinder
from pathlib import Path

import msgspec

from rlgauge.core.case import fingerprint
from rlgauge.core.errors import UserError
from rlgauge.kinds.train.script.imports import hash_of, is_own

_MOST_FILES = 300
_MOST_BYTES = 2**20
_NUM_ABOVE = 3
"""In so many folders above a file those are looked for that it adds to where modules are found."""
_SETTINGS = re.compile(r"(?i)\.(ya?ml|toml|ini|cfg|conf|gin|json|xml|py)$")
"""Names of files that a script reads, and does not write."""
_WORD = re.compile(r"[\w./~-]+\.\w+")
_RUN_MODULE = re.compile(r"\s-m\s+([\w.]+)")
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
        return self._digest_of({name: _hash(path) for name, path in self.files.items()})

    def digest_of_copy(self, folder: Path) -> str:
        """The same of the files that were copied into a folder."""
        return self._digest_of({name: _hash(str(folder / name)) for name in self.files})

    def edited(self, folder: Path, read: Mapping[str, str]) -> list[str]:
        """The names of files that were read otherwise than they were copied into a folder, by what they said then."""
        found = {name: read.get(os.path.realpath(path)) for name, path in self.files.items()}
        return [name for name, said in found.items() if said is not None and said != _hash(str(folder / name))]

    def _digest_of(self, hashes: Mapping[str, str]) -> str:
        contents = {"" if not place else name: one for place, (name, one) in enumerate(hashes.items())}
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
        return source_of(path) or Source(target="", root="", files={})
    if _MODULE.fullmatch(script) and not Path(script.rpartition(":")[0]).is_file():
        return _of_module(script)
    raise UserError(f"There is no script '{script}'.{_near(path)}{_hint(script)}")


def source_of(*paths: Path, modules: Sequence[str] = ()) -> Source | None:
    """The source of a command: its files, the modules that it has Python run, and what each of them imports or names.

    The script is the first of them. None where it has none of its own.
    """
    own = {path.absolute(): path.absolute().parent for path in paths}
    found = [_file_of(module, _search_path()) for module in modules]
    own.update({file: _root_of(file) for file in found if file is not None})
    if not own:
        return None
    first = next(iter(own))
    files = {first.name: str(first)}
    for path, root in own.items():
        for one in _with_imports(path, root):
            files.setdefault(_relative(one, first.parent), str(one))
    return Source(target=str(first), root=str(first.parent), files=files)


def with_settings(source: Source, args: Sequence[str]) -> Source:
    """The source with the settings that a script's arguments name, by a whole path or as they lie beside it."""
    folder = Path(next(iter(source.files.values()))).parent
    found = dict(source.files)
    for word in args:
        for name in (word, word.partition("=")[2]):
            path = folder / name
            if _SETTINGS.search(name) and _is_text(path):
                found.setdefault(_relative(path.absolute(), Path(source.root)), str(path.absolute()))
    return Source(target=source.target, root=source.root, files=found)


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
    return Source(target=script, root=str(root), files={_relative(one, root): str(one) for one in found})


def _search_path() -> list[Path]:
    """The folders, besides its own, in which a script finds modules that are somebody's own."""
    named = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    folders = [Path(one).absolute() for one in (*named, *_linked()) if one]
    return [one for one in dict.fromkeys(folders) if one.is_dir() and is_own(str(one / "x.py"))]


@functools.cache
def _linked() -> list[str]:
    """The folders of projects that are installed by a link to them."""
    found = []
    for file in sorted(Path(sysconfig.get_path("purelib")).glob("*.pth")):
        with contextlib.suppress(OSError, ValueError):
            found += [line for line in file.read_text().splitlines() if line.startswith(os.sep)]
    return found


def _file_of(module: str, folders: Iterable[Path]) -> Path | None:
    """The file that `python -m` runs of a module, in the first of the folders that has one."""
    for folder in folders:
        base = folder.joinpath(*module.split("."))
        for path in (base.with_name(f"{base.name}.py"), base / "__main__.py"):
            if path.is_file():
                return path
    return None


def _root_of(file: Path) -> Path:
    """The folder from which a module in a package is imported."""
    return next(folder for folder in file.parents if not (folder / "__init__.py").is_file())


def _with_imports(script: Path, root: Path) -> list[Path]:
    """The file, what it imports that is somebody's own, and so on; a file that does not parse imports nothing."""
    found = {script: None}
    waiting = [script]
    folders = [root, *_search_path()]
    while waiting and len(found) < _MOST_FILES:
        for path in _needed(waiting.pop(), folders):
            if path not in found:
                found[path] = None
                waiting.append(path)
    return [script, *sorted(path for path in found if path != script)]


def _needed(file: Path, folders: list[Path]) -> Iterator[Path]:
    """What a file imports; of one that is no Python, such as a shell's script, what it names that lies beside it."""
    if file.suffix != ".py":
        yield from _named(file)
        return
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, OSError, RecursionError):
        return
    folders += [one for one in _added(tree, file) if one not in folders]
    own = next((folder for folder in folders if file.is_relative_to(folder)), file.parent)
    for name in _names(tree, file, own):
        parts = name.split(".")
        for folder in folders:
            bases = [folder.joinpath(*parts[:end]) for end in range(1, len(parts) + 1)]
            paths = [one for base in bases for one in (base.with_name(f"{base.name}.py"), base / "__init__.py")]
            there = [path for path in paths if path.is_file() and (folder == folders[0] or is_own(str(path)))]
            yield from there
            if there:
                break


def _named(file: Path) -> Iterator[Path]:
    """The files that a text names, and that lie beside it or where it says."""
    try:
        text = file.read_text(errors="replace") if _is_text(file) else ""
    except OSError:
        return
    for word in _WORD.findall(text):
        parts = [part for part in Path(word).parts if part != os.sep]  # the first may be a variable's name
        tails = (file.parent.joinpath(*parts[start:]) for start in range(len(parts)))
        yield from (path for path in (Path(word), *tails) if path.is_absolute() and path != file and _is_text(path))
    for module in _RUN_MODULE.findall(text):
        found = _file_of(module, [file.parent, *_search_path()])
        if found is not None:
            yield found


def _added(tree: ast.Module, file: Path) -> Iterator[Path]:
    """The folders that a file may add to those in which modules are found, as far as its text tells."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _adds_folder(node)]
    for call in calls:
        nodes = [node for node in ast.walk(call) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
        words = [str(node.value) for node in sorted(nodes, key=lambda one: (one.lineno, one.col_offset))]
        for above in file.parents[:_NUM_ABOVE]:
            for parts in ([], words):
                folder = Path(os.path.normpath(above.joinpath(*parts)))
                if folder.is_dir():
                    yield folder


def _adds_folder(call: ast.Call) -> bool:
    """Whether it is one such as `sys.path.insert(0, ...)`."""
    function = call.func
    if not isinstance(function, ast.Attribute) or function.attr not in {"insert", "append", "extend", "addsitedir"}:
        return False
    return function.attr == "addsitedir" or (
        isinstance(function.value, ast.Attribute) and function.value.attr == "path"
    )


def _is_text(path: Path) -> bool:
    """Whether a file is there that is a text of reasonable size."""
    try:
        with path.open("rb") as file:
            return path.is_file() and path.stat().st_size <= _MOST_BYTES and b"\0" not in file.read(1024)
    except (OSError, ValueError):
        return False


def _names(tree: ast.Module, file: Path, root: Path) -> Iterator[str]:
    """The full names of what a file imports, and of what may be a module among what it takes from one."""
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
        return hash_of(Path(path).read_bytes())
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
