from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from rlgauge.core.errors import UserError
from rlgauge.core.seeding import action_seed, episode_seed
from rlgauge.core.workload import NOWHERE
from rlgauge.episodes import rollout
from rlgauge.episodes.latency import Latency
from rlgauge.episodes.policy import PolicySource, open_policy, wrap_policy
from rlgauge.episodes.rollout import Episode, Played, Rollout, Rules, reported_success
from rlgauge.episodes.video import VideoRecorder
from tests import gyms

WIDTH = 8
FAULTS = {
    "raise": "step 3: RuntimeError: the simulator said no",
    "nan_reward": "step 3: the reward is not finite",
    "inf_reward": "step 3: the reward is not finite",
    "no_reward": "step 3: TypeError",
    "nan_observation": "step 3: the observation is not finite",
    "wrong_shape": "step 3: ValueError: could not broadcast",
    "four_values": "step 3: ValueError: not enough values",
    "odd_success": "step 3: ValueError: info['is_success'] is array([ True, False]), which is neither true nor false",
    "raise_reset": "reset: RuntimeError: the simulator did not start",
    "nan_reset": "reset: the observation is not finite",
}


def episodes(num: int) -> list[Episode]:
    return [Episode(i, episode_seed(42, "toy", i), action_seed(42, "toy", i)) for i in range(num)]


def play(
    make: Callable[[], gym.Env],
    num: int,
    *,
    lanes: int = 4,
    policy: object = "random",
    latency: Latency | None = None,
    indices: Sequence[int] | None = None,
    **rules: Any,
) -> list[Played]:
    """The episodes, in the order in which they ended."""
    envs = [make() for _ in range(lanes)]
    spaces = {"observation_space": envs[0].observation_space, "action_space": envs[0].action_space, "width": WIDTH}
    opened = open_policy(PolicySource(policy), **spaces) if isinstance(policy, str) else wrap_policy(policy, **spaces)
    made = Rollout(
        envs,
        opened,
        width=WIDTH,
        rules=Rules("toy", **rules),
        latency=latency or Latency(),
        remake=lambda _lane: make(),
    )
    chosen = episodes(num) if indices is None else [episodes(num)[index] for index in indices]
    return list(made.play(chosen))


def by_index(played: Sequence[Played]) -> list[Played]:
    """In the order of the list, without durations."""
    ordered = sorted(played, key=lambda one: one.index)
    return [dataclasses.replace(one, environment_seconds=0.0, info={}) for one in ordered]


def scripted(*steps: gyms.Step, **options: Any) -> Played:
    return play(lambda: gyms.Scripted(steps, **options), 1, lanes=1)[0]


@pytest.mark.parametrize(("num", "lanes"), [(1, 1), (1, 8), (7, 3), (8, 8), (9, 8), (50, 8)])
def test_exactly_the_episodes_of_the_list_are_played_each_once(num, lanes):
    played = play(gyms.Succeeds, num, lanes=lanes)
    assert sorted(one.index for one in played) == list(range(num))
    assert {one.seed for one in played} == {episode.seed for episode in episodes(num)}


def test_nothing_is_played_for_an_empty_list():
    assert play(gyms.Toy, 0) == []


def test_the_estimate_is_of_the_list_where_the_first_to_finish_would_be_biased():
    """Successes last five times as long as failures, so that few of them are among the first to end."""
    num = 400
    truth = [bool(np.random.default_rng(e.seed).random() < 0.5) for e in episodes(num)]
    lists = [play(gyms.Succeeds, num, lanes=8, indices=range(first, first + 40)) for first in range(0, num, 40)]
    assert [one.success_at_end for played in lists for one in by_index(played)] == truth
    assert abs(np.mean(truth) - 0.5) < 3 * 0.5 / math.sqrt(num)
    first_to_finish = [one.success_at_end for played in lists for one in played[:8]]
    assert np.mean(first_to_finish) < 0.3


def test_a_free_lane_takes_the_next_episode_at_once():
    steps = []
    played = play(gyms.Succeeds, 16, lanes=4, at=steps.append)
    assert len([index for index in steps if index != NOWHERE]) == sum(one.length for one in played) + len(played)
    assert [one.index for one in played] != sorted(one.index for one in played)


def test_what_the_action_space_does_not_hold_ends_its_episode_before_the_environment_sees_it():
    played = by_index(play(lambda: gyms.Toy(length=5), 6, policy=lambda o: 9 if o[0] == 3 else 0, lanes=3))
    assert [one.length for one in played] == [3] * 6
    assert {one.error for one in played} == {
        "step 4: the policy returned the action 9, but the action space is Discrete(2)"
    }


