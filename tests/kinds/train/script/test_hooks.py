"""Changes to modules that are imported later."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rlgauge.kinds.train.script.hooks import _FINDER, after_import


@pytest.fixture(autouse=True)
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]
    _FINDER.changes.clear()


def test_a_module_is_changed_once_it_is_imported(modules: Path) -> None:
    (modules / "hooked_a.py").write_text("value = 1\n")
    after_import("hooked_a", lambda module: setattr(module, "value", module.value + 1))
    after_import("hooked_a", lambda module: setattr(module, "value", module.value * 10))
    assert importlib.import_module("hooked_a").value == 20
    assert importlib.import_module("hooked_a").value == 20


def test_a_module_that_is_there_is_changed_at_once(modules: Path) -> None:
    (modules / "hooked_b.py").write_text("value = 1\n")
    module = importlib.import_module("hooked_b")
    after_import("hooked_b", lambda module: setattr(module, "value", 2))
    assert module.value == 2


def test_looking_for_a_module_does_not_use_up_its_changes(modules: Path) -> None:
    (modules / "hooked_c.py").write_text("value = 1\n")
    after_import("hooked_c", lambda module: setattr(module, "value", 2))
    assert importlib.util.find_spec("hooked_c") is not None
    assert importlib.import_module("hooked_c").value == 2


def test_a_module_that_fails_is_changed_when_it_is_imported_again(modules: Path) -> None:
    (modules / "hooked_d.py").write_text("raise ImportError\n")
    after_import("hooked_d", lambda module: setattr(module, "value", 2))
    with pytest.raises(ImportError):
        importlib.import_module("hooked_d")
    (modules / "hooked_d.py").write_text("value = 1000\n")
    importlib.invalidate_caches()
    assert importlib.import_module("hooked_d").value == 2


def test_a_module_of_a_package_is_changed_and_knows_its_own_loader(modules: Path) -> None:
    (modules / "hooked_p").mkdir()
    (modules / "hooked_p" / "__init__.py").write_text("from hooked_p import inner\n")
    (modules / "hooked_p" / "inner.py").write_text("value = 1\n")
    after_import("hooked_p.inner", lambda module: setattr(module, "value", 2))
    inner = importlib.import_module("hooked_p").inner
    assert inner.value == 2
    assert type(inner.__loader__).__module__.startswith(("importlib", "_frozen_importlib"))
    assert inner.__spec__.loader is inner.__loader__


def test_what_is_not_there_is_not_found() -> None:
    after_import("hooked_nowhere", lambda module: None)
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("hooked_nowhere")
