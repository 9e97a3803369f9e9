from __future__ import annotations

import gymnasium as gym
import numpy as np
import onnx.helper as oh
import pytest
from onnx import TensorProto

from rlgauge.core.errors import UserError
from rlgauge.episodes.policies.onnx import OnnxPolicy
from rlgauge.episodes.policies.spaces import describe
from tests.episodes.policies.models import CARTPOLE_OBSERVATIONS, linear_onnx, save, weights

BATCH = np.random.default_rng(1).standard_normal((8, 4)).astype(np.float32)
ALL = range(8)


def opened(path, observation_space=CARTPOLE_OBSERVATIONS, action_space=None, width=8):
    return OnnxPolicy(
        path,
        observation_space=describe(observation_space),
        action_space=describe(action_space or gym.spaces.Discrete(2)),
        width=width,
        name=f"onnx:{path.name}",
    )


@pytest.mark.parametrize("batch", ["batch", 8, 1])
@pytest.mark.parametrize("integer", [False, True])
def test_the_largest_logit_is_the_action_for_any_batch_dimension(tmp_path, batch, integer):
    policy = opened(linear_onnx(tmp_path / "m.onnx", batch=batch, integer=integer))
    expected = (BATCH @ weights(4, 2)).argmax(1)
    assert list(policy.act(BATCH, ALL)) == expected.tolist()
    assert 0 < expected.sum() < 8


def test_a_fixed_batch_of_one_is_asked_for_active_rows_only(tmp_path):
    actions = opened(linear_onnx(tmp_path / "m.onnx", batch=1)).act(BATCH, [2, 5])
    assert [row for row in ALL if actions[row] is not None] == [2, 5]


def test_another_fixed_batch_is_refused_naming_both_numbers(tmp_path):
    with pytest.raises(UserError, match="takes batches of 5, but the run has 8 lanes"):
        opened(linear_onnx(tmp_path / "m.onnx", batch=5))


def test_box_actions_are_clipped(tmp_path):
    space = gym.spaces.Box(-0.5, 0.5, (2,))
    actions = opened(linear_onnx(tmp_path / "m.onnx"), action_space=space).act(BATCH, ALL)
    assert np.array_equal(actions, np.clip(BATCH @ weights(4, 2), -0.5, 0.5).astype(np.float32))
    assert all(space.contains(action) for action in actions)


def test_float64_observations_are_cast_to_what_the_model_takes(tmp_path):
    policy = opened(linear_onnx(tmp_path / "m.onnx"))
    assert policy.act(BATCH.astype(np.float64), ALL) == policy.act(BATCH, ALL)


def test_the_bits_do_not_depend_on_row_and_neighbours(tmp_path):
    space = gym.spaces.Box(-np.inf, np.inf, (2,))
    policy = opened(linear_onnx(tmp_path / "m.onnx"), action_space=space)
    expected = policy.act(BATCH, ALL)[3].tobytes()
    for row in ALL:
        alone = np.zeros_like(BATCH)
        alone[row] = BATCH[3]
        assert policy.act(alone, [row])[row].tobytes() == expected


def test_a_wrong_observation_size_names_both_sides(tmp_path):
    with pytest.raises(UserError) as caught:
        opened(linear_onnx(tmp_path / "m.onnx"), gym.spaces.Box(-1, 1, (3,)))
    assert str(caught.value) == (
        "The policy onnx:m.onnx takes observations of shape (4,), but the environment gives (3,)."
    )


def image_model(path, shape):
    node = oh.make_node("GlobalAveragePool" if len(shape) == 3 else "Identity", ["obs"], ["p"])
    flat = oh.make_node("Flatten", ["p"], ["out"])
    info = oh.make_tensor_value_info
    return save(
        oh.make_graph(
            [node, flat],
            "image",
            [info("obs", TensorProto.FLOAT, ["batch", *shape])],
            [info("out", TensorProto.FLOAT, ["batch", shape[0]])],
        ),
        path,
    )


def test_an_image_in_the_other_layout_is_named(tmp_path):
    path = image_model(tmp_path / "m.onnx", (3, 32, 48))
    with pytest.raises(UserError, match=r"\(3, 32, 48\).*\(32, 48, 3\)\. The policy wants channels first"):
        opened(path, gym.spaces.Box(0, 255, (32, 48, 3), np.uint8), gym.spaces.Discrete(3))
    policy = opened(path, gym.spaces.Box(0, 255, (3, 32, 48), np.uint8), gym.spaces.Discrete(3), width=2)
    images = np.zeros((2, 3, 32, 48), np.uint8)
    images[0, 1], images[1, 2] = 9, 9
    assert policy.act(images, [0, 1]) == [1, 2]


def two_inputs(path):
    info = oh.make_tensor_value_info
    return save(
        oh.make_graph(
            [oh.make_node("Sub", ["goal", "position"], ["action"])],
            "two",
            [info("goal", TensorProto.FLOAT, ["b", 2]), info("position", TensorProto.FLOAT, ["b", 2])],
            [info("action", TensorProto.FLOAT, ["b", 2])],
        ),
        path,
    )


def test_a_dictionary_of_observations_goes_to_inputs_of_the_same_names(tmp_path):
    box = gym.spaces.Box(-1, 1, (2,), np.float64)
    path = two_inputs(tmp_path / "m.onnx")
    policy = opened(path, gym.spaces.Dict({"position": box, "goal": box}), box, width=1)
    actions = policy.act({"position": np.full((1, 2), 0.25), "goal": np.full((1, 2), 0.75)}, [0])
    assert actions[0].tolist() == [0.5, 0.5]
    assert actions[0].dtype == np.float64
    with pytest.raises(UserError, match="takes the inputs goal, position, but the environment observes goal, where"):
        opened(path, gym.spaces.Dict({"where": box, "goal": box}), box)
    with pytest.raises(UserError, match="takes the inputs goal, position, but the environment gives one observation"):
        opened(path, box, box)


def test_a_file_that_is_no_model_is_said_in_one_sentence(tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(b"not a model")
    with pytest.raises(UserError, match=r"onnx:m.onnx is not a usable ONNX file"):
        opened(path)
