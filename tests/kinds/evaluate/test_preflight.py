"""Each defect is planted alone, in a wrapper around a real environment or a real policy that does well without it."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecNormalize

from rlgauge import Benchmark, UserError
from rlgauge.kinds.evaluate.benchmark import GymnasiumBenchmark
from rlgauge.kinds.evaluate.preflight import preflight
from rlgauge.kinds.evaluate.preflight_stored import _of_lerobot, read_stats
from tests.episodes.policies.models import linear_onnx

TRAINED = Path(__file__).parents[3] / "src" / "rlgauge" / "quickstart" / "policies"
POLE, PENDULUM = f"onnx:{TRAINED}/CartPole-v1.onnx", f"onnx:{TRAINED}/Pendulum-v1.onnx"


def balance(observation):
    return int(observation[2] + 0.5 * observation[3] + 0.02 * observation[0] + 0.05 * observation[1] > 0)


def rock(observation):
    return 2 if observation[1] >= 0 else 0


def push(observation):
    return np.array([1.0 if observation[1] >= 0 else -1.0], np.float32)


def found(env, policy, **asked):
    """What is wrong or doubtful: the checks, and the sentences as one text."""
    asked = {"num_episodes": 3, "max_steps": 200, **asked}
    said = preflight(Benchmark(gyms=[env]), policy, **asked).findings
    alarms = [one for one in said if one.level != "note"]
    return {(one.level, one.check) for one in alarms}, " ".join(one.text for one in alarms)


def noted(env, policy, **asked):
    asked = {"num_episodes": 3, "max_steps": 200, **asked}
    said = preflight(Benchmark(gyms=[env]), policy, **asked).findings
    return {one.check: one.text for one in said if one.level == "note"}


def make(name, *wrappers):
    def made():
        env = gym.make(name)
        for wrapper in wrappers:
            env = wrapper(env)
        return env

    return made


def observed(change, space=None):
    return lambda env: gym.wrappers.TransformObservation(env, change, space or env.observation_space)


SHIFTED = observed(lambda one: 50 + 20 * one, spaces.Box(-np.inf, np.inf, (4,), np.float32))


@pytest.fixture(scope="module")
def pole_stats(tmp_path_factory):
    """Of a policy that is pushed now and then, as data for training are."""
    return stats_of("CartPole-v1", balance, tmp_path_factory.mktemp("pole") / "stats.json")


def stats_of(name, policy, path, num_steps=1500):
    env, rng, seen, done = gym.make(name), np.random.default_rng(0), [], []
    observation, _ = env.reset(seed=0)
    env.action_space.seed(0)
    for _ in range(num_steps):
        action = env.action_space.sample() if rng.random() < 0.3 else policy(observation)
        seen.append(observation)
        done.append(np.atleast_1d(action))
        observation, _, terminated, truncated, _ = env.step(action)
        if terminated or truncated:
            observation, _ = env.reset()
    tables = {"observation": np.stack(seen), "action": np.stack(done)}
    path.write_text(json.dumps({key: table(values) for key, values in tables.items()}))
    return path


def table(values):
    kinds = {"mean": values.mean(0), "std": values.std(0), "min": values.min(0), "max": values.max(0)}
    return {key: value.tolist() for key, value in kinds.items()}


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(
    ("env", "policy"),
    [
        ("CartPole-v1", POLE),
        ("CartPole-v1", balance),
        ("Pendulum-v1", PENDULUM),
        ("Acrobot-v1", f"onnx:{TRAINED}/Acrobot-v1.onnx"),
        ("MountainCar-v0", rock),
        ("MountainCarContinuous-v0", push),
    ],
)
def test_nothing_is_wrong_or_doubtful_with_policies_that_do_well(env, policy, seed):
    said = preflight(GymnasiumBenchmark([env], seed=seed), policy, num_episodes=2, max_steps=300)
    assert [one for one in said.findings if one.level != "note"] == []
    assert not said.is_wrong
    rows = {row.policy: row for row in said.rows}
    assert {"zero", "random"} < rows.keys()
    own = next(row for name, row in rows.items() if name not in {"zero", "random"})
    assert own.mean_return > rows["random"].mean_return


def test_a_good_policy_agrees_with_its_own_statistics(pole_stats):
    for seed in range(3):
        said = preflight(GymnasiumBenchmark(["CartPole-v1"], seed=seed), balance, stats=pole_stats, num_episodes=2)
        assert {one.check for one in said.findings} == {"success unreported"}


def test_results_of_an_evaluation_are_the_same_with_a_preflight_before():
    benchmark = GymnasiumBenchmark(["CartPole-v1"], num_episodes=3)
    before = benchmark.evaluate(POLE)
    preflight(benchmark, POLE)
    assert benchmark.evaluate(POLE).digest() == before.digest()


def test_swapped_observations_are_named_with_the_numbers_to_exchange(pole_stats):
    swapped = make("CartPole-v1", observed(lambda one: one[[0, 2, 1, 3]]))
    alarms, text = found(swapped, balance, stats=pole_stats)
    assert {check for _, check in alarms} & {"order", "order or scale"}
    assert "1 and 2" in text


def test_degrees_for_radians_are_named(pole_stats):
    factors = np.array([1, 1, 180 / np.pi, 180 / np.pi], np.float32)
    alarms, text = found(make("CartPole-v1", observed(lambda one: one * factors)), balance, stats=pole_stats)
    assert {check for _, check in alarms} >= {"normalisation"}
    assert "degrees, where training had radians" in text


def test_radians_for_degrees_are_named_though_nothing_is_far(tmp_path):
    (tmp_path / "stats.json").write_text('{"observation": {"mean": [0, 0, 0, 0], "std": [0.5, 0.5, 6, 40]}}')
    alarms, text = found(make("CartPole-v1"), balance, stats=tmp_path / "stats.json")
    assert alarms == {("doubtful", "normalisation")}
    assert "2 of 4 numbers vary less than a 30th" in text


class Noise(gym.ObservationWrapper):
    """CartPole with a fifth number that hardly moves, around `mean`."""

    def __init__(self, env, mean=0.0):
        super().__init__(env)
        self.mean = mean
        self.observation_space = spaces.Box(-np.inf, np.inf, (5,), np.float64)

    def observation(self, observation):
        return np.r_[observation, self.mean + 1e-4 * self.np_random.standard_normal()]


@pytest.mark.parametrize(("mean", "expected"), [(0.0, set()), (3.0, {("doubtful", "normalisation")})])
def test_a_number_that_training_never_moved_may_move_a_little_and_elsewhere_is_doubtful(tmp_path, mean, expected):
    stats = tmp_path / "stats.json"
    stats.write_text(json.dumps({"observation": {"mean": [0] * 5, "std": [0.3, 0.3, 0.1, 0.3, 0]}}))
    alarms, text = found(make("CartPole-v1", lambda env: Noise(env, mean)), balance, stats=stats)
    assert alarms == expected
    assert "look like" not in text


STATE = {"mean": [0, 0, 0, 0], "std": [0.3, 0.3, 0.1, 0.3]}


def test_statistics_that_fit_no_observation_are_named_and_observations_without_any(tmp_path):
    stats = tmp_path / "stats.json"
    stats.write_text(json.dumps({"norm_stats": {"pose": STATE, "timestamp": {"mean": [1], "std": [1]}}}))
    said = noted(Camera, by_state, stats=stats, num_episodes=2, max_steps=20)["not compared"]
    assert "no statistics in" in said
    assert "are of 'camera', 'state', and the statistics of 'pose' are of nothing" in said


def test_a_mapping_that_gives_an_observation_the_name_of_its_statistics_ends_that(tmp_path):
    stats, mapping = tmp_path / "stats.json", tmp_path / "mapping.yaml"
    stats.write_text(json.dumps({"pose": STATE}))
    mapping.write_text("observation: {pose: state}\n")
    (tmp_path / "sees.py").write_text("def sees(one):\n    return int(one['pose'][2] + 0.5 * one['pose'][3] > 0)\n")
    policy = f"py:{tmp_path}/sees.py:sees?mapping={mapping}"
    assert "not compared" not in noted(Camera, policy, stats=stats, num_episodes=2, max_steps=20)


def test_too_few_steps_to_compare_are_told(tmp_path):
    stats = tmp_path / "stats.json"
    stats.write_text(json.dumps({"observation": STATE, "action": {"mean": [0.5], "std": [0.5]}}))
    said = preflight(GymnasiumBenchmark(["CartPole-v1"]), balance, stats=stats, num_episodes=1, max_steps=5).findings
    told = [one.text for one in said if one.check == "not compared"]
    assert [text.split(" were")[0] for text in told] == ["Only 5 observations", "Only 5 actions"]


@pytest.fixture(scope="module")
def normalised():
    """A model and the statistics that it was trained with; the environment's numbers are far from 0 and 1."""
    env = VecNormalize(make_vec_env(make("CartPole-v1", SHIFTED), n_envs=8, seed=0))
    model = PPO("MlpPolicy", env, n_steps=64, batch_size=256, learning_rate=1e-3, seed=0, device="cpu")
    return model.learn(2048)