@pytest.mark.parametrize("value", [True, np.True_, 1, 1.0, np.float32(1), np.array([1]), np.array(True)])
def test_success_is_read_in_every_form_that_says_true(value):
    assert reported_success({"success": value}) is True


@pytest.mark.parametrize("value", ["no", "False", 0.5, 2, np.array([1, 0]), [True], {}])
def test_what_is_neither_true_nor_false_is_no_success(value):
    with pytest.raises(ValueError, match=r"info\['is_success'\] is .*, which is neither true nor false"):
        reported_success({"is_success": value})


@pytest.mark.parametrize("policy", ["random", gyms.by_row, gyms.Noisy()], ids=["random", "function", "stateful"])
def test_an_episode_does_not_depend_on_lanes_neighbours_or_order(policy):
    play_some = functools.partial(play, gyms.Listens, 24, policy=policy)
    expected = by_index(play_some(lanes=1))
    assert len({one.total_return for one in expected}) > 12
    for lanes in (2, 5, 8):
        assert by_index(play_some(lanes=lanes)) == expected
    assert by_index(play_some(lanes=8, indices=range(23, -1, -1))) == expected
    assert by_index(play_some(lanes=3, indices=[5, 17, 2])) == [expected[i] for i in (2, 5, 17)]


def test_random_actions_are_the_episodes_own_and_not_the_environments():
    actions = play(functools.partial(gyms.Listens, 30), 2, lanes=1)
    same_world = [Episode(0, 7, 1), Episode(1, 7, 2)]
    envs = [gyms.Listens()]
    policy = open_policy(
        PolicySource("random"), observation_space=gyms.BOX, action_space=gym.spaces.Discrete(2), width=1
    )
    made = Rollout(envs, policy, width=1, rules=Rules("toy"), latency=Latency(), remake=lambda _lane: envs[0])
    first, second = made.play(same_world)
    assert first.length == second.length
    assert first.total_return != second.total_return
    assert actions[0].total_return != actions[1].total_return


@pytest.mark.parametrize(
    ("terminated", "truncated"), [(True, False), (False, True), (True, True)], ids=["term", "trunc", "both"]
)
def test_terminated_and_truncated_are_kept_apart(terminated, truncated):
    one = scripted((1.0, False, False, {}), (1.0, terminated, truncated, {}))
    assert (one.terminated, one.truncated, one.length) == (terminated, truncated, 2)
    assert type(one.terminated) is type(one.truncated) is bool


def test_max_steps_truncates_and_does_not_hide_a_termination():
    assert [(p.length, p.terminated, p.truncated) for p in play(gyms.Toy, 2, max_steps=3)] == [(3, False, True)] * 2
    assert [(p.length, p.terminated, p.truncated) for p in play(gyms.Toy, 2, max_steps=5)] == [(5, True, False)] * 2
    assert [p.length for p in play(gyms.Toy, 2, max_steps=6)] == [5, 5]


def test_returns_of_float32_rewards_lose_no_digits():
    steps = [(np.float32(0.1), index == 9999, False, {}) for index in range(10_000)]
    one = scripted(*steps)
    assert one.total_return == pytest.approx(10_000 * float(np.float32(0.1)), rel=1e-12)
    assert type(one.total_return) is float


@pytest.mark.parametrize("reward", [2, True, np.float64(2), np.int64(2), np.array(2.0)])
def test_rewards_of_any_number_type_are_added_up(reward):
    one = scripted((reward, False, False, {}), (1, True, False, {}))
    assert one.total_return == float(reward) + 1


@pytest.mark.parametrize("key", ["is_success", "success"])
@pytest.mark.parametrize(("said", "expected"), [(True, True), (np.float32(0), False), (1, True), (None, None)])
def test_success_is_read_from_both_keys(key, said, expected):
    one = scripted((0.0, False, False, {}), (0.0, True, False, {key: said}))
    assert (one.success_at_end, one.success_ever) == (expected, expected)


def test_success_that_is_not_a_number_was_not_measured():
    assert reported_success({"is_success": float("nan"), "success": True}) is True
    assert reported_success({"is_success": np.nan}) is None


def test_success_at_the_end_and_at_any_time_are_apart():
    played = play(gyms.Goal, 3)
    assert {(one.success_at_end, one.success_ever) for one in played} == {(False, True)}


