"""Declared mappings: what a policy sees of an environment, and what becomes of its actions."""

from __future__ import annotations

import sys
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import yaml

from rlgauge import Benchmark
from rlgauge.core.errors import UserError
from rlgauge.episodes.observations import make_batch
from rlgauge.episodes.policies.mapping import declared
from rlgauge.episodes.policies.mapping_steps import axis_angle
from rlgauge.episodes.policies.protocol import Illegal
from rlgauge.episodes.policy import open_policy, parse_source
from rlgauge.episodes.spec_check import check_policy
from tests.episodes.policies.models import chunk_onnx, linear_onnx

SEEN = gym.spaces.Dict(
    {
        "camera": gym.spaces.Box(0, 255, (16, 12, 3), np.uint8),
        "position": gym.spaces.Box(-1.0, 1.0, (3,), np.float64),
        "quaternion": gym.spaces.Box(-1.0, 1.0, (4,), np.float64),
        "gripper": gym.spaces.Discrete(2),
        "told": gym.spaces.Text(100),
        "inner": gym.spaces.Dict({"speed": gym.spaces.Box(-np.inf, np.inf, (2,), np.float32)}),
    }
)
ACTED = gym.spaces.Box(-1.0, 1.0, (7,), np.float32)
ROBOT = {
    "observation": {
        "image": {"from": "camera", "do": ["rotate_180", {"resize": [8, 8]}, "unit", "channels_first"]},
        "state": {
            "from": ["position", {"from": "quaternion", "do": ["axis_angle"]}, "gripper", "inner/speed"],
            "do": [{"dtype": "float32"}],
        },
        "task": "told",
        "style": {"text": "carefully"},
    },
    "action": {"size": 9, "do": [{"slice": [0, 7]}, {"widen": [6]}, {"negate": [6]}]},
}
NOT_NORMAL = {"normalize": {"mean": 0, "std": [1, 0, 1]}}
MODULE = """
import numpy as np

seen = []


class Keeps:
    def act(self, observation):
        seen.append(observation)
        return np.linspace(-2, 1, 9, dtype=np.float32)


def state(observation):
    return observation["position"][:1]


class Chunks:
    def act(self, observation):
        return [np.full(9, 0.1 * index, np.float32) for index in range(3)]
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "maps", raising=False)
    (tmp_path / "maps.py").write_text(MODULE)
    return tmp_path


def write(content, name="map.yaml"):
    Path(name).write_text(yaml.safe_dump(content), encoding="utf-8")
    return name


def an_observation():
    SEEN.seed(1)
    return {**SEEN.sample(), "quaternion": np.array([0.0, 0.0, np.sqrt(0.5), np.sqrt(0.5)]), "told": "open the drawer"}


def opened(uri, seen=SEEN, acted=ACTED, width=2):
    return open_policy(parse_source(uri), observation_space=seen, action_space=acted, width=width, trust=True)


def batch_of(space, observation, width=2):
    batch = make_batch(space, width)
    for row in range(width):
        batch.put(row, observation)
    return batch.value


def test_images_state_and_language_reach_the_policy_as_declared(folder):
    policy = opened(f"py:maps:Keeps?mapping={write(ROBOT)}")
    observation = an_observation()
    check_policy(policy, observation_space=SEEN, action_space=ACTED, observation=observation, width=2)
    seen = sys.modules["maps"].seen[-1]
    assert seen.keys() == {"image", "state", "task", "style"}
    assert seen["image"].shape == (3, 8, 8)
    assert seen["image"].dtype == np.float32
    assert 0 <= seen["image"].min() <= seen["image"].max() <= 1
    assert (seen["task"], seen["style"]) == ("open the drawer", "carefully")
    assert seen["state"].dtype == np.float32
    expected = [*observation["position"], 0, 0, np.pi / 2, observation["gripper"], *observation["inner"]["speed"]]
    np.testing.assert_allclose(seen["state"], expected, rtol=1e-6, atol=1e-7)


def test_actions_come_back_sliced_changed_and_clipped(folder):
    policy = opened(f"py:maps:Keeps?mapping={write(ROBOT)}")
    action = policy.act(batch_of(SEEN, an_observation()), [1])[1]
    given = np.linspace(-2, 1, 9, dtype=np.float32)[:7]
    given[6] = -(2 * given[6] - 1)
    np.testing.assert_allclose(action, np.clip(given, -1, 1), rtol=1e-6)
    assert action.dtype == np.float32
    assert policy.act(batch_of(SEEN, an_observation()), [1])[0] is None


def test_the_actions_of_a_chunk_are_mapped_each(folder):
    policy = opened(f"py:maps:Chunks?horizon=3&mapping={write({'action': ROBOT['action']})}")
    policy.begin(0, 0)
    actions = [policy.act(batch_of(SEEN, an_observation()), [0])[0] for _ in range(3)]
    np.testing.assert_allclose([action[0] for action in actions], [0, 0.1, 0.2], rtol=1e-6)
    np.testing.assert_allclose([action[6] for action in actions], [1, 0.8, 0.6], rtol=1e-6)


def test_the_space_that_a_policy_is_opened_for_has_the_bounds_of_what_it_sees(folder):
    adapted = declared(folder / write(ROBOT)).between(SEEN, ACTED)
    image = adapted.observation_space["image"]
    assert (image.shape, image.low.min(), image.high.max()) == ((3, 8, 8), 0.0, 1.0)
    assert adapted.observation_space["state"].shape == (9,)
    assert adapted.action_space.shape == (9,)
    plain = declared(folder / write({"observation": {"s": {"from": "position", "do": [{"take": [2, 0]}]}}}))
    state = plain.between(SEEN, ACTED).observation_space["s"]
    assert (state.shape, state.low[0], state.high[0]) == ((2,), -1.0, 1.0)


def test_a_network_takes_one_array_that_is_made_of_several(folder):
    linear_onnx(folder / "linear.onnx", inputs=5, outputs=1)
    mapping = write({"observation": {"from": ["position", "inner/speed"], "do": [{"dtype": "float32"}]}})
    acted = gym.spaces.Box(-1.0, 1.0, (1,), np.float32)
    observation = an_observation()
    policy = opened(f"onnx:linear.onnx?mapping={mapping}", acted=acted)
    mapped = policy.act(batch_of(SEEN, observation), [0, 1])
    joined = np.concatenate([observation["position"], observation["inner"]["speed"]]).astype(np.float32)
    plain = opened("onnx:linear.onnx", gym.spaces.Box(-np.inf, np.inf, (5,), np.float32), acted)
    np.testing.assert_array_equal(mapped, plain.act(np.stack([joined, joined]), [0, 1]))


def test_normalising_and_its_reverse_are_undone_by_each_other(folder):
    linear_onnx(folder / "same.onnx", inputs=2, outputs=2, matrix=np.eye(2, dtype=np.float32))
    told = {"mean": [0.5, -1.0], "std": [2.0, 0.25]}
    mapping = write({"observation": {"do": [{"normalize": told}]}, "action": [{"unnormalize": told}]})
    space = gym.spaces.Box(-5.0, 5.0, (2,), np.float32)
    policy = opened(f"onnx:same.onnx?mapping={mapping}", space, space)
    seen = np.array([[0.3, 0.7], [-2.0, 4.0]], np.float32)
    np.testing.assert_allclose(policy.act(seen, [0, 1]), seen, rtol=1e-6)


def test_bounds_stand_for_minus_one_and_one(folder):
    linear_onnx(folder / "same.onnx", inputs=2, outputs=2, matrix=np.eye(2, dtype=np.float32))
    mapping = write({"action": [{"unnormalize": {"low": [0, -4], "high": [2, 4]}}, {"binarize": [1]}]})
    space = gym.spaces.Box(-5.0, 5.0, (2,), np.float32)
    policy = opened(f"onnx:same.onnx?mapping={mapping}", space, space)
    actions = policy.act(np.array([[-1.0, -0.2], [0.5, 0.2]], np.float32), [0, 1])
    np.testing.assert_allclose(actions, [[0.0, -1.0], [1.5, 1.0]])


def test_chunks_are_looked_at_only_when_the_policy_is_asked(folder):
    chunk_onnx(folder / "chunks.onnx", np.ones((3, 4), np.float32), length=4)
    mapping = write({"observation": {"do": [{"dtype": "float32"}]}, "action": [{"negate": [0]}]})
    benchmark = Benchmark(gyms=[lambda: gym.make("Pendulum-v1")], num_episodes=2, max_steps=12)
    results = benchmark.evaluate(f"onnx:chunks.onnx?horizon=4&mapping={mapping}", lanes=2)
    assert results.metadata["timing"]["latency_seconds"]["policy"]["n"] == 3
    assert [episode.length for episode in results.results[0].episodes] == [12, 12]


def test_an_action_that_is_none_is_handed_on(folder):
    (folder / "odd.py").write_text("def act(observation):\n    return [0.0, 1.0]\n")
    policy = opened(f"py:odd:act?mapping={write({'action': [{'negate': [0]}]})}")
    action = policy.act(batch_of(SEEN, an_observation()), [0])[0]
    assert isinstance(action, Illegal)
    assert "shape (2,)" in action.fault


def test_fractions_are_refused_where_the_environment_takes_integers(folder):
    (folder / "maps.py").write_text("import numpy as np\n\n\ndef act(observation):\n    return np.array(observation)\n")
    whole = gym.spaces.Box(0, 10, (2,), np.int32)
    seen = gym.spaces.Box(-np.inf, np.inf, (2,), np.float32)
    name = write({"action": [{"negate": [1]}]})
    policy = opened(f"py:maps:act?mapping={name}", seen=seen, acted=whole, width=1)

    def acted(*numbers):
        return policy.act(np.array([numbers], np.float32), [0])[0]

    assert acted(3, -4).tolist() == [3, 4]
    assert acted(99, 99).tolist() == [10, 0]
    action = acted(3.9, 0)
    assert isinstance(action, Illegal)
    assert "takes integers" in action.fault
    assert isinstance(acted(np.nan, 0), Illegal)


def test_the_content_of_a_mapping_is_part_of_the_policy(folder):
    linear_onnx(folder / "p.onnx")
    first, same, other = (
        parse_source(f"onnx:p.onnx?mapping={write(content, name)}").digest()
        for content, name in [(ROBOT, "a.yaml"), (ROBOT, "b.yaml"), ({"action": []}, "c.yaml")]
    )
    assert first == same
    assert len({first, other, parse_source("onnx:p.onnx").digest()}) == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"observation": {"image": "camra"}}, "Unknown observation of the environment 'camra'. Did you mean 'camera'?"),
        ({"observation": {"s": "inner/sped"}}, "'sped'. Did you mean 'speed'?"),
        ({"observation": {"s": "camera/red"}}, "names the observation 'camera/red', but the environment gives Box"),
        ({"observation": {"i": {"from": "position", "do": ["unit"]}}}, "the step 'unit' of 'i' takes bytes"),
        ({"observation": {"i": {"from": "camera", "do": ["channels_last"]}}}, r"'channels_last' of 'i' takes an image"),
        ({"observation": {"i": {"from": "camera", "do": ["rotate"]}}}, "step of an observation 'rotate'. Did you mean"),
        ({"observation": {"s": {"from": "told", "do": ["unit"]}}}, "'s' is made of Text.*can only be handed on"),
        ({"observation": {"s": {"from": ["position", "camera"]}}}, "does not fit the environment"),
        ({"observation": {"s": {"from": "position", "do": [{"take": [3]}]}}}, r"names number 3 \(from 0\) of 3"),
        ({"observation": {"s": {"from": "position", "do": [{"dtype": "float31"}]}}}, "Did you mean 'float32'"),
        ({"observation": {"s": {"fron": "position"}}}, "Unknown name in the observation 's' 'fron'. Did you mean"),
        ({"observation": {"i": {"from": "camera", "do": [{"resize": 8}]}}}, "'resize' of a mapping takes 2 whole"),
        ({"observation": {"i": {"from": "camera", "do": "unit"}}}, "takes lists"),
        ({"observations": {}}, "Unknown name in the file 'observations'. Did you mean 'observation'?"),
        ({"action": [{"slice": [0, 6]}]}, r"makes an action of shape \(6,\), but the environment takes \(7,\)"),
        ({"action": [{"negate": [7]}]}, r"'negate' of the action names number 7 \(from 0\) of 7"),
        ({"action": [{"unnormalize": {"mean": [0, 1], "std": [1, 1]}}]}, "does not fit the environment"),
        ({"observation": {"s": {"from": "position", "do": [NOT_NORMAL]}}}, r"divides by its std, which is \[1.0, 0.0,"),
        ({"action": [{"unnormalise": {}}]}, "Did you mean 'unnormalize'?"),
        ({"action": {"size": "nine"}}, "The size of the action is 'nine'"),
        ("text", "holds 'text', not names with values"),
    ],
)
def test_a_mistake_is_a_sentence_with_what_was_probably_meant(folder, content, message):
    with pytest.raises(UserError, match=message):
        declared(folder / write(content)).between(SEEN, ACTED)


def test_a_file_that_is_not_there_or_no_yaml_is_told(folder):
    write(ROBOT)
    with pytest.raises(UserError, match=r"There is no file 'mop\.yaml' \(from mapping in .*Did you mean 'map\.yaml'"):
        parse_source("py:maps:Keeps?mapping=mop.yaml")
    (folder / "bad.yaml").write_text("a: [")
    with pytest.raises(UserError, match=r"'bad\.yaml' is no YAML"):
        opened("py:maps:Keeps?mapping=bad.yaml")


def test_discrete_actions_are_not_changed_by_a_mapping(folder):
    with pytest.raises(UserError, match=r"works for one row of numbers, not for Discrete\(2\)"):
        declared(folder / write({"action": [{"negate": [0]}]})).between(SEEN, gym.spaces.Discrete(2))


@pytest.mark.parametrize("angle", [0.0, 1e-9, 0.5, 3.0])
def test_a_quaternion_becomes_its_axis_as_long_as_the_angle(angle):
    axis = np.array([1.0, 2.0, -2.0]) / 3
    quaternion = np.array([*(axis * np.sin(angle / 2)), np.cos(angle / 2)])
    np.testing.assert_allclose(axis_angle(quaternion), axis * angle, atol=1e-7)
