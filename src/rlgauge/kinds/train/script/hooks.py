"""Doing something to a module once it has been imported, whoever imports it and whenever."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

Change = Callable[[ModuleType], None]


def after_import(name: str, change: Change) -> None:
    """Have `change` done to the module of that name after its import; at once where that was before."""
    loaded = sys.modules.get(name)
    if loaded is not None:
        change(loaded)
        return
    if not _FINDER.changes:
        sys.meta_path.insert(0, _FINDER)
    _FINDER.changes.setdefault(name, []).append(change)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the modules that wait for a change as all others would, and has their loader do it."""

    def __init__(self) -> None:
        self.changes: dict[str, list[Change]] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The spec that others find, with a loader of ours where something waits for the module."""
        if fullname not in self.changes:
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        found = (finder.find_spec(fullname, path, target) for finder in others)
        spec = next((one for one in found if one is not None), None)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader(importlib.abc.Loader):
    """The loader that was found, which does the changes when it is done."""

    def __init__(self, loader: Any) -> None:  # noqa: ANN401  # loaders need share no class
        self._loader = loader

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # whatever a loader offers: its files, its source
        return getattr(self._loader, name)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        """The module as the loader makes it."""
        made: ModuleType | None = self._loader.create_module(spec)
        return made

    def exec_module(self, module: ModuleType) -> None:
        """Run the module, then do the changes; the module knows its own loader only."""
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        for change in _FINDER.changes.pop(module.__name__, []):
            change(module)


_FINDER = _Finder()
