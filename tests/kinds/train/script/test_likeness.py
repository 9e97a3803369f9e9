from __future__ import annotations

import math

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete, MultiDiscrete
from torch import nn

from rlgauge.episodes.policies.spaces import describe
from rlgauge.kinds.train.script.inputs import Given
from rlgauge.kinds.train.script.likeness import Likeness
from rlgauge.kinds.train.script.witness import Pair

RNG = np.random.default_rng
WEIGHTS = np.array([0.3, 0.6, 4.0, 1.2])
SCALE = np.array([2.4, 2.0, 0.2, 2.0])
OBSERVED = Box(-5, 5, (4,), np.float32)
NUM = 128


class World(gymnasium.Env):
    def __init__(self, observed, acted):
        self.observation_space = observed
        self.action_space = acted


def observations(seed=0, size=4, num=NUM):
    return list(RNG(seed).normal(size=(num, size)).astype(np.float32))


def doubt(pairs, act, acted, observed=OBSERVED, deadline=math.inf):
    return Likeness(pairs, World(observed, acted), describe(acted), deadline=deadline).doubt(act)


def greedy(observation):
    return int(observation @ WEIGHTS > 0)


def exploring(share, seed=1):
    rng = RNG(seed)
    return lambda action, n=2: int(rng.integers(n)) if rng.random() < share else action


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.8, 1.0])
@pytest.mark.parametrize("seed", range(5))
def test_who_explores_more_or_less_acts_as_the_script_did(share, seed):
    explore = exploring(share, seed + 10)
    pairs = [Pair(seen, explore(greedy(seen))) for seen in observations(seed)]
    assert doubt(pairs, greedy, Discrete(2)) is None


