"""LIBERO's adapter over a simulator with LIBERO's interface: order, states, settling, images, success."""

from __future__ import annotations

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from rlgauge.core.errors import UserError
from rlgauge.envs.libero import DUMMY_ACTION, MAX_STEPS, Libero, axis_angle, check_suite
from rlgauge.episodes.spec_check import check_policy
from tests import libero_backend
from tests.libero_backend import NUM_STATES, SIZE, Fake, FakeSimulator, WithoutHand

HEIGHT, WIDTH = SIZE
STAND = np.array(DUMMY_ACTION, np.float32)


@pytest.fixture(autouse=True)
def opened():
    FakeSimulator.opened.clear()
    return FakeSimulator.opened


def make(index=0, *, backend=None, **settings):
    backend = backend or Fake()
    return Libero(backend, backend.tasks("libero_goal")[index], height=HEIGHT, width=WIDTH, **settings)


def test_an_environment_keeps_the_rules_of_gymnasium():
    check_env(make(), skip_render_check=True)


def test_the_simulator_is_opened_by_the_first_reset_and_closed_with_the_environment(opened):
    env = make()
    assert opened == []
    env.reset(seed=0)
    env.reset(seed=1)
    assert [one.is_closed for one in opened] == [False]
    env.close()
    assert [one.is_closed for one in opened] == [True]


def test_the_initial_state_is_set_after_the_reset_and_settles_with_the_dummy_action(opened):
    env = make(1)
    env.reset(seed=8)
    (simulator,) = opened
    states = libero_backend.initial_states(Fake().tasks("libero_goal")[1])
    seeded, reset, placed, *settled = simulator.told
    assert (seeded, reset) == (("seed", 0), ("reset",))
    assert placed == ("state", tuple(states[8 % NUM_STATES]))
    assert settled == [("step", DUMMY_ACTION, True)] * 10


@pytest.mark.parametrize(("options", "state"), [({"episode": 3}, 3), ({"episode": 7}, 2), (None, 4)])
def test_the_episode_chooses_the_initial_state_and_without_one_the_seed_does(options, state):
    env = make()
    observation, _ = env.reset(seed=4, options=options)
    expected = libero_backend.initial_states(env.task)[state][1:4]
    np.testing.assert_array_equal(observation["state"][:3], expected.astype(np.float32))


def test_nothing_but_the_episode_decides_where_it_begins():
    begun = [make().reset(seed=seed, options={"episode": 2})[0] for seed in (1, 2, None)]
    again = make()
    again.reset(options={"episode": 1})
    again.step(STAND)
    begun.append(again.reset(seed=9, options={"episode": 2})[0])
    for one in begun[1:]:
        np.testing.assert_array_equal(one["state"], begun[0]["state"])
    other, _ = make().reset(options={"episode": 3})
    assert not np.array_equal(other["state"], begun[0]["state"])


@pytest.mark.parametrize(("mode", "is_relative"), [("relative", True), ("absolute", False)])
def test_the_control_mode_holds_from_the_first_action_of_the_policy_on(opened, mode, is_relative):
    env = make(control_mode=mode)
    env.reset(seed=0)
    env.step(STAND)
    env.reset(seed=1)
    env.step(STAND)
    steps = [told[2] for told in opened[0].told if told[0] == "step"]
    assert steps == ([True] * 10 + [is_relative]) * 2


def test_the_state_is_the_place_the_turn_and_the_fingers():
    observation, _ = make().reset(seed=0)
    assert observation["state"].dtype == np.float32
    np.testing.assert_allclose(observation["state"][3:6], [0, 0, 0.5], rtol=1e-6)
    assert observation["state"][7] == np.float32(-0.04)


def test_the_instruction_is_observed():
    env = make(2)
    observation, _ = env.reset(seed=0)
    assert observation["task"] == "turn on the stove"
    assert env.observation_space.contains(observation)


