from __future__ import annotations

import pytest

from rlgauge.importers.paths import Named, named_by


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("logs/ppo/CartPole-v1_1", ("ppo", "CartPole-v1", None, 1)),
        ("runs/CartPole-v1__dqn__3__1699", ("dqn", "CartPole-v1", 3, None)),
        ("tb/HalfCheetah-v5/SAC_2", ("SAC", "HalfCheetah-v5", None, 2)),
        ("out/td3/Hopper-v5/seed=4", ("td3", "Hopper-v5", 4, None)),
        ("out/td3/Hopper-v5/7", ("td3", "Hopper-v5", None, 7)),
        ("out/td3/Hopper-v5/run_7", ("td3", "Hopper-v5", None, 7)),
        ("out/td3/Hopper-v5/run_a/eval", ("td3", "Hopper-v5", None, None)),
        ("outputs/eval/2024-06-01/12-00-00_aloha_act", ("act", "aloha", None, None)),
        ("train_seed3/x", (None, None, 3, None)),
        ("anything/at_all", (None, None, None, None)),
        ("C:\\logs\\ppo\\CartPole-v1_1", ("ppo", "CartPole-v1", None, 1)),
        ("ppo/large_lr/seed_0", ("ppo/large_lr", None, 0, None)),
        ("large_lr/ppo/2024-06-01_12-00-00/seed_0/logs", ("ppo", None, 0, None)),
    ],
)
def test_folders_name_algorithm_task_and_seed(path, expected):
    assert named_by(f"given/{path}", "given")[:4] == expected


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("mine/seed_0", "mine"),
        ("mine/CartPole-v1/seed_0/eval", "mine"),
        ("group/mine/3", "group/mine"),
        ("seed_0", "given"),
        ("2024-06-01/results", "given"),
        ("", "given"),
    ],
)
def test_what_has_no_known_name_is_called_after_the_folders_that_tell_nothing_else(path, folder):
    assert (named_by(f"given/{path}", "given").algorithm, named_by(f"given/{path}", "given").folder) == (None, folder)


@pytest.mark.parametrize(
    ("root", "expected"),
    [
        ("/home/bc/1234/mine", (None, None, None, None, "mine")),
        ("/home/bc/seed_7/mine", (None, None, None, None, "mine")),
        ("/data/ppo", ("ppo", None, None, None, "ppo")),
        ("/data/ppo.zip", ("ppo", None, None, None, "ppo")),
        ("/data/ppo/CartPole-v1/seed_3", ("ppo", "CartPole-v1", 3, None, "seed_3")),
        ("/home/1/mine/CartPole-v1/seed_3", (None, "CartPole-v1", 3, None, "mine")),
        ("/logs/sac/Ant-v5_2", ("sac", "Ant-v5", None, None, "Ant-v5_2")),
    ],
)
def test_what_lies_above_what_was_asked_for_tells_nothing_but_a_tasks_or_a_seeds_algorithm(root, expected):
    assert named_by(root, root) == Named(*expected)
    assert named_by(f"{root}/results", root) == Named(*expected)
    assert named_by(f"{root}/dqn/seed_5", root)[:3] == ("dqn", expected[1], 5)


def test_the_folder_one_is_in_is_called_by_its_name(tmp_path, monkeypatch):
    (tmp_path / "ppo" / "1").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "ppo")
    assert named_by("seed_4", ".") == Named("ppo", None, 4, None, "ppo")
    assert named_by("mine/seed_4", ".").folder == "mine"
    assert named_by("CartPole-v1_2", ".")[:2] == ("ppo", "CartPole-v1")
