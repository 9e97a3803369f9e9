"""What defines an environment, as JSON, so that a case names exactly what was measured."""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import json
import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlgauge.core.case import canonical, fingerprint
from rlgauge.core.workload import MAIN, home, main_name
from rlgauge.envs.contents import UntoldError, contents

if TYPE_CHECKING:
    import gymnasium
    from gymnasium.envs.registration import EnvSpec, WrapperSpec

_DEFINES_NOTHING = frozenset(
    {
        *("spec", "_cached_spec"),  # told for itself
        *("render_mode", "mujoco_renderer"),
        *(
            "checked_reset",
            "checked_step",
            "checked_render",
            "checked_data_reuse",
            "_previous_data",
        ),  # of PassiveEnvChecker
        *("episode_count", "time_queue", "return_queue", "length_queue"),  # of RecordEpisodeStatistics
    }
)
"""Attributes of environments that change with what was played, and what is played does not change with them."""


def describe_spec(spec: EnvSpec) -> dict[str, Any]:
    """What defines the measurement of a registered environment, as JSON: id, arguments, wrappers, versions."""
    entry, told = spec.entry_point, {}
    if not isinstance(entry, str):
        entry, told = _qualified_name(entry), {"callable": _describe_live(entry)}
    arguments = {name: value for name, value in spec.kwargs.items() if name != "render_mode"}
    return {
        "gym_id": spec.id,
        "entry_point": entry,
        "kwargs": describe_arguments(arguments),
        "max_episode_steps": spec.max_episode_steps,
        "wrappers": [_describe_wrapper(wrapper) for wrapper in spec.additional_wrappers],
        "versions": _versions(entry),
        **_source(entry),
        **told,
    }


def describe(env: gymnasium.Env[Any, Any]) -> dict[str, Any]:
    """The same of an environment that exists: by its spec where it has one, else by its class and wrappers."""
    if env.spec is not None:
        return describe_spec(env.spec)
    name = _qualified_name(type(env.unwrapped))
    wrappers = []
    layer = env
    while layer is not env.unwrapped:
        wrappers.append(_describe_layer(_qualified_name(type(layer)), None))
        layer = layer.env  # type: ignore[attr-defined]  # every wrapper has one
    return {
        "gym_id": None,
        "entry_point": name,
        "wrappers": wrappers[::-1],
        "versions": _versions(name),
        **_source(name),
    }


def hash_contents(
    envs: Sequence[gymnasium.Env[Any, Any]], reset: Callable[[gymnasium.Env[Any, Any]], object]
) -> str | None:
    """A hash of all that environments which were made alike hold after a reset; None where that can't be told.

    What differs between two of them, or between two resets of the only one, such as a clock, defines nothing.
    """
    told = []
    for env in (envs[0], envs[-1]):
        try:
            reset(env)
        except Exception:  # noqa: BLE001  # an environment may raise anything; playing shows what
            return None
        try:
            told.append(contents(env, describe_class, passed_over=_DEFINES_NOTHING, is_lenient=True))
        except UntoldError:
            return None
    return fingerprint({path: part for path, part in told[0].items() if told[1].get(path) == part})


def describe_class(kind: type) -> dict[str, Any]:
    """What defines a class's behaviour: its name, the version of its library or a hash of its source files."""
    name = _qualified_name(kind)
    return {"class_path": name, "version": _version(_root(name)), **_source(name)}


def describe_source(path: str) -> dict[str, Any]:
    """What defines the code at `package.module:name`: the version of its library, or a hash of its source files."""
    return {"version": _version(_root(path)), **_source(path)}


def describe_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as JSON; a live object by a hash of its contents.

    One whose contents can't be told is like no other: nothing that was measured with it is found again.
    """
    return {name: _describe_argument(value) for name, value in arguments.items()}


def _describe_argument(value: Any) -> Any:  # noqa: ANN401  # anything that a constructor takes
    try:
        return canonical(str(value) if isinstance(value, Path) else value)
    except (TypeError, ValueError):
        return describe_class(value) if isinstance(value, type) else _describe_live(value)


def _describe_live(value: Any) -> dict[str, str]:  # noqa: ANN401
    name = _qualified_name(type(value))
    try:
        return {"object": name, "contents": fingerprint(contents(value, describe_class))}
    except UntoldError:
        return {"object": name, "instance": uuid.uuid4().hex}


def _describe_wrapper(wrapper: WrapperSpec) -> dict[str, Any]:
    """`kwargs` is None where the wrapper did not record what it was given."""
    return _describe_layer(wrapper.entry_point, None if wrapper.kwargs is None else describe_arguments(wrapper.kwargs))


def _describe_layer(entry_point: str, kwargs: dict[str, Any] | None) -> dict[str, Any]:
    version = _version(_root(entry_point))
    return {"entry_point": entry_point, "kwargs": kwargs, "version": version, **_source(entry_point)}


def _qualified_name(thing: Any) -> str:  # noqa: ANN401  # a class, a function, or what acts like one
    named = thing if hasattr(thing, "__qualname__") else type(thing)
    return f"{home(named.__module__)}:{named.__qualname__}"


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
