"""Chunks of actions, executed open-loop: by every kind of policy in the same way."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch

from rlgauge import Benchmark
from rlgauge.core.errors import UserError
from rlgauge.episodes.latency import deciding
from rlgauge.episodes.policies.protocol import Illegal
from rlgauge.episodes.policy import open_policy, parse_source
from rlgauge.episodes.spec_check import check_policy, row_dependence
from tests.episodes.policies.models import chunk_onnx

SEEN = gym.spaces.Box(-np.inf, np.inf, (3,), np.float32)
ACTED = gym.spaces.Box(-2.0, 2.0, (2,), np.float32)
LENGTH = 4
MATRIX = np.random.default_rng(0).uniform(-1, 1, (3, 2 * LENGTH)).astype(np.float32)
MODULE = """
import numpy as np

MATRIX = np.load("matrix.npy")


def chunk(observation):
    return (observation @ MATRIX).reshape(4, 2)


class Batched:
    batched = True

    def act(self, observations):
        return (observations @ MATRIX).reshape(len(observations), 4, 2)


def listed(observation):
    return [list(map(float, action)) for action in chunk(observation)]


def one(observation):
    return chunk(observation)[0]


def wild(observation):
    return [[0.0, 0.0], [9.0, 0.0], [0.0, 0.0], [0.0, 0.0]]
