"""Gymnasium environments: made by id, and described so that a case names exactly what was measured."""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import json
import math
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlgauge.core.case import canonical
from rlgauge.core.errors import UserError, unknown
from rlgauge.core.workload import MAIN, home, main_name

if TYPE_CHECKING:
    import gymnasium
    from gymnasium.envs.registration import EnvSpec, WrapperSpec


def make(env_id: str, *, render: bool = False, **kwargs: Any) -> gymnasium.Env[Any, Any]:  # noqa: ANN401  # the environment's own
    """The environment, with frames to be had from `render()` where asked. Raises UserError for what can't be made."""
    import gymnasium

    find_spec(env_id)
    try:
        return gymnasium.make(env_id, render_mode="rgb_array" if render else None, **kwargs)
    except (gymnasium.error.Error, ImportError, TypeError) as error:
        raise UserError(f"The environment {env_id!r} can't be made: {error}") from error


def find_spec(env_id: str) -> EnvSpec:
    """The registered spec of `[module:]id`. Raises UserError with the nearest known id."""
    import gymnasium

    module, _, name = env_id.rpartition(":")
    if module:
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            raise UserError(f"The environment {env_id!r} needs {error.name!r}, which is not installed.") from error
    try:
        return gymnasium.spec(name)
    except gymnasium.error.Error as error:
        if name in gymnasium.registry:
            raise UserError(f"The environment {env_id!r} can't be made: {error}") from error
        raise _unknown_environment(name, list(gymnasium.registry)) from error


def _unknown_environment(name: str, known: list[str]) -> UserError:
    import difflib

    near = difflib.get_close_matches(name, known, n=5, cutoff=0.5)
    return unknown("environment", name, near or sorted(known)[:10])


def describe_spec(spec: EnvSpec) -> dict[str, Any]:
    """What defines the measurement of a registered environment, as JSON: id, arguments, wrappers, versions."""
    entry = spec.entry_point if isinstance(spec.entry_point, str) else _qualified_name(spec.entry_point)
    arguments = {name: value for name, value in spec.kwargs.items() if name != "render_mode"}
    return {
        "gym_id": spec.id,
        "entry_point": entry,
        "kwargs": describe_arguments(arguments),
        "max_episode_steps": spec.max_episode_steps,
        "wrappers": [_describe_wrapper(wrapper) for wrapper in spec.additional_wrappers],
        "versions": _versions(entry),
        **_source(entry),
    }


def describe(env: gymnasium.Env[Any, Any]) -> dict[str, Any]:
    """The same of an environment that exists: by its spec where it has one, else by its class and wrappers."""
    if env.spec is not None:
        return describe_spec(env.spec)
    name = _qualified_name(type(env.unwrapped))
    wrappers = []
    layer = env
    while layer is not env.unwrapped:
        kind = _qualified_name(type(layer))
        wrappers.append({"entry_point": kind, "kwargs": None, **_source(kind)})
        layer = layer.env  # type: ignore[attr-defined]  # every wrapper has one
    return {
        "gym_id": None,
        "entry_point": name,
        "wrappers": wrappers[::-1],
        "versions": _versions(name),
        **_source(name),
    }


def is_described(environment: dict[str, Any]) -> bool:
    """Whether `describe` told all of it: a registered environment in wrappers that recorded their arguments."""
    return environment["gym_id"] is not None and all(w["kwargs"] is not None for w in environment["wrappers"])


def plain_attributes(env: gymnasium.Env[Any, Any]) -> dict[str, Any]:
    """The environment's own numbers, texts and truth values by name, such as `gravity`: what somebody may have set."""
    own = vars(env.unwrapped).items()
    return {name: canonical(value) for name, value in own if isinstance(value, (bool, int, str)) or _is_finite(value)}


def _is_finite(value: object) -> bool:
    return isinstance(value, float) and math.isfinite(value)


def describe_class(kind: type) -> dict[str, Any]:
    """What defines a class's behaviour: its name, the version of its library or a hash of its source files."""
    name = _qualified_name(kind)
    return {"class_path": name, "version": _version(_root(name)), **_source(name)}


def describe_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as JSON. A live object is like no other: nothing that was measured with it is found again."""
    return {name: _describe_argument(value) for name, value in arguments.items()}


def _describe_argument(value: Any) -> Any:  # noqa: ANN401  # anything that a constructor takes
    try:
        return canonical(str(value) if isinstance(value, Path) else value)
    except (TypeError, ValueError):
        if isinstance(value, type):
            return describe_class(value)
        return {"object": _qualified_name(type(value)), "instance": uuid.uuid4().hex}


def _describe_wrapper(wrapper: WrapperSpec) -> dict[str, Any]:
    """`kwargs` is None where the wrapper did not record what it was given."""
    kwargs = None if wrapper.kwargs is None else describe_arguments(wrapper.kwargs)
    return {"entry_point": wrapper.entry_point, "kwargs": kwargs, **_source(wrapper.entry_point)}


def _qualified_name(thing: Any) -> str:  # noqa: ANN401  # a class or a function
    return f"{home(thing.__module__)}:{thing.__qualname__}"


def _root(entry_point: str) -> str:
    return entry_point.partition(".")[0].partition(":")[0]


def _versions(entry_point: str) -> dict[str, str]:
    """Versions of the libraries that the environment's behaviour comes from."""
    names = ["gymnasium", _root(entry_point)]
    if ".mujoco" in entry_point:
        names.append("mujoco")
    if ".box2d" in entry_point:
        names.append("box2d")
    return {name: version for name in names if (version := _version(name)) is not None}


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _source(entry_point: str) -> dict[str, str]:
    """A hash of the source files of a class and of what it inherits, as far as no installed version names them."""
    module_name, _, name = entry_point.partition(":")
    if _is_released(_root(entry_point)):
        return {}
    module = sys.modules[MAIN] if module_name == main_name() else importlib.import_module(module_name)
    found = getattr(module, name.partition(".")[0], None)
    kinds = found.__mro__ if isinstance(found, type) else ()
    modules = dict.fromkeys([module.__name__, *(kind.__module__ for kind in kinds)])
    told = [getattr(sys.modules[name], "__file__", None) for name in modules if not _is_released(_root(name))]
    files = [Path(file) for file in told if file is not None and Path(file).is_file()]
    if len(files) < len(told):  # typed in: like no other
        return {"instance": uuid.uuid4().hex}
    content = b"".join(file.read_bytes() for file in files)
    return {"source": hashlib.blake2b(content, digest_size=6).hexdigest()} if content else {}


def _is_released(root: str) -> bool:
    """Whether a version says which source it is: not of a module in a folder, nor of an editable installation."""
    if root == "rlgauge" or root in sys.stdlib_module_names:
        return True
    try:
        told = importlib.metadata.distribution(root).read_text("direct_url.json")
    except importlib.metadata.PackageNotFoundError:
        return False
    return told is None or not json.loads(told).get("dir_info", {}).get("editable", False)
