"""A folder of one's own to give commands in."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from rlgauge.cli.main import main
from rlgauge.kinds.evaluate.benchmark import GymnasiumBenchmark
from rlgauge.kinds.evaluate.run import make_workload


class Said(NamedTuple):
    """What a command left on the screen."""

    code: int
    out: str
    err: str


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Iterator[Path]:
    """The current folder; what was imported from it is forgotten."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]
    sys.path_importer_cache.pop(str(tmp_path), None)


@pytest.fixture
def give(folder, capfd) -> Callable[..., Said]:
    """Gives a command in this process."""

    def give(*argv: str) -> Said:
        capfd.readouterr()
        code = main(argv)
        return Said(code, *capfd.readouterr())

    return give


@pytest.fixture
def start(folder) -> Callable[..., subprocess.Popen[str]]:
    """Starts a command in a process of its own."""

    def start(*argv: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "rlgauge", *argv]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(command, cwd=folder, text=True, start_new_session=True, **pipes)

    return start


@pytest.fixture
def benchmarks(folder) -> Path:
    """A module of benchmarks in the current folder."""
    (folder / "mine.py").write_text(BENCHMARKS)
    return folder


@pytest.fixture
def policies(folder) -> Path:
    """A module of policies in the current folder."""
    (folder / "policies.py").write_text(POLICIES)
    return folder


def block_ends() -> list[int]:
    """Where the runs of an environment end in the list of its episodes."""
    cases = make_workload(GymnasiumBenchmark(["CartPole-v1"], num_episodes=200), ["random"]).cases()
    return [case.params["last"] for case in cases]


BENCHMARKS = '''
import gymnasium

from rlgauge import Benchmark


class Plain(Benchmark):
    """As the system that is replaced has them: untyped, and not asked to film."""

    def __init__(self, env_name="CartPole-v1", num_episodes=7):
        self.env_name = env_name
        super().__init__(num_episodes=num_episodes)

    def create_gyms(self):
        return [gymnasium.make(self.env_name)]


class Passing(Benchmark):
    def __init__(self, env_name: str = "CartPole-v1", **kwargs):
        self.env_name = env_name
        super().__init__(**kwargs)

    def create_gyms(self):
        return [gymnasium.make(self.env_name)]


class Filmed(Benchmark):
    def create_gyms(self):
        return [gymnasium.make("CartPole-v1", render_mode="rgb_array")]

    def is_success(self, played):
        return played.total_return >= 10


class Refusing(Benchmark):
    def __init__(self, level: int = 1):
        if level > 3:
            raise ValueError("there are three levels")
        super().__init__()


class Forgetful(Benchmark):
    def __init__(self, num_episodes: int = 3):
        self.num_episodes = num_episodes

    def create_gyms(self):
        return [gymnasium.make("CartPole-v1")]


not_a_class = 3
'''

POLICIES = """
import time

import numpy as np

calls = 0


def wrong_shape(observation):
    return np.zeros(3)


class Exploding:
    def act(self, observation):
        global calls
        calls += 1
        if calls > 100:
            raise RuntimeError("the policy exploded\\nand said more")
        return 0


class Hanging:
    def act(self, observation):
        global calls
        calls += 1
        if calls > 100:
            time.sleep(600)
        return 0


class Weights:
    def __init__(self, path):
        self.action = int(open(path).read())

    def act(self, observation):
        return self.action
"""


@pytest.fixture
def drawn(monkeypatch):
    """The figures, as they were saved."""
    import matplotlib.pyplot as plt

    figures = []
    monkeypatch.setattr(plt, "close", figures.append)
    yield figures
    monkeypatch.undo()
    plt.close("all")
