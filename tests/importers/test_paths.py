from __future__ import annotations

import pytest

from rlgauge.importers.paths import Named, named_by


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("logs/ppo/CartPole-v1_1", Named("ppo", "CartPole-v1", None, 1)),
        ("runs/CartPole-v1__dqn__3__1699", Named("dqn", "CartPole-v1", 3)),
        ("tb/HalfCheetah-v5/SAC_2", Named("SAC", "HalfCheetah-v5", None, 2)),
        ("out/td3/Hopper-v5/seed=4", Named("td3", "Hopper-v5", 4)),
        ("out/td3/Hopper-v5/7", Named("td3", "Hopper-v5", None, 7)),
        ("outputs/eval/2024-06-01/12-00-00_aloha_act", Named("act", "aloha")),
        ("train_seed3/x", Named(None, None, 3)),
        ("anything/at_all", Named()),
        ("C:\\logs\\ppo\\CartPole-v1_1", Named("ppo", "CartPole-v1", None, 1)),
    ],
)
def test_folders_name_algorithm_task_and_seed(path, expected):
    assert named_by(path) == expected
