from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rlgauge import __version__
from rlgauge.cli.main import COMMANDS


@pytest.mark.parametrize("argv", [(), ("-h",), ("--help",)])
def test_help_names_every_command(give, argv):
    said = give(*argv)
    assert said.code == 0
    assert all(f"\n  {name} " in said.out for name in COMMANDS)


def test_the_version_is_the_packages(give):
    assert give("--version") == (0, f"rlgauge {__version__}\n", "")


def test_an_unknown_command_names_the_nearest(give):
    said = give("benchmrk")
    assert said.code == 2
    known = ", ".join(sorted(COMMANDS))
    assert said.err == f"rlgauge: Unknown command 'benchmrk'. Did you mean 'benchmark'? Known: {known}.\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(give, command):
    said = give(command, "--help")
    assert said.code == 0
    assert f"usage: rlgauge {command}" in said.out


def test_help_imports_nothing_heavy():
    code = (
        "import json, sys; from rlgauge.cli.main import main; main(['--help']); print(json.dumps(sorted(sys.modules)))"
    )
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    loaded = {name.partition(".")[0] for name in json.loads(printed.splitlines()[-1])}
    assert loaded - sys.stdlib_module_names <= {"rlgauge", "sitecustomize", "usercustomize", "__main__"} | _of_site()


def test_help_takes_under_a_quarter_of_a_second():
    def seconds() -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "rlgauge", "--help"], check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - start

    assert min(seconds() for _ in range(5)) < 0.25


def test_a_reader_that_goes_away_is_no_traceback(start):
    process = start("--help")
    process.stdout.close()
    assert process.wait(30) == 141
    assert process.stderr.read() == ""


def test_ctrl_c_is_no_traceback(give, monkeypatch):
    monkeypatch.setattr("rlgauge.cli.runs.main", _interrupted)
    assert give("runs") == (130, "", "Interrupted.\n")


def _interrupted(argv):
    raise KeyboardInterrupt


def _of_site() -> set[str]:
    """What this environment's `.pth` files import into every process."""
    code = "import sys; print(*sys.modules)"
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    return {name.partition(".")[0] for name in printed.split()}


def test_where_what_is_printed_has_no_room_that_is_said_and_it_fails():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "rlgauge", "--help"], check=False, stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 1
    assert done.stderr == (
        "rlgauge: No space left on device, where it was written to: what was printed is not whole.\n"
    )
