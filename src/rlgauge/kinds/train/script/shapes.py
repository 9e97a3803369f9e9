"""What shape a script has, read from its source without running it."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

from rlgauge.kinds.train.script import arguments, imports, notebooks, starred
from rlgauge.kinds.train.script.arguments import ENV_NAMES
from rlgauge.kinds.train.script.rewriting import (
    SEED,
    Function,
    binds,
    defaults_of,
    functions_of,
    is_main_test,
    parameters_of,
    statements_of,
)

_LOOPS = (ast.For, ast.AsyncFor, ast.While, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_APART = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_MAKERS = frozenset({"make", "make_vec", "make_vec_env", "make_env", "make_atari_env"})
_ASIDE = (
    *("make", "build", "create", "get", "load", "parse", "init", "setup", "register", "wrap", "save"),
    *("eval", "test", "plot", "play", "render", "record", "show", "log", "enjoy", "demo", "visual"),
)
"""How the names of functions begin that are no training, though they may take an environment or have a loop."""
_COMPILERS = frozenset({"jit", "njit", "pjit", "vmap", "pmap", "filter_jit", "scan", "compile", "script", "remote"})
"""What runs a function otherwise than Python does, which a changed one may not bear."""
_ID = re.compile(r"[\w.:/-]+-v\d+")
_TRAINING = frozenset({"main", "train", "run", "learn", "fit", "start", "__call__"})
"""Methods whose locals may hold what was trained."""


class Script:
    """A script's source, parsed; `function` is the one to be called, of a module."""

    def __init__(self, path: Path, *, function: str | None = None) -> None:
        """Raises OSError where it can't be read, SyntaxError where it does not parse."""
        self.path = path
        self.folder = path.resolve().parent  # where Python looks for what it imports, of a link too
        self.function = function
        content = path.read_bytes()
        imports.note(str(path), content)
        self.is_notebook = notebooks.is_exported(content)
        self.tree = _with_main_named(_parsed(content, path), self.folder)

    @cached_property
    def functions(self) -> dict[str, Function]:
        """Its functions by name, and methods by `Class.name`."""
        return functions_of(self.tree)

    @cached_property
    def trees(self) -> list[ast.Module]:
        """The script, and what it imports from its folder without the part that runs only as a script."""
        return [self.tree, *_siblings(self.tree, self.folder)]

    @cached_property
    def called(self) -> list[str]:
        """Its functions that its own statements call, or hand on, outside of loops."""
        return [name for name in _Mentions(self.tree.body).once if name in self.functions]

    @cached_property
    def entry(self) -> str | None:
        """The function that trains: the one named, `main`, or the only one called that takes an environment."""
        if self.function is not None or "main" in self.functions or (self._binds_main and self.calls_main):
            return self.function or "main"
        called = [name for name in self._own_mentions.once if name in self.functions]
        takers = [name for name in called if not _is_aside(name) and self._takes_name(name)]
        if len(takers) == 1:
            return takers[0]
        return "main" if self._leaves_main else None

    @cached_property
    def calls_main(self) -> bool:
        """Whether the file calls `main` itself."""
        return "main" in self._own_mentions.once or "main" in self._own_mentions.looped

    @cached_property
    def has_block(self) -> bool:
        """Whether some of it runs only where it is run as a script."""
        return any(is_main_test(node) for one in self.tree.body for node in ast.walk(one))

    def place(self, name: str, parameter: str) -> int | None:
        """Where a parameter stands among those of a function that can be given by place; None where it can't."""
        found = self.functions[name].args if name in self.functions else None
        plain = [] if found is None else [one.arg for one in (*found.posonlyargs, *found.args)]
        return plain.index(parameter) if parameter in plain else None

    @cached_property
    def kept(self) -> frozenset[str]:
        """The functions whose locals may hold what was trained: the entry, and what is called once and has a loop."""
        looped = set(_Mentions(self.tree.body).looped)
        for function in self.functions.values():
            looped.update(_Mentions(function.body).looped)
        found: set[str] = set()
        waiting = [*([self.entry] if self.entry else []), *(name for name in self.called if name not in looped)]
        while waiting:
            name = waiting.pop()
            if name in self.functions and name not in found:
                found.add(name)
                waiting += [one for one in _Mentions(self.functions[name].body).once if one not in looped]
        found.update(name for name in self.functions if "." in name and name.rpartition(".")[2] in _TRAINING - looped)
        own = {name for name in found if not _is_aside(name) and _has_loop(self.functions[name])}
        own.update([self.entry] if self.entry else [])
        return frozenset(one for one in own if one not in self.functions or not _is_compiled(self.functions[one]))

    @cached_property
    def binds_seed(self) -> bool:
        """Whether it has a global `SEED`."""
        return any(binds(one, SEED) for one in statements_of(self.tree.body))

    @cached_property
    def texts(self) -> frozenset[str]:
        """All texts that stand in it."""
        return frozenset(_texts(self.tree))

    @cached_property
    def texts_around(self) -> frozenset[str]:
        """All texts that stand in it and in what it imports from its folder."""
        return frozenset(text for tree in self.trees for text in _texts(tree))

    @cached_property
    def made(self) -> list[str]:
        """The ids of environments that stand in it: in calls that make one, and what looks like one."""
        calls = (node for node in ast.walk(self.tree) if isinstance(node, ast.Call) and node.args)
        first = [node.args[0] for node in calls if _last_name(node.func) in _MAKERS]
        found = {one.value for one in first if isinstance(one, ast.Constant) and isinstance(one.value, str)}
        return sorted(found.union(text for text in self.texts if _ID.fullmatch(text)))

    @cached_property
    def reads_arguments(self) -> bool:
        """Whether it, or what it imports from its folder, reads a command line."""
        return any(arguments.reads_arguments(tree) for tree in self.trees)

    @cached_property
    def names_argv(self) -> bool:
        """Whether it, or what it imports from its folder, asks for `sys.argv` itself."""
        return any(arguments.names_argv(tree) for tree in self.trees)

    @cached_property
    def reads_variables(self) -> bool:
        """Whether it, or what it imports from its folder, reads variables of its process."""
        return any(_last_name(node) in {"environ", "getenv"} for tree in self.trees for node in ast.walk(tree))

    def parameter(self, name: str, names: Sequence[str]) -> str | None:
        """The parameter of a function that is called by the first of the names; None where that takes an object."""
        known = {one.arg: one for one in parameters_of(self.functions[name])} if name in self.functions else {}
        found = next((known[one] for one in names if one in known), None)
        taken = self._key(name, names) if found is None else found.arg
        if taken is None or (found is not None and _is_env_class(found.annotation)):
            return None
        return None if self._is_handed_object(name, taken) else taken

    def required(self, name: str) -> list[str]:
        """The parameters of a function that have no default; none of a `main` that is bound anew, to anything."""
        if name == "main" and self._binds_main:
            return []
        found = self.functions[name].args
        plain = [*found.posonlyargs, *found.args]
        named = [one for one, default in zip(found.kwonlyargs, found.kw_defaults, strict=True) if default is None]
        return [one.arg for one in (*plain[: len(plain) - len(found.defaults)], *named)]

    @cached_property
    def _own_mentions(self) -> _Mentions:
        """What its own statements mention, but for those that bind `main`: these do not call what they bind."""
        return _Mentions(self.tree.body, without="main")

    @cached_property
    def _binds_main(self) -> bool:
        """Whether `main` is made by a call or a lambda, or imported."""
        found = [one for one in statements_of(self.tree.body) if binds(one, "main")]
        return any(
            not isinstance(one, ast.Import) and not isinstance(getattr(one, "value", None), ast.Constant)
            for one in found
        )

    @cached_property
    def _leaves_main(self) -> bool:
        """Whether `main` is bound for whoever runs the file, and not for its own statements or what these call."""
        if not self._binds_main or self.calls_main or self.has_block:
            return False
        own = [one for one in self.tree.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]
        mentioned = {*self._own_mentions.once, *self._own_mentions.looped}
        return not any(one.name in mentioned for one in own) or not any(_asks_for(one, "main") for one in own)

    def _key(self, name: str, names: Sequence[str]) -> str | None:
        """Under which of the names a function takes a value by its `**kwargs`; None where it does not.

        One that is called here takes an environment as `env`, unless it asks for another name.
        """
        function = self.functions.get(name)
        if function is None or function.args.kwarg is None:
            return None
        taken = starred.taken(function, names, self.functions)
        is_called = name == self.function or (name == "main" and not self.calls_main and not self.has_block)
        return "env" if taken is None and is_called and "env" in names else taken

    def _takes_name(self, name: str) -> bool:
        """Whether a function takes an environment by its id, and no object, as its text says."""
        found = self.parameter(name, ENV_NAMES)
        default = None if found is None else defaults_of(self.functions[name]).get(found)
        has_text = isinstance(default, ast.Constant) and isinstance(default.value, str)
        return has_text or (found is not None and found.endswith(("id", "name")))

    def _is_handed_object(self, name: str, parameter: str) -> bool:
        """Whether the file calls the function with an environment that it has made."""
        function = self.functions[name]
        place = [one.arg for one in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)]
        index = place.index(parameter) if parameter in place else None  # among `**kwargs`, by name only
        outside = [node for one in self.tree.body if not isinstance(one, _APART) for node in ast.walk(one)]
        calls = [node for node in outside if isinstance(node, ast.Call) and _last_name(node.func) == name]
        handed = [call.args[index] for call in calls if index is not None and index < len(call.args)]
        handed += [one.value for call in calls for one in call.keywords if one.arg == parameter]
        objects = {
            target.id
            for node in outside
            if isinstance(node, ast.Assign) and _makes(node.value)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        return any(_makes(one) or (isinstance(one, ast.Name) and one.id in objects) for one in handed)


class _Mentions:
    """The names that statements mention: once, and in loops or functions inside, where nobody knows how often."""

    def __init__(self, body: Iterable[ast.AST], *, without: str | None = None) -> None:
        """Statements that bind the name `without` are passed over."""
        self.once: dict[str, None] = {}
        self.looped: dict[str, None] = {}
        self._without = without
        for node in body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                self._look(node, is_looped=False)

    def _look(self, node: ast.AST, *, is_looped: bool) -> None:
        if self._without is not None and isinstance(node, ast.stmt) and binds(node, self._without):
            return
        is_compiled = isinstance(node, ast.Call) and _last_name(node.func) in _COMPILERS
        is_looped = is_looped or is_compiled or isinstance(node, (*_LOOPS, *_APART))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            (self.looped if is_looped else self.once)[node.id] = None
        elif isinstance(node, ast.Attribute) and is_looped:
            self.looped[node.attr] = None
        for child in ast.iter_child_nodes(node):
            self._look(child, is_looped=is_looped)


def _is_compiled(function: Function) -> bool:
    """Whether it is run by something else than Python, or elsewhere."""
    inside = (node for decorator in function.decorator_list for node in ast.walk(decorator))
    return any(_last_name(node) in _COMPILERS for node in inside)


def _asks_for(statement: ast.stmt, name: str) -> bool:
    """Whether a function or a class asks for a name that it does not bind itself."""
    inside = list(ast.walk(statement))
    uses = [node for node in inside if isinstance(node, ast.Name) and node.id == name]
    is_own = any(getattr(node, "name", getattr(node, "arg", None)) == name for node in inside)
    return bool(uses) and not is_own and all(isinstance(node.ctx, ast.Load) for node in uses)


def _is_aside(name: str) -> bool:
    return name.rpartition(".")[2].lstrip("_").startswith(_ASIDE)


def _has_loop(function: Function) -> bool:
    """Whether a function may train: it has a loop, or has something that learns do so."""
    nodes = list(ast.walk(function))
    calls = {_last_name(node.func) for node in nodes if isinstance(node, ast.Call)}
    return bool(calls & _TRAINING) or any(isinstance(node, ast.For | ast.While | ast.AsyncFor) for node in nodes)


def _parsed(content: bytes, path: Path) -> ast.Module:
    """The file's tree; of an exported notebook, without what only a notebook can do."""
    try:
        tree = ast.parse(content, str(path))
    except SyntaxError:
        tree = _parsed_notebook(content, path)
    except ValueError as error:  # null bytes
        raise SyntaxError(str(error)) from error
    return notebooks.without_magics(tree) if notebooks.is_exported(content) else tree


def _with_main_named(tree: ast.Module, folder: Path) -> ast.Module:
    """The same, but of a file that does nothing than import, with the `main` named that `from x import *` brings it."""
    is_bare = all(isinstance(one, ast.Import | ast.ImportFrom) or _is_constant(one) for one in tree.body)
    if is_bare and not any(binds(one, "main") for one in tree.body):
        for place, one in enumerate(tree.body):
            if isinstance(one, ast.ImportFrom) and one.names[0].name == "*" and _brings_main(one, folder):
                named = ast.ImportFrom(one.module, [ast.alias("main")], one.level)
                tree.body.insert(place + 1, ast.fix_missing_locations(ast.copy_location(named, one)))
                break
    return tree


def _is_constant(statement: ast.stmt) -> bool:
    """Whether it is a docstring, or gives names to constants."""
    return isinstance(statement, ast.Expr | ast.Assign) and isinstance(statement.value, ast.Constant)


def _brings_main(star: ast.ImportFrom, folder: Path) -> bool:
    """Whether the module stands in the folder, has a `main`, and does not choose by `__all__` what it brings."""
    found = next(_siblings(ast.Module([star], []), folder), None)
    if found is None or any(binds(one, "__all__") for one in statements_of(found.body)):
        return False
    return "main" in functions_of(found) or any(binds(one, "main") for one in statements_of(found.body))


def _parsed_notebook(content: bytes, path: Path) -> ast.Module:
    """The tree without lines that are magics; raises the SyntaxError of the file as it is where that is no help."""
    source = importlib.util.decode_source(content)
    plain = notebooks.without_magic_lines(source)
    try:
        return ast.parse(plain, str(path))
    except SyntaxError:
        return ast.parse(source, str(path))


def _siblings(tree: ast.Module, folder: Path) -> Iterator[ast.Module]:
    """The modules that it imports from a folder, and those that they import, without what runs only as a script."""
    seen: set[Path] = set()
    waiting = [tree]
    while waiting:
        for path in _own_files(waiting.pop(), folder):
            if path in seen:
                continue
            seen.add(path)
            try:
                found = ast.parse(path.read_bytes(), str(path))
            except (SyntaxError, ValueError, OSError):
                continue  # its import will tell
            found.body = [one for one in found.body if not any(is_main_test(node) for node in ast.walk(one))]
            waiting.append(found)
            yield found


def _texts(tree: ast.Module) -> Iterator[str]:
    yield from (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))


def _own_files(tree: ast.Module, folder: Path) -> Iterator[Path]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            base = folder.joinpath(*name.split("."))
            yield from (path for path in (base.with_name(f"{base.name}.py"), base / "__init__.py") if path.is_file())


def _is_env_class(annotation: ast.expr | None) -> bool:
    """Whether the annotation is a class such as `gym.Env`."""
    if isinstance(annotation, ast.Subscript):
        annotation = annotation.value
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return annotation.value.partition("[")[0].endswith("Env")
    return _last_name(annotation).endswith("Env")


def _makes(value: ast.expr) -> bool:
    """Whether it is a call that makes an environment."""
    name = _last_name(value.func) if isinstance(value, ast.Call) else ""
    return name in _MAKERS or name.endswith("Env")


def _last_name(node: ast.AST | None) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
