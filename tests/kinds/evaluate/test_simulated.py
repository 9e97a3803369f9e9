"""PushT, Meta-World, Fetch and ALOHA by their own simulators: scripted policies succeed, and what is seen is there."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from rlgauge import UserError, isolation
from rlgauge.core.seeding import episode_seed
from rlgauge.envs import aloha, metaworld
from rlgauge.kinds.evaluate.aloha import AlohaBenchmark
from rlgauge.kinds.evaluate.benchmark import build_benchmark
from rlgauge.kinds.evaluate.fetch import FetchBenchmark
from rlgauge.kinds.evaluate.metaworld import MetaWorldBenchmark
from rlgauge.kinds.evaluate.pusht import PushTBenchmark
from rlgauge.kinds.evaluate.simulated import ROBOTS

pytestmark = pytest.mark.xdist_group("robots")  # which builds its environment once
EXAMPLES = Path(__file__).parents[3] / "examples" / "robots"

BY_THEMSELVES = """
import json
import warnings

import metaworld as library
import numpy as np
from metaworld.env_dict import MT10_V3
from metaworld.policies import ENV_POLICY_MAP

from rlgauge.envs import aloha, metaworld

warnings.simplefilter("ignore")  # its policies warn of actions that are clipped
TASK, EPISODE = "push-v3", 3
drawn = library.MT1(TASK, seed=7)
theirs = drawn.train_classes[TASK]()
theirs.set_task(drawn.train_tasks[EPISODE])
shown = {"observation": "pixels_agent_pos", "height": 96, "width": 128, "instruction": "Push!"}
ours = metaworld.make(task=TASK, goal_seed=7, **shown)
expected, _ = theirs.reset()
policy, same, is_solved, num = ENV_POLICY_MAP[TASK](), [], False, 0
observed, info = ours.reset(seed=1, options={"episode": EPISODE + metaworld.NUM_GOALS})
in_space = ours.observation_space.contains(observed)
is_drawn_there = np.array_equal(ours._env.data.site("goal").xpos, ours._env.model.site("goal").pos)

image = observed["pixels"].astype(int)
green, others = image[..., 1], image[..., [0, 2]].max(axis=-1)
rows, columns = np.nonzero((green > 100) & (green > 2 * others))
model, data = ours._env.model, ours._env.data
axes = data.camera(metaworld.CAMERA).xmat.reshape(3, 3)
right, up, back = (expected[-3:] - data.camera(metaworld.CAMERA).xpos) @ axes
scale = 96 / 2 / np.tan(np.radians(model.camera(metaworld.CAMERA).fovy[0]) / 2) / -back
# The camera hangs upside down, and its image is turned.
goal = {"seen": [rows.mean(), columns.mean()], "expected": [48 + scale * up, 64 - scale * right]}

while not is_solved and num < metaworld.MAX_STEPS:
    action = np.clip(np.asarray(policy.get_action(expected), np.float32), -1, 1)
    expected, reward, _, _, told = theirs.step(action)
    state, given, is_solved, truncated, info = ours.step(action)
    same.append(np.array_equal(state["agent_pos"], expected[:4]) and given == reward and told["success"] == is_solved)
    num += 1

