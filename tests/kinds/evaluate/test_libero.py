"""LiberoBenchmark over a backend with LIBERO's interface: tasks, initial states, simulators, results."""

from __future__ import annotations

import json

import numpy as np
import pytest

from rlgauge import UserError
from rlgauge.cli.main import main
from rlgauge.core.seeding import episode_seed
from rlgauge.kinds.evaluate.benchmark import build_benchmark
from rlgauge.kinds.evaluate.libero import LiberoBenchmark
from rlgauge.kinds.evaluate.workload import EvaluateWorkload
from tests import libero_backend
from tests.libero_backend import NUM_STATES, FakeSimulator

FAKE = "tests.libero_backend:Fake"
CLOSES = "py:tests.libero_backend:closes"


@pytest.fixture(autouse=True)
def opened():
    FakeSimulator.opened.clear()
    return FakeSimulator.opened


def fake(suite="libero_goal", **settings):
    return LiberoBenchmark(suite, backend=FAKE, observation_height=12, observation_width=16, **settings)


class Watching:
    """Stands still, and keeps the hand's place whenever it differs from where the last one was."""

    def __init__(self):
        self.begun = []
        self.is_new = False

    def begin(self, row, seed):
        self.is_new = True

    def act(self, observations, rows):
        if self.is_new:
            self.begun.append(tuple(observations[0]["state"][:3].tolist()))
            self.is_new = False
        return [np.array([0, 0, 0, 0, 0, 0, -1], np.float32)] * len(observations)


@pytest.mark.parametrize(
    ("suite", "steps"),
    [("libero_spatial", 280), ("libero_object", 280), ("libero_goal", 300), ("libero_10", 520), ("libero_90", 400)],
)
def test_each_suite_has_its_own_limit_of_steps(suite, steps):
    assert fake(suite).max_steps == steps
    assert fake(suite, max_steps=7).max_steps == 7


def test_episodes_are_cut_off_at_the_limit():
    (result,) = fake(task_ids=[0], num_episodes=1, max_steps=6).evaluate("zero", lanes=1).results
    assert (result.mean_length, result.episodes[0].truncated, result.success_rate) == (6.0, True, 0.0)


def test_success_is_what_the_simulator_says():
    results = fake(num_episodes=2, max_steps=6).evaluate([CLOSES, "zero"], lanes=1)
    assert [result.success_rate for result in results.results] == [1.0] * 3 + [0.0] * 3
    assert {episode.length for result in results.results[:3] for episode in result.episodes} == {3}


def test_a_task_is_called_by_its_suite_number_and_instruction():
    tasks = fake(task_ids=[2, 0]).tasks()
    assert [task.id for task in tasks] == ["libero_goal_2: turn on the stove", "libero_goal_0: pick up the bowl"]


def test_the_seed_changes_no_initial_state_and_every_episode_has_its_own():
    begun = []
    for seed in (1, 2):
        watching = Watching()
        fake(task_ids=[1], num_episodes=NUM_STATES + 2, max_steps=1, seed=seed).evaluate(watching, lanes=1)
        begun.append([place for place in watching.begun if place in _places(1)])
    states = libero_backend.initial_states(libero_backend.Fake().tasks("libero_goal")[1])
    expected = [tuple(states[index % NUM_STATES][1:4].astype(np.float32).tolist()) for index in range(NUM_STATES + 2)]
    assert begun[0][-len(expected) :] == expected
    assert begun[1][-len(expected) :] == expected


def _places(index):
    task = libero_backend.Fake().tasks("libero_goal")[index]
    return {tuple(state[1:4].astype(np.float32).tolist()) for state in libero_backend.initial_states(task)}


def test_episodes_beyond_the_initial_states_are_told_to_be_repetitions():
    all_states, more = (
        fake(task_ids=[0], num_episodes=num, max_steps=1).evaluate("zero") for num in (NUM_STATES, NUM_STATES + 2)
    )
    assert all_states.warnings() == []
    assert [f"episodes from {NUM_STATES} on (2 of {NUM_STATES + 2}) begin" in text for text in more.warnings()] == [
        True
    ]


def test_one_simulator_is_open_at_a_time_and_all_are_closed(opened, monkeypatch):
    most = []
    reset = FakeSimulator.reset

    def watched(self):
        most.append(sum(not one.is_closed for one in opened))
        return reset(self)

    monkeypatch.setattr(FakeSimulator, "reset", watched)
    benchmark = fake(num_episodes=2, max_steps=3)
    benchmark.check()
    benchmark.tasks()
    assert opened == []
    benchmark.evaluate("zero", lanes=1)
    assert len(opened) == 3
    assert set(most) == {1}
    assert all(one.is_closed for one in opened)


