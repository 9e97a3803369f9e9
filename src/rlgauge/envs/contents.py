"""What a live object holds, as hashes: two that were made alike have the same, in any process.

Environments, functions and policies can't be compared by name alone: a closure, a field or a physics model may differ.
So all that can be reached from an object is told: values, arrays, the classes, the source of classes and functions that
no version names, and what functions close over. Random generators are left out, since every episode seeds them; so is
what a library in another language keeps for itself (the world of Box2D, a console of ALE).
"""

from __future__ import annotations

import enum
import functools
import hashlib
import itertools
import random
import types
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

_PLAIN = (bool, int, float, complex, str, bytes, bytearray, type(None), type(Ellipsis), PurePath)
_SEEDED = (np.random.Generator, np.random.RandomState, np.random.BitGenerator, np.random.SeedSequence, random.Random)
_SEEDING = frozenset({"_np_random", "_np_random_seed"})
"""Attributes of environments and spaces that say how they were seeded."""
_SIMULATED = {("mujoco", "MjData")}
"""Classes of what a reset sets anew, with clocks of the machine in it."""
_MADE_BY_PYTHON = 1 << 9
"""The flag of types that a class statement made (Py_TPFLAGS_HEAPTYPE)."""
_MOST = 200_000
"""Parts of an object beyond which it can't be told in good time."""


class UntoldError(Exception):
    """Something in the object can't be told from something like it."""


def contents(
    thing: object,
    describe_class: Callable[[type], Mapping[str, Any]],
    *,
    passed_over: Collection[str] = (),
    is_lenient: bool = False,
) -> dict[str, str]:
    """A hash by path of every part that the object holds, attributes called as those in `passed_over` left out.

    `describe_class` says what defines a class, as JSON. Raises UntoldError where an object keeps something to itself,
    unless it `is_lenient` and the object is of a library whose version is known.
    """
    told: dict[str, str] = {}
    for path, text in _Teller(functools.cache(describe_class), frozenset(passed_over), is_lenient).walk(thing, ""):
        told[path] = hashlib.blake2b(text, digest_size=8).hexdigest()
        if len(told) > _MOST:
            raise UntoldError(f"it has more than {_MOST} parts")
    return told


