from __future__ import annotations

import re
import threading

import gymnasium as gym
import numpy as np
import pytest

from rlgauge.core.errors import UserError
from rlgauge.episodes.policies.protocol import Illegal, WrongActionError
from rlgauge.episodes.policy import BatchPolicy, wrap_policy

OBSERVATIONS = gym.spaces.Box(-10, 10, (3,), np.float32)
BATCH = np.arange(12, dtype=np.float32).reshape(4, 3)


def wrapped(policy, action_space=None, observation_space=OBSERVATIONS, width=4):
    action_space = gym.spaces.Discrete(100) if action_space is None else action_space
    return wrap_policy(policy, observation_space=observation_space, action_space=action_space, width=width)


class Acts:
    def act(self, observation):
        assert observation.shape == (3,)
        return int(observation.sum())


class Predicts:
    def predict(self, observation):
        return np.array(int(observation.sum())), None


class Selects:
    def select_action(self, observation):
        return [int(observation.sum())]


class Counts:
    """Plays its step number, from where reset puts it."""

    def __init__(self):
        self.step = -1000

    def reset(self):
        self.step = 0

    def act(self, observation):
        self.step += 1
        return self.step


class Seeded(Counts):
    def reset(self, *, seed=None):
        self.step = seed


@pytest.mark.parametrize("policy", [Acts(), Predicts(), Selects(), lambda o: int(o.sum())], ids=type)
def test_objects_are_called_row_by_row_with_single_observations(policy):
    actions = wrapped(policy).act(BATCH, [0, 2, 3])
    assert [actions[row] for row in (0, 2, 3)] == [3, 21, 30]
    assert all(type(actions[row]) is int for row in (0, 2, 3))
    assert len(actions) == 4


def test_rows_that_are_not_active_are_not_asked():
    seen = []
    wrapped(lambda o: seen.append(o[0]) or 0).act(BATCH, [1])
    assert seen == [3.0]


def test_a_batched_object_is_called_once_with_the_whole_batch():
    class Whole:
        batched = True
        calls = 0

        def act(self, observations):
            self.calls += 1
            return observations.sum(1).astype(int)

    policy = Whole()
    assert list(wrapped(policy).act(BATCH, [0, 1, 2, 3])) == [3, 12, 21, 30]
    assert policy.calls == 1


def test_a_batched_object_with_too_few_actions_is_named():
    class Short(Acts):
        batched = True

        def act(self, observations):
            return [0, 1]

    with pytest.raises(WrongActionError, match="returned 2 actions for 4 observations"):
        wrapped(Short()).act(BATCH, [0])


def test_an_observation_that_a_policy_keeps_does_not_change_under_its_feet():
    kept = []
    batch = BATCH.copy()
    policy = wrapped(lambda o: kept.append(o) or 0)
    policy.act(batch, [0])
    batch[:] = -1
    assert kept[0].tolist() == [0, 1, 2]


def test_dictionaries_and_raw_observations_are_handed_on_row_by_row():
    space = gym.spaces.Dict({"a": OBSERVATIONS, "n": gym.spaces.Discrete(5)})
    batch = {"a": BATCH, "n": np.arange(4)}
    actions = wrapped(lambda o: int(o["a"].sum() + o["n"]), observation_space=space).act(batch, [1, 3])
    assert (actions[1], actions[3]) == (13, 33)
    texts = wrapped(len, observation_space=gym.spaces.Text(9)).act(["a", "bb", "ccc", "dddd"], [3])
    assert texts[3] == 4


def test_each_row_has_its_own_memory_which_begin_clears():
    policy = wrapped(Counts())
    for row in range(4):
        policy.begin(row, 9)
    assert list(policy.act(BATCH, [0, 1, 2, 3])) == [1, 1, 1, 1]
    assert policy.act(BATCH, [0, 2])[2] == 2
    policy.begin(0, 9)
    actions = policy.act(BATCH, [0, 1, 2])
    assert (actions[0], actions[1], actions[2]) == (1, 2, 3)


def test_a_reset_that_takes_a_seed_gets_the_episodes_own():
    policy = wrapped(Seeded())
    policy.begin(1, 40)
    policy.begin(2, 70)
    assert policy.act(BATCH, [1, 2])[1:3] == [41, 71]


