from __future__ import annotations

import gymnasium
import numpy as np
import torch
from torch import nn

from rlgauge.kinds.train.script.found import is_dict_table, things, tree_arrays
from rlgauge.kinds.train.script.left import Left


class Agent:
    def __init__(self):
        self.policy = nn.Linear(2, 2)
        self.name = "me"
        self.notes = ["a"]


def names(left):
    return [thing.name for thing in things(left)]


def test_locals_of_main_come_before_what_it_returned_and_the_globals():
    net, returned, late = nn.Linear(1, 1), nn.Linear(1, 1), nn.Linear(1, 1)
    assert names(Left({"late": late}, {"net": net}, returned)) == ["net", "returned", "late"]


def test_what_has_two_names_is_listed_once_by_the_first():
    net = nn.Linear(1, 1)
    assert names(Left({"model": net}, {"net": net}, net)) == ["net"]


def test_modules_classes_texts_numbers_and_hidden_names_are_left_out():
    assert names(Left({"np": np, "Agent": Agent, "x": 1.0, "s": "s", "_hidden": nn.Linear(1, 1)}, None, None)) == []


def test_models_inside_an_object_are_found_under_its_name():
    agent = Agent()
    found = things(Left({}, {"agent": agent}, None))
    assert [(thing.name, thing.value) for thing in found] == [("agent", agent), ("agent.policy", agent.policy)]


def test_parts_of_a_torch_module_are_not_listed_beside_it():
    assert names(Left({}, {"net": nn.Sequential(nn.Linear(1, 1))}, None)) == ["net"]


def test_models_in_a_list_and_in_what_was_returned_as_a_tuple_are_found():
    first, second, third = nn.Linear(1, 1), nn.Linear(1, 1), nn.Linear(1, 1)
    assert names(Left({}, {"nets": [first]}, (second, third))) == ["nets", "returned.0", "returned.1", "nets.0"]


def test_what_was_returned_as_a_mapping_keeps_its_names():
    assert names(Left({}, {}, {"actor": nn.Linear(1, 1), "steps": 3})) == ["actor"]


def test_an_environment_inside_an_agent_is_found():
    agent = Agent()
    agent.env = gymnasium.make("CartPole-v1")
    assert "agent.env" in names(Left({}, {"agent": agent}, None))


def test_a_mapping_of_states_to_values_is_a_table_and_others_are_not():
    assert is_dict_table({(1, 2, 0): np.zeros(2), (3, 4, 1): np.zeros(2)})
    assert is_dict_table({3: np.zeros(4)})
    assert not is_dict_table({"obs": np.zeros(4)})
    assert not is_dict_table({1: np.zeros(2), 2: np.zeros(3)})
    assert not is_dict_table({})


def test_a_tree_of_jax_has_its_arrays_by_path():
    import jax.numpy as jnp

    tree = {"params": {"Dense_0": {"kernel": jnp.ones((2, 3)), "bias": jnp.zeros(3)}}}
    assert {name: array.shape for name, array in tree_arrays(tree).items()} == {
        "params.Dense_0.bias": (3,),
        "params.Dense_0.kernel": (2, 3),
    }
    assert tree_arrays({"a": np.ones(2)}) == {}
    assert tree_arrays({"a": jnp.ones(2), "b": "text"}) == {}


def test_optimisers_are_things_with_a_state():
    net = nn.Linear(1, 1)
    assert names(Left({}, {"optimizer": torch.optim.Adam(net.parameters())}, None)) == ["optimizer"]


def test_objects_of_the_script_are_looked_into_once_more(monkeypatch):
    class Trainer:
        def __init__(self):
            self.agent = Agent()

    assert names(Left({}, {"trainer": Trainer()}, None)) == ["trainer"]
    monkeypatch.setattr(Agent, "__module__", "__main__")
    assert names(Left({}, {"trainer": Trainer()}, None)) == ["trainer", "trainer.agent", "trainer.agent.policy"]


def test_an_object_that_fails_when_it_is_looked_at_hides_no_others():
    class Touchy:
        def __getattr__(self, name):
            raise RuntimeError("do not touch")

    net = nn.Linear(1, 1)
    assert names(Left({}, {"touchy": Touchy(), "net": net}, None)) == ["touchy", "net"]