def test_statistics_of_vecnormalize_agree_with_the_environment_of_training(normalised):
    alarms, _ = found(make("CartPole-v1", SHIFTED), normalised)
    assert alarms == set()


def test_numbers_that_are_normalised_already_are_named(normalised):
    alarms, text = found(make("CartPole-v1"), normalised)
    assert ("wrong", "normalisation") in alarms
    assert "VecNormalize" in text


def test_files_of_lerobot_are_read_without_lerobot(tmp_path):
    tensors = {"observation.state.mean": [1.0, 2.0], "observation.state.std": [0.5, 0.25], "action.mean": [3.0]}
    tensors["action.std"] = [1.5]
    header, body = {}, b""
    for name, values in tensors.items():
        own = np.array(values, "<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": [len(values)], "data_offsets": [len(body), len(body) + len(own)]}
        body += own
    text = json.dumps(header).encode()
    file = tmp_path / "policy_preprocessor_step_5_normalizer_processor.safetensors"
    file.write_bytes(struct.pack("<Q", len(text)) + text + body)
    stored = _of_lerobot(tmp_path)
    assert stored.of("agent_pos", ["agent_pos", "pixels"]).std.tolist() == [0.5, 0.25]
    assert stored.action.mean.tolist() == [3.0]
    assert _of_lerobot(tmp_path / "elsewhere") is None


