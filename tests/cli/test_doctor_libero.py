"""`rlgauge doctor libero`: every link of the chain, and how to install it."""

from __future__ import annotations

import json

import pytest

from rlgauge import isolation
from rlgauge.cli import doctor_libero
from rlgauge.cli.doctor_libero import Look
from rlgauge.cli.main import main
from rlgauge.core.files import cache_folder
from rlgauge.kinds.evaluate.libero import ENVIRONMENT
from tests import libero_stand_ins

pytestmark = pytest.mark.xdist_group("libero")  # which builds its environment once


@pytest.fixture(scope="module")
def built():
    return isolation.environment(ENVIRONMENT)


@pytest.fixture
def home(built, monkeypatch, tmp_path):
    """An empty home, with the environment where it is."""
    monkeypatch.setenv("RLGAUGE_CACHE", str(cache_folder()))
    monkeypatch.setenv("LIBERO_CONFIG_PATH", str(tmp_path / "libero"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_the_whole_chain_is_looked_at_and_what_is_missing_comes_with_its_command(home, capsys):
    assert main(["doctor", "libero", "--json"]) == 1
    found = {one["what"]: one for one in json.loads(capsys.readouterr().out)}
    assert found["Python"]["found"].endswith("bin/python")
    assert (found["hf-libero"]["found"], found["robosuite"]["found"]) == ("0.1.4", "1.4.0")
    assert (found["tasks"]["found"], found["initial states"]["found"]) == ("130", "6500")
    assert "asked nothing" in found["import"]["found"]
    assert "a frame of 64x64 in" in found["rendering"]["found"]
    assert found["meshes"]["found"] == "missing"
    assert found["meshes"]["advice"].startswith("hf download lerobot/libero-assets --repo-type dataset --local-dir")
    assert "first episode" not in found
    assert not [one for one in found.values() if one["advice"] and one["what"] != "meshes"]


def test_with_meshes_a_first_episode_is_begun(home, capsys):
    libero_stand_ins.make(home / ".cache" / "libero" / "assets")
    assert main(["doctor", "libero", "--json"]) == 0
    found = {one["what"]: one for one in json.loads(capsys.readouterr().out)}
    assert found["meshes"] == {"what": "meshes", "found": str(home / ".cache" / "libero" / "assets"), "advice": ""}
    assert found["first episode"]["found"].startswith("began after ")


def test_the_recipe_names_what_the_environment_is_built_of(capsys, monkeypatch):
    monkeypatch.setattr(doctor_libero, "look_at_all", lambda: iter([Look("first episode", "began after 1.0 s")]))
    assert main(["doctor", "libero"]) == 0
    printed = capsys.readouterr().out
    for part in (
        "apt-get install libosmesa6",
        "mujoco==3.8.1",
        "pip install --no-deps hf-libero==0.1.4 robosuite==1.4.0 bddl==1.0.1",
        "hf download lerobot/libero-assets",
        "MUJOCO_GL=osmesa",
    ):
        assert part in printed
    assert printed.splitlines()[-1] == "LIBERO is ready."


@pytest.mark.parametrize(
    ("looks", "last"),
    [
        ([Look("meshes", "missing", "fetch them")], "LIBERO is not ready. meshes: missing."),
        ([Look("first episode", "no mesh", "again")], "LIBERO is not ready. first episode: no mesh."),
        ([], "LIBERO is not ready: no episode was begun."),
    ],
)
def test_the_last_line_and_the_exit_code_tell_what_is_in_the_way(capsys, monkeypatch, looks, last):
    monkeypatch.setattr(doctor_libero, "look_at_all", lambda: iter(looks))
    assert main(["doctor", "libero"]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == last


def test_where_nothing_is_built_it_says_that_it_will_be(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("RLGAUGE_CACHE", str(tmp_path))
    assert main(["doctor", "libero", "--json"]) == 1
    (only,) = json.loads(capsys.readouterr().out)
    assert "no environment is built for it yet" in only["found"]
    assert list(tmp_path.iterdir()) == []


def test_rendering_that_fails_is_told_with_what_to_do(built, capsys, monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "glfw")
    monkeypatch.delenv("DISPLAY", raising=False)
    assert main(["doctor", "libero", "--json"]) == 1
    (found,) = [one for one in json.loads(capsys.readouterr().out) if one["what"] == "rendering"]
    assert found["found"].startswith("glfw: ")
    assert found["advice"] == "Set MUJOCO_GL to osmesa or egl."


def test_another_version_than_the_one_that_was_tried_is_told():
    looks = {one.what: one for one in doctor_libero._libraries({"hf-libero": "0.1.4", "mujoco": "3.9.0"})}
    assert looks["hf-libero"].advice == ""
    assert looks["mujoco"].advice == "It was tried with 3.8.1."
    assert looks["robosuite"] == ("robosuite", "not installed", "pip install robosuite==1.4.0")
    assert doctor_libero._counted("tasks", 129, 130).advice.startswith("There should be 130")