def test_what_was_said_before_the_last_step_is_not_success_at_the_end():
    one = scripted((0.0, False, False, {"is_success": True}), (0.0, True, False, {}))
    assert (one.success_at_end, one.success_ever) == (None, True)


def test_what_was_said_at_reset_only_measures_nothing():
    one = scripted((0.0, True, False, {}), reset_info={"is_success": False})
    assert (one.success_at_end, one.success_ever, one.success_at_reset) == (None, None, False)


def test_success_that_is_true_at_reset_is_noted_and_not_carried_over():
    assert [one.success_at_reset for one in play(gyms.AlreadyThere, 3)] == [True] * 3
    lanes = iter([gyms.AlreadyThere(), gyms.Toy()])
    played = play(lambda: next(lanes), 2, lanes=2)
    assert [(one.success_at_reset, one.success_at_end) for one in by_index(played)] == [(True, True), (False, None)]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_broken_episode_names_its_step_and_the_others_are_unharmed(fault):
    whole = by_index(play(lambda: gyms.Faulty("none"), 30, lanes=4))
    played = by_index(play(lambda: gyms.Faulty(fault), 30, lanes=4))
    struck = [i for i, e in enumerate(episodes(30)) if np.random.default_rng(e.seed).random() < 1 / 3]
    assert 5 < len(struck) < 15
    assert [one.index for one in played if one.error] == struck
    for one in played:
        if one.error is None:
            assert one == whole[one.index]
        else:
            assert one.error.startswith(FAULTS[fault])
            assert one.length == {"raise_reset": 0, "nan_reset": 0}.get(fault, 3 if "finite" in one.error else 2)
            assert not one.timed_out


def test_the_traceback_of_an_environments_error_is_kept():
    errors = [one.error for one in play(lambda: gyms.Faulty("raise"), 10) if one.error]
    assert all("tests/gyms.py" in error and "in step" in error for error in errors)


def test_a_policy_that_fails_in_the_middle_is_not_the_environments_fault():
    def tires(observation):
        if observation[0] == 2:
            raise RuntimeError("the policy gave up")
        return 0

    with pytest.raises(RuntimeError, match="the policy gave up"):
        play(gyms.Toy, 3, policy=tires)


def test_a_batch_of_too_few_actions_is_not_the_environments_fault():
    class Short:
        bit_stable = True

        def begin(self, row, seed): ...

        def act(self, observations, active):
            return [0] * (WIDTH if observations[0][0] < 2 else 1)

        def close(self): ...

    with pytest.raises(IndexError):
        play(gyms.Toy, 8, policy=Short())


def test_a_python_step_that_hangs_is_interrupted_and_the_others_go_on():
    played = by_index(play(lambda: gyms.Faulty("hang_python"), 6, episode_seconds=0.2))
    struck = [np.random.default_rng(e.seed).random() < 1 / 3 for e in episodes(6)]
    assert [one.timed_out for one in played] == struck
    assert any(struck)
    assert {one.error for one in played if one.timed_out} == {
        "timeout: the environment took more than 0.2 s for the episode in step 3"
    }
    assert all(one.length == 6 and one.terminated for one in played if not one.timed_out)


def test_an_episode_of_many_slow_steps_runs_out_of_time(monkeypatch):
    clock = iter(range(10**6))
    monkeypatch.setattr(rollout, "perf_counter", lambda: float(next(clock)))  # every look at it takes a second
    played = play(lambda: gyms.Toy(1000), 3, lanes=2, episode_seconds=60.0)
    assert [one.timed_out for one in played] == [True] * 3
    assert all(60 <= one.length <= 61 and not one.truncated for one in played)
    assert all(one.error and f"in step {one.length}" in one.error for one in played)


def test_an_episode_beyond_its_time_is_a_timeout_even_if_it_ended_by_itself(monkeypatch):
    clock = iter(range(10**6))
    monkeypatch.setattr(rollout, "perf_counter", lambda: float(next(clock)))
    for limit, is_over in ((5.5, True), (6.0, False)):
        played = play(lambda: gyms.Toy(5), 2, episode_seconds=limit)
        assert [(one.terminated, one.timed_out) for one in played] == [(True, is_over)] * 2


def test_whoever_supervises_is_told_the_index_before_every_step_and_reset():
    told: list[int] = []
    play(gyms.Toy, 3, lanes=1, at=told.append)
    assert told == [where for index in range(3) for where in [index, *[NOWHERE, index] * 5]]


