"""Notebooks that were exported as scripts."""

from __future__ import annotations

import ast
from typing import Any

import pytest

from rlgauge.kinds.train.script.notebooks import is_exported, without_magic_lines, without_magics


def ran(source: str) -> dict[str, Any]:
    space: dict[str, Any] = {}
    exec(compile(without_magics(ast.parse(source)), "notebook.py", "exec"), space)
    return space


@pytest.mark.parametrize("magic", ["time", "timeit", "capture"])
def test_cells_that_are_timed_run(magic: str) -> None:
    space = ran(f"get_ipython().run_cell_magic('{magic}', '', 'x = 1\\ny = x + 1\\n')\nz = y\n")
    assert space["z"] == 2


def test_a_timed_line_runs() -> None:
    assert ran("x = []\nget_ipython().run_line_magic('time', 'x.append(1)')\n")["x"] == [1]


def test_other_magics_do_nothing() -> None:
    source = (
        "get_ipython().run_line_magic('matplotlib', 'inline')\nget_ipython().system('exit 1')\n"
        "files = get_ipython().getoutput('ls')\nget_ipython().run_cell_magic('bash', '', 'echo 1')\n"
        "shell = get_ipython()\n"
    )
    space = ran(source)
    assert space["files"] is None
    assert space["shell"] is None


def test_lines_keep_their_places() -> None:
    source = "!pip install x\n    %time y\nz = 7 % 3\n"
    assert without_magic_lines(source) == "pass\n    pass\nz = 7 % 3\n"


def test_an_exported_notebook_is_known_by_its_marks() -> None:
    assert is_exported(b"# In[1]:\nx = 1\n")
    assert is_exported(b"# %%\nx = 1\n")
    assert not is_exported(b"x = 1\n")
