"""Scripts whose syntax trees were changed: what they do is what they did, and what they leave is kept."""

from __future__ import annotations

import ast
import asyncio
import traceback
from typing import Any

import pytest

from rlgauge.kinds.train.script import left, rewriting
from rlgauge.kinds.train.script.left import Left
from rlgauge.kinds.train.script.rewriting import Changes, rewritten
from rlgauge.kinds.train.script.seeding import instead_of


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(left, "_SCOPES", {})
    monkeypatch.setattr(left, "_RETURNED", {})


def ran(source: str, *, name: str = "__main__", **changes: Any) -> dict[str, Any]:
    """The globals of a module that ran with the changes."""
    space = {
        "__name__": name,
        left.KEEP: left.keep,
        left.KEEP_RETURNED: left.keep_returned,
        rewriting.RESEED: instead_of(42),
        rewriting.OVERWRITE: lambda: None,
    }
    tree = rewritten(ast.parse(source), Changes(**changes))
    exec(compile(tree, "script.py", "exec", dont_inherit=True), space)
    return space


def collected(space: dict[str, Any], entry: str = "main") -> Left:
    return left.collect(space, entry=entry)


def test_locals_at_an_early_return_are_kept_with_what_was_returned() -> None:
    space = ran(
        "def main(env):\n    model = [env]\n    if env:\n        return len(model)\n    late = 1\n", kept=["main"]
    )
    assert space["main"]("a") == 1
    found = collected(space)
    assert found.main == {"env": "a", "model": ["a"]}
    assert found.returned == 1


def test_variables_of_closures_are_among_the_locals() -> None:
    source = (
        "def main():\n    total = 0\n    def add():\n        nonlocal total\n        total += 1\n    add()\n    add()\n"
    )
    space = ran(source, kept=["main"])
    space["main"]()
    found = collected(space).main
    assert found is not None
    assert found["total"] == 2


def test_functions_inside_return_to_those_that_called_them() -> None:
    source = "def main():\n    def inner():\n        return 'inner'\n    return [inner(), (lambda: 2)()]\n"
    space = ran(source, kept=["main"])
    assert space["main"]() == ["inner", 2]
    assert collected(space).returned == ["inner", 2]


def test_a_decorated_function_keeps_its_name_its_docstring_and_its_locals() -> None:
    source = (
        "import functools\ndef twice(f):\n    @functools.wraps(f)\n    def g(*a):\n        return f(*a), f(*a)\n"
        "    return g\n@twice\ndef main(x):\n    'What it does.'\n    y = x + 1\n    return y\n"
    )
    space = ran(source, kept=["main"])
    assert space["main"](1) == (2, 2)
    assert (space["main"].__doc__, space["main"].__name__) == ("What it does.", "main")
    assert collected(space).main == {"x": 1, "y": 2}


def test_locals_of_a_coroutine_are_kept() -> None:
    space = ran("async def main():\n    agent = 1\n    return agent\n", kept=["main"])
    assert asyncio.run(space["main"]()) == 1
    assert collected(space) == Left({"main": space["main"]}, {"agent": 1}, 1)


def test_a_generator_stays_one() -> None:
    space = ran("def main():\n    for x in range(3):\n        yield x\n    return 5\n", kept=["main"])
    assert list(space["main"]()) == [0, 1, 2]


def test_locals_are_kept_when_a_function_raises_and_the_lines_of_its_trace_are_its_own() -> None:
    space = ran("def main(x):\n    y = 1\n\n    z = x / 0\n", kept=["main"], entry="main", given={"main": {"x": 3}})
    with pytest.raises(ZeroDivisionError) as caught:
        space["main"](None)
    assert traceback.extract_tb(caught.value.__traceback__)[-1].lineno == 4
    assert collected(space).main == {"x": 3, "y": 1}


