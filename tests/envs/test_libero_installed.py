"""hf-libero as it is installed: its tasks, initial states, instructions and order, read without torch or meshes."""

from __future__ import annotations

import json
import pickle
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest
import yaml

from rlgauge import UserError, isolation
from rlgauge.core.files import cache_folder
from rlgauge.core.seeding import episode_seed
from rlgauge.envs import libero_installed
from rlgauge.envs.apart import ApartError, call
from rlgauge.envs.libero import MAX_STEPS
from rlgauge.kinds.evaluate.libero import ENVIRONMENT, LiberoBenchmark, told_by_libero
from rlgauge.kinds.evaluate.simulators import interpreter
from tests import libero_stand_ins

pytestmark = pytest.mark.xdist_group("libero")  # which builds its environment once

LIBRARY = """
import json, sys, types
sys.modules["torch"] = types.ModuleType("torch")  # which its module of tasks imports, for initial states only
from rlgauge.envs import libero_installed as ours

ours.configure()
from libero.libero.benchmark import get_benchmark_dict

told = {}
for suite in ("libero_spatial", "libero_object", "libero_goal", "libero_10", "libero_90"):
    theirs = get_benchmark_dict()[suite]()
    own = ours.tasks(suite)
    states = [ours.initial_states(suite, task.name) for task in own]
    told[suite] = {
        "theirs": [[task.name, task.language] for task in theirs.tasks],
        "own": [[task.name, task.language] for task in own],
        "files": [ours.definition_file(suite, task.name).is_file() for task in own],
        "path": [str(ours.definition_file(suite, task.name)) == theirs.get_task_bddl_file_path(i).replace("/./", "/")
                 for i, task in enumerate(own)],
        "shapes": [one.shape for one in states],
        "finite": all(abs(one).max() < 1e3 for one in states),
        "apart": [len({row.tobytes() for row in one}) for one in states],
        "definitions": [task.definition for task in own],
        "counts": [task.num_initial_states for task in own],
        "first": states[0][3].tolist(),
    }
print(json.dumps(told))
"""
IMPORT = """
import json, sys
from rlgauge.envs import libero_installed as ours

ours.configure()
import libero.libero.envs
print(json.dumps("torch" in sys.modules))
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """The environment's Python, with an empty home and no configuration of LIBERO's."""
    isolation.environment(ENVIRONMENT)
    found = interpreter(ENVIRONMENT, is_here=False)
    home = tmp_path_factory.mktemp("home")
    variables = {name: value for name, value in found.variables.items() if name != libero_installed.CONFIG_PATH}
    return found._replace(variables={**variables, "HOME": str(home), "RLGAUGE_CACHE": str(home / "cache")})


def run(python, script):
    """What a script prints last; nobody is at its keyboard."""
    done = subprocess.run(
        [str(python.path), "-P", "-c", script],
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env=dict(python.variables),
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def told(python):
    return run(python, LIBRARY)


@pytest.mark.parametrize(("suite", "num"), [*zip(MAX_STEPS, (10, 10, 10, 10, 90), strict=True)])
def test_tasks_instructions_and_their_order_are_those_of_the_library(told, suite, num):
    assert told[suite]["own"] == told[suite]["theirs"]
    assert len(told[suite]["own"]) == num
    assert all(told[suite]["files"])
    assert all(told[suite]["path"])


def test_every_task_has_its_own_initial_states_fifty_of_them(told):
    for suite, found in told.items():
        assert {shape[0] for shape in found["shapes"]} == {50}, suite
        assert set(found["counts"]) == {50}
        assert min(found["apart"]) == 50
        assert found["finite"]
    definitions = [one for found in told.values() for one in found["definitions"]]
    assert len(set(definitions)) == len(definitions) == 130


def test_the_import_asks_nothing_and_needs_no_torch(python):
    assert run(python, IMPORT) is False


def test_the_configuration_names_places_that_are_there(python):
    told = call("rlgauge.envs.libero_installed:look", {}, python=python)
    assert (told["num_tasks"], told["num_initial_states"], told["assets"]) == (130, 6500, None)
    assert told["versions"]["hf-libero"] == "0.1.4"
    places = yaml.safe_load(Path(told["configuration"]).read_text())
    assert told["configuration"].startswith(python.variables["RLGAUGE_CACHE"])
    assert Path(places["bddl_files"]).is_dir()
    assert Path(places["init_states"]).is_dir()


def test_a_configuration_of_ones_own_stays_as_it_is(python, tmp_path):
    (tmp_path / "config.yaml").write_text("assets: /elsewhere\n")
    named = python._replace(variables={**python.variables, libero_installed.CONFIG_PATH: str(tmp_path)})
    told = call("rlgauge.envs.libero_installed:look", {}, python=named)
    assert told["configuration"] == str(tmp_path / "config.yaml")
    assert (tmp_path / "config.yaml").read_text() == "assets: /elsewhere\n"


def test_missing_meshes_are_told_at_once_with_the_command_that_brings_them(python):
    wanted = (
        r"meshes are not there.*hf download lerobot/libero-assets --repo-type dataset --local-dir .*/\.cache/libero"
    )
    with pytest.raises(UserError, match=wanted):
        call("rlgauge.envs.libero_installed:tell_tasks", {"suite": "libero_10"}, python=python)
    with pytest.raises(UserError, match=wanted):
        call("rlgauge.envs.libero_installed:try_task", {}, python=python)


def test_half_of_the_meshes_are_none(python, tmp_path):
    home = python._replace(variables={**python.variables, "HOME": str(tmp_path)})
    places = [tmp_path / ".cache" / "libero" / "assets" / name for name in libero_installed.ASSET_FOLDERS]
    for place in places[:-1]:
        place.mkdir(parents=True)
    with pytest.raises(UserError, match="meshes are not there"):
        call("rlgauge.envs.libero_installed:check_assets", {}, python=home)
    places[-1].mkdir()
    call("rlgauge.envs.libero_installed:check_assets", {}, python=home)


def test_a_frame_is_rendered_and_looked_at(python):
    assert call("rlgauge.envs.libero_installed:try_rendering", {}, python=python) > 0
    broken = python._replace(variables={**python.variables, "MUJOCO_GL": "glfw", "DISPLAY": ""})
    with pytest.raises((UserError, ApartError)):
        call("rlgauge.envs.libero_installed:try_rendering", {}, python=broken)


@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("KITCHEN_SCENE10_close_the_top_drawer_of_the_cabinet", "close the top drawer of the cabinet"),
        ("LIVING_ROOM_SCENE2_put_both_the_cream_cheese_box", "put both the cream cheese box"),
        ("put_the_bowl_on_the_stove", "put the bowl on the stove"),
    ],
)
def test_an_instruction_is_what_the_name_says_without_its_scene(name, language):
    assert libero_installed.language_of(name) == language


def stored(path, content):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", content)


class Evil:
    def __reduce__(self):
        return print, ("run",)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(pickle.dumps(Evil(), protocol=2), "is no array"), (b"nothing", "holds no initial states"), (None, "zip file")],
)
def test_a_file_of_initial_states_runs_no_code(tmp_path, monkeypatch, capsys, content, sentence):
    file = tmp_path / "task.pruned_init"
    monkeypatch.setattr(libero_installed, "_states_file", lambda suite, name: file)
    file.write_bytes(b"no archive") if content is None else stored(file, content)
    with pytest.raises(UserError, match=sentence):
        libero_installed.initial_states("libero_10", "task")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("protocol", [2, 4])
def test_initial_states_are_read_as_they_were_written(tmp_path, monkeypatch, protocol):
    states = np.random.default_rng(0).normal(size=(50, 7))
    stored(tmp_path / "task.pruned_init", pickle.dumps(states, protocol=protocol))
    monkeypatch.setattr(libero_installed, "_states_file", lambda suite, name: tmp_path / "task.pruned_init")
    np.testing.assert_array_equal(libero_installed.initial_states("libero_10", "task"), states)


def test_without_the_library_it_is_told_what_to_do(monkeypatch):
    monkeypatch.setattr(libero_installed, "is_installed", lambda: False)
    with pytest.raises(UserError, match="rlgauge doctor libero"):
        libero_installed.root()


STATES = """
import json
import numpy as np
from rlgauge.envs.libero import Libero
from rlgauge.envs.libero_installed import Installed