def test_other_numbers_of_numbers_are_wrong(tmp_path):
    stats = tmp_path / "stats.json"
    stats.write_text('{"norm_stats": {"state": {"mean": [0, 0], "std": [1, 1]}, "actions": {"mean": [0], "std": [1]}}}')
    assert read_stats(stats).action is not None
    alarms, text = found(make("CartPole-v1"), balance, stats=stats)
    assert ("wrong", "sizes") in alarms
    assert "has 4 numbers" in text


@pytest.mark.parametrize("text", ["no", "[1]", '{"a": 3}', '{"a": {"mean": [1]}}'])
def test_a_file_without_statistics_is_refused(tmp_path, text):
    (tmp_path / "stats.json").write_text(text)
    with pytest.raises(UserError, match="holds no statistics"):
        read_stats(tmp_path / "stats.json")


class Gripper(gym.ActionWrapper):
    """Pendulum with a second action, a gripper."""

    def __init__(self, env):
        super().__init__(env)
        self.action_space = spaces.Box(np.array([-2, -1], np.float32), np.array([2, 1], np.float32))

    def action(self, action):
        return action[:1]


def swing(gripper):
    return lambda one: np.array([np.clip(-2 * one[1] - one[2], -1.9, 1.9), gripper(one)], np.float32)


