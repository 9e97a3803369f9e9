from __future__ import annotations

import importlib
import sys
from pathlib import Path

import gymnasium as gym
import pytest
import torch

from rlgauge.core.errors import UserError
from rlgauge.episodes.policies import code

OBSERVATIONS, ACTIONS = gym.spaces.Discrete(4), gym.spaces.Discrete(2)

MODULE = """
from dataclasses import dataclass

def act(observation):
    return 1

class Plain:
    pass

class Spaces:
    def __init__(self, action_space, size=3):
        self.action_space = action_space

class Needs:
    def __init__(self, hidden, *, depth):
        pass

class FromFile:
    def __init__(self, path, observation_space=None):
        self.path, self.observation_space = path, observation_space

class Lightning:
    @classmethod
    def load_from_checkpoint(cls, checkpoint_path, map_location=None):
        self = cls()
        self.loaded = checkpoint_path, map_location
        return self

@dataclass
class Data:
    number: "int" = 3

instance = Plain()
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "toy_policies.py").write_text(MODULE)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith(("toy_", "rlgauge_policy_")):
            del sys.modules[name]


def load(target, ckpt_path=None):
    return code.load(target, ckpt_path=ckpt_path, observation_space=OBSERVATIONS, action_space=ACTIONS)


@pytest.mark.parametrize("module", ["toy_policies", "toy_policies.py"])
def test_a_module_of_the_current_folder_is_found_by_name_and_by_path(folder, module):
    assert str(folder) not in sys.path
    assert load(f"{module}:act")(None) == 1
    assert type(load(f"{module}:instance")).__name__ == "Plain"
    assert load(f"{module}:Data").number == 3


def test_a_package_of_the_current_folder_is_found(folder):
    package = folder / "toy_package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "numbers.py").write_text("ONE = 1\n")
    (package / "policy.py").write_text("from toy_package.numbers import ONE\nclass P:\n    one = ONE\n")
    assert load("toy_package.policy.P").one == 1
    assert load("toy_package.policy:P.one") == 1


def test_folders_without_an_init_file_are_packages_too(folder):
    inner = folder / "outer_without_init" / "inner" / "deep"
    inner.mkdir(parents=True)
    (inner / "policies.py").write_text("def act(observation):\n    return 1\n")
    assert load("outer_without_init.inner.deep.policies:act")(0) == 1
    assert b"return 1" in code.source_bytes("outer_without_init.inner.deep.policies:act")


def test_a_class_is_built_with_the_spaces_that_its_constructor_names(folder):
    assert load("toy_policies:Spaces").action_space is ACTIONS
    assert type(load("toy_policies:Plain")).__name__ == "Plain"


def test_a_class_that_needs_arguments_is_refused_with_their_names(folder):
    with pytest.raises(UserError, match=r"toy_policies:Needs needs arguments: 'hidden', 'depth'"):
        load("toy_policies:Needs")


def test_a_checkpoint_is_loaded_by_the_class_or_given_to_its_constructor(folder):
    assert load("toy_policies:Lightning", "x.ckpt").loaded == ("x.ckpt", "cpu")
    made = load("toy_policies:FromFile", "x.ckpt")
    assert (made.path, made.observation_space) == ("x.ckpt", OBSERVATIONS)
    with pytest.raises(UserError, match="needs a class"):
        load("toy_policies:act", "x.ckpt")


NETWORKS = """
import lightning.pytorch as pl
import torch