@pytest.mark.parametrize("temperature", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("seed", range(4))
def test_who_draws_actions_acts_as_the_script_did(temperature, seed):
    script, test = RNG(seed + 20), RNG(seed + 40)

    def draw(observation, rng):
        return int(rng.random() < 1 / (1 + math.exp(-observation @ WEIGHTS / temperature)))

    pairs = [Pair(seen, draw(seen, script)) for seen in observations(seed)]
    assert doubt(pairs, lambda seen: draw(seen, test), Discrete(2)) is None
    assert doubt(pairs, greedy, Discrete(2)) is None


def test_an_actor_that_was_given_standardised_observations_is_told():
    seen = [observation * 0.2 + 3 for observation in observations()]
    explore = exploring(0.1)
    pairs = [Pair(one, explore(greedy((one - 3) / 0.2))) for one in seen]
    told = doubt(pairs, greedy, Discrete(2))
    assert told.startswith("it repeats ")
    assert " and a simple fit to what was observed 9" in told


def test_an_actor_that_was_given_pictures_divided_by_255_is_told():
    rng = RNG(3)
    pictures = list(rng.integers(0, 256, (NUM, 6, 6), dtype=np.uint8))
    weights = rng.normal(size=36)

    def act(observation):
        return int(np.tanh(observation.reshape(-1) @ weights + 0.3) > np.tanh(0.5 * weights.sum() + 0.3))

    pairs = [Pair(picture, act(picture / 255)) for picture in pictures]
    told = doubt(pairs, act, Discrete(2), Box(0, 255, (6, 6), np.uint8))
    assert told.endswith("given observations divided by 255")


def test_an_actor_whose_actions_were_renamed_is_told():
    pairs = [Pair(seen, 1 - greedy(seen)) for seen in observations()]
    assert doubt(pairs, greedy, Discrete(2)) is not None


def steer(observation):
    return np.tanh(observation @ WEIGHTS[:, None] / 2)


@pytest.mark.parametrize("noise", [0.0, 0.1, 1.0])
def test_noise_on_actions_is_no_reason_for_doubt(noise):
    rng = RNG(2)
    pairs = [Pair(seen, np.clip(steer(seen) + noise * rng.normal(size=1), -2, 2)) for seen in observations()]
    assert doubt(pairs, steer, Box(-2, 2, (1,), np.float32)) is None


def test_actions_at_random_for_a_part_of_the_time_or_all_are_no_reason_for_doubt():
    for share in (0.3, 0.6, 1.0):
        rng = RNG(2)
        acts = [rng.uniform(-1, 1, 1) if rng.random() < share else np.sign(steer(seen)) for seen in observations()]
        pairs = [Pair(seen, act) for seen, act in zip(observations(), acts, strict=True)]
        assert doubt(pairs, lambda seen: np.sign(steer(seen)), Box(-1, 1, (1,), np.float32)) is None


def test_an_actor_whose_actions_were_scaled_is_told():
    rng = RNG(2)
    pairs = [Pair(seen, np.clip(2 * steer(seen) + 0.1 * rng.normal(size=1), -2, 2)) for seen in observations()]
    told = doubt(pairs, steer, Box(-2, 2, (1,), np.float32))
    assert told.startswith("it misses 128 actions of the script by ")
    assert told.endswith("with its actions shifted and scaled")


def test_actions_of_several_parts_are_held_against_each_other_part_by_part():
    def act(seen):
        return np.array([greedy(seen), 2 * greedy(-seen)])

    pairs = [Pair(seen, act(seen)) for seen in observations()]
    turned = [Pair(pair.observation, pair.action[::-1] // np.array([1, 1])) for pair in pairs]
    assert doubt(pairs, act, MultiDiscrete([3, 3])) is None
    assert doubt(turned, act, MultiDiscrete([3, 3])) is not None


def test_few_pairs_tell_nothing_and_neither_do_those_of_another_form():
    wrong = [Pair(seen, 1 - greedy(seen)) for seen in observations()]
    assert doubt(wrong[:30], greedy, Discrete(2)) is None
    assert doubt(wrong, greedy, Discrete(2), Box(-5, 5, (5,), np.float32)) is None
    assert doubt(wrong, greedy, Discrete(2), deadline=0.0) is None


def test_what_has_changed_in_the_meantime_is_no_reason_for_doubt():
    old = [Pair(seen, 1 - greedy(seen)) for seen in observations(1, num=80)]
    new = [Pair(seen, greedy(seen)) for seen in observations(2, num=48)]
    assert doubt([*old, *new], greedy, Discrete(2)) is None


def through(net, change):
    """Pairs of a script that gives a network changed observations, and explores all the time."""
    rng = RNG(5)
    return [
        Pair(seen, int(rng.integers(2)), [Given(id(net), np.asarray(change(seen), np.float32))])
        for seen in observations()
    ]


def asked(net, change=lambda seen: seen):
    def act(observation):
        with torch.no_grad():
            return int(net(torch.as_tensor(np.asarray(change(observation), np.float32))[None]).argmax())

    return act


def test_a_network_that_is_given_what_it_was_given_acts_whatever_was_done():
    net = nn.Linear(4, 2)
    assert doubt(through(net, lambda seen: seen), asked(net), Discrete(2)) is None
    assert doubt(through(net, lambda seen: seen / SCALE), asked(net, lambda seen: seen / SCALE), Discrete(2)) is None


def test_a_network_that_is_given_something_else_is_told_whatever_was_done():
    net = nn.Linear(4, 2)
    told = doubt(through(net, lambda seen: seen / SCALE), asked(net), Discrete(2))
    assert told == "of 128 observations of the script its network was given 0% as it is given them in tests"


def test_statistics_of_a_policy_that_have_moved_a_little_are_no_reason_for_doubt():
    net = nn.Linear(4, 2)
    pairs = through(net, lambda seen: (seen - 0.03) / 1.05)
    assert doubt(pairs, asked(net), Discrete(2)) is None


def test_of_another_network_nothing_is_known():
    net, other = nn.Linear(4, 2), nn.Linear(4, 2)
    assert doubt(through(other, lambda seen: seen / SCALE), asked(net), Discrete(2)) is None


def test_after_a_doubt_what_can_not_be_asked_is_not_trusted():
    pairs = [Pair(seen, 1 - greedy(seen)) for seen in observations()]
    likeness = Likeness(pairs, World(OBSERVED, Discrete(2)), describe(Discrete(2)), deadline=math.inf)

    def broken(observation):
        raise RuntimeError

    assert likeness.doubt(broken) is None
    assert likeness.doubt(greedy) is not None
    assert likeness.doubt(broken) == "it could not be held against what the script did"
    assert likeness.doubt(lambda seen: 1 - greedy(seen)) is None


@pytest.mark.parametrize("is_renamed", [False, True])
def test_a_network_that_has_learned_since_is_held_against_what_it_returned_then(is_renamed):
    net = nn.Linear(4, 2)
    space = Discrete(2)
    rng = RNG(5)
    pairs = []
    for seen in observations():
        returned = rng.normal(size=2).astype(np.float32)
        action = int(returned.argmax())
        pairs.append(Pair(seen, 1 - action if is_renamed else action, [Given(id(net), seen, returned)]))
    likeness = Likeness(pairs, World(OBSERVED, space), describe(space), deadline=math.inf)
    told = likeness.doubt(asked(net), module=id(net), read=lambda values: int(values.argmax()))
    assert told == (
        "it repeats 0% of 128 actions of the script, and 100% with its actions renamed" if is_renamed else None
    )


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_a_network_that_draws_is_told_by_actions_beyond_all_that_it_draws(scale):
    net = nn.Linear(4, 1)
    script, test = RNG(1), RNG(2)

    def drawn(observation, rng):
        with torch.no_grad():
            mean = net(torch.as_tensor(observation)[None])[0].numpy()
        return np.tanh(mean + rng.normal(size=1))

    pairs = [Pair(seen, scale * drawn(seen, script), [Given(id(net), seen)]) for seen in observations()]
    told = doubt(pairs, lambda seen: drawn(seen, test), Box(-2, 2, (1,), np.float32))
    assert (told or "").endswith("of 128 actions of the script lie beyond all that it says") == (scale > 1)
    assert scale > 1 or told is None


@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_a_greedy_actor_is_held_against_what_it_draws_where_it_can_be_told_to_explore(scale):
    net = nn.Linear(4, 1)
    script, test = RNG(1), RNG(2)

    def mean(observation):
        with torch.no_grad():
            return torch.sigmoid(net(torch.as_tensor(observation)[None]))[0].numpy()

    def drawn(observation, rng):
        return np.clip(mean(observation) + rng.normal(scale=0.5, size=1), 0, 1)

    space = Box(-2, 2, (1,), np.float32)
    pairs = [
        Pair(seen, scale * (drawn(seen, script) - (scale > 1) / 2), [Given(id(net), seen)]) for seen in observations()
    ]
    likeness = Likeness(pairs, World(OBSERVED, space), describe(space), deadline=math.inf)
    told = likeness.doubt(mean, exploring=lambda seen: drawn(seen, test))
    assert (told or "").endswith("of 128 actions of the script lie beyond all that it says") == (scale > 1)
    assert scale > 1 or told is None


@pytest.mark.parametrize("is_his", [True, False])
def test_after_a_doubt_what_tells_nothing_of_what_was_done_is_not_trusted(is_his):
    pairs = [Pair(seen, greedy(seen)) for seen in observations()]
    space = Discrete(2)
    likeness = Likeness(pairs, World(OBSERVED, space), describe(space), deadline=math.inf)
    assert likeness.doubt(lambda seen: 1 - greedy(seen)).startswith("it repeats 0% ")
    rng = RNG(5)
    told = likeness.doubt(greedy if is_his else lambda seen: int(rng.integers(2)))
    assert (told is None) == is_his
