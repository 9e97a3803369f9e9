"""What the project promises about itself: light imports, honest extras, one version, no silent skips in CI."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import rlgauge

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
# Distributions whose import name is another one.
IMPORT_NAMES = {"mlflow-skinny": "mlflow", "pyyaml": "yaml"}
SKIPPING_TESTS = """
import pytest

@pytest.mark.skip(reason="part is missing")
def test_marked_skip():
    pass

def test_skip_inside():
    pytest.skip("part is missing")

@pytest.fixture
def part():
    pytest.skip("part is missing")

def test_fixture_skips(part):
    pass

@pytest.mark.accelerator
def test_accelerator():
    pytest.skip("no GPU")

@pytest.mark.assets
def test_assets():
    pytest.skip("no meshes")

@pytest.mark.xfail
def test_known_defect():
    raise ValueError

def test_fine():
    pass
"""
SKIPPING_FILE = 'import pytest\npytest.importorskip("no_such_library_anywhere")\n'


def run_python(*arguments: str) -> str:
    return subprocess.run([sys.executable, *arguments], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def outcomes(tmp_path):
    """A function that runs a test file under this project's conftest and returns outcomes by test name."""

    def run(text: str, *, ci: str) -> dict[str, str]:
        (tmp_path / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text())
        (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    accelerator: x\n    assets: x\n")
        (tmp_path / "test_toy.py").write_text(text)
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-rA",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:xdist",
            str(tmp_path),
        ]
        done = subprocess.run(
            command, check=False, cwd=tmp_path, env={**os.environ, "CI": ci}, capture_output=True, text=True
        )
        lines = re.findall(
            r"^(PASSED|FAILED|ERROR|XFAIL) \S*?test_toy\.py(?:::(\w+))?", done.stdout, flags=re.MULTILINE
        )
        return {name: outcome for outcome, name in lines}

    return run


def test_in_ci_a_skip_fails_unless_an_accelerator_or_assets_are_missing(outcomes):
    assert outcomes(SKIPPING_TESTS, ci="true") == {
        "test_marked_skip": "ERROR",
        "test_skip_inside": "FAILED",
        "test_fixture_skips": "ERROR",
        "test_known_defect": "XFAIL",
        "test_fine": "PASSED",
    }


def test_outside_ci_a_skip_is_a_skip(outcomes):
    assert outcomes(SKIPPING_TESTS, ci="") == {"test_known_defect": "XFAIL", "test_fine": "PASSED"}


def test_in_ci_a_file_that_skips_itself_fails(outcomes):
    assert outcomes(SKIPPING_FILE, ci="true") == {"": "ERROR"}
    assert outcomes(SKIPPING_FILE, ci="") == {}


def test_importing_rlgauge_imports_nothing_but_the_standard_library():
    measure = "import json, sys; before = set(sys.modules); import rlgauge; new = set(sys.modules) - before"
    loaded = json.loads(run_python("-c", f"{measure}; print(json.dumps(sorted(new)))"))
    loaded = {name.partition(".")[0] for name in loaded}
    assert loaded - sys.stdlib_module_names == {"rlgauge"}


@pytest.mark.parametrize("name", rlgauge.__all__)
def test_every_public_name_can_be_imported(name):
    assert getattr(rlgauge, name) is not None
    assert name in dir(rlgauge)


def test_an_unknown_public_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Benchmrk'"):
        rlgauge.Benchmrk  # noqa: B018


def test_the_version_is_the_one_installed():
    assert rlgauge.__version__ == importlib.metadata.version("rlgauge")


UNNAMED = {"alembic", "opencv_python_headless", "six", "sqlalchemy"}
"""What a library of an extra imports and does not name itself."""


@pytest.mark.parametrize("extra", sorted(set(EXTRAS) - {"test"}))
def test_every_extra_is_used_by_an_import_in_src_or_in_a_shipped_script(extra):
    libraries = {import_name(requirement) for requirement in flat(extra)}
    assert libraries
    assert libraries - UNNAMED <= imported_in("src") | imported_in("examples/scripts")


def test_the_lock_pins_every_direct_dependency_exactly_and_names_no_place():
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines)
    locked = {distribution(line) for line in lines}
    direct = {distribution(line) for extra in EXTRAS for line in flat(extra)}
    assert direct | {distribution(line) for line in PROJECT["dependencies"]} <= locked


def flat(extra: str) -> list[str]:
    """The requirements of an extra, with references to our own extras followed."""
    found = []
    for requirement in EXTRAS[extra]:
        own = re.fullmatch(r"rlgauge\[(.*)\]", requirement)
        found += [line for name in own[1].split(",") for line in flat(name)] if own else [requirement]
    return found


def distribution(requirement: str) -> str:
    return re.match(r"[\w.-]+", requirement)[0].lower().replace("_", "-")


def import_name(requirement: str) -> str:
    name = distribution(requirement)
    return IMPORT_NAMES.get(name, name.replace("-", "_"))


def imported_in(folder: str) -> set[str]:
    """Top-level names of all modules that a folder imports, at the top of a file or inside a function."""
    names = set()
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.partition(".")[0])
    return names


PROGRAMS = sorted(
    [*(ROOT / "benchmarks").glob("*.py"), *(ROOT / "scripts").glob("*.py"), *(ROOT / "examples").glob("*.py")]
)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_what_figures_are_made_by_finds_all_that_it_imports(program):
    run_python("-c", f"import runpy; runpy.run_path({str(program)!r}, run_name='imported')")


def test_the_simulation_of_the_gate_runs_through_the_code_of_the_command():
    printed = run_python(str(ROOT / "benchmarks" / "gate.py"), "--studies", "20")
    assert "| 5 | 0 % | 0." in printed
