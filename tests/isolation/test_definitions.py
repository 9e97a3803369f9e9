"""The named environments are data that can be read."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from rlgauge import isolation
from rlgauge.core.errors import UserError
from rlgauge.envs.libraries import LIBRARIES
from rlgauge.isolation import definitions, pythons

_ORACLES = {"seals", "imitation"}
"""Which hold what ours is compared with."""
_SIMULATORS = {"libero", "robots"}
"""Which benchmarks play in."""
_POLICIES = {"lerobot"}
"""What holds the libraries of policies."""


def test_every_definition_is_whole_and_names_its_versions():
    of_libraries = {library.isolated for library in LIBRARIES.values() if library.isolated}
    assert set(isolation.names()) >= of_libraries
    assert set(isolation.names()) - of_libraries <= _ORACLES | _SIMULATORS | _POLICIES
    for name in isolation.names():
        found = definitions.definition(name)
        assert "==" in (found.alone or found.requirements)[0]  # the library that it is named after
        assert found.imports
        assert definitions.tidy(found.requirements)


def test_our_own_requirements_are_those_of_the_project():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert sorted(definitions.own_requirements(pythons.own_source())) == sorted(project["dependencies"])


def test_our_own_requirements_are_the_installations_where_there_is_no_project(tmp_path):
    found = definitions.own_requirements(tmp_path / "site-packages")
    assert any(one.startswith("msgspec") for one in found)
    assert not any("extra" in one for one in found)


@pytest.mark.parametrize("requirement", ["gymnax", "Gymnax==0.0.8", "gymnax[all] >=0.0.6"])
def test_what_a_library_forgets_to_ask_for_is_known(requirement):
    assert definitions.unsaid([requirement, "numpy"]) == ["six"]


def test_requirements_are_sorted_each_once_and_paths_are_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert definitions.tidy([" b ", "a==1", "b", "./mine"]) == (str(tmp_path / "mine"), "a==1", "b")


@pytest.mark.parametrize("requirements", [[], [""], ["--index-url=https://example.org"], ["toy", "-e ."]])
def test_what_is_no_requirement_is_refused(requirements):
    with pytest.raises(UserError, match="requirement"):
        definitions.tidy(requirements)
