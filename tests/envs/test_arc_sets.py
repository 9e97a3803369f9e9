"""Task sets for libraries of others."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from rlgauge.core.errors import UserError
from rlgauge.envs import arc_sets
from rlgauge.envs.reference.arc_tasks import PADDING, generated, padded

MINI = "arcs/Mini-ARC/data/MiniARC"


@pytest.fixture
def arcle(tmp_path, monkeypatch):
    """Where MiniARC lies in an arcle that is installed; the package itself is not imported, and can't be."""
    package = tmp_path / "arcle"
    (package / MINI).mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('it takes seconds to import')")
    monkeypatch.syspath_prepend(tmp_path)
    return package / MINI


def test_generated_tasks_are_those_of_our_own_environment_without_padding():
    tasks = arc_sets.generated_set()
    ours = generated(0, arc_sets.NUM_GENERATED)
    assert (tasks.size, len(tasks.tasks)) == (30, arc_sets.NUM_GENERATED)
    for index, task in enumerate(tasks.tasks):
        assert task.examples == task.tests
        (pair,) = task.examples
        assert PADDING not in pair.start
        np.testing.assert_array_equal(padded(pair.start), ours.inputs[index])
        np.testing.assert_array_equal(padded(pair.target), ours.targets[index])


def test_cells_of_mini_arc_are_numbers_digits_or_nothing_which_is_black(arcle):
    pair = {"input": [[0, "7"], [None, 3]], "output": [["1", "1"]]}
    other = {"input": [[5]], "output": [[None]]}
    (arcle / "b_2.json").write_text(json.dumps({"train": [other], "test": [pair, other]}))
    (arcle / "a_1.json").write_text(json.dumps({"train": [pair, other], "test": [other]}))
    kind, tasks = arc_sets.find("mini-box", of="a")
    assert (kind, tasks.size) == ("box", 5)
    first, second = tasks.tasks
    np.testing.assert_array_equal(first.examples[0].start, [[0, 7], [0, 3]])
    np.testing.assert_array_equal(first.examples[0].target, [[1, 1]])
    np.testing.assert_array_equal(second.tests[1].target, [[0]])
    assert (len(first.examples), len(first.tests), len(second.examples)) == (2, 1, 1)
    assert "arcle" not in sys.modules


def test_mini_arc_that_is_not_there_is_said(arcle, monkeypatch):
    with pytest.raises(UserError, match="brings no MiniARC"):
        arc_sets.mini_arc()
    monkeypatch.undo()
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(UserError, match="pip install arcle"):
        arc_sets.mini_arc()


def test_names_are_kinds_of_actions_and_unknown_ones_are_answered_with_the_nearest():
    assert arc_sets.names() == ["point", "box", "mask", "mini-point", "mini-box", "mini-mask"]
    with pytest.raises(UserError, match=r"Unknown X environment 'mini-pont'\. Did you mean 'mini-point'\?"):
        arc_sets.find("mini-pont", of="X")
