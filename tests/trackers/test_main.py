from __future__ import annotations

import subprocess
import sys

import pytest

from tests.trackers.made import ended, tracked


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "usage: python -m rlgauge.trackers KIND ATTEMPT_FOLDER"),
        (["wandbb", "somewhere/a/b/c"], "Did you mean 'wandb'?"),
        (["tensorboard", "somewhere/a/b/c"], "is no run"),
    ],
)
def test_wrong_usage_is_a_sentence(tmp_path, arguments, said):
    command = [sys.executable, "-m", "rlgauge.trackers", *arguments]
    ended_process = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path)
    assert ended_process.returncode == 2
    assert said in ended_process.stderr
    assert "Traceback" not in ended_process.stderr


def test_a_tracker_that_fails_says_why_on_its_last_line(tmp_path):
    folder = ended(tmp_path / "a" / "out")
    (folder / "artifacts" / "tensorboard").write_text("in the way")
    ended_process = tracked("tensorboard", folder)
    assert ended_process.returncode == 1
    assert ended_process.stdout == ""
    assert "Traceback" in ended_process.stderr
    assert ended_process.stderr.splitlines()[-1].startswith("FileExistsError: ")


def test_nobody_is_asked_anything(tmp_path):
    folder = ended(tmp_path / "a" / "out")
    program = (
        "import rlgauge.trackers.tensorboard as t, rlgauge.trackers.__main__ as m\n"
        "t.open_run = lambda about: print('noise') or input('your key? ')\n"
        f"raise SystemExit(m.main(['tensorboard', {str(folder)!r}]))"
    )
    ended_process = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True, timeout=60, input="secret\n"
    )
    assert ended_process.returncode == 1
    assert ended_process.stdout == ""
    assert ended_process.stderr.splitlines()[-1].startswith("EOFError")
