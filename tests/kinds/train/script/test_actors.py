from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from torch import nn

from rlgauge.kinds.train.script.actors import UnlikeError, find_actor
from rlgauge.kinds.train.script.beginnings import Call
from rlgauge.kinds.train.script.found import Thing, things
from rlgauge.kinds.train.script.inputs import Given
from rlgauge.kinds.train.script.left import Left
from rlgauge.kinds.train.script.witness import Pair


def cart():
    return gymnasium.make("CartPole-v1")


def find(env, *, is_many=False, calls=(), **named):
    found = things(Left({}, named, None))
    actor = find_actor(found, env, is_many=is_many, calls=calls)
    if actor is None:
        return None
    env.reset(seed=1)
    return actor


def act(actor, env, seed=1):
    if hasattr(actor.policy, "reset"):
        actor.policy.reset(seed=0)
    return actor.policy.act(env.reset(seed=seed)[0])


def linear(num_inputs=4, num_outputs=2, *, bias):
    net = nn.Linear(num_inputs, num_outputs)
    nn.init.zeros_(net.weight)
    net.bias.data = torch.tensor(bias)
    return net


class CleanRlAgent(nn.Module):
    """In the shape of those scripts: several networks, and a method for a batch."""

    def __init__(self):
        super().__init__()
        self.critic = nn.Linear(4, 1)
        self.actor = linear(bias=[0.0, 50.0])

    def get_value(self, x):
        return self.critic(x)

    def get_action_and_value(self, x, action=None):
        probs = torch.distributions.Categorical(logits=self.actor(x))
        if action is None:
            action = probs.sample()
        return action, probs.log_prob(action), probs.entropy(), self.critic(x)


