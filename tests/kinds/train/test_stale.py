from __future__ import annotations

from rlgauge.core.run import Status
from rlgauge.kinds.train import stale
from rlgauge.kinds.train.workload import ScriptWorkload
from tests import driving

PLAY = """import importlib, sys, gymnasium
hidden = importlib.import_module("hid" + "den")
env = gymnasium.make("CartPole-v1")
env.reset()
env.step(0)
"""


def ran(workload, out):
    (run,) = driving.run(workload, out).values()
    assert run.status is Status.COMPLETED, run.file.fail_trace
    return run


def test_files_that_only_the_run_has_shown_are_compared_with_what_they_say_later(tmp_path):
    (tmp_path / "play.py").write_text(PLAY)
    hidden = tmp_path / "hidden.py"
    hidden.write_text("x = 1\n")
    fast = {"num_tests": 0, "num_videos": 0, "seeds": 1}
    by_script = ScriptWorkload(tmp_path / "play.py", **fast)
    by_command = ScriptWorkload(command=f"python {tmp_path / 'play.py'}", **fast)
    folders = [ran(workload, tmp_path / "out").folder for workload in (by_script, by_command)]
    assert stale.warning(folders) is None
    hidden.write_text("x = 2\n")
    for folder in folders:
        assert stale.changed(folder / "artifacts") == [str(hidden.resolve())]
    said = stale.warning(folders)
    assert "2 runs that are there were made of files that have changed since" in said
    assert "hidden.py" in said
    hidden.unlink()
    assert stale.warning(folders[:1]).startswith("1 run that is there was")
