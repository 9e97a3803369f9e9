"""Changing a method in a class and in all that inherit from it, those that are defined later included."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from types import FunctionType, MethodType
from typing import Any

Method = Callable[..., Any]
_DONE = "_rlgauge_wraps"


def wrap_in_family(root: type, name: str, wrap: Callable[[Method], Method]) -> None:
    """Have `wrap` replace the method of that name in `root` and in its subclasses, wherever each has it from.

    A method that was replaced already is left alone, so that doing this twice does it once.
    """
    _wrap_in(root, name, wrap)
    _wrap_descendants(root, name, wrap, spared=None)


def wrap_in_descendants(root: type, name: str, wrap: Callable[[Method], Method]) -> None:
    """Have `wrap` replace the method in all subclasses that are defined in other modules than `root`.

    What `root` and its neighbours have is left alone: their methods are there to be called by those of subclasses, and
    each of these gets one of its own.
    """
    _wrap_descendants(root, name, wrap, spared=root.__module__)


def unwrapped(owner: object, name: str) -> Method:
    """A method of an object as it was before it was replaced in the object's class."""
    method: Method = getattr(owner, name)
    function = getattr(method, "__func__", None)
    if hasattr(function, _DONE):
        return MethodType(function.__wrapped__, owner)  # type: ignore[union-attr]
    return method


def replace(owner: object, name: str, wrap: Callable[[Method], Method]) -> None:
    """Have `wrap` replace a function of a module, or a method of one class; nothing where there is none, or twice."""
    found = getattr(owner, name, None)
    if callable(found) and not hasattr(found, _DONE):
        setattr(owner, name, _marked(wrap(found)))


def _wrap_descendants(root: type[Any], name: str, wrap: Callable[[Method], Method], *, spared: str | None) -> None:
    before: Any = vars(root).get("__init_subclass__")
    if hasattr(before, _DONE + name):
        return
    for cls in _descendants(root):
        if cls.__module__ != spared:
            _wrap_in(cls, name, wrap)

    def init_subclass(cls: type[Any], /, **named: Any) -> None:  # noqa: ANN401  # a stranger's class has its own
        if before is None:
            super(root, cls).__init_subclass__(**named)
        else:
            before.__func__(cls, **named)
        if cls.__module__ != spared:
            _wrap_in(cls, name, wrap)

    changed: Any = classmethod(init_subclass)
    setattr(changed, _DONE + name, True)
    setattr(root, "__init_subclass__", changed)  # noqa: B010  # a class that is not known here


def _wrap_in(cls: type, name: str, wrap: Callable[[Method], Method]) -> None:
    found = _found(cls, name)
    # What is no plain function (a property, a partial, compiled code) may not take `self`: it stays as it is.
    if isinstance(found, FunctionType) and not hasattr(found, _DONE):
        setattr(cls, name, _marked(wrap(found if name in vars(cls) else _inherited(cls, name, found))))


def _inherited(cls: type, name: str, found: Method) -> Method:
    """The method that the next class in line has, which in a class with several parents need not be `found`."""

    @functools.wraps(found)
    def method(self: object, *args: object, **named: object) -> object:
        return getattr(super(cls, self), name)(*args, **named)

    return method


def _marked(method: Method) -> Method:
    setattr(method, _DONE, True)
    return method


def _found(cls: type, name: str) -> object:
    return next((vars(one)[name] for one in cls.__mro__ if name in vars(one)), None)


def _descendants(root: type[Any]) -> Iterator[type[Any]]:
    for cls in root.__subclasses__():
        yield cls
        yield from _descendants(cls)
