"""RobosuiteBenchmark with real physics: scripted policies, the same bits for the same seed, images the right way up."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from rlgauge import UserError, isolation
from rlgauge.envs import robosuite
from rlgauge.kinds.evaluate.benchmark import build_benchmark
from rlgauge.kinds.evaluate.libero import ENVIRONMENT
from rlgauge.kinds.evaluate.robosuite import RobosuiteBenchmark
from rlgauge.kinds.evaluate.simulators import interpreter

pytestmark = pytest.mark.xdist_group("libero")  # which builds its environment once
SCRIPT = Path(__file__).parents[3] / "examples" / "robosuite" / "lift.py"

PROJECTION = """
import json
import numpy as np
from rlgauge.envs.robosuite import Robosuite

env = Robosuite("Lift", camera="agentview", height=96, width=128)
found = []
for seed in range(3):
    observation, _ = env.reset(seed=seed)
    image = observation["image"].astype(int)
    red = (image[..., 0] > 60) & (image[..., 0] > 2 * image[..., 1]) & (image[..., 0] > 2 * image[..., 2])
    rows, columns = np.nonzero(red)
    sim = env._simulator.sim
    camera = sim.model.camera_name2id("agentview")
    axes = sim.data.cam_xmat[camera].reshape(3, 3)  # right, up and back of the camera, in the world
    right, up, back = (observation["object"][:3] - sim.data.cam_xpos[camera]) @ axes
    scale = 96 / 2 / np.tan(np.radians(sim.model.cam_fovy[camera]) / 2) / -back
    drawn = env.render().astype(int)
    found.append({
        "seen": [float(rows.mean()), float(columns.mean())],
        "expected": [48 - scale * up, 64 + scale * right],
        "num": len(rows),
        "film": list(drawn.shape),
        "space": env.observation_space.contains(observation),
    })
