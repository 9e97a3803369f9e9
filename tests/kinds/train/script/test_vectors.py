from __future__ import annotations

import envpool  # before anything counts: what waits for it may be gone where another test has put imports back
import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv
from gymnasium.wrappers import NormalizeReward, RecordEpisodeStatistics
from gymnasium.wrappers.vector import NormalizeReward as VectorNormalizeReward
from gymnasium.wrappers.vector import RecordEpisodeStatistics as VectorRecordEpisodeStatistics

from rlgauge.kinds.train.journal import REWARDS, Journal, read_episodes
from rlgauge.kinds.train.script import counting
from rlgauge.kinds.train.script.vectors import Inner, autoreset_mode, shaping, told_episode
from rlgauge.kinds.train.spec import Spec
from tests.kinds.train.script.counters import Countdown, expected

PLACES = ((3, 1, 4, 2), (2, 2), (5,))


@pytest.fixture
def run(tmp_path):
    counting.install(Journal(tmp_path), Spec(script="no.py", env=None, seed=7, args=[], folder=str(tmp_path)))
    yield tmp_path
    counting.stop()


class Batch(gymnasium.vector.VectorEnv):
    """Countdowns stepped as one, reset in the given mode."""

    def __init__(self, mode):
        self.parts = [Countdown(lengths) for lengths in PLACES]
        self.num_envs = len(self.parts)
        self.metadata = {"autoreset_mode": mode}
        self.is_over = [False] * self.num_envs

    def reset(self, *, seed=None, options=None):
        mask = (options or {}).get("reset_mask", [True] * self.num_envs)
        for index in np.flatnonzero(mask):
            self.parts[index].reset()
            self.is_over[index] = False
        return np.zeros((self.num_envs, 1)), {}

    def step(self, actions):
        rows = [self._row(index) for index in range(self.num_envs)]
        rewards, ends, cuts = (np.array(column) for column in zip(*rows, strict=True))
        return np.zeros((self.num_envs, 1)), rewards, ends, cuts, {}

    def _row(self, index):
        mode = self.metadata["autoreset_mode"]
        if self.is_over[index] and mode is AutoresetMode.NEXT_STEP:
            self.parts[index].reset()
            self.is_over[index] = False
            return 0.0, False, False
        _, reward, ended, cut, _ = self.parts[index].step(0)
        if ended or cut:
            self.is_over[index] = True
            if mode is AutoresetMode.SAME_STEP:
                self.parts[index].reset()
        return reward, ended, cut


def makers():
    return [lambda lengths=lengths: Countdown(lengths) for lengths in PLACES]


def turn(env, num_steps, mode):
    """Step a vector, and reset by hand what has ended where nobody else does."""
    env.reset()
    for _ in range(num_steps):
        _, _, ends, cuts, _ = env.step(np.zeros(env.num_envs, int))
        if mode is AutoresetMode.DISABLED and (ends | cuts).any():
            env.reset(options={"reset_mask": ends | cuts})


def by_place(folder):
    found = {place: [] for place in range(len(PLACES))}
    for one in read_episodes(folder):
        found[one.place].append((one.total, one.length, one.is_truncated))
    return found


def in_steps(num_steps, mode):
    """What ends in that many steps of the vector, and the steps that are none."""
    pause = int(mode is AutoresetMode.NEXT_STEP)
    found, num_idle = {}, 0
    for place, lengths in enumerate(PLACES):
        ends = np.cumsum([lengths[index % len(lengths)] + pause for index in range(num_steps)]) - pause
        found[place] = expected(int((ends <= num_steps).sum()), lengths)
        num_idle += pause * int((ends < num_steps).sum())
    return found, num_idle


@pytest.mark.parametrize("mode", AutoresetMode)
@pytest.mark.parametrize("kind", ["sync", "async", "batch", "wrapped"])
def test_vectors_count_each_part_in_every_mode_of_reset(run, kind, mode):
    if kind == "batch":
        env = Batch(mode)
    elif kind == "async":
        env = AsyncVectorEnv(makers(), autoreset_mode=mode, context="fork")
    else:
        env = SyncVectorEnv(makers(), autoreset_mode=mode)
    if kind == "wrapped":
        env = VectorRecordEpisodeStatistics(env)
    turn(env, 23, mode)
    env.close()
    found, num_idle = in_steps(23, mode)
    assert by_place(run) == found
    assert counting.num_steps() == 23 * 3 - num_idle


