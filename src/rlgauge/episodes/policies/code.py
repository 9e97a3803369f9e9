"""Policies that are Python code: `py:MODULE:NAME`, `py:package.module.Name`, `py:FILE.py:NAME`."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import pkgutil
import sys
from collections.abc import Mapping
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from rlgauge.core.errors import UserError
from rlgauge.envs.contents import nested_code
from rlgauge.episodes.policies.weights import with_weights

if TYPE_CHECKING:
    import gymnasium

_SPACES = ("observation_space", "action_space")


@runtime_checkable
class _LoadsCheckpoints(Protocol):
    """A class that knows how to read its own checkpoints, as Lightning's modules do."""

    def load_from_checkpoint(self, checkpoint_path: str) -> object: ...


def load(
    target: str,
    *,
    ckpt_path: str | None,
    observation_space: gymnasium.Space[Any],
    action_space: gymnasium.Space[Any],
) -> object:
    """What the target names; a class is instantiated, with the spaces where its constructor names them.

    With a checkpoint: `Class.load_from_checkpoint(path)` where there is one, `Class()` with these weights where it is a
    torch module whose constructor takes no file, else `Class(path)`. Raises UserError.
    """
    found = resolve(target)
    if not isinstance(found, type):
        if ckpt_path is not None:
            raise UserError(f"A checkpoint path needs a class, and py:{target} is none.")
        return found
    spaces = {"observation_space": observation_space, "action_space": action_space}
    if ckpt_path is None:
        return _with_weights(found, spaces, target)
    if isinstance(found, _LoadsCheckpoints):
        named = _parameters(found.load_from_checkpoint)
        return found.load_from_checkpoint(ckpt_path, **({"map_location": "cpu"} if "map_location" in named else {}))
    if _is_torch_module(found) and not _takes_a_file(found):
        made: Any = _construct(found, (), spaces, target)
        return with_weights(made, Path(ckpt_path), f"py:{target}")
    return _construct(found, (ckpt_path,), spaces, target)


def _is_torch_module(found: type) -> bool:
    """Whether it is a class of torch's modules; nothing is imported for the question."""
    torch = sys.modules.get("torch")
    return torch is not None and issubclass(found, torch.nn.Module)


def _takes_a_file(found: type) -> bool:
    """Whether a module's constructor has a place for a path beside the spaces: a number by itself is none."""
    if found.__init__ is sys.modules["torch"].nn.Module.__init__:  # type: ignore[misc]  # which takes anything, to refuse it
        return False
    one = inspect.Parameter
    return any(
        parameter.kind in {one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD, one.VAR_POSITIONAL}
        and (parameter.default is one.empty or isinstance(parameter.default, str | Path | None))
        for name, parameter in _parameters(found).items()
        if name not in _SPACES
    )


def _with_weights(found: type, spaces: dict[str, gymnasium.Space[Any]], target: str) -> object:
    """An object of the class. Raises UserError for a network whose weights would be those of no training."""
    from rlgauge.episodes.policies.lightning import is_module_class  # which needs this module

    if is_module_class(found):
        raise _untrained(target, "is a LightningModule")
    made = _construct(found, (), spaces, target)
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(made, torch.nn.Module):
        again: Any = _construct(found, (), spaces, target)
        if not _have_same_weights(made.state_dict(), again.state_dict()):
            raise _untrained(target, "is a torch module that draws other weights each time it is made")
    return made


