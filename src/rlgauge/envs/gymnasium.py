"""Gymnasium environments: made by id, and described so that a case names exactly what was measured."""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlgauge.core.case import canonical
from rlgauge.core.errors import UserError, unknown

if TYPE_CHECKING:
    import gymnasium
    from gymnasium.envs.registration import EnvSpec


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
            raise UserError(f"The environment {env_id!r} needs the module {module!r}, which is not installed.") from error
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
        "kwargs": _described(arguments),
        "max_episode_steps": spec.max_episode_steps,
        "wrappers": [wrapper.name for wrapper in spec.additional_wrappers],
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
        wrappers.append(type(layer).__name__)
        layer = layer.env  # type: ignore[attr-defined]  # every wrapper has one
    return {"gym_id": None, "entry_point": name, "wrappers": wrappers[::-1], "versions": _versions(name), **_source(name)}


def describe_class(kind: type) -> dict[str, Any]:
    """What defines a class's behaviour: its name, the version of its library or a hash of its source file."""
    name = _qualified_name(kind)
    root = kind.__module__.partition(".")[0]
    if root == "rlgauge":
        return {"class_path": name}
    version = _version(root)
    return {"class_path": name, "version": version, **_source(name)}


def _described(arguments: dict[str, Any]) -> dict[str, Any]:
    described = {}
    for name, value in arguments.items():
        try:
            described[name] = canonical(value)
        except (TypeError, ValueError):
            described[name] = f"<{_qualified_name(type(value))}>"
    return described


def _qualified_name(thing: Any) -> str:  # noqa: ANN401  # a class or a function
    return f"{thing.__module__}:{thing.__qualname__}"


def _versions(entry_point: str) -> dict[str, str]:
    """Versions of the libraries that the environment's behaviour comes from."""
    names = ["gymnasium", entry_point.partition(".")[0].partition(":")[0]]
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
    """A hash of the source file of an environment that no installed version names."""
    root = entry_point.partition(".")[0].partition(":")[0]
    if _version(root) is not None:
        return {}
    module = importlib.import_module(entry_point.partition(":")[0])
    file = getattr(module, "__file__", None)
    if file is None:
        return {}
    return {"source": hashlib.blake2b(Path(file).read_bytes(), digest_size=6).hexdigest()}
