"""NChain, whose mean reward has a closed form."""

from __future__ import annotations

import subprocess
import sys

import gymnasium
import numpy as np
import pytest

from rlgauge.core.errors import UserError
from rlgauge.envs.nchain import BACK, FORWARD, NAME, NChain


def mean_reward(action, *, num_steps=200_000):
    env = NChain()
    env.reset(seed=3)
    return sum(env.step(action)[1] for _ in range(num_steps)) / num_steps


def test_without_slips_the_end_is_reached_and_pays_at_every_step():
    env = NChain(3, slip=0.0)
    assert env.reset(seed=0) == (0, {})
    seen = [env.step(FORWARD)[:4] for _ in range(4)]
    assert seen == [(1, 0.0, False, False), (2, 0.0, False, False), (2, 10, False, False), (2, 10, False, False)]
    assert env.step(BACK)[:2] == (0, 2)


def test_always_forward_comes_to_the_mean_of_its_stationary_chain():
    # The last state is where four or more steps in a row did not slip; there, one that does not slip pays 10.
    assert mean_reward(FORWARD) == pytest.approx(0.2 * 2 + 0.8**4 * 0.8 * 10, abs=0.06)


def test_always_back_comes_to_the_mean_of_its_stationary_chain():
    assert mean_reward(BACK) == pytest.approx(0.8 * 2 + 0.2**4 * 0.2 * 10, abs=0.01)


def test_importing_the_module_registers_it_with_episodes_of_1000_steps():
    env = gymnasium.make(NAME)
    env.reset(seed=0)
    ends = [env.step(FORWARD)[2:4] for _ in range(1000)]
    assert ends[-1] == (False, True)
    assert not any(terminated or truncated for terminated, truncated in ends[:-1])


def test_our_commands_know_it_without_an_import():
    code = "from rlgauge.envs.gymnasium import make; print(make('rlgauge/NChain-v0').unwrapped.n)"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "5\n"


def test_the_same_seed_slips_at_the_same_steps():
    def states(seed):
        env = NChain()
        env.reset(seed=seed)
        return [env.step(FORWARD)[0] for _ in range(100)]

    assert states(1) == states(1) != states(2)


def test_gymnasium_finds_nothing_against_it():
    from gymnasium.utils.env_checker import check_env

    check_env(gymnasium.make(NAME).unwrapped, skip_render_check=True)


def test_a_frame_shows_which_state_it_is():
    env = gymnasium.make(NAME, render_mode="rgb_array", slip=0.0)
    env.reset(seed=0)
    for state in (0, 1, 2):
        frame = env.render()
        assert frame.shape == (32, 160, 3)
        assert frame[16, 16::32, 0].argmin() == state
        env.step(FORWARD)
    assert NChain().render() is None


@pytest.mark.parametrize("wrong", [{"n": 0}, {"slip": 1.5}])
def test_what_is_no_chain_is_told(wrong):
    with pytest.raises(UserError, match="at least one state"):
        NChain(**wrong)


def test_the_state_is_always_one_of_the_chain():
    env = NChain(4)
    env.reset(seed=0)
    rng = np.random.default_rng(0)
    assert {env.step(int(rng.integers(2)))[0] for _ in range(500)} == {0, 1, 2, 3}
