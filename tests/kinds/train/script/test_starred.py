"""What functions take by `**kwargs`."""

from __future__ import annotations

import ast

import pytest

from rlgauge.kinds.train.script.rewriting import functions_of
from rlgauge.kinds.train.script.starred import taken

OTHERS = "def other(game, **more):\n    more.get('task')\nclass Agent:\n    def __init__(self, env):\n        pass\n"


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ("kwargs['env']", "env"),
        ("kwargs['other'], kwargs.pop('task', 3)", "task"),
        ("'game' in kwargs", "game"),
        ("kwargs['task'], kwargs['env']", "env"),
        ("Agent(**kwargs)", "env"),
        ("Agent(env=make(), **kwargs)", None),
        ("other(**kwargs)", "game"),
        ("other(game='A', **kwargs)", "task"),
        ("other(**settings), unknown(**kwargs)", None),
        ("settings['env'], kwargs[env], kwargs.update('env')", None),
    ],
)
def test_a_name_is_taken_where_it_is_asked_for_or_handed_on(body: str, name: str | None) -> None:
    functions = functions_of(ast.parse(f"{OTHERS}def main(**kwargs):\n    {body}\n"))
    assert taken(functions["main"], ("env", "game", "task"), functions) == name


def test_a_function_that_takes_no_other_names_takes_none() -> None:
    functions = functions_of(ast.parse("def main(kwargs):\n    kwargs['env']\n"))
    assert taken(functions["main"], ("env",), functions) is None