class Sac(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean = nn.Linear(3, 1)

    def forward(self, x):
        return self.mean(x), torch.zeros(len(x), 1)

    def get_action(self, x):
        mean, log_std = self(x)
        action = torch.tanh(torch.distributions.Normal(mean, log_std.exp()).rsample()) * 2.0
        return action, torch.zeros(1), torch.tanh(mean) * 2.0


def test_an_agent_with_a_method_for_a_batch_is_asked_with_a_batch_of_one():
    actor = find(cart(), agent=CleanRlAgent(), is_many=True)
    assert actor.text == "`agent.get_action_and_value`, given a batch of one as a tensor"
    assert act(actor, cart()) == 1


def test_of_several_things_that_are_returned_the_first_is_the_action():
    env = gymnasium.make("Pendulum-v1")
    actor = find(env, actor=Sac(), qf1=nn.Linear(4, 1))
    assert actor.text.startswith("`actor.get_action`")
    assert act(actor, env).shape == (1,)


def test_the_seed_of_an_episode_decides_what_is_drawn():
    env = gymnasium.make("Pendulum-v1")
    actor = find(env, actor=Sac())
    actions = []
    for seed in (5, 5, 6):
        actor.policy.reset(seed=seed)
        actions.append(float(actor.policy.act(env.reset(seed=0)[0])[0]))
    assert actions[0] == actions[1] != actions[2]


def test_a_function_goes_before_an_object_and_a_model():
    actor = find(cart(), model=linear(bias=[1.0, 0.0]), get_action=lambda observation: 1)
    assert actor.text == "the function `get_action`"
    assert act(actor, cart()) == 1


def test_a_function_that_wants_tensors_gets_them():
    net = linear(bias=[0.0, 1.0])

    def select_action(state):
        return net(state).max(1).indices.view(1, 1)

    actor = find(cart(), select_action=select_action)
    assert actor.text == "the function `select_action`, given a batch of one as a tensor"
    assert act(actor, cart()) == 1


def test_a_function_that_explored_while_it_was_tried_is_asked_in_another_way_later():
    net, calls = linear(bias=[0.0, 1.0]), []

    def select_action(state):
        calls.append(state)
        return 0 if len(calls) < 10 else int(net(state).argmax())

    env = cart()
    actor = find(env, select_action=select_action)
    assert actor.text == "the function `select_action`"
    assert [act(actor, env) for _ in range(20)][-1] == 1


def returned(value, **named):
    return find_actor(things(Left({}, named, value)), cart(), is_many=False)


def test_a_function_that_main_returned_is_taken_by_any_name():
    push = lambda obs: 1  # noqa: E731  # as scripts return one
    for actor in (returned(lambda obs: 1), returned(push, push=push)):
        assert actor.text == "the function that `main` returned"
        assert act(actor, cart()) == 1
    assert find(cart(), push=push) is None
    assert returned(lambda obs: 1, get_action=lambda obs: 0).text == "the function `get_action`"


def test_a_function_that_main_returned_is_not_taken_where_it_is_called_what_does_not_act():
    def critic(obs):
        return 1

    def push(obs):
        return 1

    assert returned(critic) is None
    assert returned(push, value_of=push) is None
    assert returned(lambda obs, table: 1) is None


def test_a_function_that_explores_by_a_parameter_is_told_not_to():
    def get_action(obs, epsilon=1.0):
        return random.randrange(2) if random.random() < epsilon else 1

    actor = find(cart(), get_action=get_action)
    assert actor.text == "the function `get_action` with epsilon=0.0"
    assert {act(actor, cart()) for _ in range(20)} == {1}


def test_it_is_said_that_an_agent_still_explores():
    class Agent:
        epsilon = 0.1

        def get_action(self, obs):
            return 1

    assert find(cart(), agent=Agent()).text == "`agent.get_action`, its epsilon being 0.1"


def test_a_recurrent_agent_forgets_before_each_episode():
    class Agent:
        num_acts = 0

        def reset_hidden(self, size=1):
            self.num_acts = 0

        def act(self, observation):
            self.num_acts += 1
            return int(self.num_acts > 1)

    actor = find(cart(), agent=Agent())
    for _ in range(2):
        actor.policy.reset(seed=0)
        assert [actor.policy.act(np.zeros(4)) for _ in range(3)] == [0, 1, 1]


def test_an_agent_with_a_method_for_actions_of_several_environments_goes_before_its_network():
    class Agent:
        def __init__(self):
            self.policy = nn.Linear(4, 2)

        def select_actions(self, observations):
            assert observations.shape == (1, 4)
            return np.array([1])

    agent = Agent()
    actor = find(cart(), agent=agent, policy=agent.policy, is_many=True)
    assert actor.text == "`agent.select_actions`, given a batch of one as a tensor"


def test_an_agent_is_told_of_an_episode_s_beginning_as_the_script_tells_it_and_so_is_what_it_asks():
    class Remembering:
        num_acts = 0

        def reset(self):
            self.num_acts = 0

        def get_action(self, observation):
            self.num_acts += 1
            return int(self.num_acts > 1)

    agent, noise = Remembering(), Remembering()
    noise.num_acts = 3
    calls = [Call("agent", "reset"), Call("self.noise", "reset")]
    actor = find(cart(), agent=agent, noise=noise, calls=calls)
    actor.policy.reset(seed=0)
    assert [actor.policy.act(np.zeros(4)) for _ in range(3)] == [0, 1, 1]
    actor.policy.reset(seed=0)
    assert (agent.num_acts, noise.num_acts) == (0, 0)
    assert find(cart(), agent=agent).policy.reset(seed=0) is None
    assert [find(cart(), agent=agent).policy.act(np.zeros(4)) for _ in range(2)][-1] == 1


def test_a_method_that_wants_the_environment_is_given_it():
    class Tutorial:
        def get_action(self, env, obs):
            assert env.action_space.n == 2
            return 1

    assert act(find(cart(), agent=Tutorial()), cart()) == 1


def test_a_function_that_needs_more_than_an_observation_is_not_taken():
    assert find(cart(), get_action=lambda state, network: 1) is None


def test_an_object_that_returns_what_is_no_action_is_not_taken():
    class Lazy:
        def act(self, observation):
            return 7

    assert find(cart(), agent=Lazy(), policy=lambda observation: np.array([0.2, 0.8])) is None


def test_the_largest_output_of_a_network_over_the_actions_is_taken():
    actor = find(cart(), q_network=linear(bias=[0.0, 1.0]), target_network=linear(bias=[1.0, 0.0]))
    assert actor.text == "the largest output of `q_network`, given a batch of one as a tensor"
    assert act(actor, cart()) == 1


def test_neither_critic_nor_target_is_taken_for_a_policy():
    assert find(cart(), critic=linear(bias=[0.0, 1.0]), target_net=linear(bias=[0.0, 1.0])) is None


def test_an_action_is_drawn_from_a_distribution_that_a_network_returns():
    class Policy(nn.Module):
        def forward(self, x):
            return torch.distributions.Categorical(logits=torch.tensor([[0.0, 50.0]]))

    actor = find(cart(), net=Policy())
    assert actor.text.startswith("`net`, drawn from the distribution that it returns")
    assert act(actor, cart()) == 1


def test_a_network_with_one_output_is_an_actor_by_its_name_alone():
    env = gymnasium.make("Pendulum-v1")
    value = linear(3, 1, bias=[0.5])
    assert find(env, network=value) is None
    assert act(find(env, actor=value), env) == pytest.approx([0.5])


def test_actions_are_clipped_to_the_bounds():
    env = gymnasium.make("Pendulum-v1")
    assert act(find(env, actor=linear(3, 1, bias=[9.0])), env) == pytest.approx([2.0])


def test_a_mean_and_a_deviation_that_may_be_squashed_are_left_alone():
    class Actor(nn.Module):
        def forward(self, x):
            return torch.zeros(1, 1), torch.zeros(1, 1)

    assert find(gymnasium.make("Pendulum-v1"), actor=Actor()) is None


def test_the_largest_value_of_a_table_is_taken():
    env = gymnasium.make("FrozenLake-v1")
    table = np.zeros((16, 4))
    table[0, 2] = 1.0
    actor = find(env, Q=table, visits=np.ones((16, 4)), rewards=np.zeros(16))
    assert actor.text == "the largest value of the state in the table `Q`"
    assert act(actor, env) == 2


def test_which_of_two_tables_acts_is_not_guessed():
    env = gymnasium.make("FrozenLake-v1")
    assert find(env, Q1=np.zeros((16, 4)), Q2=np.ones((16, 4))) is None


def test_a_table_of_its_own_goes_before_one_inside_an_object():
    class Learner:
        def __init__(self):
            self.qtable = np.zeros((16, 4))

    assert find(gymnasium.make("FrozenLake-v1"), learner=Learner()).text.endswith("`learner.qtable`")
    actor = find(gymnasium.make("FrozenLake-v1"), learner=Learner(), qtable=np.ones((16, 4)))
    assert actor.text.endswith("`qtable`")


def test_a_table_of_another_size_is_not_taken():
    assert find(gymnasium.make("FrozenLake-v1"), Q=np.zeros((20, 4))) is None


def test_a_table_in_a_mapping_acts_on_states_of_several_numbers():
    env = gymnasium.make("Blackjack-v1")
    state = tuple(int(part) for part in env.reset(seed=1)[0])
    actor = find(env, q_values={state: np.array([0.0, 1.0]), (4, 1, 0): np.zeros(2)})
    assert act(actor, env) == 1


def test_a_table_in_a_mapping_of_ranges_of_what_is_observed_is_not_taken():
    assert find(cart(), Q={(0, 1, 0, 2): np.zeros(2), (1, 1, 0, 2): np.zeros(2)}) is None


def test_a_table_of_actions_by_the_name_of_a_policy_acts():
    env = gymnasium.make("FrozenLake-v1")
    assert act(find(env, policy=np.full(16, 3)), env) == 3


def test_a_state_of_flax_is_applied():
    import jax.numpy as jnp

    @dataclass
    class State:
        params: Any
        apply_fn: Any
        step: int = 0

    def apply_fn(variables, x):
        return x @ variables["params"]["kernel"] + jnp.array([0.0, 1.0])

    for params in ({"params": {"kernel": jnp.zeros((4, 2))}}, {"kernel": jnp.zeros((4, 2))}):
        actor = find(cart(), q_state=State(params, apply_fn))
        assert actor.text == "the largest output of `q_state`, given a batch of one"
        assert act(actor, cart()) == 1


def test_the_policy_of_a_model_of_sb3_is_taken_first():
    from stable_baselines3 import PPO

    model = PPO("MlpPolicy", "CartPole-v1", n_steps=8, batch_size=8, device="cpu")
    actor = find_actor([Thing("get_action", lambda o: 0), Thing("model", model)], cart(), is_many=False)
    assert actor.text == "`model`, a PPO of Stable-Baselines3, deterministic"
    assert actor.policy is model.policy


def test_tensors_are_put_where_the_network_is():
    from rlgauge.kinds.train.script.asking import of_device

    forms = ("array", "tensor", "tensors")
    assert of_device(forms, [nn.Linear(1, 1)]) == list(forms)
    assert of_device(forms, [nn.Flatten(), nn.Linear(1, 1, device="meta")]) == ["array", "tensor@meta", "tensors@meta"]


def test_nothing_acts_where_nothing_is_left():
    assert find(cart()) is None
    assert find(cart(), rewards=[1, 2, 3], envs=[cart()]) is None


def test_an_object_that_fails_when_it_is_looked_at_does_not_stop_the_search():
    class Touchy:
        def __getattr__(self, name):
            raise RuntimeError("do not touch")

    assert find(cart(), touchy=Touchy(), policy=linear(bias=[0.0, 1.0])) is not None


class Halves(nn.Module):
    """Acts between 0 and 1, of which its script makes -2 to 2."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 1)

    def select_action(self, observation, deterministic):
        with torch.no_grad():
            mean = torch.sigmoid(self.layer(torch.as_tensor(observation)[None]))[0]
            drawn = mean if deterministic else torch.clamp(torch.normal(mean, 0.5), 0, 1)
        return drawn.numpy(), None


@pytest.mark.parametrize("is_changed", [False, True])
def test_a_method_that_is_told_not_to_explore_is_held_against_what_it_draws_when_it_does(is_changed):
    torch.manual_seed(0)
    agent, env = Halves(), gymnasium.make("Pendulum-v1")
    pairs = []
    observation = env.reset(seed=0)[0]
    for _ in range(128):
        action = agent.select_action(observation, deterministic=False)[0]
        done = 4 * action - 2 if is_changed else action
        pairs.append(Pair(observation, done, [Given(id(agent.layer), observation)]))
        observation = env.step(done)[0]
    found = things(Left({}, {"agent": agent}, None))
    if is_changed:
        with pytest.raises(UnlikeError, match=r"with deterministic=True, .* acts unlike .* lie beyond all"):
            find_actor(found, env, is_many=False, pairs=pairs)
    else:
        actor = find_actor(found, env, is_many=False, pairs=pairs)
        assert actor.text.startswith("`agent.select_action` with deterministic=True")