def gripper_stats(path, mean, std):
    told = {"mean": [0, mean], "std": [1, std], "min": [-2, -1], "max": [2, 1]}
    path.write_text(json.dumps({"action": told}))
    return path


def test_a_gripper_of_the_opposite_sign_is_named(tmp_path):
    stats = gripper_stats(tmp_path / "stats.json", 0.8, 0.3)
    env = make("Pendulum-v1", Gripper)
    assert found(env, swing(lambda one: 0.8 + 0.1 * one[1]), stats=stats)[0] == set()
    alarms, text = found(env, swing(lambda one: -0.8 - 0.1 * one[1]), stats=stats)
    assert alarms == {("doubtful", "sign")}
    assert "number 1 has the opposite sign" in text


def test_a_gripper_that_never_moves_is_named(tmp_path):
    stats = gripper_stats(tmp_path / "stats.json", 0.0, 0.9)
    env = make("Pendulum-v1", Gripper)
    assert found(env, swing(lambda one: np.sign(one[1])), stats=stats)[0] == set()
    assert found(env, swing(lambda _: -1.0), stats=stats)[0] == {("doubtful", "stuck")}
    assert found(env, swing(lambda _: 0.5), stats=stats)[0] == {("doubtful", "stuck")}
    assert found(env, swing(lambda _: -1.0))[0] == {("doubtful", "stuck")}


def test_actions_that_are_not_brought_back_to_scale_are_named(tmp_path):
    (tmp_path / "stats.json").write_text('{"action": {"mean": [0.01], "std": [0.02]}}')
    alarms, text = found(make("Pendulum-v1"), PENDULUM, stats=tmp_path / "stats.json")
    assert {check for _, check in alarms} == {"normalisation of actions"}
    assert "in training 0.01 ± 0.02" in text


def test_swapped_actions_are_named_with_the_numbers_to_exchange(tmp_path):
    told = {"mean": [0.8, 0.0], "std": [0.1, 1.0]}
    (tmp_path / "stats.json").write_text(json.dumps({"action": told}))
    swing_well = swing(lambda one: 0.8 + 0.05 * one[1])
    alarms, text = found(make("Pendulum-v1", Gripper), swing_well, stats=tmp_path / "stats.json")
    assert {check for _, check in alarms} == {"order of actions"}
    assert "0 and 1" in text


def test_a_constant_action_is_wrong_whatever_is_seen():
    alarms, text = found(make("CartPole-v1"), lambda _: 1)
    assert ("wrong", "constant actions") in alarms
    assert "whatever the policy sees" in text


def test_an_action_that_is_constant_but_for_the_last_bits_is_wrong_too():
    nearly = swing(lambda _: 0.5)
    alarms, _ = found(make("Pendulum-v1", Gripper), lambda one: np.float32(0.1) + np.float32(1e-7) * nearly(one))
    assert alarms == {("wrong", "constant actions")}
    assert found(make("Pendulum-v1", Gripper), lambda one: np.float32(1e-3) * nearly(one))[0] == set()


def test_a_policy_that_saturates_since_nothing_is_normalised_is_doubtful(tmp_path):
    matrix = np.array([[300.0], [-400.0], [-100.0]], np.float32)
    file = linear_onnx(tmp_path / "big.onnx", inputs=3, outputs=1, matrix=matrix)
    alarms, text = found(make("Pendulum-v1"), f"onnx:{file}")
    assert alarms == {("doubtful", "saturation")}
    assert "as large as its bounds" in text


def test_a_policy_that_switches_between_extremes_is_only_noted():
    assert "saturation" in noted(make("MountainCarContinuous-v0"), push)


