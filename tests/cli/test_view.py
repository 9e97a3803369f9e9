"""The command as people give it: in a process of its own, on loopback, beside a training that goes on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from rlgauge.cli import view
from rlgauge.core.errors import UserError
from tests.cli.test_runs_watch import SLOW, TRAIN
from tests.driving import wait_for


class Viewed(NamedTuple):
    process: subprocess.Popen[str]
    url: str
    told: str

    def get(self, path: str = "") -> str:
        with urllib.request.urlopen(self.url + path, timeout=60) as reply:
            text: str = reply.read().decode()
            return text

    @property
    def live(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.get("live.json"))
        return found


@pytest.fixture
def look(folder, monkeypatch) -> Iterator[Callable[..., Viewed]]:
    """Begins to view a folder in a process of its own, where there is no display."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)
    begun = []

    def look(*argv: str) -> Viewed:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen([sys.executable, "-m", "rlgauge", "view", *argv], cwd=folder, text=True, **pipes)
        begun.append(process)
        return Viewed(process, *(process.stdout.readline().strip() for _ in range(2)))

    yield look
    for process in begun:
        process.kill()
        process.communicate()


def test_a_training_is_watched_until_the_report_is_there(look, start, folder):
    end = folder / "end"
    (folder / "slow.py").write_text(SLOW.replace("{end}", str(end)))
    driver = start(*TRAIN)
    wait_for(lambda: list(Path("o/train").glob("*/1-*/artifacts/training.live")))
    viewed = look("o")
    assert "The report comes here when a run has ended." in viewed.get()
    wait_for(lambda: viewed.live["going"] and "last return" in " ".join(viewed.live["going"][0]["parts"]))
    told = viewed.live
    assert told["told"] == "2 runs: 1 running, 1 queued."
    [going] = told["going"]
    assert (going["group"], going["task"], going["seed"]) == ("slow", "CartPole-v1", "0")
    assert any(part.endswith(" steps/s") for part in going["parts"])
    end.touch()
    assert driver.wait(120) == 0
    wait_for(lambda: viewed.live["told"] == "2 runs: 2 completed." and viewed.live["page"] != told["page"])
    assert "slow" in viewed.get()
    assert "The report comes here when a run has ended." not in viewed.get()
    viewed.process.send_signal(signal.SIGINT)
    assert viewed.process.communicate(timeout=60) == ("", "")
    assert viewed.process.returncode == 0
    assert viewed.told == "The report and the videos of o, for this machine alone. End it with Ctrl-C."


def test_a_browser_is_opened_where_there_is_a_display_with_an_address_that_works_once(look, folder, monkeypatch):
    (folder / "out").mkdir()
    told = folder / "told"
    browser = folder / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {told}.part && mv {told}.part {told}\n')
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    monkeypatch.setenv("DISPLAY", ":9")
    without = look("out", "--no-browser")
    assert "There are no runs yet." in without.live["told"]
    assert not told.exists()
    viewed = look()
    wait_for(told.exists)
    address = told.read_text().strip()
    token = viewed.url.rstrip("/").rpartition("/")[2]
    assert token not in address
    with urllib.request.urlopen(address, timeout=60) as reply:
        assert reply.url == viewed.url
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(address, timeout=60)
    viewed.process.terminate()
    assert viewed.process.wait(60) == 0
    without.process.terminate()
    assert without.process.wait(60) == 0


def test_a_port_that_is_taken_is_told_in_a_sentence_and_another_view_runs_beside(look, folder, monkeypatch):
    (folder / "out").mkdir()
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.1 5 10.0.0.2 22")
    first = look()
    port = first.url.split(":")[2].partition("/")[0]
    with pytest.raises(UserError, match=f"Somebody listens on port {port} of 127.0.0.1 already"):
        view.main(["out", "--no-browser", "--port", port])
    second = look()
    own = second.url.split(":")[2].partition("/")[0]
    assert f"`ssh -N -L {own}:127.0.0.1:{own} " in second.process.stdout.readline()
    assert second.url != first.url
    assert first.get() == second.get()


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["nowhere"], "There is no folder 'nowhere'"),
        (["ou"], "Did you mean 'out'"),
        ([__file__], "is a file; runs are kept in a folder"),
        (["out", "--port", "-1"], "--port is between 0 and 65535, not -1"),
        (["out", "--port", "65536"], "--port is between 0 and 65535, not 65536"),
        (["out", "--port", "x"], "--port"),
        (["out", "--host", "0.0.0.0"], "Unknown option '--host'"),
    ],
)
def test_mistakes_are_told_in_a_sentence(folder, argv, told):
    (folder / "out").mkdir()
    with pytest.raises(UserError, match=told):
        view.main(argv)


def test_help_is_printed(capsys):
    assert view.main(["--help"]) == 0
    assert "--no-browser" in capsys.readouterr().out


def test_what_nobody_can_be_asked_is_told_before_anything_is_served(folder):
    with pytest.raises(UserError, match=r"--confidence must lie between 0 and 1, not 2\.0"):
        view.main([str(folder), "--confidence", "2"])
