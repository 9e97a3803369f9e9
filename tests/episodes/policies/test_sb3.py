from __future__ import annotations

import pickle

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3 import A2C, DDPG, DQN, PPO, SAC, TD3
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from rlgauge.core.errors import UserError
from rlgauge.episodes.policies.sb3 import Sb3Policy, load_normalizer, load_policy
from rlgauge.episodes.policy import open_policy, parse_source, wrap_policy

WIDTH = 6
VECTOR = gym.spaces.Box(-np.inf, np.inf, (5,), np.float64)
IMAGE = gym.spaces.Box(0, 255, (40, 44, 3), np.uint8)
UNEVEN = gym.spaces.Box(np.array([-1.0, 2.0], np.float32), np.array([3.0, 2.5], np.float32))


class Still(gym.Env):
    """An environment of these spaces, in which nothing happens."""

    def __init__(self, observation_space, action_space):
        self.observation_space, self.action_space = observation_space, action_space

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.observation_space.sample(), {}

    def step(self, action):
        return self.observation_space.sample(), 0.0, False, False, {}


CASES = {
    "ppo-discrete": (PPO, "MlpPolicy", VECTOR, gym.spaces.Discrete(3), {}),
    "ppo-box": (PPO, "MlpPolicy", VECTOR, UNEVEN, {}),
    "ppo-multidiscrete": (PPO, "MlpPolicy", VECTOR, gym.spaces.MultiDiscrete([2, 3]), {}),
    "ppo-multibinary": (PPO, "MlpPolicy", VECTOR, gym.spaces.MultiBinary(3), {}),
    "ppo-discrete-observation": (PPO, "MlpPolicy", gym.spaces.Discrete(7), gym.spaces.Discrete(3), {}),
    "ppo-sde": (PPO, "MlpPolicy", VECTOR, UNEVEN, {"use_sde": True}),
    "ppo-image": (PPO, "CnnPolicy", IMAGE, gym.spaces.Discrete(4), {}),
    "ppo-dict": (
        PPO,
        "MultiInputPolicy",
        gym.spaces.Dict({"image": IMAGE, "vector": VECTOR, "n": gym.spaces.Discrete(3)}),
        UNEVEN,
        {},
    ),
    "a2c-box": (A2C, "MlpPolicy", VECTOR, UNEVEN, {"policy_kwargs": {"share_features_extractor": False}}),
    "dqn": (DQN, "MlpPolicy", VECTOR, gym.spaces.Discrete(3), {"buffer_size": 10}),
    "sac": (SAC, "MlpPolicy", VECTOR, UNEVEN, {"buffer_size": 10}),
    "sac-sde": (SAC, "MlpPolicy", VECTOR, UNEVEN, {"buffer_size": 10, "use_sde": True}),
    "td3": (TD3, "MlpPolicy", VECTOR, UNEVEN, {"buffer_size": 10}),
    "ddpg": (DDPG, "MlpPolicy", VECTOR, UNEVEN, {"buffer_size": 10}),
}


def build(case: str):
    algorithm, policy, observation_space, action_space, options = CASES[case]
    if algorithm is PPO:
        options = {"n_steps": 4, "batch_size": 4, **options}
    env = DummyVecEnv([lambda: Still(observation_space, action_space)])
    model = algorithm(policy, env, seed=5, device="cpu", **options)
    with torch.no_grad():  # fresh policies hardly differ from a constant
        for parameter in model.policy.parameters():
            parameter.mul_(3.0)
    return model, observation_space, action_space


def batches(space, count):
    space.seed(2)
    for _ in range(count):
        samples = [space.sample() for _ in range(WIDTH)]
        yield (
            {k: np.stack([s[k] for s in samples]) for k in samples[0]}
            if isinstance(samples[0], dict)
            else np.stack(samples)
        )


@pytest.mark.parametrize("case", CASES)
def test_a_saved_model_acts_as_predict_does_to_the_bit(tmp_path, case):
    model, observation_space, action_space = build(case)
    model.save(tmp_path / "m.zip")
    source = parse_source(f"sb3:{tmp_path / 'm.zip'}")
    policy = open_policy(
        source, observation_space=observation_space, action_space=action_space, width=WIDTH, trust=True
    )
    seen = []
    for batch in batches(observation_space, 20):
        expected, _ = model.predict(batch, deterministic=True)
        actions = policy.act(batch, range(WIDTH))
        assert np.array_equal(np.asarray(actions), expected)
        assert all(action_space.contains(action) for action in actions)
        seen.extend(np.asarray(actions).reshape(WIDTH, -1))
    assert len(np.unique(seen, axis=0)) > 1
    assert policy.bit_stable


