from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces

from rlgauge.core.errors import UserError
from rlgauge.kinds.train.algorithms import data
from tests.kinds.train.algorithms.toys import Target, balance, make_cartpole, show, to_target

SHOWN = show(Target, to_target, 3)


def check(shown: Any) -> None:
    data.check_demonstrations(shown, Target.observation_space, Target.action_space)


def test_demonstrations_of_the_environment_are_fine() -> None:
    check(SHOWN)


def test_demonstrations_of_another_environment_are_refused_with_both_shapes() -> None:
    other = show(make_cartpole, balance, 1)
    with pytest.raises(UserError, match=r"their observations have the shape \(4,\), those of the environment \(3,\)"):
        check(other)
    with pytest.raises(UserError, match=r"their actions have the shape \(\), those of the environment \(2,\)"):
        check(SHOWN._replace(actions=np.zeros(60, int)))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"actions": np.full((60, 2), np.nan)}, "actions hold values that are not finite"),
        ({"next_observations": np.zeros((59, 3))}, "60 observations, but 59 next observations"),
        ({"lengths": np.array([20, 20, 19])}, "sum to 59, but there are 60 steps"),
    ],
)
def test_demonstrations_that_do_not_fit_together_are_refused(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        check(SHOWN._replace(**change))


def test_actions_that_do_not_exist_are_refused() -> None:
    shown = show(make_cartpole, balance, 1)
    space = spaces.Box(-np.inf, np.inf, (4,))
    data.check_demonstrations(shown, space, spaces.Discrete(2))
    with pytest.raises(UserError, match=r"some actions are not in Discrete\(2\)"):
        data.check_demonstrations(shown._replace(actions=shown.actions + 1), space, spaces.Discrete(2))
    with pytest.raises(UserError, match="some actions are not in"):
        data.check_demonstrations(shown._replace(actions=shown.actions * 0.5), space, spaces.Discrete(2))


def test_spaces_with_parts_are_refused() -> None:
    with pytest.raises(UserError, match=r"observations are Dict\(.*must be one of Box, Discrete"):
        data.check_spaces(spaces.Dict({"a": spaces.Discrete(2)}), spaces.Discrete(2))
    with pytest.raises(UserError, match=r"actions are MultiBinary\(2\), and must be one of"):
        data.check_spaces(spaces.MultiBinary(2), spaces.MultiBinary(2))


def test_the_first_episodes_are_whole() -> None:
    first = data.first_episodes(SHOWN, 2)
    assert len(first.observations) == 40
    assert list(first.lengths) == [20, 20]
    np.testing.assert_array_equal(first.returns, SHOWN.returns[:2])
    assert data.first_episodes(SHOWN, None) is SHOWN
    with pytest.raises(UserError, match="4 demonstrations are to be learned from, and there are 3"):
        data.first_episodes(SHOWN, 4)


def test_the_last_step_of_each_episode_is_done_though_it_was_cut_off() -> None:
    found = data.as_transitions(SHOWN)
    assert torch.nonzero(found.dones).flatten().tolist() == [19, 39, 59]
    assert not SHOWN.is_terminated.any()
    assert found.observations.dtype == torch.float32


def test_an_epoch_shows_each_row_once_and_leaves_out_what_fills_no_batch() -> None:
    batches = data.endless(10, 3, torch.Generator().manual_seed(0))
    first, second = (torch.cat([next(batches) for _ in range(3)]).tolist() for _ in range(2))
    assert len(set(first)) == len(set(second)) == 9
    assert first != second
