from __future__ import annotations

import pytest

from rlgauge.kinds.train.totals import length_of


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["--total-timesteps", "1000"], (1000, "steps")),
        (["--total_timesteps=1e5"], (100_000, "steps")),
        (["total_steps=10_000"], (10_000, "steps")),
        (["--lr", "0.1", "--num-episodes=50"], (50, "episodes")),
        (["--num-steps", "128"], None),
        (["--total-timesteps"], None),
        ([], None),
    ],
)
def test_the_length_is_what_the_arguments_say(args, expected):
    assert length_of(args, None) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("TOTAL_STEPS = 10 * 10**3\n", (10_000, "steps")),
        ("class Args:\n    total_timesteps: int = 500_000\n", (500_000, "steps")),
        ("parser.add_argument('--total-timesteps', type=int, default=int(1e6))\n", (1_000_000, "steps")),
        ("model.learn(total_timesteps=2_000)\n", (2_000, "steps")),
        ("def main(env='x', num_episodes=20): ...\n", (20, "episodes")),
        ("def main(*, episodes=30): ...\n", (30, "episodes")),
        ("episodes = 10\ntotal_steps = 99\n", (99, "steps")),
        ("total_steps = n\n", None),
        ("total_steps = 0\n", None),
        ("total_steps = (\n", None),
    ],
)
def test_or_what_is_a_default_in_the_script(tmp_path, text, expected):
    (tmp_path / "x.py").write_text(text)
    assert length_of([], tmp_path / "x.py") == expected


def test_arguments_are_stronger_than_defaults(tmp_path):
    (tmp_path / "x.py").write_text("total_steps = 99\n")
    assert length_of(["--episodes=3"], tmp_path / "x.py") == (3, "episodes")