@pytest.mark.parametrize(
    ("orientation", "front", "hand"),
    [
        ("upright", (-1, 0), (0, -1)),
        ("rotated", (-1, -1), (0, 0)),
        ("raw", (0, 0), (-1, -1)),
    ],
)
def test_images_are_shown_in_the_orientation_that_was_asked_for(orientation, front, hand):
    env = make(image_orientation=orientation)
    observation, _ = env.reset(seed=0)
    for key, value, place in (("image", 200, front), ("image2", 100, hand)):
        expected = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        expected[place] = value
        np.testing.assert_array_equal(observation[key], expected)
    assert env.metadata["image_orientation"] == orientation
    np.testing.assert_array_equal(np.argwhere(env.render())[0], [HEIGHT - 1, 0, 0])


def test_images_that_come_with_their_highest_row_first_are_not_turned_over():
    backend = Fake()
    backend.is_bottom_up = False
    observation, _ = make(backend=backend, image_orientation="upright").reset(seed=0)
    np.testing.assert_array_equal(np.argwhere(observation["image"])[0], [0, 0, 0])


def test_an_episode_ends_where_the_goal_is_reached_and_says_so():
    env = make()
    _, info = env.reset(seed=0)
    assert info == {"is_success": False}
    action = libero_backend.closes(None)
    told = [env.step(action)[1:] for _ in range(3)]
    assert told[:2] == [(0.0, False, False, {"is_success": False})] * 2
    assert told[2] == (1.0, True, False, {"is_success": True})


def test_success_at_reset_is_told_as_it_is(monkeypatch):
    monkeypatch.setattr(FakeSimulator, "check_success", lambda self: True)
    assert make().reset(seed=0)[1] == {"is_success": True}


def test_a_simulator_without_one_of_the_cameras_is_told_with_what_there_is():
    with pytest.raises(UserError, match=r"observes no robot0_eye_in_hand_image, but agentview_image, object-state"):
        make(backend=WithoutHand()).reset(seed=0)


def test_images_of_another_size_are_told(monkeypatch):
    backend = Fake()
    monkeypatch.setattr(backend, "open", lambda task, height, width: FakeSimulator(width, height))
    with pytest.raises(UserError, match=r"agentview_image is uint8 of shape \(16, 12, 3\), not uint8 of \(12, 16, 3\)"):
        make(backend=backend).reset(seed=0)


class Seeing:
    """A policy that wants the camera at the hand under another name."""

    bit_stable = True

    def begin(self, row, seed):
        pass

    def act(self, observations, rows):
        return [STAND for one in observations if one is None or one["wrist"].shape]

    def close(self):
        pass


def test_the_spec_check_tells_of_a_policy_that_looks_for_what_is_not_observed():
    env = make()
    observation, _ = env.reset(seed=0)
    with pytest.raises(UserError, match="wrist"):
        check_policy(
            Seeing(),
            observation_space=env.observation_space,
            action_space=env.action_space,
            observation=observation,
            width=1,
        )


@pytest.mark.parametrize(("name", "value"), [("control_mode", "relatve"), ("image_orientation", "uprigt")])
def test_an_unknown_choice_is_told_with_the_nearest(name, value):
    with pytest.raises(UserError, match="Did you mean"):
        make(**{name: value})


def test_the_table_of_steps_is_that_of_the_suites():
    expected = {"libero_spatial": 280, "libero_object": 280, "libero_goal": 300, "libero_10": 520, "libero_90": 400}
    assert expected == MAX_STEPS
    with pytest.raises(UserError, match=r"Unknown LIBERO suite 'libero_100'\. Did you mean 'libero_10'\?"):
        check_suite("libero_100")


def test_a_turn_is_its_axis_times_its_angle():
    rng = np.random.default_rng(0)
    for _ in range(50):
        axis = rng.normal(size=3)
        axis /= np.linalg.norm(axis)
        angle = rng.uniform(0, np.pi)
        quaternion = [*(np.sin(angle / 2) * axis), np.cos(angle / 2)]
        np.testing.assert_allclose(axis_angle(np.array(quaternion)), angle * axis, atol=1e-7)
    np.testing.assert_array_equal(axis_angle(np.array([0.0, 0, 0, 1])), 0)
    np.testing.assert_array_equal(axis_angle(np.array([0.0, 0, 0, 1 + 1e-12])), 0)
