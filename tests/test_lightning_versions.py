"""`rlgauge.lightning.CLI` with the lowest Lightning that is supported, and under Lightning's other name.

Only Lightning is another one: it is installed without what it asks for, in front of the libraries of this interpreter.
The newest is what the other tests run with.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from rlgauge.isolation import pythons
from rlgauge.isolation.installers import install
from rlgauge.kinds.evaluate.results import BenchmarkResults

ROOT = Path(__file__).parents[1]
LOWEST = "2.4.0"
PROGRAM = """
import contextlib
import importlib
import io
import json
import os
import sys

home = os.environ["LIGHTNING_HOME"]  # which workers see, too
library = importlib.import_module(home)
LightningCLI = importlib.import_module(f"{home}.cli").LightningCLI
if home != "lightning.pytorch":
    sys.modules["lightning.pytorch"] = library  # so that the example is of this one
from cloning import Cloned, Demonstrations

from rlgauge.lightning import BenchmarkMixin


class Own(Cloned):
    pass


class CLI(BenchmarkMixin, LightningCLI):
    pass


def give(*argv):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        try:
            CLI(Own, Demonstrations, args=list(argv), save_config_callback=None)
        except SystemExit as end:
            assert end.code == 0, argv
    return printed.getvalue()


if __name__ == "__main__":
    base = ["--trainer.accelerator=cpu", "--trainer.logger=false", "--trainer.enable_progress_bar=false"]
    give("fit", "--seed_everything=1", "--trainer.max_epochs=3", *base)
    asked = ["--ckpt_path", "checkpoints/epoch=2-step=237.ckpt"]
    give("benchmark", "--benchmark", "pole.Pole", "--output_dir", "alone", *asked)
    give("--config", "asked.yaml", "benchmark", "--out", "added", *asked)
    said = {"help": give("--help"), "version": library.__version__, "of": CLI.__mro__[2].__module__}
    print(json.dumps(said), file=sys.stderr)
"""


@pytest.fixture(scope="module")
def lowest(tmp_path_factory) -> Path:
    """An interpreter with the lowest Lightning, and else with the libraries of this one."""
    folder = tmp_path_factory.mktemp("lowest")
    pythons.make_bare(folder / "lightning")
    alone = ["--no-deps", f"lightning=={LOWEST}"]
    install(pythons.executable(folder / "lightning"), alone, listen=print, limit_seconds=200)
    libraries = [pythons.site_packages(folder / "lightning"), *pythons.own_libraries()]
    source = pythons.own_source()
    version = pythons.version_in(source)
    pythons.make_python(folder / "python", source=source, libraries=libraries, version=version)
    return pythons.executable(folder / "python")


def run(python: Path | str, home: str, folder: Path) -> dict[str, str]:
    """What a command line said that was used in that Python, in a folder with the example."""
    shutil.copytree(ROOT / "examples" / "lightning", folder, dirs_exist_ok=True)
    (folder / "program.py").write_text(PROGRAM)
    (folder / "asked.yaml").write_text("benchmark:\n  benchmark:\n    class_path: pole.Pole\n")
    command, variables = [str(python), "-W", "ignore", "program.py"], {**os.environ, "LIGHTNING_HOME": home}
    done = subprocess.run(command, cwd=folder, env=variables, check=False, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stderr.splitlines()[-1])


def check(folder: Path) -> None:
    """Assert that what `fit` trained was evaluated, in both of the ways in which it can be asked for."""
    alone, added = (BenchmarkResults.from_json(folder / name / "results.json") for name in ("alone", "added"))
    assert alone.digest() == added.digest()
    assert [(one.policy, one.n_episodes) for one in alone.results] == [("Own", 20)]
    assert alone.results[0].mean_reward > 200


def test_the_lowest_lightning_that_is_supported_does_the_same(lowest, tmp_path):
    said = run(lowest, "lightning.pytorch", tmp_path)
    assert said["version"] == LOWEST
    assert re.search(r"^    benchmark  ", said["help"], re.MULTILINE)
    check(tmp_path)


def test_it_goes_with_the_other_name_of_lightning(tmp_path):
    said = run(sys.executable, "pytorch_lightning", tmp_path)
    assert said["of"] == "pytorch_lightning.cli"
    assert re.search(r"^    benchmark  ", said["help"], re.MULTILINE)
    check(tmp_path)


def test_the_extra_names_the_lowest_and_the_lock_a_newer_one():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert extras["lightning"] == [f"lightning>={LOWEST}"]
    newest = importlib.metadata.version("lightning")
    assert f"lightning=={newest}" in (ROOT / "constraints.txt").read_text().splitlines()
    assert [int(part) for part in newest.split(".")] > [int(part) for part in LOWEST.split(".")]