@pytest.mark.parametrize(
    ("value", "check"), [(np.array([9.0], np.float32), "out of bounds"), (np.array([np.nan], np.float32), "NaN")]
)
def test_actions_out_of_bounds_and_nan_are_wrong_at_once_and_later(value, check):
    assert found(make("Pendulum-v1"), lambda _: value)[0] == {("wrong", check)}

    def later(one):
        return value if abs(one[2]) > 2 else np.array([1.0], np.float32)

    assert ("wrong", check) in found(make("Pendulum-v1"), later)[0]


def test_a_policy_that_raises_in_the_middle_is_told_with_the_step():
    def breaks(one):
        return 1 // int(one[0] < 0.1)

    alarms, text = found(make("CartPole-v1"), breaks)
    assert ("wrong", "failure") in alarms
    assert "ZeroDivisionError" in text


class Camera(gym.ObservationWrapper):
    """CartPole with what its own rendering shows, smaller, changed by `change`."""

    def __init__(self, change=lambda image: image, high=255, dtype=np.uint8):
        super().__init__(gym.make("CartPole-v1", render_mode="rgb_array"))
        self.change = change
        camera = spaces.Box(0, high, (80, 120, 3), dtype)
        self.observation_space = spaces.Dict(camera=camera, state=self.env.observation_space)
        self.dtype = dtype

    def observation(self, observation):
        image = self.env.render()[::5, ::5]
        return {"camera": self.change(image).astype(self.dtype), "state": observation}


def by_state(one):
    return balance(one["state"])


def by_camera(one):
    """Towards where the pole leans, from the picture alone; it is brown."""
    image = one["camera"].astype(int)
    brown = (image[..., 0] > 180) & (image[..., 2] < 150)
    rows, columns = np.nonzero(brown)
    return int(columns[rows <= np.median(rows)].mean() > columns[rows >= np.median(rows)].mean()) if len(rows) else 0


def test_what_a_policy_does_not_react_to_is_noted_and_what_it_does_is_not():
    blind, seeing = noted(Camera, by_state, max_steps=40), noted(Camera, by_camera, max_steps=40)
    assert "'camera'" in blind["reaction"]
    assert "'state'" in seeing["reaction"]


def test_of_a_policy_that_answers_otherwise_each_time_nothing_is_told():
    rng = np.random.default_rng(0)
    assert "can't be told" in noted(make("CartPole-v1"), lambda _: int(rng.integers(2)))["reaction"]


@pytest.mark.parametrize(
    ("flip", "told"), [(lambda image: image[::-1], "upside down"), (lambda image: image[::-1, ::-1], "rotated by 180")]
)
def test_an_image_that_is_turned_against_the_rendering_is_named(flip, told):
    assert found(Camera, by_state, num_episodes=2, max_steps=20)[0] == set()
    alarms, text = found(lambda: Camera(flip), by_state, num_episodes=2, max_steps=20)
    assert {check for _, check in alarms} == {"orientation"}
    assert "what render() shows" in text
    assert told in text or "upside down" in text  # a cart in the middle is nearly its own mirror image


class Dark(Camera):
    """Its camera needs no rendering, which is broken."""

    def observation(self, observation):
        return {"camera": np.zeros((80, 120, 3), np.uint8), "state": observation}

    def render(self):
        raise RuntimeError("no display")


def test_that_rendering_raises_and_nothing_can_be_compared_with_it_is_told():
    said = noted(Dark, by_state, num_episodes=2, max_steps=20)["orientation"]
    assert "render() raises RuntimeError: no display" in said


@pytest.fixture(scope="module")
def mean_image(tmp_path_factory):
    env = Camera()
    image = env.reset(seed=0)[0]["camera"].astype(float)
    file = tmp_path_factory.mktemp("image") / "stats.json"
    file.write_text(json.dumps({"camera": {"mean": image.tolist(), "std": np.ones_like(image).tolist()}}))
    return file