arms = aloha.make(task="AlohaTransferCube-v0")
seen, _ = arms.reset(seed=4)
image = seen["pixels"]["top"].astype(int)
red = np.nonzero((image[..., 0] > 150) & (image[..., 0] > 2 * image[..., 1]))
physics = arms._physics
camera = physics.named.data.cam_xmat["top"].reshape(3, 3)
right, up, back = (physics.named.data.xpos["box"] - physics.named.data.cam_xpos["top"]) @ camera
scale = 480 / 2 / np.tan(np.radians(physics.named.model.cam_fovy["top"]) / 2) / -back
print(json.dumps({
    "tasks": sorted(library.MT1.ENV_NAMES),
    "mt10": list(MT10_V3),
    "same": all(same),
    "num": num,
    "solved": is_solved,
    "in_space": bool(in_space),
    "goal_is_drawn_where_it_is": is_drawn_there,
    "text": observed["task"],
    "goal": goal,
    "cube": {"seen": [red[0].mean(), red[1].mean()], "expected": [240 - scale * up, 320 + scale * right]},
    "start": {
        "ours": bool(arms.action_space.contains(seen["agent_pos"].astype(np.float32))),
        "theirs": bool(arms._aloha.action_space.contains(seen["agent_pos"].astype(np.float32))),
    },
    "arms_in_space": bool(arms.observation_space.contains(seen)),
}, default=float))
arms.close()
ours.close()
"""


def example(name):
    spec = importlib.util.spec_from_file_location(f"{name}_of_examples", EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def python():
    found = isolation.environment(ROBOTS)
    return found.python, {**found.variables(), "MUJOCO_GL": "osmesa"}


ARMS = example("arms")


@pytest.mark.parametrize(
    ("benchmark", "scripted", "other"),
    [
        (PushTBenchmark(num_episodes=1, max_steps=80, observation="state"), example("pusht").PushesTwice(), "random"),
        (MetaWorldBenchmark("pick-place-v3", num_episodes=2, max_steps=90), ARMS.carries_to_goal, "random"),
        (FetchBenchmark("FetchPickAndPlace-v4", num_episodes=2), ARMS.carries, "random"),
        (
            AlohaBenchmark(
                "AlohaTransferCube-v0", num_episodes=1, max_steps=200, observation="environment_state_agent_pos"
            ),
            example("aloha").HandsOver(),
            "zero",  # random jerks can end the simulation
        ),
    ],
    ids=["pusht", "metaworld", "fetch", "aloha"],
)
def test_a_scripted_policy_succeeds_where_another_does_not(python, benchmark, scripted, other):
    results = benchmark.evaluate({"scripted": scripted, "other": other})
    good, bad = results.results
    assert (good.success_rate, bad.success_rate) == (1.0, 0.0)
    assert (good.n_errors, bad.n_errors) == (0, 0)
    assert {episode.length for episode in bad.episodes} == {benchmark.max_steps}
    assert results.metadata["not_reproducible"] == []


def test_films_hold_every_frame_and_begin_without_the_action_of_another_episode(python, tmp_path):
    av = pytest.importorskip("av")
    benchmark = PushTBenchmark(num_episodes=2, max_steps=2, video_dir=tmp_path, record_mode="all")
    (result,) = benchmark.evaluate({"sent": lambda observation: np.array([100, 400], np.float32)}).results
    for episode in result.episodes:
        with av.open(tmp_path / episode.video) as film:
            frames = [frame.to_ndarray(format="rgb24").astype(int) for frame in film.decode(video=0)]
        assert [frame.shape for frame in frames] == [(256, 256, 3)] * 3
        marked = [((frame[..., 0] > 180) & (frame[..., 1:].max(axis=-1) < 90)).sum() for frame in frames]
        assert marked[0] < 10 < min(marked[1:])


@pytest.mark.parametrize("task", ["FetchPush-v4", "FetchPickAndPlace-v4"])
def test_an_episode_of_fetch_that_is_drawn_is_the_same_to_the_last_bit(python, task):
    env = FetchBenchmark(task).create_gyms()[0]()

    def played(*, is_drawn):
        observed, _ = env.reset(seed=3)
        actions, seen = np.random.default_rng(0), []
        for _ in range(20):
            frame = env.render() if is_drawn else None
            assert frame is None or frame.std() > 0
            observed, *_ = env.step(actions.uniform(-1, 1, 4).astype(np.float32))
            seen.append(observed["observation"].tobytes())
        return seen

    try:
        assert played(is_drawn=False) == played(is_drawn=True) == played(is_drawn=False)
    finally:
        env.close()


def test_episodes_beyond_the_goals_of_metaworld_are_told_to_be_repetitions(python):
    more = MetaWorldBenchmark("reach-v3", num_episodes=52, max_steps=1).evaluate("zero")
    (warning,) = more.results[0].warnings
    assert warning.startswith("episodes from 50 on (2 of 52) begin where earlier ones did")
    assert warning in more.summary()


@pytest.fixture(scope="module")
def told(python):
    path, variables = python
    command = [str(path), "-P", "-c", BY_THEMSELVES]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=variables, timeout=250)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_tasks_of_metaworld_are_those_that_it_has(told):
    assert sorted(metaworld.TASKS) == told["tasks"]
    assert list(metaworld.SETS["MT10"]) == told["mt10"]


def test_an_episode_has_the_goal_of_its_number_and_metaworlds_own_policy_solves_it(told):
    assert (told["same"], told["solved"]) == (True, True)
    assert told["num"] > 20


def test_images_show_what_is_where_it_is(told):
    np.testing.assert_allclose(told["goal"]["seen"], told["goal"]["expected"], atol=2)
    np.testing.assert_allclose(told["cube"]["seen"], told["cube"]["expected"], atol=3)


def test_the_first_image_of_an_episode_does_not_depend_on_what_was_played_before(told):
    assert told["goal_is_drawn_where_it_is"]


def test_observations_are_as_declared_and_hold_the_instruction(told):
    assert told["in_space"]
    assert told["arms_in_space"]
    assert told["text"] == "Push!"


def test_arms_can_be_told_to_stay_where_they_start(told):
    assert told["start"] == {"ours": True, "theirs": False}


def test_goals_go_by_the_number_of_an_episode_and_begin_again_after_all(python):
    benchmark = MetaWorldBenchmark("reach-v3", num_episodes=51, seed=5)
    env = benchmark.create_gyms()[0]()
    try:
        first, second, again = (
            env.reset(seed=episode_seed(5, "reach-v3", index))[0].tobytes() for index in (0, 1, metaworld.NUM_GOALS)
        )
    finally:
        env.close()
    assert first == again != second


@pytest.mark.parametrize(
    ("benchmark", "versions"),
    [
        (PushTBenchmark(observation="pixels", num_episodes=3), {"gym-pusht", "pymunk", "shapely", "numpy"}),
        (MetaWorldBenchmark(["push-v3", "reach-v3"], max_steps=9), {"metaworld", "mujoco", "numpy", "scipy"}),
        (FetchBenchmark("FetchPush-v4"), {"gymnasium-robotics", "mujoco", "numpy"}),
        (AlohaBenchmark("AlohaInsertion-v0"), {"gym-aloha", "dm-control", "mujoco", "numpy"}),
    ],
    ids=["pusht", "metaworld", "fetch", "aloha"],
)
def test_a_described_benchmark_is_made_again_with_versions_and_what_is_observed(python, benchmark, versions):
    again = build_benchmark(benchmark.describe(), benchmark.settings())
    tasks = benchmark.tasks()
    assert [task._asdict() for task in again.tasks()] == [task._asdict() for task in tasks]
    assert again.identity() == benchmark.identity()
    assert again.max_steps == benchmark.max_steps
    for task in tasks:
        assert task.environment["versions"].keys() == versions


def test_what_is_observed_is_part_of_what_is_measured(python):
    plain, seen = (PushTBenchmark(observation=one).tasks()[0].environment for one in ("state", "pixels"))
    assert plain != seen


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: PushTBenchmark(observation="pixel"), "Did you mean 'pixels'"),
        (lambda: PushTBenchmark(observation_height=0), "at least one pixel"),
        (lambda: AlohaBenchmark(observation="state"), "Unknown observation 'state'"),
        (lambda: FetchBenchmark("FetchReach-v3"), "Did you mean 'FetchReach-v4'"),
        (lambda: FetchBenchmark([]), "at least one"),
        (lambda: FetchBenchmark(max_steps=None), "nothing else ends an episode of FetchBenchmark"),
        (lambda: PushTBenchmark(max_steps=None), "nothing else ends an episode of PushTBenchmark"),
        (lambda: AlohaBenchmark(max_steps=None), "nothing else ends an episode of AlohaBenchmark"),
        (lambda: MetaWorldBenchmark(max_steps=501), "ends every episode after 500 steps. Give 500 at most"),
        (lambda: MetaWorldBenchmark("MT11"), "Did you mean 'MT10'"),
        (lambda: MetaWorldBenchmark(["reach-v3", "reach-v3"]), "none twice"),
        (lambda: MetaWorldBenchmark("reach-v3", instructions={"reach-v3": "Go"}), "has no text"),
        (
            lambda: MetaWorldBenchmark("reach-v3", observation="pixels", instructions={"push-v3": "Go"}),
            "task in instructions 'push-v3'",
        ),
    ],
)
def test_what_is_none_of_the_choices_is_told(make, sentence):
    with pytest.raises(UserError, match=sentence):
        make()


def test_steps_that_are_changed_to_what_can_not_be_are_told(python):
    benchmark = FetchBenchmark("FetchReach-v4")
    benchmark.max_steps = None
    with pytest.raises(UserError, match="max_steps=None"):
        benchmark.evaluate("zero")
    assert MetaWorldBenchmark("reach-v3", max_steps=None).max_steps is None  # which ends episodes itself


def test_all_tasks_are_played_unless_some_are_named():
    assert list(AlohaBenchmark().task_arguments()) == list(aloha.TASKS)
    assert len(MetaWorldBenchmark("MT50").task_arguments()) == 50
