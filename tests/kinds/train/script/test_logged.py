"""What a script logs of its episodes, right and wrong, beside episodes whose returns are known."""

from __future__ import annotations

import pytest

import rlgauge
from rlgauge.kinds.train.journal import Journal
from rlgauge.kinds.train.script import counting, logging_hooks
from rlgauge.kinds.train.spec import Spec
from tests.kinds.train.script.counters import Countdown

LENGTHS = (2, 3, 4, 5)
"""Of episodes whose returns are 3, 6, 10 and 15."""
NAME = "charts/episodic_return"


@pytest.fixture
def told(tmp_path):
    """A function that plays episodes, logs what another one gives for each, and gives what is said of the log."""

    def play(num, log, *, source="", lengths=LENGTHS):
        script = tmp_path / "script.py"
        script.write_text(source)
        journal = Journal(tmp_path)
        counting.install(journal, Spec(script=str(script), env=None, seed=1, args=[], folder=str(tmp_path)))
        logging_hooks.install(journal)
        env = Countdown(lengths)
        for number in range(num):
            env.reset()
            total, is_over = 0.0, False
            while not is_over:
                _, reward, terminated, truncated, _ = env.step(0)
                total, is_over = total + reward, terminated or truncated
            rlgauge.log(log(number, total), step=number)
        counting.stop()
        logging_hooks.stop()
        assert counting.num_episodes() == num
        return [text for text in counting.warnings() if "script logged" in text]

    yield play
    counting.stop()
    logging_hooks.stop()


@pytest.mark.parametrize("name", [NAME, "rollout/ep_rew_mean", "episodeReward", "train/mean_episode_return"])
def test_a_return_that_is_always_one_number_far_from_all_that_ended_is_told(told, name):
    (text,) = told(20, lambda _number, _total: {name: 999.0})
    assert text == (
        f"The script logged {name!r} 20 times, and each time 999, while the returns of the 20 episodes that ended lie "
        "between 3 and 15. The returns counted here come from the environments, and are complete."
    )


@pytest.mark.parametrize(
    "log",
    [
        lambda _number, total: {NAME: total},
        lambda _number, total: {NAME: 100 * total},
        lambda _number, total: {NAME: 100 * total, "eval/episodic_return": 999.0},
        lambda number, total: {NAME: 200.0 + 3 * number + total},
        lambda _number, _total: {NAME: 20.0},
        lambda _number, _total: {"charts/episodic_length": 999.0, "reward_scale": 999.0},
        lambda _number, _total: {"max_episode_reward": 999.0, "scaled/episode_reward": 999.0},
        lambda number, _total: {NAME: 999.0} if number < 9 else {},
        lambda _number, _total: {NAME: float("nan")},
    ],
)
def test_scaled_drifting_near_other_and_few_numbers_are_not_told(told, log):
    assert told(20, log) == []


def test_one_number_for_returns_that_are_mostly_one_may_be_another_unit(told):
    assert told(20, lambda _number, _total: {NAME: -999.0}, lengths=(2,)) == []
    assert told(20, lambda _number, _total: {NAME: -999.0}, lengths=(2, 2, 3, 2, 2)) == []


@pytest.mark.parametrize("name", ["episodes", "time/episodes", "num_episodes", "Total Episodes"])
def test_a_counter_of_episodes_that_stays_0_is_told(told, name):
    (text,) = told(6, lambda _number, _total: {name: 0})
    assert text.startswith(f"The script logged 0 as {name!r} when 6 episodes had ended.")


@pytest.mark.parametrize(
    "log",
    [
        lambda number, _total: {"episodes": number},
        lambda number, _total: {"episodes": 0} if number < 4 else {},
        lambda _number, _total: {"eval/episodes": 0, "test_episodes": 0, "failed_episodes": 0, "episode": 0},
    ],
)
def test_a_counter_that_counts_or_was_asked_early_or_counts_others_is_not_told(told, log):
    assert told(20, log) == []


@pytest.mark.parametrize(
    ("num", "words"), [(1, "once when 1 episode had"), (3, "3 times, the last time when 3 episodes had")]
)
def test_a_log_that_stops_after_its_first_episodes_is_told(told, num, words):
    (text,) = told(100, lambda number, total: {NAME: total} if number < num else {"loss": 1.0})
    assert text.startswith(f"The script logged {NAME!r} {words} ended, and never again: 100 ended.")


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("every", [25, 50, 60])
def test_every_so_manieth_episode_is_a_choice(told, every, first):
    assert told(100, lambda number, total: {NAME: total} if (number + first) % every == 0 else {}) == []


@pytest.mark.parametrize("condition", ["if i % 100 == 0:", "    elif time.time() > then:", "if step >= next_log:"])
def test_one_log_of_a_script_that_asks_for_the_time_is_a_choice(told, condition):
    log = f"import time\nfor i in range(100):\n {condition}\n  log(i)"
    assert told(100, lambda number, total: {NAME: total} if number == 0 else {}, source=log) == []


@pytest.mark.parametrize(
    "log",
    [
        lambda number, total: {NAME: total + 0.5} if number == 0 else {},
        lambda number, total: {"rollout/ep_rew_mean": total} if number == 0 else {},
        lambda number, total: {NAME: total} if number == 0 else {"mean_return": 9.0},
        lambda number, total: {NAME: total} if number == 50 else {},
        lambda number, total: {NAME: total} if number == 99 else {},
    ],
)
def test_few_numbers_that_are_no_single_returns_or_come_late_are_not_told(told, log):
    assert told(100, log) == []


def test_few_episodes_are_too_few_to_say_that_few_were_logged(told):
    assert told(49, lambda number, total: {NAME: total} if number == 0 else {}) == []


@pytest.mark.parametrize(
    "log",
    [
        lambda number, total: {NAME: total} if number == 0 else {"loss": 0.0},
        lambda _number, _total: {NAME: 999.0, "episodes": 0},
    ],
)
def test_what_ended_in_other_processes_is_not_held_against_the_log(told, tmp_path, log):
    (tmp_path / "processes").mkdir()
    (tmp_path / "processes" / "training-1.jsonl").touch()
    assert told(100, log) == []
