"""What is refused before a policy is served, and what a server is told of it."""

from __future__ import annotations

from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

from rlgauge.core.errors import UserError
from rlgauge.episodes.policies.source import PolicySource
from rlgauge.serving.opening import open_served
from rlgauge.serving.space_files import Spaces

SPACES = Spaces(gym.spaces.Box(-1.0, 1.0, (3,), np.float32), gym.spaces.Box(-1.0, 1.0, (1,), np.float32))
MODULE = """
import numpy as np


def four(observation):
    return np.zeros((4, 1), np.float32)


def one(observation):
    return np.zeros(1, np.float32)


class Remembers:
    def reset(self):
        pass

    def act(self, observation):
        return np.zeros(1, np.float32)
"""


@pytest.fixture
def module(tmp_path: Path) -> str:
    (tmp_path / "served.py").write_text(MODULE)
    return f"py:{tmp_path}/served.py"


def opened(uri, **options):
    return open_served(PolicySource(uri), SPACES, width=2, **options)


def test_who_executes_chunks_remembers_them_whatever_is_promised(module):
    with pytest.raises(UserError, match=r"executes chunks \(horizon=4\).*with --chunks.*ws://HOST:PORT\?horizon=N"):
        opened(f"{module}:four?horizon=4", forgets=True)
    assert opened(f"{module}:four?horizon=4").remembers
    assert not opened(f"{module}:four", forgets=True, chunks=True).remembers


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("random", "draws its actions"),
        ("sb3:model.zip?deterministic=false", "draws its actions"),
        ("lerobot:folder", "remembers what it saw"),
    ],
)
def test_who_is_known_to_remember_or_to_draw_can_not_be_promised_to_forget(uri, told):
    with pytest.raises(UserError, match=f"{told}.*serve it without --stateless"):
        opened(uri, forgets=True)


def test_requests_share_the_passes_of_all_but_objects_that_have_a_memory_for_each_row(module):
    assert opened(f"{module}:one").shares
    assert not opened(f"{module}:Remembers").shares
