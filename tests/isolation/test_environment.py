"""Environments are whole or absent, built once, and say what is wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rlgauge import isolation
from rlgauge.core.errors import UserError
from rlgauge.core.platform import process_start
from rlgauge.isolation import definitions, pythons
from rlgauge.isolation.folders import environments_folder, locked
from tests.isolation.offline import OWN, FakeUv, ask, make_wheel

ASK = "import sys; from rlgauge import isolation; print(isolation.environment_of(sys.argv[1:]).python)"


@pytest.fixture(autouse=True)
def uv(tmp_path, monkeypatch) -> FakeUv:
    monkeypatch.setenv("RLGAUGE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("UV", str(tmp_path / "bin" / "uv"))
    return FakeUv(tmp_path / "bin")


@pytest.fixture
def pip_alone(tmp_path, monkeypatch) -> Path:
    """The folder in which pip finds wheels, and nowhere else; uv can't be started."""
    monkeypatch.setenv("UV", str(tmp_path / "no" / "uv"))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    for name, version in OWN.items():
        make_wheel(tmp_path / "wheels", name, version)
    return tmp_path / "wheels"


@pytest.fixture
def define(tmp_path, monkeypatch):
    """A function that defines the environment `toys`, of toy==1.0 and what is installed alone."""
    monkeypatch.setattr(definitions, "_FOLDER", tmp_path / "environments")

    def define(*, alone: list[str], imports: list[str] = ["toy"]) -> None:  # noqa: B006  # nobody changes it
        (tmp_path / "environments").mkdir(exist_ok=True)
        text = f"requirements = ['toy==1.0']\nalone = {alone}\nimports = {imports}\n"
        (tmp_path / "environments" / "toys.toml").write_text(text)

    (tmp_path / "unsaid.toml").write_text("")
    return define


def start(*requirements: str) -> subprocess.Popen[str]:
    """Another process that asks for an environment."""
    return subprocess.Popen([sys.executable, "-c", ASK, *requirements], stdout=subprocess.PIPE, text=True)


def visible() -> list[str]:
    """What looks like a finished environment."""
    return [path.name for path in environments_folder().glob("[!.]*")]


def left_over() -> list[Path]:
    return list(environments_folder().glob(".*.part"))