def test_a_live_model_and_its_policy_are_taken_as_they_are():
    model, observation_space, action_space = build("ppo-box")
    batch = next(iter(batches(observation_space, 1)))
    for live in (model, model.policy):
        policy = wrap_policy(live, observation_space=observation_space, action_space=action_space, width=WIDTH)
        assert isinstance(policy, Sb3Policy)
        assert np.array_equal(policy.act(batch, range(WIDTH)), model.predict(batch, deterministic=True)[0])


def statistics_of(env):
    if not env.norm_obs:
        return []
    return list(env.obs_rms.values()) if isinstance(env.obs_rms, dict) else [env.obs_rms]


def trained(observation_space, action_space, **options):
    """A model whose observations VecNormalize has normalised, and statistics that it would notice."""
    env = VecNormalize(DummyVecEnv([lambda: Still(observation_space, action_space)]), **options)
    kind = "MultiInputPolicy" if isinstance(observation_space, gym.spaces.Dict) else "MlpPolicy"
    model = PPO(kind, env, seed=5, device="cpu", n_steps=4, batch_size=4)
    for one in statistics_of(env):
        one.mean, one.var = one.mean + 1.5, one.var * 9
    with torch.no_grad():
        for parameter in model.policy.parameters():
            parameter.mul_(3.0)
    return model, env


DICT = gym.spaces.Dict({"a": VECTOR, "b": VECTOR})


@pytest.mark.parametrize(
    ("space", "options"),
    [(VECTOR, {}), (VECTOR, {"clip_obs": 0.3}), (VECTOR, {"norm_obs": False}), (DICT, {"norm_obs_keys": ["a"]})],
    ids=["vector", "clipped", "only rewards", "dictionary"],
)
def test_observations_are_normalised_as_in_training_and_the_statistics_stay(tmp_path, space, options):
    model, env = trained(space, UNEVEN, **options)
    before = pickle.dumps(statistics_of(env))
    model.save(tmp_path / "m.zip")
    env.save(str(tmp_path / "vecnormalize.pkl"))
    source = parse_source(f"sb3:{tmp_path / 'm.zip'}?normalize={tmp_path / 'vecnormalize.pkl'}")
    spaces = {"observation_space": space, "action_space": UNEVEN, "width": WIDTH}
    saved, live = open_policy(source, trust=True, **spaces), wrap_policy(model, **spaces)
    as_it_is = wrap_policy(model.policy, **spaces)
    is_normalised = options.get("norm_obs", True)
    for batch in batches(space, 10):
        expected = model.predict(env.normalize_obs(batch), deterministic=True)[0]
        assert np.array_equal(saved.act(batch, range(WIDTH)), expected)
        assert np.array_equal(live.act(batch, range(WIDTH)), expected)
        assert np.array_equal(as_it_is.act(batch, range(WIDTH)), expected) != is_normalised
    assert pickle.dumps(statistics_of(env)) == before


def test_statistics_of_other_observations_or_without_trust_are_refused(tmp_path):
    model, _ = trained(VECTOR, UNEVEN)
    _, other = trained(gym.spaces.Box(-1, 1, (3,), np.float64), UNEVEN)
    model.save(tmp_path / "m.zip")
    other.save(str(tmp_path / "other.pkl"))
    (tmp_path / "text.pkl").write_bytes(pickle.dumps("text"))
    (tmp_path / "broken.pkl").write_bytes(b"no pickle")
    for name, told in (
        ("other", r"shape \(3,\), but the environment gives \(5,\)"),
        ("text", "holds no VecNormalize, but a str"),
        ("broken", "could not be loaded: UnpicklingError"),
    ):
        source = parse_source(f"sb3:{tmp_path / 'm.zip'}?normalize={tmp_path / name}.pkl")
        with pytest.raises(UserError, match=told):
            open_policy(source, observation_space=VECTOR, action_space=UNEVEN, width=WIDTH, trust=True)
    with pytest.raises(UserError, match="--trust"):
        load_normalizer(tmp_path / "other.pkl", trust=False, name="m")


def test_a_policy_that_changed_how_it_acts_is_asked_itself():
    model, observation_space, _ = build("ppo-discrete")

    class Contrary(type(model.policy)):
        def _predict(self, observation, deterministic=False):
            return 2 - super()._predict(observation, deterministic)

    model.policy.__class__ = Contrary
    policy = Sb3Policy(model.policy, width=WIDTH, deterministic=True, name="m")
    for batch in batches(observation_space, 5):
        assert list(policy.act(batch, range(WIDTH))) == model.predict(batch, deterministic=True)[0].tolist()


def sampling(case):
    model, observation_space, _ = build(case)
    batch = next(iter(batches(observation_space, 1)))
    return model, Sb3Policy(model.policy, width=WIDTH, deterministic=False, name="m"), batch