def test_parts_that_are_reset_half_way_have_abandoned_their_episodes(run):
    env = Batch(AutoresetMode.DISABLED)
    env.reset()
    env.step(None)
    env.reset(options={"reset_mask": np.array([True, False, False])})
    env.step(None)
    assert by_place(run) == {0: [(1, 1, True)], 1: [(3, 2, False)], 2: []}
    env.reset()
    env.step(None)
    assert by_place(run)[2] == []


def test_a_vector_of_one_kind_is_counted_as_its_own_bookkeeping_counts_it(run):
    env = VectorRecordEpisodeStatistics(gymnasium.make_vec("CartPole-v1", 4, vectorization_mode="vector_entry_point"))
    env.action_space.seed(1)
    env.reset()
    for _ in range(120):
        env.step(env.action_space.sample())
    ours = read_episodes(run)
    assert [one.total for one in ours] == list(env.return_queue)
    assert [one.length for one in ours] == list(env.length_queue)
    assert len(ours) > 10
    assert {one.env for one in ours} == {"CartPole-v1"}


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_rewards_that_other_processes_normalise_count_as_the_task_has_them(run, mode):
    def make(lengths):
        return lambda: NormalizeReward(RecordEpisodeStatistics(Countdown(lengths)))

    env = AsyncVectorEnv([make(lengths) for lengths in PLACES], autoreset_mode=mode, context="fork")
    turn(env, 23, mode)
    env.close()
    assert by_place(run) == in_steps(23, mode)[0]


def test_rewards_that_a_wrapper_of_vectors_normalises_count_as_the_task_has_them(run):
    turn(VectorNormalizeReward(Batch(AutoresetMode.NEXT_STEP)), 23, AutoresetMode.NEXT_STEP)
    assert by_place(run) == in_steps(23, AutoresetMode.NEXT_STEP)[0]


def test_rewards_of_every_step_of_a_vector_are_kept_on_demand(tmp_path):
    spec = Spec(script="no.py", env=None, seed=7, args=[], folder=str(tmp_path), keep_rewards=True)
    counting.install(Journal(tmp_path, keep_rewards=True), spec)
    turn(Batch(AutoresetMode.NEXT_STEP), 9, AutoresetMode.NEXT_STEP)
    counting.stop()
    kept = np.fromfile(tmp_path / REWARDS, "<f4").tolist()
    assert kept == [reward for one in read_episodes(tmp_path) for reward in range(1, one.length + 1)]
    assert len(kept) == 15


def test_the_vector_is_seeded_and_its_parts_by_it(run):
    env = SyncVectorEnv(makers())
    single = Countdown()
    env.reset()
    single.reset()
    assert [part.seeds for part in env.envs] == [[7], [8], [9]]
    assert single.seeds == [10]


def test_stopping_gives_a_vector_its_own_step_back(run):
    env = Batch(AutoresetMode.NEXT_STEP)
    turn(env, 4, AutoresetMode.NEXT_STEP)
    num = len(read_episodes(run))
    counting.stop()
    turn(env, 9, AutoresetMode.NEXT_STEP)
    assert "step" not in vars(env)
    assert num == len(read_episodes(run)) > 0


def test_an_envpool_is_counted_as_a_vector(run):
    env = envpool.make("CartPole-v1", env_type="gymnasium", num_envs=3, seed=5)
    env.reset()
    totals, lengths, over, mine = np.zeros(3), np.zeros(3, int), np.zeros(3, bool), []
    for step in range(150):
        _, rewards, ends, cuts, _ = env.step(np.full(3, step % 2))
        totals, lengths = np.where(over, 0, totals + rewards), np.where(over, 0, lengths + 1)
        over = ends | cuts
        mine += [(totals[index], lengths[index], index) for index in np.flatnonzero(over)]
        totals, lengths = np.where(over, 0, totals), np.where(over, 0, lengths)
    assert [(one.total, one.length, one.place) for one in read_episodes(run)] == mine
    assert len(mine) > 3
    assert counting.made() == ["CartPole-v1"]


