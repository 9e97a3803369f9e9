"""Loops of a script over environments and seeds, of which a run is one turn."""

from __future__ import annotations

import ast
import itertools
from typing import Any

import pytest

from rlgauge.kinds.train.script.loops import ONE_TURN, one_turn, shorten


def ran(source: str, *, places: dict[str, int | None], given: dict[str, Any]) -> list[Any]:
    """What main was called with, in a script whose loops were shortened."""
    called: list[Any] = []
    tree = ast.parse(source)
    shorten(tree, "main", places, given)
    space = {ONE_TURN: one_turn, "main": lambda *args, **named: called.append((*args, *named.values()))}
    exec(compile(ast.fix_missing_locations(tree), "script.py", "exec"), space)
    return called


ENV = {"places": {"env": 0}, "given": {"env": "B"}}


@pytest.mark.parametrize(
    "source",
    [
        "for env in ['A', 'B']:\n    main(env, 1)\n",
        "for env, steps in [('A', 5), ('B', 1)]:\n    main(env=env, steps=steps)\n",
        "for env, steps in {'A': 5, 'B': 1}.items():\n    main(env, steps)\n",
        "for config in [('B', 1), ('A', 2)]:\n    env, steps = config\n    main(env, steps)\n",
        "[main(one, 1) for one in 'AB']\n",
    ],
)
def test_the_turn_of_the_wanted_environment_is_the_one_that_is_run(source: str) -> None:
    assert ran(source, **ENV) == [("B", 1)]


def test_the_first_turn_is_run_where_none_is_for_it() -> None:
    assert ran("for env in ['C', 'D']:\n    main(env)\n", **ENV) == [("C",)]
    assert ran("for env in []:\n    main(env)\n", **ENV) == []


def test_loops_over_anything_else_stay() -> None:
    assert ran("for lr in [1, 2]:\n    main('A', lr)\n", **ENV) == [("A", 1), ("A", 2)]
    assert len(ran("for env in 'AB':\n    main('C', env)\n", places={"seed": None}, given={"seed": 1})) == 2


def test_loops_in_loops_are_shortened_by_what_each_hands_on() -> None:
    source = "for env in 'AB':\n    for seed in range(9):\n        for lr in (1, 2):\n            main(env, seed, lr)\n"
    found = ran(source, places={"env": 0, "seed": 1}, given={"env": "B", "seed": 4})
    assert found == [("B", 4, 1), ("B", 4, 2)]


def test_a_loop_without_an_end_has_one() -> None:
    assert one_turn(itertools.count(), 7) == [7]