@pytest.mark.parametrize("case", ["ppo-discrete", "ppo-box", "sac"])
def test_sampled_actions_depend_on_the_episodes_seed_not_on_row_neighbours_or_global_state(case):
    _, policy, batch = sampling(case)
    batch = np.repeat(batch[:1], WIDTH, axis=0)
    for row in range(WIDTH):
        policy.begin(row, 7)
    together = [np.asarray(policy.act(batch, range(WIDTH))) for _ in range(30)]
    assert all((actions == actions[0]).all() for actions in together)
    torch.manual_seed(99)
    policy.begin(4, 7)
    alone = [np.asarray(policy.act(batch, [4])[4]) for _ in range(30)]
    assert np.array_equal(alone, [actions[0] for actions in together])
    policy.begin(4, 8)
    assert not np.array_equal(alone, [np.asarray(policy.act(batch, [4])[4]) for _ in range(30)])


@pytest.mark.parametrize("case", ["ppo-discrete", "ppo-box", "sac"])
def test_sampled_actions_have_the_distribution_of_predict(case):
    model, policy, batch = sampling(case)
    for row in range(WIDTH):
        policy.begin(row, row)
    ours = np.array([policy.act(batch, range(WIDTH)) for _ in range(3000)], float)
    torch.manual_seed(0)
    theirs = np.array([model.predict(batch, deterministic=False)[0] for _ in range(3000)], float)
    spread = theirs.std(0) + 1e-6
    assert (np.abs(ours.mean(0) - theirs.mean(0)) < 6 * spread * np.sqrt(2 / 3000) + 1e-3).all()
    assert np.allclose(ours.std(0), theirs.std(0), rtol=0.15, atol=0.01)
    assert theirs.std() > 0.05


@pytest.mark.parametrize("case", ["dqn", "td3", "ppo-sde", "ppo-multidiscrete"])
def test_what_cannot_be_seeded_per_episode_is_refused(case):
    model, _, _ = build(case)
    with pytest.raises(UserError, match="can't be sampled with a seed for each episode"):
        Sb3Policy(model.policy, width=WIDTH, deterministic=False, name="m")


def test_nothing_is_unpickled_without_trust(tmp_path):
    model, *_ = build("ppo-discrete")
    model.save(tmp_path / "m.zip")
    with pytest.raises(UserError, match=r"m.zip' runs code stored in the file; pass --trust"):
        load_policy(tmp_path / "m.zip", device="cpu", trust=False, name="m")


def test_callbacks_and_schedules_in_the_file_are_not_run(tmp_path):
    class Boom:
        def __reduce__(self):
            return pytest.fail, ("the pickle was run",)

    model, *_ = build("ppo-discrete")
    model.anything = Boom()
    model.save(tmp_path / "m.zip")
    with pytest.raises(pytest.fail.Exception):
        PPO.load(tmp_path / "m.zip")
    load_policy(tmp_path / "m.zip", device="cpu", trust=True, name="m")


def test_other_files_are_named_before_trust_is_asked(tmp_path):
    (tmp_path / "text.zip").write_text("hello")
    torch.save({}, tmp_path / "torch.zip")
    for name in ("text.zip", "torch.zip"):
        with pytest.raises(UserError, match=r"is not a file of Stable-Baselines3's model\.save"):
            load_policy(tmp_path / name, device="cpu", trust=False, name=name)


@pytest.mark.parametrize(
    ("observation_space", "action_space", "message"),
    [
        (
            gym.spaces.Box(-1, 1, (3,)),
            gym.spaces.Discrete(3),
            r"takes observations of shape \(5,\), but the environment gives \(3,\)",
        ),
        (
            gym.spaces.Discrete(3),
            gym.spaces.Discrete(3),
            r"takes observations of Box.*but the environment gives Discrete",
        ),
        (VECTOR, gym.spaces.Discrete(2), r"acts in Discrete\(3\), but the environment takes Discrete\(2\)"),
        (VECTOR, UNEVEN, r"acts in Discrete\(3\), but the environment takes Box"),
    ],
)
def test_other_spaces_are_refused_naming_both_sides(observation_space, action_space, message):
    model, *_ = build("ppo-discrete")
    with pytest.raises(UserError, match=message):
        wrap_policy(model, observation_space=observation_space, action_space=action_space, width=WIDTH)


def test_a_model_with_weights_of_another_shape_says_so(tmp_path):
    model, *_ = build("ppo-discrete")
    model.policy_kwargs = {"net_arch": [8]}
    model.save(tmp_path / "m.zip")
    with pytest.raises(UserError, match="could not be loaded: RuntimeError"):
        load_policy(tmp_path / "m.zip", device="cpu", trust=True, name="m")