def test_the_policy_sees_the_width_always_and_zeros_in_idle_rows():
    class Watches:
        bit_stable = True

        def __init__(self):
            self.seen = []

        def begin(self, row, seed): ...

        def act(self, observations, active):
            idle = [row for row in range(WIDTH) if row not in active]
            self.seen.append((observations.shape, float(np.abs(observations[idle]).sum()), len(active)))
            return [0] * WIDTH

        def close(self): ...

    policy = Watches()
    play(gyms.Listens, 11, lanes=4, policy=policy)
    assert {shape for shape, *_ in policy.seen} == {(WIDTH, 2)}
    assert {total for _, total, _ in policy.seen} == {0.0}
    assert {1, 4} <= {num for *_, num in policy.seen} <= {1, 2, 3, 4}


@pytest.mark.parametrize("make", [gyms.Text, gyms.Named, gyms.Goal])
def test_observations_of_any_space_are_played(make):
    assert [one.length for one in play(make, 6)] == [5] * 6


def test_latency_counts_every_policy_call_and_every_environment_step():
    latency = Latency()
    played = play(gyms.Toy, 8, lanes=4, latency=latency)
    assert latency.environment.num == sum(one.length for one in played) == 40
    assert latency.policy.num == 10
    assert latency.render.num == 0


def test_films_hold_reset_and_terminal_frame_and_are_kept_by_outcome(tmp_path):
    recorder = VideoRecorder(tmp_path, record_mode="successes", overlay=False)
    latency = Latency()
    played = play(
        lambda: gyms.Toy(render_mode="rgb_array"),
        4,
        recorder=recorder,
        latency=latency,
        judge=lambda one: "success" if one.index % 2 else "failure",
    )
    names = [one.video for one in by_index(played)]
    assert names == [None, "toy/toy-e0001-success.mp4", None, "toy/toy-e0003-success.mp4"]
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.mp4")) == names[1::2]
    frames = brightness(tmp_path / names[1])
    assert frames == pytest.approx([0, 40, 80, 120, 160, 200], abs=6)
    assert latency.render.num == 4 * 6 + 4


def brightness(path) -> list[float]:
    import av

    with av.open(str(path)) as container:
        assert container.streams.video[0].average_rate == 10
        return [float(frame.to_ndarray(format="rgb24").mean()) for frame in container.decode(video=0)]


@pytest.mark.parametrize("fault", ["raise", "nan_observation", "nan_reset"])
def test_the_film_of_a_broken_episode_ends_where_it_broke(tmp_path, fault):
    class Filmed(gyms.Faulty):
        render_mode = "rgb_array"

        def __init__(self):
            super().__init__(fault)
            self.render_mode = "rgb_array"

    recorder = VideoRecorder(tmp_path)
    judge = {True: "error", False: "success"}
    played = play(Filmed, 6, recorder=recorder, judge=lambda one: judge[one.error is not None])
    for one in played:
        assert (one.video is None) == (one.error is None)
        if one.video is not None:
            assert one.video == f"toy/toy-e{one.index:04d}-error.mp4"
            assert len(brightness(tmp_path / one.video)) == {"raise": 3, "nan_observation": 4, "nan_reset": 1}[fault]


def test_an_environment_that_cannot_be_rendered_is_said_in_a_sentence(tmp_path):
    class Blind(gyms.Toy):
        def render(self):
            raise RuntimeError("no display")

    with pytest.raises(UserError, match=r"toy can't be rendered \(RuntimeError: no display\).*MUJOCO_GL"):
        play(Blind, 2, recorder=VideoRecorder(tmp_path))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_leaving_early_discards_the_films_and_stops_the_alarm(tmp_path):
    import signal

    envs = [gyms.Toy(render_mode="rgb_array") for _ in range(2)]
    policy = wrap_policy(lambda _: 0, observation_space=gyms.BOX, action_space=gyms.Toy.action_space, width=2)
    rules = Rules("toy", recorder=VideoRecorder(tmp_path, record_mode="all"), episode_seconds=60.0)
    made = Rollout(envs, policy, width=2, rules=rules, latency=Latency(), remake=lambda lane: envs[lane])
    before = signal.getsignal(signal.SIGALRM)
    playing = made.play(episodes(6))
    next(playing)
    playing.close()
    assert signal.getsignal(signal.SIGALRM) is before
    assert sorted(path.suffix for path in tmp_path.rglob("*") if path.is_file()) == [".mp4", ".png"]