"""


class Chunks(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.matrix = torch.nn.Parameter(torch.from_numpy(MATRIX))

    def forward(self, obs):
        return (obs @ self.matrix).reshape(obs.shape[0], 4, 2)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("matrix.npy", MATRIX)
    (tmp_path / "chunky.py").write_text(MODULE)
    chunk_onnx(tmp_path / "chunks.onnx", MATRIX, length=LENGTH)
    return tmp_path


def opened(uri, width, acted=ACTED):
    return open_policy(parse_source(uri), observation_space=SEEN, action_space=acted, width=width, trust=True)


def chunk_of(observation):
    return (observation @ MATRIX).reshape(LENGTH, 2)


def make(kind):
    """The URI of the same chunks in another kind of policy."""
    if kind == "onnx":
        return "onnx:chunks.onnx"
    if kind == "torchscript":
        torch.jit.save(torch.jit.trace(Chunks(), torch.zeros(2, 3)), "chunks.pt")
        return "torchscript:chunks.pt"
    if kind == "export":
        batch = {0: torch.export.Dim("batch", min=1, max=16)}
        torch.export.save(torch.export.export(Chunks(), (torch.zeros(2, 3),), dynamic_shapes=(batch,)), "chunks.pt2")
        return "export:chunks.pt2"
    return f"py:chunky.py:{kind}"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("kind", ["onnx", "torchscript", "export", "chunk", "Batched", "listed"])
def test_the_first_of_a_chunk_are_executed_and_then_another_is_asked_for(folder, kind):
    policy = opened(f"{make(kind)}?horizon=3", 2)
    observations = np.random.default_rng(1).standard_normal((8, 2, 3)).astype(np.float32) / 4
    for row in range(2):
        policy.begin(row, 0)
    for step, seen in enumerate(observations):
        actions = policy.act(seen, [0, 1])
        for row in range(2):
            expected = chunk_of(observations[step - step % 3][row])[step % 3]
            np.testing.assert_allclose(actions[row], expected, rtol=1e-5)
            assert actions[row].dtype == np.float32


def test_each_row_has_a_chunk_of_its_own_that_ends_with_its_episode(folder):
    policy = opened("onnx:chunks.onnx?horizon=4", 3)
    seen = np.arange(9, dtype=np.float32).reshape(3, 3) / 20
    for row in range(3):
        policy.begin(row, 0)
    policy.act(seen, [0, 1, 2])
    policy.begin(1, 1)
    actions = policy.act(seen * 2, [1, 2])
    np.testing.assert_allclose(actions[1], chunk_of(seen[1] * 2)[0], rtol=1e-5)
    np.testing.assert_allclose(actions[2], chunk_of(seen[2])[1], rtol=1e-5)
    actions = policy.act(seen, [0, 1])
    np.testing.assert_allclose(actions[0], chunk_of(seen[0])[1], rtol=1e-5)
    np.testing.assert_allclose(actions[1], chunk_of(seen[1] * 2)[1], rtol=1e-5)


def test_a_step_at_which_nothing_is_decided_is_no_call(folder):
    policy = opened("onnx:chunks.onnx?horizon=4", 2)
    has_decided = deciding(policy)
    for row in range(2):
        policy.begin(row, 0)
    seen, told = np.zeros((2, 3), np.float32), []
    for step in range(8):
        if step == 6:
            policy.begin(1, 0)
        policy.act(seen, [0, 1])
        told.append(has_decided())
    assert told == [True, False, False, False, True, False, True, False]
    assert policy.num_calls == 3


def test_what_does_not_count_decides_at_every_step(folder):
    has_decided = deciding(opened("py:chunky.py:one", 2))
    assert [has_decided(), has_decided()] == [True, True]


def test_an_evaluation_notes_the_calls_and_not_the_steps(folder):
    benchmark = Benchmark(gyms=[lambda: gym.make("Pendulum-v1")], num_episodes=2, max_steps=20)
    chunk_onnx(folder / "push.onnx", np.zeros((3, LENGTH), np.float32), length=LENGTH)
    results = benchmark.evaluate({"four": "onnx:push.onnx?horizon=4", "one": "onnx:push.onnx?horizon=1"}, lanes=2)
    assert results.metadata["timing"]["latency_seconds"]["policy"]["n"] == 20 / 4 + 20
    four, one = results.results
    assert four.mean_reward == one.mean_reward


def test_a_chunk_of_discrete_actions_is_read_from_scores_or_integers(folder):
    acted = gym.spaces.Discrete(2)
    policy = opened("onnx:chunks.onnx?horizon=2", 1, acted)
    policy.begin(0, 0)
    seen = np.array([[1.0, -0.5, 0.25]], np.float32)
    actions = [policy.act(seen, [0])[0] for _ in range(2)]
    assert actions == list(chunk_of(seen[0]).argmax(1)[:2])


def test_an_action_that_is_not_allowed_is_told_at_its_own_step(folder):
    policy = opened("py:chunky.py:wild?horizon=3", 1)
    policy.begin(0, 0)
    actions = [policy.act(np.zeros((1, 3), np.float32), [0])[0] for _ in range(3)]
    assert [isinstance(action, Illegal) for action in actions] == [False, True, False]
    assert "9 in place 0, outside [-2, 2]" in actions[1].fault


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("onnx:chunks.onnx?horizon=5", "decides on 4 actions at once, fewer than horizon=5"),
        ("onnx:chunks.onnx", r"returned an array of shape \(2, 4, 2\).*of 4 at once, horizon=N executes the first N"),
        ("py:chunky.py:chunk", r"returned an action of shape \(4, 2\).*horizon=N executes the first N"),
        ("py:chunky.py:one?horizon=2", r"returned one action of shape \(2,\) where a chunk of actions is asked for"),
        ("py:chunky.py:Batched?horizon=9", "fewer than horizon=9"),
    ],
)
def test_what_does_not_fit_is_said_before_the_first_episode(folder, uri, message):
    policy = opened(uri, 2)
    with pytest.raises(UserError, match=message):
        check_policy(
            policy, observation_space=SEEN, action_space=ACTED, observation=np.zeros(3, np.float32), width=2, name=uri
        )


def test_a_chunk_does_not_depend_on_the_row(folder):
    policy = opened("onnx:chunks.onnx?horizon=3", 4)
    seen = np.ones(3, np.float32)
    assert not row_dependence(policy, observation_space=SEEN, observation=seen, width=4)


@pytest.mark.parametrize("value", ["0", "-1", "two", "08"])
def test_a_horizon_is_a_number_of_actions(folder, value):
    with pytest.raises(UserError, match="how many actions of a chunk are executed, or none"):
        parse_source(f"onnx:chunks.onnx?horizon={value}")


def test_the_horizon_is_part_of_the_policy(folder):
    digests = {parse_source(f"onnx:chunks.onnx{option}").digest() for option in ("", "?horizon=1", "?horizon=2")}
    assert len(digests) == 3
    assert parse_source("onnx:chunks.onnx?horizon=none").digest() == parse_source("onnx:chunks.onnx").digest()


def test_chunks_are_executed_where_the_environment_is_compiled_too(folder):
    """There, functions of JAX are compiled with it; one whose chunks are to be executed is asked."""
    pytest.importorskip("jax")
    (folder / "poles.py").write_text(
        "def lean(observation):\n    return observation[2] > 0\n\n\n"
        "def twice(observation):\n    return [int(observation[2] > 0)] * 2\n"
    )
    policies = {"plain": "py:poles:lean", "one": "py:poles:twice?horizon=1", "two": "py:poles:twice?horizon=2"}
    results = Benchmark(gyms=["rlgauge:cartpole"], num_episodes=4).evaluate(policies, lanes=2)
    plain, one, two = ([episode.length for episode in result.episodes] for result in results.results)
    assert plain == one != two
    assert set(results.metadata["on_device"]["asked_on_host"]) == {"one", "two"}