print(json.dumps(found, default=float))
"""


@pytest.fixture(scope="module", autouse=True)
def built():
    isolation.environment(ENVIRONMENT)


@pytest.fixture(scope="module")
def lift():
    spec = importlib.util.spec_from_file_location("lift_of_examples", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_one_scripted_policy_lifts_the_cube_and_the_other_does_not(lift):
    benchmark = RobosuiteBenchmark("Lift", num_episodes=3, max_steps=50)
    results = benchmark.evaluate({"lifts": lift.lifts, "forgets": lift.forgets}, lanes=1)
    lifted, forgotten = results.results
    assert (lifted.success_rate, forgotten.success_rate) == (1.0, 0.0)
    assert (lifted.mean_reward, forgotten.mean_reward) == (1.0, 0.0)
    assert all(20 < episode.length < 50 and episode.terminated for episode in lifted.episodes)
    assert all(episode.length == 50 and episode.truncated for episode in forgotten.episodes)


def test_settings_that_can_not_be_are_refused_when_they_are_given_and_when_they_are_used():
    with pytest.raises(UserError, match="max_steps=None: nothing else ends an episode of RobosuiteBenchmark"):
        RobosuiteBenchmark("Lift", max_steps=None)
    with pytest.raises(UserError, match="an image has at least one pixel each"):
        RobosuiteBenchmark("Lift", camera="agentview", observation_height=0)
    with pytest.raises(UserError, match=r"Unknown camera 'agentveiw'. Did you mean 'agentview'\?"):
        RobosuiteBenchmark("Lift", camera="agentveiw")
    with pytest.raises(UserError, match="Unknown camera 'sideview'"):
        RobosuiteBenchmark(["Lift", "PickPlaceCan"], camera="sideview")
    benchmark = RobosuiteBenchmark("Lift", camera="sideview")
    benchmark.max_steps = None
    with pytest.raises(UserError, match="Give a number of steps, such as 200"):
        benchmark.evaluate("zero")


class Keeping:
    """Random actions of one generator an episode; keeps what it sees."""

    bit_stable = True

    def __init__(self):
        self.seen = []

    def begin(self, row, seed):
        self.rng = np.random.default_rng(seed)
        self.seen.append([])

    def act(self, observations, rows):
        self.seen[-1].append(b"".join(observations[name].tobytes() for name in sorted(observations)))
        return self.rng.uniform(-1, 1, (len(rows), 7)).astype(np.float32)


def played(env, seed=1):
    """The digest of two short episodes a task, and what was seen in them."""
    keeping = Keeping()
    results = RobosuiteBenchmark(env, num_episodes=2, max_steps=8, seed=seed).evaluate(keeping, lanes=1)
    assert all(result.n_errors == 0 for result in results.results)
    return results, keeping.seen


def test_doors_and_nuts_do_the_same_again_and_their_episodes_begin_apart():
    results, seen = played(["Door", "NutAssembly"])
    assert results.metadata["not_reproducible"] == []
    assert [result.mean_length for result in results.results] == [8.0] * 2
    begun = [episode[0] for episode in seen if len(episode) == 8]
    assert len(begun) == len(set(begun)) == 4


def test_one_seed_gives_the_same_bits_in_every_process_and_another_seed_others():
    results, seen = played("Lift")
    again, seen_again = played("Lift")
    assert again.digest() == results.digest()
    assert seen_again == seen
    assert not {episode[0] for episode in seen if len(episode) == 8} & {
        episode[0] for episode in played("Lift", seed=2)[1] if len(episode) == 8
    }


def test_images_show_what_is_where_it_is_upright_and_not_mirrored():
    python = interpreter(ENVIRONMENT, is_here=False)
    done = subprocess.run(
        [str(python.path), "-P", "-c", PROJECTION],
        check=False,
        capture_output=True,
        text=True,
        env=dict(python.variables),
        timeout=250,
    )
    assert done.returncode == 0, done.stderr
    for found in json.loads(done.stdout.splitlines()[-1]):
        assert found["num"] > 5
        assert found["film"] == [256, 256, 3]
        assert found["space"]
        np.testing.assert_allclose(found["seen"], found["expected"], atol=3)


def test_films_hold_every_frame_with_the_last(tmp_path):
    av = pytest.importorskip("av")
    benchmark = RobosuiteBenchmark(
        "Lift",
        num_episodes=1,
        max_steps=3,
        video_dir=tmp_path,
        record_mode="all",
        camera="agentview",
        observation_height=32,
        observation_width=32,
    )
    (result,) = benchmark.evaluate("zero", lanes=1).results
    with av.open(tmp_path / result.episodes[0].video) as film:
        assert sum(1 for _ in film.decode(video=0)) == 4


def test_what_is_measured_names_versions_and_images():
    plain = RobosuiteBenchmark("Lift").tasks()[0].environment
    seen = RobosuiteBenchmark("Lift", camera="agentview").tasks()[0].environment
    assert plain["versions"].keys() == {"robosuite", "mujoco", "numpy"}
    assert (plain["images"], seen["images"]["orientation"]) == (None, "upright")
    assert RobosuiteBenchmark("Lift", num_episodes=3).tasks()[0].environment == plain


def test_a_described_benchmark_is_made_again_as_it_was():
    made = RobosuiteBenchmark(["Door", "Lift"], num_episodes=4, camera="agentview", max_steps=9)
    again = build_benchmark(made.describe(), made.settings())
    assert [task._asdict() for task in again.tasks()] == [task._asdict() for task in made.tasks()]
    assert again.identity() == made.identity()
    assert again.max_steps == 9


@pytest.mark.parametrize(
    ("env", "sentence"),
    [("Lft", "Did you mean 'Lift'"), (["Lift", "Lift"], "none twice"), ([], "at least one")],
)
def test_tasks_that_are_none_are_told(env, sentence):
    with pytest.raises(UserError, match=sentence):
        RobosuiteBenchmark(env)


def test_a_robosuite_of_another_version_is_not_taken(monkeypatch):
    for version, is_taken in (("1.4.0", True), ("1.5.2", False)):
        monkeypatch.setattr("importlib.metadata.version", lambda name, version=version: version)
        assert robosuite.is_installed() is is_taken
