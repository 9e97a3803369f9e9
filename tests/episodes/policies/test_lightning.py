"""Modules of Lightning as policies: made of a class and a checkpoint, and refused in sentences."""

from __future__ import annotations

import pickle
import sys
import zipfile
from pathlib import Path

import gymnasium
import lightning.pytorch as pl
import numpy as np
import pytest
import torch

from rlgauge.core.errors import UserError
from rlgauge.episodes.policy import open_policy, parse_source

BOX = gymnasium.spaces.Box(-1, 1, (3,), np.float32)
TWO = gymnasium.spaces.Discrete(2)
MODULES = '''
import pathlib

import lightning.pytorch as pl
import torch


class Logits(pl.LightningModule):
    def __init__(self, hidden: int = 4):
        super().__init__()
        self.save_hyperparameters()
        self.first, self.last = torch.nn.Linear(3, hidden), torch.nn.Linear(hidden, 2)
        self.noise = torch.nn.Dropout(0.5)

    def forward(self, observations):
        return self.last(self.noise(self.first(observations)))


class Wider(Logits):
    """Shares all names with the other, and no sizes."""


class Other(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.only = torch.nn.Linear(3, 2)

    def forward(self, observations):
        return self.only(observations)


class Unsaved(Other):
    """Its hyper-parameters are in no checkpoint."""

    def __init__(self, hidden: int, depth: int):
        super().__init__()


class AsOne(Other):
    """All settings are one argument."""

    def __init__(self, settings: dict):
        super().__init__()
        self.save_hyperparameters(settings)
        assert self.hparams["depth"] == 2


class Spaced(pl.LightningModule):
    def __init__(self, observation_space, action_space):
        super().__init__()
        self.only = torch.nn.Linear(*observation_space.shape, action_space.n)

    def forward(self, observations):
        return self.only(observations)


class Acting(Other):
    """Tells by its action how it is called."""

    def act(self, observation):
        return int(not torch.is_grad_enabled() and not self.training and observation.shape == (3,))


class Predicting(Other):
    def predict(self, observation):
        return 1, "a state"


class Selecting(Other):
    def select_action(self, observation):
        return torch.tensor(1)


class Silent(pl.LightningModule):
    """Learns, and has no way to act."""


class Breaking(Other):
    def __init__(self):
        super().__init__()
        raise ZeroDivisionError("of its own")


class Placed(Other):
    """Holds a value of a class that a checkpoint of weights has no place for."""

    def __init__(self, where: pathlib.Path = pathlib.PurePosixPath("a")):
        super().__init__()
        self.save_hyperparameters()


class Loading(Other):
    """Reads its checkpoints itself."""

    def __init__(self, depth: int):
        super().__init__()

    @classmethod
    def load_from_checkpoint(cls, path):
        return cls(depth=len(path))


def function(observation):
    return 0


class Plain:
    pass
'''


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """The module of these classes, which is found as Python finds modules."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "mine.py").write_text(MODULES)
    import mine

    yield mine
    sys.modules.pop("mine", None)


def save(module: pl.LightningModule, file: str = "x.ckpt") -> str:
    """Write the checkpoint that a trainer writes."""
    trainer = pl.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False)
    trainer.strategy.connect(module)
    trainer.save_checkpoint(file)
    return file


def load(uri: str, *, ckpt_path: str | None = None, trust: bool = False, width: int = 2, action_space=TWO):
    source = parse_source(uri, ckpt_path)
    return open_policy(source, observation_space=BOX, action_space=action_space, width=width, trust=trust)


def refusal(uri: str, *, ckpt_path: str | None = None, trust: bool = False) -> str:
    with pytest.raises(UserError) as caught:
        load(uri, ckpt_path=ckpt_path, trust=trust)
    return str(caught.value)


OBSERVATIONS = np.random.default_rng(0).standard_normal((2, 3)).astype(np.float32)


def test_it_acts_by_its_logits_in_eval_mode_with_the_hyper_parameters_of_the_checkpoint(mine):
    module = mine.Logits(hidden=7)
    policy = load(f"lightning:mine.Logits@{save(module)}")
    with torch.no_grad():
        expected = module.eval()(torch.tensor(OBSERVATIONS)).argmax(1)
    for _ in range(20):  # with dropout, half of these would differ
        assert list(policy.act(OBSERVATIONS, [0, 1])) == expected.tolist()
    assert policy.bit_stable


def test_it_may_be_named_by_a_file_of_code(mine):
    save(mine.Logits(hidden=7))
    assert len(load("lightning:mine.py:Logits@x.ckpt").act(OBSERVATIONS, [0, 1])) == 2


def test_act_is_asked_first_one_observation_at_a_time_without_gradients(mine):
    assert list(load(f"lightning:mine.Acting@{save(mine.Acting())}").act(OBSERVATIONS, [0, 1])) == [1, 1]
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("name", ["Predicting", "Selecting"])
def test_predict_and_select_action_are_asked_too(mine, name):
    policy = load(f"lightning:mine.{name}@{save(getattr(mine, name)())}")
    assert list(policy.act(OBSERVATIONS, [0, 1])) == [1, 1]


def test_a_constructor_is_given_the_spaces_that_it_names(mine):
    module = mine.Spaced(BOX, TWO)
    policy = load(f"lightning:mine.Spaced@{save(module)}")
    assert list(policy.act(OBSERVATIONS, [0, 1])) == module(torch.tensor(OBSERVATIONS)).argmax(1).tolist()


def test_settings_that_are_one_argument_are_found(mine):
    save(mine.AsOne({"depth": 2}))
    assert len(load("lightning:mine.AsOne@x.ckpt").act(OBSERVATIONS, [0, 1])) == 2


def test_a_class_that_reads_its_checkpoints_itself_is_left_to_do_so(mine):
    save(mine.Loading(depth=3))
    assert len(load("lightning:mine.Loading@x.ckpt").act(OBSERVATIONS, [0, 1])) == 2


def test_a_checkpoint_that_holds_more_than_values_needs_trust(mine):
    save(mine.Placed())
    told = refusal("lightning:mine.Placed@x.ckpt")
    assert told.startswith("Loading 'x.ckpt' runs code stored in the file; pass --trust (in Python trust=True)")
    assert "It holds pathlib." in told
    assert len(load("lightning:mine.Placed@x.ckpt", trust=True).act(OBSERVATIONS, [0, 1])) == 2


class _Touch:
    """Runs code where it is read."""

    def __reduce__(self):
        return Path.touch, (Path("touched"),)


def test_nothing_of_an_untrusted_checkpoint_is_run(mine):
    checkpoint = torch.load(save(mine.Other()), weights_only=True)
    torch.save({**checkpoint, "hyper_parameters": {"a": _Touch()}}, "x.ckpt")
    assert "pass --trust" in refusal("lightning:mine.Other@x.ckpt")
    assert "pass --trust" in refusal("mine.Other", ckpt_path="x.ckpt")
    assert not Path("touched").exists()


def test_a_class_path_with_its_checkpoint_is_the_same_policy(mine):
    file = save(mine.Logits(hidden=7))
    own, other = load("py:mine.Logits", ckpt_path=file), load(f"lightning:mine.Logits@{file}")
    assert list(own.act(OBSERVATIONS, [0, 1])) == list(other.act(OBSERVATIONS, [0, 1]))
    assert own.bit_stable
    assert "lacks first.weight" in refusal("py:mine.Logits", ckpt_path=save(mine.Other(), "other.ckpt"))


def test_a_function_that_makes_modules_is_not_taken_from_an_untrusted_checkpoint(mine):
    checkpoint = torch.load(save(mine.Other()), weights_only=True)
    torch.save({**checkpoint, "hyper_parameters": {"_instantiator": "mine.function"}}, "x.ckpt")
    assert "pass --trust" in refusal("lightning:mine.Other@x.ckpt")
    assert "It holds mine.function." in refusal("lightning:mine.Other@x.ckpt")


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("mine.Othr", "There is no 'Othr' in 'mine'"),
        ("minee.Other", "There is no module 'minee'"),
        ("mine.Plain", "mine.Plain is no LightningModule, but another class: 'lightning:' takes a subclass"),
        ("mine.function", "mine.function is no LightningModule, but an object of type 'function'"),
        ("mine.Silent", "mine.Silent has no way to act: give it act(observation)"),
        ("mine.Breaking", "mine.Breaking could not be made of 'x.ckpt': ZeroDivisionError: of its own."),
        ("mine.Unsaved", "mine.Unsaved needs 'hidden' and 'depth', which 'x.ckpt' does not hold: call self.save_hyper"),
        ("mine.Logits", "The weights do not fit, so this is a checkpoint of another class or of other settings: "),
        ("mine.Logits", "x.ckpt lacks first.weight and 3 more of mine.Logits."),
    ],
)
def test_a_class_that_does_not_go_with_the_checkpoint_is_refused(mine, target, expected):
    save(mine.Silent() if target == "mine.Silent" else mine.Other())
    assert expected in refusal(f"lightning:{target}@x.ckpt")


def test_weights_of_other_sizes_are_told(mine):
    module = mine.Wider(hidden=9)
    module.hparams["hidden"] = 4
    told = refusal(f"lightning:mine.Wider@{save(module)}")
    assert told.endswith("first.weight is [9, 3] in x.ckpt and [4, 3] in mine.Wider.")


@pytest.mark.parametrize("stored", ["__main__.Other", "gone.Other"])
def test_a_class_that_was_elsewhere_when_it_was_fitted_is_found(mine, stored):
    checkpoint = torch.load(save(mine.Other()), weights_only=True)
    settings = {"_class_path": stored, "_instantiator": "lightning.pytorch.cli.instantiate_module"}
    torch.save({**checkpoint, "hyper_parameters": settings}, "x.ckpt")
    assert len(load("lightning:mine.Other@x.ckpt").act(OBSERVATIONS, [0, 1])) == 2


def test_a_checkpoint_that_names_another_class_is_refused(mine):
    checkpoint = torch.load(save(mine.Other()), weights_only=True)
    settings = {"_class_path": "mine.Plain", "_instantiator": "lightning.pytorch.cli.instantiate_module"}
    torch.save({**checkpoint, "hyper_parameters": settings}, "x.ckpt")
    assert refusal("lightning:mine.Other@x.ckpt") == "'x.ckpt' is a checkpoint of mine.Plain, not of mine.Other."


def make_text() -> None:
    Path("x.ckpt").write_text("weights")


def make_zip() -> None:
    with zipfile.ZipFile("x.ckpt", "w") as archive:
        archive.writestr("weights", "1")


def make_weights() -> None:
    torch.save({"weight": torch.zeros(3)}, "x.ckpt")


def make_pickle() -> None:
    Path("x.ckpt").write_bytes(pickle.dumps({"state_dict": {}}))


@pytest.mark.parametrize("make", [make_text, make_zip, make_weights, make_pickle])
@pytest.mark.parametrize("trust", [False, True])
def test_a_file_that_is_no_checkpoint_is_refused(mine, make, trust):
    make()
    assert refusal("lightning:mine.Other@x.ckpt", trust=trust).startswith("'x.ckpt' is no checkpoint of Lightning")


def test_a_folder_is_no_checkpoint(mine, tmp_path):
    (tmp_path / "x.ckpt").mkdir()
    assert refusal("lightning:mine.Other@x.ckpt").startswith("'x.ckpt' is a folder: a checkpoint of Lightning is one")