def _have_same_weights(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two states are the same in every tensor."""
    import torch

    def is_same(part: object, again: object) -> bool:
        return not isinstance(part, torch.Tensor) or (isinstance(again, torch.Tensor) and torch.equal(part, again))

    return one.keys() == other.keys() and all(is_same(part, other[name]) for name, part in one.items())


def _untrained(target: str, what: str) -> UserError:
    return UserError(
        f"The class py:{target} {what}, and without a checkpoint its weights are random: give --ckpt_path FILE, or "
        "name an object that has its weights by py:FILE:NAME."
    )


def _construct(found: type, arguments: tuple[str, ...], spaces: dict[str, gymnasium.Space[Any]], target: str) -> object:
    parameters = _parameters(found)
    keywords = {name: space for name, space in spaces.items() if name in parameters}
    needed = [
        name
        for name, parameter in parameters.items()
        if parameter.default is parameter.empty
        and parameter.kind not in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}
        and name not in keywords
    ]
    if len(needed) > len(arguments):
        missing = ", ".join(repr(name) for name in needed[len(arguments) :])
        raise UserError(
            f"The class py:{target} needs arguments: {missing}. It is called with {' and '.join(_SPACES)} where its "
            "constructor names them, and nothing else; name a subclass or an instance that needs no more."
        )
    return found(*arguments, **keywords)


def _parameters(function: Any) -> dict[str, inspect.Parameter]:  # noqa: ANN401  # anything that can be called
    try:
        return dict(inspect.signature(function).parameters)
    except ValueError:  # built-in classes have no signature to read
        return {}


def resolve(target: str) -> object:
    """The object that the target names, its module imported. Raises UserError."""
    module_name, attribute = split(target)
    found: object = _import(module_name)
    for name in attribute.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            near = difflib.get_close_matches(name, dir(found), n=1, cutoff=0.5)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise UserError(f"There is no {name!r} in {module_name!r} (from py:{target}).{hint}") from None
    return found


def split(target: str) -> tuple[str, str]:
    """Module (or path of a file) and name within it. Raises UserError where one of them is missing."""
    module_name, colon, attribute = target.rpartition(":")
    if not colon and not target.endswith(".py"):
        module_name, _, attribute = target.rpartition(".")
    if not module_name or not attribute:
        raise UserError(
            f"The policy 'py:{target}' names no function or class: write py:MODULE:NAME or py:FILE.py:NAME."
        )
    return module_name, attribute


def qualified_name(target: str) -> str:
    """`module:name`, the same for both spellings and wherever a file lies."""
    module_name, attribute = split(target)
    return f"{Path(module_name).stem if _is_file(module_name) else module_name}:{attribute}"


def source_bytes(target: str) -> bytes:
    """The module's source file; empty for a module without one.

    Raises UserError where there is none, or where this process imported the module before its file was changed.
    """
    module_name, _ = split(target)
    content = _content(_find(module_name))
    module = sys.modules.get(module_name)
    if module is not None and not _is_file(module_name) and not _is_current(module, content):
        raise UserError(
            f"The module {module_name!r} was imported before its file was changed, so what runs is not what the file "
            "says: start Python anew, or importlib.reload() it."
        )
    return content


def _content(spec: ModuleSpec) -> bytes:
    return Path(spec.origin).read_bytes() if spec.origin is not None and Path(spec.origin).is_file() else b""


_imported: dict[str, tuple[ModuleSpec | None, bytes]] = {}
"""Modules as they were imported: the spec, which a reload replaces, and the source."""


def _is_current(module: ModuleType, content: bytes) -> bool:
    """Whether the module was made of this source; of one that others imported, as far as its functions show."""
    spec, source = _imported.get(module.__name__, (None, None))
    if source is not None and spec is module.__spec__:
        return source == content
    if not _has_functions_of(module, content):
        return False
    _imported[module.__name__] = (module.__spec__, content)
    return True


def _has_functions_of(module: ModuleType, content: bytes) -> bool:
    """Whether the functions of a module are those of a source; also where something rewrote them at the import."""
    file = getattr(module, "__file__", None)
    if type(getattr(module, "__loader__", None)) is not SourceFileLoader or file is None:
        return True
    try:
        known = set(nested_code(compile(content, file, "exec", dont_inherit=True)))
    except (SyntaxError, ValueError):
        return False
    own = [module, *(part for part in vars(module).values() if isinstance(part, type))]
    functions = (part for owner in own for part in vars(owner).values() if isinstance(part, FunctionType))
    return all(f.__code__ in known for f in functions if f.__code__.co_filename == file)


def module_exists(name: str) -> bool:
    """True when a top-level module of this name can be imported, from the current folder too."""
    return _find_top(name) is not None


def _is_file(module_name: str) -> bool:
    return module_name.endswith(".py")


def _import(module_name: str) -> ModuleType:
    spec = _find(module_name)
    top = module_name.partition(".")[0]
    try:
        if _is_file(module_name):
            return _execute(spec)
        if top not in sys.modules and importlib.util.find_spec(top) is None:
            _execute(_find(top))
        return _import_named(module_name)
    except ModuleNotFoundError as error:
        raise UserError(
            f"Importing '{module_name}' failed: there is no module {error.name!r}. "
            "Is it installed? A module in another folder is found with PYTHONPATH=FOLDER."
        ) from error
    except UserError:
        raise
    except Exception as error:  # a module is anybody's code and may raise anything
        raise UserError(f"Importing '{module_name}' failed: {type(error).__name__}: {error}.") from error


def _import_named(name: str) -> ModuleType:
    if name in sys.modules:
        return sys.modules[name]
    content = _content(_find(name))
    module = importlib.import_module(name)
    _imported[name] = (module.__spec__, content)
    return module


def _execute(spec: ModuleSpec) -> ModuleType:
    """The module, from where the interpreter would not look by itself."""
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    _imported[spec.name] = (spec, _content(spec))
    try:
        if spec.loader is not None:
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[spec.name]  # half a module must not be found by the next import
        raise
    return module


def _find(module_name: str) -> ModuleSpec:
    """Where the module is; nothing is imported. Raises UserError."""
    if _is_file(module_name):
        return _find_file(Path(module_name))
    top, *rest = module_name.split(".")
    spec = _find_top(top)
    if spec is None:
        raise _no_module(top, [*sys.path, str(Path.cwd())])
    whole = top
    for name in rest:
        folders = list(spec.submodule_search_locations or ())
        whole = f"{whole}.{name}"
        found = PathFinder.find_spec(name, folders)  # by its whole name it would ask for parents that are not imported
        if found is None:
            raise _no_module(whole, folders)
        spec = found
    return spec


def _find_top(name: str) -> ModuleSpec | None:
    loaded = sys.modules.get(name)
    if loaded is not None and loaded.__spec__ is None:  # __main__ of a script
        return spec_from_file_location(name, loaded.__file__) if loaded.__file__ else ModuleSpec(name, None)
    return importlib.util.find_spec(name) or PathFinder.find_spec(name, [str(Path.cwd())])


def _find_file(path: Path) -> ModuleSpec:
    if not path.is_file():
        raise UserError(f"There is no file '{path}'.")
    spec = spec_from_file_location(f"rlgauge_policy_{path.stem}", path)
    if spec is None:
        raise UserError(f"'{path}' is not a Python file.")
    return spec


def _no_module(name: str, folders: list[str]) -> UserError:
    parent, _, last = name.rpartition(".")
    near = difflib.get_close_matches(last, [module.name for module in pkgutil.iter_modules(folders)], n=1, cutoff=0.6)
    hint = f" Did you mean {(parent + '.' if parent else '') + near[0]!r}?" if near else ""
    return UserError(f"There is no module {name!r}.{hint}")
