"""The Pythons that libraries are measured by."""

from __future__ import annotations

import pytest

from rlgauge.cli import pythons
from rlgauge.core.case import Case
from rlgauge.core.errors import UserError
from rlgauge.kinds.throughput.point import Point


def _case(**choices) -> Case:
    point = Point(environment="cartpole", num_envs=1, **choices)
    return Case(workload="throughput", name="a", params={"point": point.params})


@pytest.fixture
def unbuildable(monkeypatch):
    """Nothing can be built; how often that was tried."""
    tried: list[object] = []

    def fail(name: object, **_: object) -> None:
        tried.append(name)
        raise UserError("There is no such wheel.")

    monkeypatch.setattr(pythons, "environment", fail)
    monkeypatch.setattr(pythons, "environment_of", fail)
    return tried


def test_a_library_whose_environment_can_not_be_built_is_left_to_this_python_and_that_is_said_once(unbuildable):
    told: list[str] = []
    find = pythons.Pythons(told.append)
    assert find(_case(library="myriad")) is find(_case(library="myriad")) is None
    assert told == ["The environment of myriad can't be built. There is no such wheel."]
    assert unbuildable == ["myriad"]


def test_a_version_that_can_not_be_built_is_not_replaced_by_the_one_that_is_here(unbuildable):
    with pytest.raises(UserError, match="no such wheel"):
        pythons.Pythons(unbuildable.append)(_case(library="gymnax", source="gymnax==0.0.1"))