def test_an_image_that_is_turned_against_the_statistics_is_wrong(mean_image):
    assert found(Camera, by_state, stats=mean_image, num_episodes=2, max_steps=20)[0] == set()
    alarms, _ = found(lambda: Camera(lambda image: image[::-1]), by_state, stats=mean_image, max_steps=20)
    assert ("wrong", "orientation") in alarms


@pytest.mark.parametrize(
    ("mean", "made", "told"),
    [
        (0.9, lambda: Camera(dtype=np.float32), "0..255"),
        (230.0, lambda: Camera(lambda image: image / 255, 1, np.float32), "0..1"),
        (0.9, lambda: Camera(lambda image: image / 255 / 255, 1, np.float32), "twice"),
    ],
)
def test_an_image_on_another_scale_than_in_training_is_wrong(tmp_path, mean, made, told):
    stats = tmp_path / "stats.json"
    stats.write_text(json.dumps({"camera": {"mean": [[[mean]]] * 3, "std": [[[1.0]]] * 3}}))
    alarms, text = found(made, by_state, stats=stats, num_episodes=2, max_steps=20)
    assert alarms == {("wrong", "image scale")}
    assert told in text


@pytest.mark.parametrize("factor", [1.0, 1 / 255])
def test_the_scale_of_an_image_is_compared_with_training_s_mean_image_too(tmp_path, factor):
    image = Camera().reset(seed=0)[0]["camera"].astype(float)
    stats = tmp_path / "stats.json"
    stats.write_text(json.dumps({"camera": {"mean": image.tolist(), "std": np.ones_like(image).tolist()}}))
    camera = lambda: Camera(lambda image: image * factor, 255 * factor, np.float32)  # noqa: E731
    alarms, _ = found(camera, by_state, stats=stats, num_episodes=2, max_steps=20)
    assert (("wrong", "image scale") in alarms) is (factor < 1)


def test_bytes_where_training_had_0_to_1_are_only_noted_since_policies_divide_them_themselves(tmp_path):
    stats = tmp_path / "stats.json"
    stats.write_text(json.dumps({"camera": {"mean": [[[0.9]]] * 3, "std": [[[1.0]]] * 3}}))
    said = preflight(Benchmark(gyms=[Camera]), by_state, stats=stats, num_episodes=2, max_steps=20).findings
    assert [(one.level, one.check) for one in said if "image" in one.check] == [("note", "image scale")]
    assert not {one.level for one in said} & {"wrong", "doubtful"}


def seen_through(folder, steps):
    """A policy that sees the camera behind these steps of a mapping."""
    (folder / "sees.py").write_text("def sees(one):\n    return int(one['state'][2] + 0.5 * one['state'][3] > 0)\n")
    mapping = folder / "mapping.yaml"
    mapping.write_text(f"observation: {{img: {{from: camera, do: [{steps}]}}, state: state}}\n")
    return f"py:{folder}/sees.py:sees?mapping={mapping}"


@pytest.mark.parametrize("steps", ["rotate_180", "rotate_180, channels_first", "rotate_180, unit"])
def test_an_image_is_compared_with_the_rendering_as_the_policy_sees_it_behind_its_mapping(tmp_path, steps):
    policy = seen_through(tmp_path, steps)
    alarms, text = found(Camera, policy, num_episodes=2, max_steps=20)
    assert {check for _, check in alarms} == {"orientation"}
    assert "'img'" in text
    turned = lambda: Camera(lambda image: image[::-1, ::-1])  # noqa: E731  # what it makes is the point
    assert found(turned, policy, num_episodes=2, max_steps=20)[0] == set()


