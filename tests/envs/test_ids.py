"""The environments that we register, by id alone."""

from __future__ import annotations

import subprocess
import sys

import pytest

from rlgauge.envs import nchain, seals
from rlgauge.envs.ids import CHAIN, SEALS

TELL = """
import sys
import gymnasium
from rlgauge.envs.ids import announce
announce()
announce()
print(sorted(name for name in gymnasium.registry if name.startswith(("seals/", "rlgauge/"))))
print("rlgauge.envs.seals" in sys.modules or "mujoco" in sys.modules)
"""


def told(text, folder):
    """What a Python says that runs this in a folder from which it imports."""
    command = [sys.executable, "-c", text]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()


def test_all_are_announced_and_none_is_imported(tmp_path):
    assert told(TELL, tmp_path) == [str(sorted([*seals.NAMES, nchain.NAME])), "False"]
    assert (*SEALS, *CHAIN) == (*seals.NAMES, nchain.NAME)


@pytest.mark.parametrize("is_package", [True, False])
def test_those_of_seals_are_left_to_that_package_where_it_is_installed(tmp_path, is_package):
    (tmp_path / "seals").mkdir()
    if is_package:
        (tmp_path / "seals" / "__init__.py").write_text("")
    names = [nchain.NAME] if is_package else sorted([*seals.NAMES, nchain.NAME])
    assert told(TELL, tmp_path)[0] == str(names)


def test_an_environment_that_was_announced_is_the_one_that_its_module_registers(tmp_path):
    make = "print(gymnasium.make('seals/CartPole-v0').spec.to_json())"
    by_id = told(f"import gymnasium\nfrom rlgauge.envs.ids import announce\nannounce()\n{make}", tmp_path)
    assert by_id == told(f"import gymnasium\nimport rlgauge.envs.seals\n{make}", tmp_path)