backend = Installed()
task = backend.tasks("libero_object")[2]
states = backend.initial_states(task)
env = Libero(backend, task, height=32, width=32)


def state():
    return env._simulator._opened.get_sim_state()


env.reset(seed=5, options={"episode": 3})
begun = state()
env.reset(seed=6, options={"episode": 54})
other = state()
simulator = env._simulator
simulator.seed(0)
simulator.set_init_state(states[3])
simulator.reset()
told = {
    "sizes": [len(begun), states.shape[1]],
    "near": float(abs(begun - states[3])[1:9].max()),
    "other": float(abs(other - states[4])[1:9].max()),
    "objects": float(np.linalg.norm(begun[10:12] - states[3][10:12])),
    "discarded": float(np.linalg.norm(state()[10:12] - states[3][10:12])),
    "modes": [],
}
for mode in ("relative", "absolute"):
    env._control_mode = mode
    env.reset(options={"episode": 0})
    told["modes"].append(bool(env._simulator.robots[0].controller.use_delta))
print(json.dumps(told))
"""


ACTION = np.array([0.3, 0, 0, 0, 0, 0.2, -1], np.float32)


class Looking:
    """Moves a little, and keeps every observation."""

    bit_stable = True

    def __init__(self):
        self.seen = []

    def begin(self, row, seed):
        self.seen.append([])

    def act(self, observations, rows):
        self.seen[-1].append({name: np.copy(part) for name, part in observations[0].items()})
        return [ACTION] * len(observations)


TASK = "libero_object_1: pick up the cream cheese and place it in the basket"


def benchmark(seed):
    return LiberoBenchmark(
        "libero_object", [1], num_episodes=2, max_steps=2, seed=seed, observation_height=32, observation_width=32
    )


def is_same(one, other):
    return all(np.array_equal(one[name], other[name]) for name in one)


def check_episodes():
    """Another process and another seed: the same bits in the same episode; each episode begins apart."""
    looking = Looking()
    results = benchmark(seed=42).evaluate(looking, lanes=1)
    (result,) = results.results
    assert (result.task_id, result.n_errors, result.success_rate) == (TASK, 0, 0.0)
    assert results.metadata["not_reproducible"] == []
    first, second = (episode for episode in looking.seen if len(episode) == 2)
    assert not is_same(first[0], second[0])
    (make,) = benchmark(seed=7).create_gyms()
    env = make()
    try:
        observation, _ = env.reset(seed=episode_seed(7, TASK, 1))
        assert is_same(observation, second[0])
        assert is_same(env.step(ACTION)[0], second[1])
    finally:
        env.close()


@pytest.fixture(scope="module")
def home_of_boxes(tmp_path_factory):
    home = tmp_path_factory.mktemp("boxes")
    libero_stand_ins.make(home / ".cache" / "libero" / "assets")
    return home


@pytest.fixture
def boxes(home_of_boxes, monkeypatch):
    """A home in which boxes stand for the meshes."""
    isolation.environment(ENVIRONMENT)
    monkeypatch.setenv("RLGAUGE_CACHE", str(cache_folder()))
    monkeypatch.setenv("HOME", str(home_of_boxes))
    monkeypatch.setenv(libero_installed.CONFIG_PATH, str(home_of_boxes / "libero"))
    told_by_libero.cache_clear()
    yield interpreter(ENVIRONMENT, is_here=False)
    told_by_libero.cache_clear()


def test_the_librarys_own_simulator_plays_the_same_again_and_each_episode_begins_apart(boxes):
    check_episodes()


def test_an_initial_state_is_where_the_librarys_own_simulator_begins(boxes):
    told = run(boxes, STATES)
    assert told["sizes"][0] == told["sizes"][1]
    assert told["near"] < 0.05
    assert told["other"] < 0.05
    assert told["objects"] < 0.05
    assert told["discarded"] > 2 * told["objects"]  # the order that is not taken
    assert told["modes"] == [True, False]


@pytest.mark.assets
def test_real_episodes_are_bit_equal_for_one_seed_and_begin_apart():
    isolation.environment(ENVIRONMENT)
    try:
        call("rlgauge.envs.libero_installed:check_assets", {}, python=interpreter(ENVIRONMENT, is_here=False))
    except UserError as error:
        pytest.skip(str(error))
    check_episodes()