class Untrained(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.network = torch.nn.Linear(4, 2)

class Plain(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.network = torch.nn.Linear(4, 2)

class Reads(Plain):
    def __init__(self, path=None):
        super().__init__()
        torch.nn.init.zeros_(self.network.weight)
        torch.nn.init.zeros_(self.network.bias)

class Sized(torch.nn.Module):
    def __init__(self, size=2):
        super().__init__()
        self.network = torch.nn.Linear(4, size)

class Wide(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.network = torch.nn.Linear(4, 3)

instance = Plain()
"""


def test_a_network_without_its_weights_is_refused(folder):
    (folder / "toy_networks.py").write_text(NETWORKS)
    for name, told in (("Untrained", "is a LightningModule"), ("Plain", "draws other weights each time")):
        with pytest.raises(
            UserError, match=f"{told}.*its weights are random: give --ckpt_path FILE, or .*py:FILE:NAME"
        ):
            load(f"toy_networks:{name}")
    assert not load("toy_networks:Reads").network.weight.any()
    assert not load("toy_networks:Reads", "x.ckpt").network.weight.any()
    assert type(load("toy_networks:instance")).__name__ == "Plain"


def test_a_network_is_given_the_weights_of_its_file(folder):
    (folder / "toy_networks.py").write_text(NETWORKS)
    instance = load("toy_networks:instance")
    torch.save(instance.state_dict(), "weights.pt")
    torch.save({"state_dict": instance.state_dict(), "epoch": 3}, "checkpoint.pt")
    for file in ("weights.pt", "checkpoint.pt"):
        found = load("toy_networks:Plain", file)
        assert torch.equal(found.network.weight, instance.network.weight)
        assert not found.training
        assert torch.equal(load("toy_networks:Sized", file).network.weight, instance.network.weight)


def test_a_file_without_the_weights_of_a_network_is_refused(folder):
    (folder / "toy_networks.py").write_text(NETWORKS)
    instance = load("toy_networks:instance")
    torch.save(instance.state_dict(), "weights.pt")
    torch.save(instance, "whole.pt")
    torch.save({"epoch": 3}, "other.pt")
    Path("text.pt").write_text("weights")
    Path("words.pt").write_text("hello world\n")
    torch.save({1: torch.zeros(2)}, "numbers.pt")
    with pytest.raises(
        UserError, match=r"network.weight is \[2, 4\] in weights.pt and \[3, 4\] in py:toy_networks:Wide"
    ):
        load("toy_networks:Wide", "weights.pt")
    for file in ("whole.pt", "other.pt", "text.pt", "words.pt", "numbers.pt"):
        with pytest.raises(UserError, match=f"'{file}' holds no weights for .* torch.save"):
            load("toy_networks:Plain", file)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("toy_policy:act", "There is no module 'toy_policy'. Did you mean 'toy_policies'?"),
        ("rlgauge.cor:act", "There is no module 'rlgauge.cor'. Did you mean 'rlgauge.core'?"),
        ("toy_policies:atc", "There is no 'atc' in 'toy_policies' (from py:toy_policies:atc). Did you mean 'act'?"),
        ("toy_policies", "names no function or class"),
        ("toy_policies.py", "names no function or class"),
        ("missing.py:act", "There is no file 'missing.py'"),
    ],
)
def test_what_is_not_there_is_named(folder, target, message):
    with pytest.raises(UserError) as caught:
        load(target)
    assert message in str(caught.value)


def test_a_module_that_fails_to_import_says_why_and_is_not_left_half_imported(folder):
    (folder / "toy_broken.py").write_text("import not_a_module_at_all\n")
    (folder / "toy_syntax.py").write_text("def act(:\n")
    for _ in range(2):
        with pytest.raises(UserError, match="there is no module 'not_a_module_at_all'"):
            load("toy_broken:act")
    with pytest.raises(UserError, match=r"'toy_syntax' failed: SyntaxError"):
        load("toy_syntax:act")
    assert "toy_broken" not in sys.modules


def test_a_file_named_like_a_library_is_still_the_file(folder):
    (folder / "random.py").write_text("def act(observation):\n    return 'mine'\n")
    assert load("random.py:act")(None) == "mine"
    assert code.qualified_name("random.py:act") == "random:act"


@pytest.fixture
def edited(tmp_path, monkeypatch):
    """A function that (re)writes a module and forgets nothing of it."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield (tmp_path / "edited_policy.py").write_text
    sys.modules.pop("edited_policy", None)


def test_what_runs_is_what_is_hashed_even_where_a_file_is_changed_between(edited):
    edited("GAIN = 1\ndef act(observation):\n    return GAIN\n")
    assert code.source_bytes("edited_policy:act")
    assert code.resolve("edited_policy:act")(0) == 1
    edited("GAIN = 2\ndef act(observation):\n    return GAIN\n")
    with pytest.raises(UserError, match="'edited_policy' was imported before its file was changed"):
        code.source_bytes("edited_policy:act")
    importlib.reload(sys.modules["edited_policy"])
    assert code.source_bytes("edited_policy:act").startswith(b"GAIN = 2")
    assert code.resolve("edited_policy:act")(0) == 2


def test_a_module_that_others_imported_before_it_was_changed_is_known_by_its_functions(edited):
    head = "import functools\nclass Mine:\n    @functools.cache\n    def act(self): return 1\n"
    text = head + "    def also(self): return {}\n"
    edited(text.format(3))
    importlib.import_module("edited_policy")
    assert code.source_bytes("edited_policy:Mine")
    sys.modules.pop("edited_policy")
    importlib.invalidate_caches()
    importlib.import_module("edited_policy")
    edited(text.format(4))
    with pytest.raises(UserError, match="imported before"):
        code.source_bytes("edited_policy:Mine")
    edited("def half(:")
    with pytest.raises(UserError, match="imported before"):
        code.source_bytes("edited_policy:Mine")