class _Teller:
    """Walks through an object once; what was met before is told by the path where it was met."""

    def __init__(
        self,
        describe_class: Callable[[type], Mapping[str, Any]],
        passed_over: frozenset[str],
        is_lenient: bool,  # noqa: FBT001  # handed on
    ) -> None:
        self._describe_class = describe_class
        self._passed_over = passed_over
        self._is_lenient = is_lenient
        self._met: dict[int, str] = {}
        self._kept: list[object] = []  # so that no two objects share an address

    def walk(self, thing: Any, path: str) -> Iterator[tuple[str, bytes]]:  # noqa: ANN401, C901, PLR0912  # a case a kind
        """Path and content of every part."""
        if isinstance(thing, _PLAIN) and not isinstance(thing, enum.Enum):
            yield path, _plain(thing)
            return
        if id(thing) in self._met:
            yield path, f"same as {self._met[id(thing)]}".encode()
            return
        self._met[id(thing)] = path
        self._kept.append(thing)
        match thing:
            case np.ndarray() | np.generic() if thing.dtype.hasobject:
                yield from self._parts(thing, {str(k): v for k, v in enumerate(np.ravel(thing).tolist())}, path)
            case np.ndarray() | np.generic():
                yield path, _array(thing)
            case np.dtype():
                yield path, str(thing).encode()
            case type():
                yield from self._class(thing, path)
            case enum.Enum():
                yield path, f"{type(thing).__qualname__}.{thing.name}".encode()
            case types.ModuleType():
                yield path, f"module {thing.__name__} {getattr(thing, '__version__', '')}".encode()
            case _ if hasattr(thing, "detach") and hasattr(thing, "numpy"):  # a tensor of torch
                yield path, _tensor(thing)
            case _ if hasattr(thing, "__array__") and hasattr(thing, "dtype"):  # an array of JAX
                yield path, _array(np.asarray(thing))
            case Mapping():
                yield from self._mapping(thing, path)
            case set() | frozenset():
                yield path, repr(sorted(map(self._alone, thing))).encode()
            case list() | tuple():
                yield from self._parts(thing, {str(place): part for place, part in enumerate(thing)}, path)
            case types.FunctionType():
                yield from self._parts(thing, self._function(thing), path)
            case types.MethodType():
                yield from self._parts(thing, {"function": thing.__func__, "self": thing.__self__}, path)
            case partial():
                yield from self._parts(thing, {"f": thing.func, "args": thing.args, "kw": thing.keywords}, path)
            case types.BuiltinFunctionType() | types.MethodWrapperType() | types.WrapperDescriptorType():
                yield path, f"{thing.__module__ if hasattr(thing, '__module__') else ''}.{thing.__qualname__}".encode()
            case types.CellType():
                yield from self._parts(thing, {"": thing.cell_contents} if _is_full(thing) else {}, path)
            case types.CodeType():
                yield from self._parts(thing, _code(thing), path)
            case _ if isinstance(thing, _SEEDED) or _name(type(thing)) in _SIMULATED:
                yield path, type(thing).__name__.encode()
            case _:
                yield from self._object(thing, path)

    def _object(self, thing: Any, path: str) -> Iterator[tuple[str, bytes]]:  # noqa: ANN401
        """By its attributes, and by what pickle would keep of it where it has none or a part in another language."""
        attributes = dict(_attributes(thing))
        if not attributes or not all(kind.__flags__ & _MADE_BY_PYTHON for kind in type(thing).__mro__[:-1]):
            attributes |= self._reduced(thing, path)
        left_out = _SEEDING | self._passed_over
        kept = {name: value for name, value in attributes.items() if name not in left_out}
        yield from self._parts(thing, kept, path)

    def _reduced(self, thing: Any, path: str) -> dict[str, Any]:  # noqa: ANN401
        try:
            reduced = thing.__reduce_ex__(4)
        except Exception as error:  # a class may refuse in any way
            if not self._is_lenient or {"source", "instance"} & self._describe_class(type(thing)).keys():
                raise UntoldError(f"{path or 'it'} is a {type(thing).__qualname__}, which can't be read") from error
            return {}
        return {"reduced": reduced if isinstance(reduced, str) else reduced[1:]}

    def _class(self, kind: type, path: str) -> Iterator[tuple[str, bytes]]:
        """By what defines it; one that was typed in, by the functions it has."""
        told = dict(self._describe_class(kind))
        if told.pop("instance", None) is not None:
            functions = {name: part for name, part in vars(kind).items() if isinstance(part, types.FunctionType)}
            yield from self._parts(type, functions, path)
        yield f"{path}.class", repr(sorted(told.items())).encode()

    def _parts(self, owner: object, parts: Mapping[str, Any], path: str) -> Iterator[tuple[str, bytes]]:
        kind = {name: text for name, text in self._describe_class(type(owner)).items() if name != "instance"}
        yield path, repr([sorted(kind.items()), sorted(parts)]).encode()
        for name in sorted(parts):
            yield from self.walk(parts[name], f"{path}.{name}")

    def _mapping(self, mapping: Mapping[Any, Any], path: str) -> Iterator[tuple[str, bytes]]:
        keys = {f"{key!r}" if isinstance(key, _PLAIN) else self._alone(key): value for key, value in mapping.items()}
        yield from self._parts(mapping, keys, path)

    def _alone(self, thing: object) -> str:
        """All of a part of something without order, in one hash."""
        whole = hashlib.blake2b(digest_size=8)
        for path, text in _Teller(self._describe_class, self._passed_over, self._is_lenient).walk(thing, ""):
            whole.update(path.encode() + text)
        return whole.hexdigest()

    def _function(self, function: types.FunctionType) -> dict[str, Any]:
        """Its code, its defaults, what it closes over, and the plain values among the globals that it names."""
        names = set(itertools.chain.from_iterable(code.co_names for code in nested_code(function.__code__)))
        plain = (*_PLAIN, np.ndarray, np.generic, types.FunctionType, type, list, tuple, dict)
        found = {name: function.__globals__[name] for name in names if name in function.__globals__}
        return {
            "name": function.__qualname__,
            "code": function.__code__,
            "defaults": [function.__defaults__, function.__kwdefaults__],
            "closure": list(function.__closure__ or ()),
            "globals": {name: value for name, value in found.items() if isinstance(value, plain)},
        }


def _plain(thing: object) -> bytes:
    """A whole number is the same however it is written: 2 and 2.0."""
    is_whole = isinstance(thing, float) and thing.is_integer()
    told = int(thing) if is_whole else thing  # type: ignore[call-overload]  # a float
    return f"{type(told).__name__} {told!r}".encode()


def _array(array: NDArray[Any] | np.generic) -> bytes:
    return f"{array.dtype} {array.shape} ".encode() + array.tobytes()


def _tensor(tensor: Any) -> bytes:  # noqa: ANN401  # torch is not imported for this
    values = tensor.detach().cpu()
    try:
        array = values.numpy()
    except (TypeError, RuntimeError):  # of a type that NumPy lacks, which single precision holds
        array = values.to_dense().float().numpy()
    return f"{tensor.dtype} {tensor.requires_grad} ".encode() + _array(array)


def nested_code(code: types.CodeType) -> Iterator[types.CodeType]:
    """A function's or a module's code, and that of all functions within."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from nested_code(constant)


def _code(code: types.CodeType) -> dict[str, Any]:
    return {"bytes": code.co_code, "constants": code.co_consts, "names": [code.co_names, code.co_varnames]}


def _is_full(cell: types.CellType) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:
        return False
    return True


def _attributes(thing: Any) -> Iterable[tuple[str, Any]]:  # noqa: ANN401
    yield from getattr(thing, "__dict__", {}).items()
    for kind in type(thing).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in {"__dict__", "__weakref__"} and hasattr(thing, name):
                yield name, getattr(thing, name)


def _name(kind: type) -> tuple[str, str]:
    return kind.__module__.partition(".")[0], kind.__name__
