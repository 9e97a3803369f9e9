"""What a script left, as a list of named things: those of `main`, what it returned, those of its module."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from rlgauge.kinds.train.script.left import Left

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST_INSIDE = 64
"""A list or mapping with more entries holds data, not models."""
_PLAIN = (str, bytes, int, float, complex, bool, type(None), type, ModuleType)
_NOT_INSIDE = (FunctionType, BuiltinFunctionType, MethodType)
RETURNED = "returned"
"""The name of what `main` returned, where that is one thing."""


class Thing(NamedTuple):
    """An object under the name by which the script knows it, such as `agent.policy`."""

    name: str
    value: Any


def things(left: Left) -> list[Thing]:
    """All of them, each once, under its first name; what lies inside another comes after what does not.

    In this order: locals of `main`, what it returned, globals of the module; then one level inside of these, and two
    inside of what is of the script's own classes. A function that `main` returned is there by that, too.
    """
    seen: set[int] = set()
    outer = _once([*_named(left.main or {}), *_returned(left.returned), *_named(left.module)], seen)
    if isinstance(left.returned, _NOT_INSIDE) and all(thing.name != RETURNED for thing in outer):
        outer.append(Thing(RETURNED, left.returned))
    inner = _once([inside for thing in outer for inside in _inside(thing)], seen)
    deeper = _once([inside for thing in inner if _is_own(thing.value) for inside in _inside(thing)], seen)
    return [*outer, *inner, *deeper]


def _named(variables: Mapping[str, object]) -> list[Thing]:
    return [Thing(name, value) for name, value in variables.items() if not name.startswith("_")]


def _returned(value: object) -> list[Thing]:
    """What `main` returned; several things of a tuple or mapping by their own names."""
    if isinstance(value, Mapping) and not is_tree(value) and not is_dict_table(value):
        return [Thing(str(name), part) for name, part in value.items()]
    if isinstance(value, (tuple, list)) and len(value) <= _MOST_INSIDE:
        return [Thing(f"returned.{place}", part) for place, part in enumerate(value)]
    return [Thing(RETURNED, value)]


def _once(given: list[Thing], seen: set[int]) -> list[Thing]:
    """Those that are no plain values and were not seen before."""
    kept = []
    for thing in given:
        if isinstance(thing.value, _PLAIN) or id(thing.value) in seen:
            continue
        seen.add(id(thing.value))
        kept.append(thing)
    return kept


def _inside(thing: Thing) -> list[Thing]:
    """The parts of an object, a list or a mapping that are models, tables, environments or objects of the script."""
    value = thing.value
    if is_whole(value) or is_env(value) or isinstance(value, _NOT_INSIDE):
        return []
    parts = [Thing(f"{thing.name}.{name}", part) for name, part in _parts(value)]
    return [part for part in parts if is_whole(part.value) or is_env(part.value) or _is_own(part.value)]


def _is_own(value: object) -> bool:
    """Whether it is an object of a class that the script defines."""
    return type(value).__module__ == "__main__"


def _parts(value: object) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        named = list(value.items()) if len(value) <= _MOST_INSIDE else []
    elif isinstance(value, (list, tuple)):
        named = list(enumerate(value)) if len(value) <= _MOST_INSIDE else []
    else:
        named = list((attribute(value, "__dict__") or {}).items())
    for name, part in named:
        if not isinstance(part, _PLAIN):
            yield str(name), part


def is_whole(value: object) -> bool:
    """Whether it is a model, a state or a table, of which nothing needs to be looked for inside."""
    return is_sb3_model(value) or has_state(value) or is_array(value) or is_dict_table(value) or has_params(value)


def is_sb3_model(value: object) -> bool:
    """Whether it is a model of Stable-Baselines3, which is not imported for the question."""
    library = sys.modules.get("stable_baselines3.common.base_class")
    return library is not None and isinstance(value, library.BaseAlgorithm)


def is_module(value: object) -> bool:
    """Whether it is a torch module."""
    torch = sys.modules.get("torch.nn")
    return torch is not None and isinstance(value, torch.Module)


def has_state(value: object) -> bool:
    """Whether it has a `state_dict` to call."""
    return not isinstance(value, type) and callable(attribute(value, "state_dict"))


def attribute(value: object, name: str) -> Any:  # noqa: ANN401  # whatever it is
    """The attribute; None where there is none, or where looking for it fails."""
    try:
        return getattr(value, name, None)
    except Exception:  # noqa: BLE001  # strangers' objects may do anything when asked for an attribute
        return None


def has_params(value: object) -> bool:
    """Whether it holds parameters as a TrainState of flax does."""
    if "jax" not in sys.modules or isinstance(value, type):
        return False
    return attribute(value, "params") is not None and attribute(value, "step") is not None


def is_train_state(value: object) -> bool:
    """Whether it also says how to apply them."""
    return has_params(value) and callable(attribute(value, "apply_fn"))


def is_array(value: object) -> bool:
    """Whether it is a NumPy array."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.ndarray)


def is_dict_table(value: object) -> bool:
    """Whether it is a mapping from states (numbers, or tuples of them) to an array of values each."""
    if not isinstance(value, dict) or not value:
        return False
    return all(_is_state(key) and is_array(row) and row.ndim == 1 and row.size for key, row in value.items()) and (
        len({row.shape for row in value.values()}) == 1
    )


def is_tree(value: object) -> bool:
    """Whether it is a mapping of JAX's arrays, however deep, and nothing else."""
    return bool(tree_arrays(value))


def tree_arrays(value: object, *, of_any: bool = False) -> dict[str, NDArray[Any]]:
    """The arrays of a tree of parameters by their paths (`params.Dense_0.kernel`); none of what is no such tree.

    A tree is a mapping or a class that JAX knows, or, `of_any`, anything that JAX knows.
    """
    jax = sys.modules.get("jax")
    is_tree = of_any or isinstance(value, Mapping) or hasattr(type(value), "__dataclass_fields__")
    if jax is None or not is_tree:
        return {}
    leaves = jax.tree_util.tree_flatten_with_path(value)[0]
    are_arrays = all(isinstance(leaf, jax.Array) or is_array(leaf) for _, leaf in leaves)
    if not are_arrays or not any(isinstance(leaf, jax.Array) for _, leaf in leaves):
        return {}
    return {".".join(map(_key, path)) or "array": leaf for path, leaf in leaves}


def _key(part: Any) -> str:  # noqa: ANN401  # JAX has a class for each kind of key
    return str(next((getattr(part, name) for name in ("key", "name", "idx") if hasattr(part, name)), part))


def _is_state(key: object) -> bool:
    if isinstance(key, tuple):
        return bool(key) and all(map(_is_number, key))
    return _is_number(key)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) or (hasattr(value, "dtype") and hasattr(value, "item"))


def is_env(value: object) -> bool:
    """Whether it is an environment of Gymnasium, one or many, or a vector of Stable-Baselines3."""
    if isinstance(value, type):
        return False
    return any(
        (library := sys.modules.get(module)) is not None and isinstance(value, getattr(library, name))
        for module, name in _ENVIRONMENTS
    )


_ENVIRONMENTS = (
    ("gymnasium", "Env"),
    ("gymnasium.vector", "VectorEnv"),
    ("stable_baselines3.common.vec_env", "VecEnv"),
)