def test_workers_make_the_same_and_more_episodes_go_on_with_what_is_there(tmp_path):
    alone = fake(task_ids=[0, 1], num_episodes=12, max_steps=5).evaluate("random", lanes=1)
    fake(task_ids=[0, 1], num_episodes=3, max_steps=5).evaluate("random", lanes=1, out=tmp_path / "out", workers=2)
    shared = fake(task_ids=[0, 1], num_episodes=12, max_steps=5).evaluate(
        "random", lanes=1, out=tmp_path / "out", workers=2
    )
    assert shared.digest() == alone.digest()
    assert alone.metadata["bit_stable"]


def test_what_is_measured_names_everything_that_decides_it():
    described = fake().tasks()[0].environment
    others = [
        fake(control_mode="absolute"),
        fake(image_orientation="upright"),
        LiberoBenchmark("libero_goal", backend=FAKE, observation_height=16, observation_width=12),
        fake("libero_object"),
    ]
    for other in others:
        assert other.tasks()[0].environment != described
    assert fake(seed=1, num_episodes=3).tasks()[0].environment == described
    assert described["versions"] == {"fake": "1"}
    assert described["task"]["definition"] == "0"


def test_a_described_benchmark_is_made_again_as_it_was():
    made = fake(task_ids=[1], num_episodes=4, control_mode="absolute")
    again = build_benchmark(made.describe(), made.settings())
    assert [task._asdict() for task in again.tasks()] == [task._asdict() for task in made.tasks()]
    assert again.identity() == made.identity()


@pytest.mark.parametrize(
    ("task_ids", "sentence"),
    [([3], "libero_goal has the tasks 0 to 2"), ([-1], "tasks 0 to 2"), ([1, 1], "none twice"), ([], "at least one")],
)
def test_tasks_that_are_none_are_told(task_ids, sentence):
    with pytest.raises(UserError, match=sentence):
        fake(task_ids=task_ids).tasks()


def test_a_seed_of_no_episode_stands_for_itself():
    (made,) = fake(task_ids=[0], num_episodes=2).create_gyms()
    env = made()
    states = libero_backend.initial_states(libero_backend.Fake().tasks("libero_goal")[0])
    for seed, index in ((episode_seed(42, "libero_goal_0: pick up the bowl", 1), 1), (43, 43 % NUM_STATES)):
        observation, _ = env.reset(seed=seed)
        np.testing.assert_array_equal(observation["state"][:3], states[index][1:4].astype(np.float32))


def test_films_show_the_first_frame_to_the_last(tmp_path):
    av = pytest.importorskip("av")
    benchmark = LiberoBenchmark(
        "libero_goal",
        [0],
        backend=FAKE,
        num_episodes=1,
        observation_height=64,
        observation_width=64,
        video_dir=tmp_path,
        record_mode="all",
    )
    (result,) = benchmark.evaluate(CLOSES, lanes=1).results
    with av.open(tmp_path / result.episodes[0].video) as film:
        assert sum(1 for _ in film.decode(video=0)) == 4


def test_a_backend_that_cannot_open_a_simulator_ends_no_episode_as_a_failure():
    benchmark = LiberoBenchmark("libero_goal", [0], backend="tests.libero_backend:WithoutMeshes", num_episodes=1)
    (result,) = benchmark.evaluate("zero", lanes=1).results
    assert (result.n_errors, result.success_rate) == (1, None)
    assert "LIBERO's meshes are not there" in result.episodes[0].error


def test_one_simulator_is_played_a_process_unless_more_lanes_are_asked_for(opened):
    assert EvaluateWorkload(fake(), [], lanes=None).lanes == 1
    assert EvaluateWorkload(fake(), [], lanes=3).lanes == 3
    fake(task_ids=[0], num_episodes=4, max_steps=2).evaluate("zero")
    assert len(opened) == 1


def test_no_simulator_is_opened_to_know_that_films_can_be_made(opened):
    assert fake().can_be_filmed()
    assert opened == []


def test_on_the_command_line_it_is_a_class_path_with_its_arguments(tmp_path, capsys):
    command = [
        *("benchmark", "--benchmark", "rlgauge.LiberoBenchmark", "--benchmark.task_suite", "libero_goal"),
        *("--benchmark.backend", FAKE, "--benchmark.task_ids", "[0,2]", "--benchmark.num_episodes", "2"),
        *("--benchmark.max_steps", "4", "--benchmark.record_mode", "none", "--out", str(tmp_path / "out")),
    ]
    assert main([*command, "--policy", CLOSES, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["task_id"] for one in told["results"]] == [
        "libero_goal_0: pick up the bowl",
        "libero_goal_2: turn on the stove",
    ]
    assert {one["success_rate"] for one in told["results"]} == {1.0}