def test_a_method_keeps_its_locals_and_its_super() -> None:
    source = (
        "class A:\n    def run(self):\n        return 'a'\nclass B(A):\n    def run(self):\n        x = super().run()\n"
        "        return x\n"
    )
    space = ran(source, kept=["B.run"])
    one = space["B"]()
    assert one.run() == "a"
    assert collected(space).main == {"self": one, "x": "a"}


def test_what_ends_last_wins_where_names_are_the_same() -> None:
    source = "def train():\n    model, a = 1, 1\ndef main():\n    train()\n    model = 2\n"
    space = ran(source, kept=["main", "train"])
    space["main"]()
    assert collected(space).main == {"model": 2, "a": 1}


def test_given_values_replace_those_that_a_function_is_called_with() -> None:
    source = "def main(env, *, seed=0):\n    'Doc.'\n    return env, seed\n"
    space = ran(source, kept=["main"], given={"main": {"env": "E-v1", "seed": 7}})
    assert space["main"]("other", seed=3) == ("E-v1", 7)
    assert space["main"].__doc__ == "Doc."


def test_given_values_may_be_of_any_kind_and_go_where_a_function_takes_any_name() -> None:
    source = "def main(env, **more):\n    return env, more\n"
    space = ran(source, given={"main": {"env": "E", "sizes": [1, (2.5, None)]}})
    assert space["main"]("other") == ("E", {"sizes": [1, (2.5, None)]})


def test_what_is_bound_by_a_call_or_an_import_is_given_its_values_there() -> None:
    source = "from math import sqrt as main\nseen = main\nif True:\n    main = abs\n"
    space = {"__name__": "__main__", rewriting.FILL: lambda function: ("filled", function.__name__)}
    exec(compile(rewritten(ast.parse(source), Changes(filled="main")), "script.py", "exec"), space)
    assert (space["seen"], space["main"]) == (("filled", "sqrt"), ("filled", "abs"))


@pytest.mark.parametrize(
    ("test", "runs"),
    [("__name__ == '__main__'", True), ("'__main__' == __name__", True), ("__name__ != '__main__'", False)],
)
def test_the_block_of_a_script_runs_only_when_asked_for(test: str, *, runs: bool) -> None:
    source = f"is_run = False\nif {test}:\n    is_run = True\n"
    assert ran(source)["is_run"] is runs
    assert ran(source, runs_block=False)["is_run"] is not runs


@pytest.mark.parametrize(
    "binding",
    [
        "SEED = 3",
        "SEED: int = 3",
        "SEED, GAMMA = 3, 0.9",
        "A = SEED = 3",
        "if True:\n    SEED = 3",
        "try:\n    SEED = 3\nfinally:\n    pass",
        "from calendar import MONDAY as SEED",
        "SEED = None",
    ],
)
def test_a_global_seed_is_overwritten_at_once_however_it_is_bound(binding: str) -> None:
    space = ran(f"{binding}\nseen = SEED\ndef helper():\n    return SEED\n")
    assert (space["seen"], space["helper"]()) == (42, 42)


@pytest.mark.parametrize("value", ["'text'", "[1, 2]", "True", "1.5"])
def test_a_global_of_that_name_that_is_no_number_stays(value: str) -> None:
    assert ran(f"SEED = {value}\n")["SEED"] == ast.literal_eval(value)


def test_a_local_seed_stays() -> None:
    assert ran("def f():\n    SEED = 3\n    return SEED\nseen = f()\n")["seen"] == 3


def test_nothing_is_added_to_what_is_not_named() -> None:
    source = "def f(x):\n    return x\n"
    before = compile(source, "script.py", "exec").co_consts[0].co_code
    space = ran(source, kept=["main"])
    assert space["f"].__code__.co_code == before


def test_future_imports_and_the_docstring_of_a_module_stay_first() -> None:
    space = ran(
        "'''Doc.'''\nfrom __future__ import annotations\nSEED = 1\ndef main(x: Unknown):\n    pass\n", kept=["main"]
    )
    assert space["__doc__"] == "Doc."
    assert space["main"].__annotations__ == {"x": "Unknown"}
