"""Runs are followed from another process than the one that runs them."""

from __future__ import annotations

import signal
from pathlib import Path

from rlgauge.core.execute import PLANS
from tests.driving import wait_for

SLOW = """
import time
import gymnasium


def main(env="CartPole-v1"):
    env = gymnasium.make(env)
    while True:
        env.reset()
        while not any(env.step(0)[2:4]):
            time.sleep(0.002)
        if __import__("pathlib").Path("{end}").exists():
            return
"""
GOES_ON = "The same command goes on with what is missing."
TRAIN = ("train", "slow.py", "--env", "CartPole-v1", "--seeds", "0,1", "--tests", "0", "--videos", "0", "--out", "o")


def test_runs_are_followed_until_none_goes_on(give, start, folder):
    end = folder / "end"
    (folder / "slow.py").write_text(SLOW.replace("{end}", str(end)))
    driver = start(*TRAIN)
    wait_for(lambda: list(Path("o/train").glob("*/1-*/artifacts/training.live")))
    once = give("runs", "watch", "o", "--once")
    assert once.out == "2 runs: 1 queued, 1 running.\n"
    watcher = start("runs", "watch", "o", "--every", "0.2")
    assert watcher.stdout.readline() == "2 runs: 1 queued, 1 running.\n"
    end.touch()
    told, _ = watcher.communicate(timeout=120)
    assert watcher.returncode == 0
    assert driver.wait(60) == 0
    lines = told.splitlines()
    assert [line.partition(" after ")[0] for line in lines[:2]] == [
        f"slow-CartPole-v1-s{seed}: COMPLETED" for seed in "01"
    ]
    assert lines[-1] == "2 runs: 2 completed."


def test_runs_that_failed_are_told_with_their_reason_and_by_the_exit_code(give, folder):
    (folder / "slow.py").write_text("def main(env='CartPole-v1'):\n    raise ValueError('no')\n")
    assert give(*TRAIN).code == 1
    assert not list((folder / "o" / PLANS).iterdir())
    said = give("runs", "watch", "o")
    assert (said.code, said.out) == (1, "2 runs: 2 failed.\n")


def test_what_a_killed_command_leaves_is_told_and_that_the_same_command_goes_on(give, start, folder):
    (folder / "slow.py").write_text(SLOW.replace("{end}", str(folder / "never")))
    driver = start(*TRAIN, "--workers", "1")
    wait_for(lambda: list(Path("o/train").glob("*/1-*/artifacts/training.live")))
    watcher = start("runs", "watch", "o", "--every", "0.2")
    assert watcher.stdout.readline() == "2 runs: 1 queued, 1 running.\n"
    driver.send_signal(signal.SIGINT)
    told, _ = watcher.communicate(timeout=120)
    assert driver.wait(60) == 130
    assert watcher.returncode == 1
    assert told.splitlines()[-2:] == ["2 runs: 1 interrupted, 1 not begun.", GOES_ON]
    again = give("runs", "watch", "o")
    assert (again.code, again.out) == (1, f"1 run: 1 interrupted.\n{GOES_ON}\n")


def test_a_folder_without_runs_has_nothing_to_be_followed(give, folder):
    (folder / "o").mkdir()
    assert give("runs", "watch", "o").out == "There are no runs.\n"
    assert "There is no folder 'p'" in give("runs", "watch", "p").err