@pytest.mark.parametrize(
    ("made", "check"),
    [
        (lambda: Camera(np.zeros_like), "blank image"),
        (lambda: Camera(lambda image: image / 255), "image scale"),
        (lambda: Camera(lambda image: image, 1, np.float32), "image scale"),
    ],
)
def test_an_image_that_shows_nothing_or_not_what_is_declared_is_wrong(made, check):
    assert ("wrong", check) in found(made, by_state, num_episodes=2, max_steps=20)[0]


class Told(gym.Wrapper):
    """CartPole that tells of success: `key` at every step, and at reset `at_reset`."""

    def __init__(self, key="success", *, at_reset=False, in_play=False):
        super().__init__(gym.make("CartPole-v1"))
        self.key, self.at_reset, self.in_play = key, at_reset, in_play

    def reset(self, **asked):
        return self.env.reset(**asked)[0], {self.key: self.at_reset}

    def step(self, action):
        *rest, info = self.env.step(action)
        return (*rest, {**info, self.key: self.in_play})


def test_success_that_is_true_at_reset_is_wrong():
    assert found(Told, balance)[0] == set()
    alarms, text = found(lambda: Told(at_reset=True), balance)
    assert alarms == {("wrong", "success at reset")}
    assert "3 of 3 episodes" in text


def test_success_for_everybody_is_doubtful():
    alarms, _ = found(lambda: Told(in_play=True), balance)
    assert alarms == {("doubtful", "success for all"), ("doubtful", "success at reset")}


class Still(gym.Wrapper):
    """CartPole in which each episode without a push to the right is a success."""

    def reset(self, **asked):
        self.is_still = True
        return self.env.reset(**asked)

    def step(self, action):
        self.is_still &= action == 0
        *rest, info = self.env.step(action)
        return (*rest, {**info, "is_success": self.is_still})


@pytest.mark.parametrize(("action", "expected"), [(1, ["0%", "0%"]), (0, [])])
def test_references_that_do_as_well_are_noted_also_where_one_always_succeeds(action, expected):
    benchmark = Benchmark(gyms=[lambda: Still(gym.make("CartPole-v1"))])
    said = [one.text for one in preflight(benchmark, lambda _: action).findings if one.check == "no better"]
    assert [text.partition("succeeds in ")[2].partition(" ")[0] for text in said] == expected
    assert any("zero actions in 100%" in text for text in said) is bool(expected)


class Near(gym.Wrapper):
    """CartPole of which every other start is a goal, which `info` tells after a step only."""

    key, ends = "is_success", True

    def reset(self, *, seed=None, options=None):
        self.is_near = bool(seed % 2)
        return self.env.reset(seed=seed, options=options)

    def step(self, action):
        observation, reward, terminated, truncated, info = self.env.step(action)
        ended = terminated or (self.is_near and self.ends)
        return observation, reward, ended, truncated, {**info, self.key: self.is_near}


class Goes(Near):
    """It goes on at its goal, and has its own name for it."""

    key, ends = "solved", False


class Judged(Benchmark):
    """Its rule is its own."""

    def is_success(self, played):
        return played.info["solved"]


@pytest.mark.parametrize(
    "benchmark", [Benchmark(gyms=[make("CartPole-v1", Near)]), Judged(gyms=[make("CartPole-v1", Goes)])]
)
def test_starts_that_are_solved_by_any_first_step_are_doubtful(benchmark):
    said = preflight(benchmark, balance, num_episodes=10, max_steps=20).findings
    told = [one for one in said if one.check == "success at reset"]
    assert [one.level for one in told] == ["doubtful"]
    assert 0 < told[0].numbers["episodes"] < 10
    assert told[0].numbers["at_reset"] == 0


@pytest.mark.parametrize(
    ("env", "policy", "success_return", "expected"),
    [("CartPole-v1", balance, 1, True), ("CartPole-v1", balance, 5, False), ("Pendulum-v1", PENDULUM, -1e4, False)],
)
def test_a_return_that_one_step_gives_is_doubtful_and_one_that_only_falls_says_nothing(
    env, policy, success_return, expected
):
    benchmark = GymnasiumBenchmark([env], success_return=success_return)
    said = preflight(benchmark, policy, num_episodes=2, max_steps=300).findings
    assert ("success at reset" in {one.check for one in said}) is expected


