from __future__ import annotations

import threading

import pytest
import torch

from rlgauge import UserError
from rlgauge.kinds.evaluate.candidates import Candidate, Live, parse_candidates, short_name


def names(policy, train_seeds=None):
    return [candidate.name for candidate in parse_candidates(policy, train_seeds)]


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("random", "random"),
        ("onnx:runs/best.onnx", "best"),
        ("sb3:ppo.zip?deterministic=false", "ppo"),
        ("py:my.policies:Careful", "Careful"),
        ("my.policies.Careful", "Careful"),
        ("onnx:{task}.onnx", "onnx"),
        ("onnx:runs/{task}/model.onnx", "model"),
        ("ws://127.0.0.1:8000?timeout=5", "127.0.0.1:8000"),
        ("lightning:my.policies.Cloned@runs/epoch=2.ckpt", "Cloned"),
        ("lightning:policies.py:Cloned@last.ckpt", "Cloned"),
        ("lerobot:runs/act/checkpoints/020000/pretrained_model", "020000"),
    ],
)
def test_a_policy_that_nobody_named_has_its_files_or_objects_name(uri, name):
    assert short_name(uri) == name


def test_policies_are_given_in_many_ways():
    live = object()
    assert names("random") == ["random"]
    assert names(["random", "mine=zero", live]) == ["random", "mine", "object"]
    assert names({"a": "random", "b": live}) == ["a", "b"]
    assert names([{"a": "random"}, {"a": "zero"}, Candidate(name="", uri="zero")]) == ["a", "a-2", "zero"]


@pytest.mark.parametrize("nothing", [[], {}])
def test_no_policy_is_said(nothing):
    with pytest.raises(UserError, match="No policy was given"):
        parse_candidates(nothing)


def test_a_family_has_one_candidate_a_training_seed():
    family = parse_candidates(["ppo=sb3:runs/ppo_{seed}.zip", "random"], [0, 3])
    assert [(c.name, c.uri, c.train_seed) for c in family] == [
        ("ppo", "sb3:runs/ppo_0.zip", 0),
        ("ppo", "sb3:runs/ppo_3.zip", 3),
        ("random", "random", None),
    ]


def test_a_training_seed_given_twice_counts_once():
    assert [c.train_seed for c in parse_candidates("a=onnx:{seed}.onnx", [1, 1, 2])] == [1, 2]


def test_a_family_without_seeds_and_seeds_without_a_family_are_said():
    with pytest.raises(UserError, match=r"--train-seeds 0\.\.2"):
        parse_candidates("onnx:{seed}.onnx")
    with pytest.raises(UserError, match=r"no policy has \{seed\}"):
        parse_candidates(["random", object()], [0, 1])


def test_task_and_seed_are_filled_in_everywhere(tmp_path):
    for name in ("a-1", "b-1"):
        (tmp_path / f"{name}.ckpt").touch()
    given = Candidate(name="p", uri="py:tests.gyms:by_row", ckpt_path=str(tmp_path / "{task}-{seed}.ckpt"))
    (candidate,) = parse_candidates(given, [1])
    assert candidate.source("a").ckpt_path == str(tmp_path / "a-1.ckpt")
    assert candidate.source("b").ckpt_path == str(tmp_path / "b-1.ckpt")
    with pytest.raises(UserError, match="no file"):
        candidate.source("c")


def linear(scale: float = 1.0, activation: type[torch.nn.Module] = torch.nn.ReLU) -> torch.nn.Module:
    module = torch.nn.Sequential(torch.nn.Linear(4, 8), activation(), torch.nn.Linear(8, 2))
    with torch.no_grad():
        for number, parameter in enumerate(module.parameters()):
            parameter.copy_(scale * torch.arange(parameter.numel()).reshape(parameter.shape) + number)
    return module


class Tempered(torch.nn.Module):
    def __init__(self, temperature):
        super().__init__()
        self.inner = linear()
        self.temperature = temperature

    def forward(self, observations):
        return self.inner(observations) / self.temperature


class Hidden(Tempered):
    """What scales its output is private."""

    def __init__(self, sign):
        super().__init__(1.0)
        self._sign = sign


class Buffered(Tempered):
    """What scales its output is no part of what is saved of it."""

    def __init__(self, sign):
        super().__init__(1.0)
        self.register_buffer("sign", torch.tensor(sign), persistent=False)


def digest(policy) -> str:
    return Live("live", policy).digest()


def test_modules_of_equal_weights_and_making_have_one_digest():
    module = linear()
    before = digest(module)
    assert digest(linear()) == before
    assert digest(module.eval()) == before
    assert digest(module.train()) == before
    assert digest(Tempered(2.0)) == digest(Tempered(2))
    assert digest(Tempered(torch.tanh)) == digest(Tempered(torch.tanh))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (linear(), linear(2.0)),
        (linear(), linear(activation=torch.nn.Tanh)),
        (linear(), linear().double()),
        (Tempered(1.0), Tempered(2.0)),
        (Tempered(torch.tanh), Tempered(torch.sin)),
        (Hidden(1.0), Hidden(-1.0)),
        (Buffered(1.0), Buffered(-1.0)),
        (Tempered(threading.Lock()), Tempered(threading.Lock())),
        (object(), object()),
    ],
    ids=["weights", "activation", "dtype", "attribute", "function", "private", "buffer", "untold", "object"],
)
def test_what_may_act_differently_has_another_digest(one, other):
    assert digest(one) != digest(other)


def test_a_live_object_keeps_its_digest_while_it_is_given():
    live = Live("live", object())
    assert live.digest() == live.digest()
