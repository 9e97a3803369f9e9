"""Which files of its own a process has read."""

from __future__ import annotations

import importlib
import os
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path

import numpy as np
import pytest

import rlgauge
from rlgauge.kinds.train.script import imports


@pytest.mark.parametrize("path", [os.__file__, np.__file__, rlgauge.__file__, "<string>", "/x/data.json"])
def test_python_what_is_installed_and_this_package_are_nobodys_own(path: str) -> None:
    assert not imports.is_own(path)
    assert imports.is_own("/home/me/train.py")


def test_what_a_module_says_when_it_is_imported_is_noted_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "_READ", {})
    monkeypatch.setattr(SourceFileLoader, "get_code", SourceFileLoader.get_code)
    monkeypatch.syspath_prepend(str(tmp_path))
    file = tmp_path / "noted_module.py"
    file.write_text("x = 1\n")
    imports.install()
    importlib.import_module("noted_module")
    del sys.modules["noted_module"]
    file.write_text("x = 2\n")
    imports.note(str(file))
    imports.write(tmp_path)
    assert imports.read(tmp_path) == {str(file.resolve()): imports.hash_of(b"x = 1\n")}


def test_names_of_files_that_are_no_text_are_kept_as_they_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "_READ", {"/home/me/\udcff.py": "0"})
    imports.write(tmp_path)
    assert imports.read(tmp_path) == {"/home/me/\\udcff.py": "0"}