@pytest.mark.parametrize(
    ("infos", "told"),
    [
        ({"episode": {"r": np.array([1.0, 2.0])}, "_episode": np.array([False, True])}, Inner(2, 0)),
        ({"episode": {"r": np.array([1.0, 2.0])}, "_episode": np.array([True, False])}, None),
        ({"final_info": {"episode": {"r": np.array([1.0, 3.0])}, "_episode": np.array([False, True])}}, Inner(3, 0)),
        (
            {"episode": {"r": np.array([1.0, 2.0]), "l": np.array([5, 6])}, "_episode": np.array([False, True])},
            Inner(2, 6),
        ),
        ({"final_info": np.array([None, {"episode": {"r": np.array([4.0]), "l": np.array([7])}}])}, Inner(4, 7)),
        ({"final_info": np.array([{}, None])}, None),
        ([{}, {"episode": {"r": 5.0, "l": 2}}], Inner(5, 2)),
        ([{}, {}], None),
        ({}, None),
        (None, None),
    ],
)
def test_the_episode_that_a_part_tells_is_read_from_every_librarys_infos(infos, told):
    assert told_episode(infos, 1) == told


def test_a_vector_without_a_mode_has_that_of_its_library():
    class VectorEnv:
        pass

    assert autoreset_mode(VectorEnv()) == "SAME_STEP"
    assert autoreset_mode(gymnasium.vector.VectorEnv()) == "NEXT_STEP"


class Mute(Batch):
    """The same, and does not say in which mode."""

    def __init__(self, mode):
        super().__init__(mode)
        self.mode = mode
        self.metadata = {}

    def _row(self, index):
        self.metadata = {"autoreset_mode": self.mode}
        row = super()._row(index)
        self.metadata = {}
        return row


def test_a_vector_that_does_not_say_when_it_resets_shows_it_by_its_rewards(run):
    turn(Mute(AutoresetMode.SAME_STEP), 23, AutoresetMode.SAME_STEP)
    assert by_place(run) == in_steps(23, AutoresetMode.SAME_STEP)[0]
    assert counting.num_steps() == 23 * 3
    counting.stop()
    assert counting.warnings() == []


def test_where_that_does_not_show_it_is_taken_for_the_mode_of_gymnasium_and_said(run):
    env = Mute(AutoresetMode.NEXT_STEP)
    turn(env, 23, AutoresetMode.NEXT_STEP)
    assert by_place(run) == in_steps(23, AutoresetMode.NEXT_STEP)[0]
    counting.stop()
    (text,) = counting.warnings()
    assert text.startswith("Mute does not say when it resets its parts (metadata['autoreset_mode'])")


class Lives(Batch):
    """Its first part loses a life at each end; a game has two, and what counts games inside tells of these alone."""

    def __init__(self):
        super().__init__(AutoresetMode.SAME_STEP)
        self.num_ends = 0

    def step(self, actions):
        observations, rewards, ends, cuts, _ = super().step(actions)
        infos = {}
        if ends[0] or cuts[0]:
            self.num_ends += 1
            if not self.num_ends % 2:
                told = {"r": np.array([70.0, 0, 0]), "l": np.array([6, 0, 0])}
                infos = {"episode": told, "_episode": np.array([True, False, False])}
        return observations, rewards, ends, cuts, infos


def test_where_environments_of_envpool_clip_rewards_or_end_with_a_life_that_is_said(run):
    env = Batch(AutoresetMode.SAME_STEP)
    env.config = {"episodic_life": True, "reward_clip": False}
    turn(env, 5, None)
    (text,) = counting.warnings()
    assert text.startswith("Batch makes other rewards and ends of episodes than the task has (episodic_life)")
    assert shaping(envpool.make("CartPole-v1", env_type="gymnasium", num_envs=1)) == []


def test_once_a_part_has_told_of_an_episode_ends_of_which_it_tells_nothing_are_none(run):
    """Of a vector of another library, whose parts can't be asked."""
    turn(Lives(), 4 + 6, None)
    assert by_place(run)[0] == [(6, 3, False), (70, 6, True), (70, 6, True)]
