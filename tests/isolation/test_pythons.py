"""The small Python on top of libraries."""

from __future__ import annotations

import os

from rlgauge.isolation import pythons
from tests.isolation.offline import ask


def test_where_rlgauge_lies_among_other_libraries_it_alone_is_importable(tmp_path):
    shared, libraries = tmp_path / "site-packages", tmp_path / "libraries"
    for folder in (shared / "rlgauge", shared / "neighbour", shared / "neighbour-1.0.dist-info", libraries):
        folder.mkdir(parents=True)
    (shared / "rlgauge" / "__init__.py").write_text('__version__ = "5.0"\n')
    (shared / "neighbour" / "__init__.py").touch()
    pythons.make_python(tmp_path / "python", source=shared, libraries=[libraries], version="5.0")
    code = (
        "import importlib.util, rlgauge; print(rlgauge.__version__, importlib.util.find_spec('neighbour'), sep='\\n')"
    )
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    assert ask(pythons.executable(tmp_path / "python"), code, variables) == ["5.0", "None"]


def test_the_path_files_of_the_libraries_count(tmp_path):
    source, libraries, further = tmp_path / "src", tmp_path / "libraries", tmp_path / "further"
    for folder in (source / "rlgauge", libraries, further):
        folder.mkdir(parents=True)
    (source / "rlgauge" / "__init__.py").write_text('__version__ = "5.0"\n')
    (libraries / "further.pth").write_text(f"{further}\n")
    (further / "deep.py").write_text("value = 3")
    pythons.make_python(tmp_path / "python", source=source, libraries=[libraries], version="5.0")
    code = "import deep, sys; print(deep.value)"
    assert ask(pythons.executable(tmp_path / "python"), code, pythons.variables(source)) == ["3"]


def test_variables_of_another_python_are_not_handed_on(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONHOME", "/elsewhere")
    monkeypatch.setenv("PYTHONPATH", "/mine")
    monkeypatch.setenv("KEPT", "1")
    found = pythons.variables(tmp_path)
    assert "PYTHONHOME" not in found
    assert found["PYTHONPATH"] == f"{tmp_path}{os.pathsep}/mine"
    assert found["KEPT"] == "1"