def wait_for(condition, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_pip_builds_where_uv_fails_and_this_rlgauge_and_the_library_are_imported(pip_alone, tmp_path, monkeypatch):
    make_wheel(pip_alone, "toy", "1.0", "value = 41")
    make_wheel(pip_alone, "toy", "1.1", "value = 42")
    (tmp_path / "trap" / "rlgauge").mkdir(parents=True)
    (tmp_path / "trap" / "rlgauge" / "__init__.py").write_text("raise ImportError('not this one')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "trap"))
    told: list[str] = []
    built = isolation.environment_of(["toy<1.1"], listen=told.append)
    code = "import numpy, rlgauge, toy; print(rlgauge.__file__, toy.value, numpy.__file__, sep='\\n')"
    home = environments_folder() / visible()[0]
    file, value, numpy = ask(built.python, code, built.variables())
    assert Path(file).parents[1] == pythons.own_source()
    assert value == "41"
    assert Path(numpy).is_relative_to(home)
    assert {"toy==1.0", "numpy==99.0"} <= set(built.packages)
    assert json.loads((home / "environment.json").read_text())["installer"] == "pip"
    assert told[0] == "Building the environment of toy<1.1; it is kept, and built only once."
    assert told[1].startswith("uv could not install it (")
    assert told[-1].startswith("Built the environment of toy<1.1 with pip in ")


def test_the_second_time_nothing_is_built(uv):
    first = isolation.environment_of(["toy"])
    told: list[str] = []
    assert isolation.environment_of(["toy"], listen=told.append) == first
    assert told == []
    assert len(uv.calls) == 1


def test_uv_is_given_all_requirements_at_once_and_what_pip_is_set_to(uv, monkeypatch):
    monkeypatch.setenv("PIP_FIND_LINKS", "/some/wheels")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.delenv("UV_FIND_LINKS", raising=False)
    told: list[str] = []
    built = isolation.environment_of(["toy==1.0", "gymnax"], listen=told.append)
    [(_, arguments, variables)] = uv.calls
    assert arguments[:3] == ["pip", "install", "--python"]
    asked = arguments[arguments.index("--no-progress") + 1 :]
    assert {"gymnax", "six", "toy==1.0"} < set(asked)  # gymnax imports six and doesn't say so
    assert {"numpy", "msgspec"} <= {one.partition(">")[0] for one in asked}
    assert "--no-index" in arguments
    assert variables["UV_FIND_LINKS"] == "/some/wheels"
    assert "PYTHONPATH" not in variables
    assert "Resolved 7 packages in 2ms." in told
    assert built.requirements == ("gymnax", "toy==1.0")
    assert built.name == "gymnax, toy==1.0"


def test_what_is_installed_alone_comes_after_the_rest_and_brings_nothing(uv, define):
    define(alone=["old==2.0"])
    built = isolation.environment("toys")
    (_, first, _), (_, second, _) = uv.calls
    assert "--no-deps" not in first
    assert "toy==1.0" in first
    assert second[-2:] == ["--no-deps", "old==2.0"]
    assert second[:-2] == first[: len(second) - 2]  # for the same Python, with the same settings
    assert built.requirements == ("toy==1.0", "old==2.0")


def test_what_is_installed_alone_makes_the_key_too(uv, define):
    define(alone=["old==2.0"])
    first = isolation.environment("toys")
    define(alone=["old==2.1"])
    assert isolation.installed("toys") is None
    assert isolation.environment("toys").python != first.python
    assert len(visible()) == 2


def test_pip_installs_alone_what_asks_for_something_that_is_not_to_be_had(pip_alone, define):
    make_wheel(pip_alone, "toy", "1.0", "value = 42")
    make_wheel(pip_alone, "old", "2.0", "import toy", needs=["toy<1.0", "gone"])
    define(alone=["old==2.0"], imports=["old"])
    assert {"old==2.0", "toy==1.0"} <= set(isolation.environment("toys").packages)
    with pytest.raises(UserError, match=r"(?s)pip can't install .*old==2\.0.*To try it by hand: "):
        isolation.environment_of(["toy", "old==2.0"])


def test_the_requirements_make_the_key_and_their_order_does_not(uv):
    one = isolation.environment_of(["toy==1.0", "other"])
    assert isolation.environment_of([" other", "toy==1.0", "other"]) == one
    assert isolation.environment_of(["toy==1.1", "other"]).python != one.python
    long = ["a-library-with-a-long-name==1.0", "another-one-with-a-long-name==1.0"]  # the folder's name is cut
    pair = [isolation.environment_of([*long, last]).python for last in ("zoo==1.0", "zoo==1.1")]
    assert pair[0] != pair[1]
    assert len(uv.calls) == 4


def test_the_python_version_and_the_platform_make_the_key(uv, monkeypatch):
    one = isolation.environment_of(["toy"])
    monkeypatch.setattr("sysconfig.get_platform", lambda: "plan9-mips")
    assert isolation.environment_of(["toy"]).python != one.python
    assert len(uv.calls) == 2


def test_a_requirement_that_does_not_exist_is_an_error_with_the_last_lines_and_a_command(pip_alone):
    with pytest.raises(UserError) as caught:
        isolation.environment_of(["toy==7.0"])
    text = str(caught.value)
    assert text.startswith("pip can't install ")
    assert "No matching distribution found for toy==7.0" in text
    assert "-m venv trial && trial/bin/pip install " in text.splitlines()[-1]
    assert "toy==7.0" in text.splitlines()[-1]
    assert visible() == left_over() == []


def test_what_can_not_be_imported_is_not_kept(uv):
    uv.installs("myriad", code="import a_missing_part")
    with pytest.raises(UserError, match=r"can't be imported:\n[\s\S]*a_missing_part"):
        isolation.environment("myriad")
    assert visible() == left_over() == []


def test_a_named_environment_is_built_found_and_removed(uv):
    uv.installs("myriad")
    assert isolation.installed("myriad") is None
    built = isolation.environment("myriad")
    assert built.name == "myriad"
    assert isolation.installed("myriad") == built
    assert isolation.installed("jaxarc") is None
    assert isolation.remove("myriad") == 1
    assert not built.python.exists()
    assert isolation.installed("myriad") is None
    assert isolation.remove("myriad") == 0
    assert left_over() == []


def test_an_environment_of_requirements_is_removed_by_its_name(uv):
    built = isolation.environment_of(["toy", "other"])
    assert isolation.remove(built.name) == 1
    assert visible() == []


@pytest.mark.parametrize("function", [isolation.environment, isolation.installed, isolation.remove])
def test_an_unknown_name_is_answered_with_the_nearest_one(function):
    with pytest.raises(UserError, match=r"Unknown environment 'myriat'\. Did you mean 'myriad'\?"):
        function("myriat")


def test_two_processes_that_ask_at_once_build_it_once(uv):
    uv.installs("toy", seconds=1.0)
    pair = [start("toy"), start("toy")]
    told = [process.communicate(timeout=60)[0] for process in pair]
    assert [process.returncode for process in pair] == [0, 0]
    assert told[0] == told[1] != ""
    assert len(uv.calls) == 1


def test_a_killed_build_leaves_nothing_that_looks_finished_and_is_built_anew(uv):
    uv.runs("time.sleep(60)")
    process = start("toy")
    wait_for(lambda: uv.calls)
    process.kill()
    process.communicate(timeout=10)
    assert visible() == []
    os.kill(uv.calls[0][0], signal.SIGKILL)
    assert len(left_over()) == 1
    uv.installs("toy")
    built = isolation.environment_of(["toy"], limit_seconds=30)
    assert ask(built.python, "import toy", built.variables()) == []
    assert left_over() == []


def test_an_installer_that_takes_too_long_is_ended(uv):
    uv.runs("print('Still at it', flush=True)\ntime.sleep(60)")
    with pytest.raises(UserError, match=r"(?s)uv was ended since it took too long.*Still at it"):
        isolation.environment_of(["toy"], limit_seconds=6.0)
    assert process_start(uv.calls[0][0]) is None
    assert visible() == left_over() == []


def test_what_an_installer_left_behind_is_ended_too(uv):
    uv.runs("if os.fork() == 0:\n    time.sleep(60)\nprint(os.getpid(), flush=True)")
    start_time = time.monotonic()
    with pytest.raises(UserError, match="took too long"):
        isolation.environment_of(["toy"], limit_seconds=1.0)
    assert time.monotonic() - start_time < 20.0


def test_waiting_for_another_process_ends(uv):
    isolation.environment_of(["toy"])
    home = environments_folder() / visible()[0]
    home.rename(home.with_name("away"))
    told: list[str] = []
    with (
        locked(home, listen=told.append, limit_seconds=1.0),
        pytest.raises(UserError, match=r"Another process has been at work on .* for 0.2 s"),
    ):
        isolation.environment_of(["toy"], listen=told.append, limit_seconds=0.2)
    assert told == [f"Waiting for another process that is at work on {home}."]


def test_a_cache_that_can_not_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RLGAUGE_CACHE", str(tmp_path / "file"))
    with pytest.raises(UserError, match="Can't write"):
        isolation.environment_of(["toy"])


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"RLGAUGE_CACHE": "/a", "XDG_CACHE_HOME": "/b"}, "/a/environments"),
        ({"XDG_CACHE_HOME": "/b"}, "/b/rlgauge/environments"),
        ({"HOME": "/c"}, "/c/.cache/rlgauge/environments"),
    ],
)
def test_the_cache_is_where_the_user_keeps_caches(variables, expected, monkeypatch):
    for name in ("RLGAUGE_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert environments_folder() == Path(expected)