def test_success_under_another_name_is_doubtful_and_none_is_noted():
    alarms, text = found(lambda: Told("task_success"), balance)
    assert alarms == {("doubtful", "success unreported")}
    assert "'task_success'" in text
    assert "Success is never reported" in noted(make("CartPole-v1"), balance)["success unreported"]


class Ends(gym.Wrapper):
    def step(self, action):
        observation, reward, _, truncated, info = self.env.step(action)
        return observation, reward, True, truncated, info


def test_episodes_that_end_at_once_are_doubtful_of_all_and_of_the_policy_alone():
    assert ("doubtful", "ends at once") in found(make("CartPole-v1", Ends), balance)[0]

    class Impatient(gym.Wrapper):
        def step(self, action):
            observation, reward, terminated, truncated, info = self.env.step(action)
            return observation, reward, terminated or abs(action[0]) > 1.99, truncated, info

    alarms, text = found(make("Pendulum-v1", Impatient), lambda one: np.sign(one[1:2]) * np.float32(2))
    assert ("doubtful", "ends at once") in alarms
    assert "last up to" in text


def test_returns_that_are_always_the_same_are_doubtful():
    silent = make("Pendulum-v1", lambda env: gym.wrappers.TransformReward(env, lambda _: 0.0))
    assert found(silent, PENDULUM, max_steps=300)[0] == {("doubtful", "rewards")}


@pytest.mark.parametrize("place", ["observation", "reward"])
def test_nan_of_the_environment_is_wrong(place):
    class Breaks(gym.Wrapper):
        def step(self, action):
            observation, reward, *rest = self.env.step(action)
            if place == "reward":
                return observation, float("nan"), *rest
            return np.full_like(observation, np.nan), reward, *rest

    alarms, text = found(make("CartPole-v1", Breaks), balance)
    assert ("wrong", "NaN") in alarms
    assert "3 of 3 episodes" in text


def test_an_observation_outside_its_bounds_is_doubtful():
    beyond = make("Pendulum-v1", observed(lambda one: one * np.float32(57)))
    alarms, text = found(beyond, lambda one: np.clip(-one[1:2], -1, 1).astype(np.float32))
    assert ("doubtful", "bounds") in alarms
    assert "declared bounds" in text


def test_a_policy_for_another_environment_does_not_fit():
    alarms, text = found(make("Pendulum-v1"), lambda _: np.zeros(3, np.float32))
    assert alarms == {("wrong", "misfit")}
    assert "shape (3,)" in text


def test_a_mapping_stands_between_the_environment_and_the_statistics(tmp_path):
    stats = tmp_path / "stats.json"
    stats.write_text('{"state": {"mean": [0, 0, 0, 0], "std": [0.3, 0.3, 0.1, 0.3]}}')
    (tmp_path / "right.yaml").write_text("observation:\n  from: state\n  do: [{take: [0, 1, 2, 3]}]\n")
    (tmp_path / "wrong.yaml").write_text(
        "observation:\n  from: state\n  do: [{normalize: {mean: [9, 9, 9, 9], std: [1, 1, 1, 1]}}]\n"
    )
    for name, expected in (("right", False), ("wrong", True)):
        alarms, _ = found(
            Camera,
            f"{POLE}?mapping={tmp_path}/{name}.yaml",
            stats=stats,
            num_episodes=2,
            max_steps=30,
        )
        assert (("wrong", "normalisation") in alarms) is expected


def test_what_can_not_be_looked_at_is_refused():
    with pytest.raises(UserError, match="num_episodes=0"):
        preflight(GymnasiumBenchmark(["CartPole-v1"]), balance, num_episodes=0)
