"""Whether a run may carry the name of an environment."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import gymnasium
import pytest

from rlgauge.kinds.train.script.labels import doubts, is_same, wrong
from rlgauge.kinds.train.script.planning import Plan
from rlgauge.kinds.train.spec import Spec


def plan_and_spec(env: str | None, *, is_told: bool) -> tuple[Plan, Spec]:
    ways = {"env": "option --env"} if is_told else {}
    plan = Plan(argv=[], entry=None, calls_entry=False, values={}, own={}, ways=ways, warnings=[])
    return plan, Spec(script="x.py", env=env, seed=0, args=[], folder="/")


def judged(
    env: str | None, made: list[str], *, is_told: bool, steps: Mapping[str, int] = MappingProxyType({})
) -> str | None:
    return wrong(*plan_and_spec(env, is_told=is_told), made, "x.py", steps)


@pytest.mark.parametrize(
    ("wanted", "made", "same"),
    [
        ("CartPole-v1", "CartPole-v1", True),
        ("CartPole", "CartPole-v1", True),
        ("my.module:Thing-v0", "Thing-v0", True),
        ("gym/CartPole-v1", "CartPole-v1", True),
        ("Pong-v5", "ALE/Pong-v5", True),
        ("CartPole-v1", "mine/CartPole-v1", False),
        ("FrozenLake-v1", "FrozenLake8x8-v1", False),
        ("CartPole-v0", "CartPole-v1", False),
        ("Pole", "CartPole-v1", False),
    ],
)
def test_an_id_may_lack_its_module_and_its_version(wanted: str, made: str, *, same: bool) -> None:
    assert is_same(wanted, made) is same


def test_a_script_that_makes_another_environment_is_told_of() -> None:
    assert judged("Pendulum-v1", ["CartPole-v1"], is_told=False) is not None
    assert judged("Pendulum-v1", ["CartPole-v1"], is_told=True) is not None
    assert judged("CartPole-v0", ["CartPole-v1", "Pong-v5"], is_told=False) is not None


def test_another_environment_may_be_made_beside_it() -> None:
    assert judged("Pendulum-v1", ["CartPole-v1", "Pendulum-v1"], is_told=False) is None


def test_a_script_that_was_told_a_name_may_make_an_id_of_it() -> None:
    assert judged("pong", ["ALE/Pong-v5"], is_told=True) is None
    assert judged("pong", ["ALE/Pong-v5"], is_told=False) is not None


@pytest.mark.parametrize(
    ("wanted", "made"),
    [("CartPole-v1", "CartPole-v0"), ("FrozenLake-v1", "FrozenLake8x8-v1"), ("FrozenLake", "FrozenLake8x8-v1")],
)
def test_an_id_stands_for_no_other_in_which_it_occurs(wanted: str, made: str) -> None:
    assert "FrozenLake-v1" in gymnasium.registry
    assert judged(wanted, [made], is_told=True) is not None


def test_where_most_steps_were_taken_is_where_a_script_trained() -> None:
    steps = {"CartPole-v1": 3, "MountainCar-v0": 400}
    said = judged("CartPole-v1", ["CartPole-v1", "MountainCar-v0"], is_told=True, steps=steps)
    assert said == (
        "x.py makes CartPole-v1, but trains in another environment: "
        "400 steps in MountainCar-v0, 3 steps in CartPole-v1."
    )
    assert judged("MountainCar-v0", ["CartPole-v1", "MountainCar-v0"], is_told=True, steps=steps) is None
    assert judged("CartPole-v1", ["CartPole-v1"], is_told=True, steps={"OwnClass": 400}) is None
    adapted = {"GymV26Environment-v0": 9}
    assert judged("Old-v1", ["GymV26Environment-v0", "Old-v1"], is_told=True, steps=adapted) is None


def test_steps_elsewhere_are_told_of_if_there_are_many() -> None:
    told = plan_and_spec("A-v1", is_told=True)
    assert "3 steps in B-v1" in doubts(*told, ["A-v1"], set(), {"A-v1": 7, "B-v1": 3})[0]
    assert doubts(*told, ["A-v1"], set(), {"A-v1": 97, "B-v1": 3}) == []


def test_nothing_is_said_where_nothing_is_known() -> None:
    assert judged("Pendulum-v1", [], is_told=False) is None
    assert judged(None, ["CartPole-v1"], is_told=False) is None


def test_a_label_that_nothing_confirms_is_warned_of() -> None:
    untold, told = plan_and_spec("Pendulum-v1", is_told=False), plan_and_spec("Pendulum-v1", is_told=True)
    assert "whether the script trained in Pendulum-v1" in doubts(*untold, [], {"CartPole-v1"}, {})[0]
    assert doubts(*untold, [], {"Pendulum-v1"}, {}) == []
    assert doubts(*untold, ["Pendulum-v1"], set(), {}) == []
    assert doubts(*told, [], set(), {}) == []
    assert doubts(*plan_and_spec(None, is_told=False), [], set(), {}) == []