def test_a_policy_that_cannot_be_copied_works_with_one_lane_only():
    class Locked(Counts):
        def __init__(self):
            super().__init__()
            self.lock = threading.Lock()

    with pytest.raises(UserError, match=r"could not be copied for 4 rows.*lanes=1.*begin\(row, seed\)"):
        wrapped(Locked())
    policy = wrapped(Locked(), width=1)
    policy.begin(0, 1)
    assert policy.act(BATCH[:1], [0])[0] == 1


def test_a_batched_policy_that_resets_is_refused():
    class Both(Counts):
        batched = True

    with pytest.raises(UserError, match=r"begin\(row, seed\) instead"):
        wrapped(Both())


def test_a_batch_policy_is_used_as_it_is():
    class Own:
        bit_stable = True

        def begin(self, row, seed): ...

        def act(self, observations, active):
            return [1] * 4

        def close(self): ...

    own = Own()
    assert wrapped(own) is own


def test_begin_and_act_are_enough_for_a_batch_policy():
    class Bare:
        begun = ()

        def begin(self, row, seed):
            self.begun += ((row, seed),)

        def act(self, observations, active):
            return [len(active)] * 4

    bare = Bare()
    policy = wrapped(bare)
    assert isinstance(policy, BatchPolicy)
    policy.begin(2, 3)
    assert bare.begun == ((2, 3),)
    assert policy.act(BATCH, [0, 1]) == [2] * 4
    assert not policy.bit_stable
    policy.close()


def test_classes_and_things_that_cannot_act_are_refused():
    with pytest.raises(UserError, match="is a class; pass an instance"):
        wrapped(Acts)
    with pytest.raises(UserError, match="'int', which has no act, predict or select_action"):
        wrapped(3)


@pytest.mark.parametrize(
    ("returned", "space", "expected"),
    [
        (True, gym.spaces.Discrete(2), 1),
        (2.0, gym.spaces.Discrete(3), 2),
        (np.array([[1]]), gym.spaces.Discrete(2), 1),
        (0.5, gym.spaces.Box(-1, 1, (1,)), [0.5]),
        ([[0.5, 1]], gym.spaces.Box(-1, 1, (2,)), [0.5, 1]),
        (np.array([1.0, 0.0]), gym.spaces.MultiBinary(2), [1, 0]),
    ],
)
def test_actions_take_the_form_of_the_space(returned, space, expected):
    action = wrapped(lambda _: returned, space).act(BATCH, [0])[0]
    assert space.contains(action)
    assert np.array_equal(action, expected)


@pytest.mark.parametrize(
    ("returned", "space", "message"),
    [
        ([0.1, 0.9], gym.spaces.Discrete(2), r"shape \(2,\), but the action space Discrete\(2\) takes one integer"),
        ([0.1, 0.9], gym.spaces.Box(-1, 1, (3,)), r"shape \(2,\), but the action space is Box"),
        ("left", gym.spaces.Box(-1, 1, (3,)), "returned 'left'"),
        ([[1], [1, 2]], gym.spaces.Box(-1, 1, (3,)), "not an array"),
        ([0.5, 1], gym.spaces.MultiDiscrete([2, 2]), "takes integers"),
        (9, gym.spaces.Discrete(2), r"returned the action 9, but the action space is Discrete\(2\)"),
        (0.7, gym.spaces.Discrete(2), "returned 0.7"),
        (None, gym.spaces.Discrete(2), "returned None"),
        ([0.5, 50.0], gym.spaces.Box(-1, 1, (2,)), r"returned 50 in place 1, outside \[-1, 1\]"),
    ],
)
def test_an_action_that_does_not_fit_is_named_with_the_space(returned, space, message):
    action = wrapped(lambda _: returned, space).act(BATCH, [0])[0]
    assert isinstance(action, Illegal)
    assert re.search(message, action.fault)


def test_a_batch_is_refused_only_for_the_rows_that_are_played():
    class Batched:
        batched = True

        def act(self, observations):
            return np.array([0, 1, 9, 1])

    batched = wrapped(Batched(), gym.spaces.Discrete(2))
    assert [type(batched.act(BATCH, [row])[row]) is Illegal for row in range(4)] == [False, False, True, False]
