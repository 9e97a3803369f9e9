from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from rlgauge.core.errors import UserError
from rlgauge.episodes.policy import open_policy, parse_source, wrap_policy
from rlgauge.episodes.spec_check import check_policy, row_dependence
from tests.episodes.policies.models import linear_onnx

VECTOR = gym.spaces.Box(-10, 10, (3,), np.float64)
IMAGE = gym.spaces.Box(0, 255, (40, 48, 3), np.uint8)
DISCRETE = gym.spaces.Discrete(2)
BOX = gym.spaces.Box(-1, 1, (2,), np.float32)


def check(policy, action_space, observation_space=VECTOR, observation=None, width=3):
    spaces = {"observation_space": observation_space, "action_space": action_space}
    check_policy(
        wrap_policy(policy, width=width, **spaces),
        observation=observation_space.sample() if observation is None else observation,
        width=width,
        name="py:p:f",
        environment="Toy-v0",
        **spaces,
    )


@pytest.mark.parametrize(
    ("action", "space"),
    [
        (1, DISCRETE),
        (np.int64(1), DISCRETE),
        ([0.5, -1], BOX),
        ([1, 0], gym.spaces.MultiBinary(2)),
        ([4, 1], gym.spaces.MultiDiscrete([5, 2])),
        ("ab", gym.spaces.Text(4)),
    ],
)
def test_actions_of_the_space_pass(action, space):
    check(lambda _: action, space)


@pytest.mark.parametrize(
    ("action", "space", "message"),
    [
        (2, DISCRETE, "The policy py:p:f returned the action 2, but the action space is Discrete(2) (Toy-v0)."),
        (0.7, DISCRETE, "The policy py:p:f returned 0.7, but the action space is Discrete(2) (Toy-v0)."),
        (float("nan"), DISCRETE, "returned NaN, but the action space is Discrete(2) (Toy-v0)"),
        ([0.5, 1.5], BOX, "returned 1.5 in place 1, outside [-1, 1], but the action space is Box"),
        ([0.5, np.nan], BOX, "returned NaN, but the action space is Box"),
        ([0.5], BOX, "returned an action of shape (1,), but the action space is Box"),
        ([2, 0], gym.spaces.MultiBinary(2), "returned 2 in place 0, outside [0, 1]"),
        ([5, 0], gym.spaces.MultiDiscrete([5, 2]), "returned 5 in place 0, outside [0, 4]"),
        (7, gym.spaces.Text(4), "returned 7, but Toy-v0 takes Text"),
    ],
)
def test_actions_outside_the_space_are_named_with_both_sides(action, space, message):
    with pytest.raises(UserError) as caught:
        check(lambda _: action, space)
    assert message in str(caught.value)


def test_a_policy_that_raises_is_named_with_its_own_first_words():
    def broken(observation):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied\nsee the manual")

    with pytest.raises(UserError) as caught:
        check(broken, DISCRETE)
    assert "failed on the first observation of Toy-v0" in str(caught.value)
    assert str(caught.value).endswith("RuntimeError: mat1 and mat2 shapes cannot be multiplied")
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_a_float32_network_that_is_given_float64_is_told_so():
    import torch

    layer = torch.nn.Linear(3, 2)
    with pytest.raises(UserError, match="Observations are float64: a policy of float32 weights has to convert them"):
        check(lambda observation: layer(torch.from_numpy(observation)).argmax(), DISCRETE)


def test_a_network_that_wants_channels_first_is_told_the_layout():
    import torch

    layer = torch.nn.Conv2d(3, 1, 3)
    with pytest.raises(UserError, match=r"images of shape \(40, 48, 3\) \(height, width, channels\) and uint8"):
        check(lambda observation: layer(torch.from_numpy(observation).float()[None]), DISCRETE, IMAGE)


def test_an_environment_that_breaks_its_own_word_is_named():
    with pytest.raises(UserError, match=r"Toy-v0 declares Box\(.*\), but its reset gave the shape \(4,\)"):
        check(lambda _: 0, DISCRETE, observation=np.zeros(4))
    with pytest.raises(UserError, match=r"declares Box\(.*uint8\), but its reset gave float64, which would be cut off"):
        check(lambda _: 0, DISCRETE, IMAGE, np.full(IMAGE.shape, 0.5))
    space = gym.spaces.Dict({"a": VECTOR, "b": VECTOR})
    with pytest.raises(UserError, match="Toy-v0 declares the observation 'b', but its reset gave none"):
        check(lambda _: 0, DISCRETE, space, {"a": np.zeros(3)})


def test_every_row_gets_the_observation():
    seen = []
    check(lambda observation: seen.append(observation.tolist()) or 0, DISCRETE, observation=np.array([1.0, 2, 3]))
    assert seen == [[1, 2, 3]] * 3


def test_begin_after_the_check_leaves_nothing_of_it_behind():
    class Counts:
        count = 0

        def reset(self, seed):
            self.count = 0

        def act(self, observation):
            self.count += 1
            return min(self.count - 1, 1)

    spaces = {"observation_space": VECTOR, "action_space": DISCRETE}
    policy = wrap_policy(Counts(), width=2, **spaces)
    check_policy(policy, observation=np.zeros(3), width=2, **spaces)
    policy.begin(0, 1)
    assert policy.act(np.zeros((2, 3)), [0])[0] == 0


def depends(policy, width=4, action_space=BOX, observation_space=VECTOR):
    return row_dependence(
        wrap_policy(policy, observation_space=observation_space, action_space=action_space, width=width),
        observation_space=observation_space,
        observation=np.full(3, 0.3),
        width=width,
    )


class Batched:
    batched = True

    def __init__(self, act):
        self.act = act


def test_a_policy_of_one_row_alone_does_not_depend_on_rows():
    assert not depends(lambda observation: observation[:2])
    assert not depends(Batched(lambda observations: observations[:, :2] * 0.1))


def test_dependence_on_the_row_or_the_neighbours_is_found():
    assert depends(Batched(lambda observations: observations[:, :2] + np.arange(4)[:, None]))
    assert depends(Batched(lambda observations: observations[:, :2] - observations.mean()))


@pytest.mark.parametrize("width", [1, 4])
def test_randomness_that_no_seed_governs_is_found_with_one_row_too(width):
    rng = np.random.default_rng(0)
    assert depends(lambda _: rng.random(2), width)


def test_seeded_randomness_is_no_dependence():
    policy = open_policy(parse_source("random"), observation_space=VECTOR, action_space=BOX, width=4)
    assert not row_dependence(policy, observation_space=VECTOR, observation=np.zeros(3), width=4)


def test_a_real_environment_and_a_real_model_agree(tmp_path):
    env = gym.make("Pendulum-v1")
    spaces = {"observation_space": env.observation_space, "action_space": env.action_space}
    source = parse_source(f"onnx:{linear_onnx(tmp_path / 'm.onnx', inputs=3, outputs=1)}")
    policy = open_policy(source, width=8, **spaces)
    observation, _ = env.reset(seed=0)
    check_policy(policy, observation=observation, width=8, name=source.uri, environment="Pendulum-v1", **spaces)
    assert not row_dependence(policy, observation_space=env.observation_space, observation=observation, width=8)
    env.close()
