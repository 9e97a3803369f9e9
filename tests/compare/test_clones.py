"""Trainings whose seed did not reach the script."""

from __future__ import annotations

import pytest

from rlgauge.compare.clones import clones
from rlgauge.compare.quantity import Quantity, Sort
from rlgauge.compare.seeds import one_a_seed
from rlgauge.core.reading import Reading, Total
from rlgauge.kinds.train.journal import Journal

RETURN = Quantity("training_return", "reward", Sort.SCORE)
SECONDS = Quantity("train_seconds", "s", Sort.TIME)


@pytest.fixture
def trained(tmp_path):
    """Makes the reading of a training of a seed, with these returns, each of an episode of its own length."""

    def make(seed, returns, *, lengths=None, algorithm="a"):
        folder = tmp_path / f"{algorithm}-{seed}"
        (folder / "artifacts").mkdir(parents=True)
        journal = Journal(folder / "artifacts")
        for place, total in enumerate(returns):
            length = 10 + place if lengths is None else lengths[place]
            journal.episode(total, length, num_steps=100 * (place + 1))
        journal.close()
        told = {"training_return": 5.0, "training_length": 10.0, "num_episodes": 4.0, "num_steps": 400.0}
        totals = {name: Total(n=1, mean=value) for name, value in {**told, "train_seconds": 1.0 + seed}.items()}
        return Reading(
            algorithm=algorithm,
            task="t",
            seed=seed,
            totals=totals,
            kind="train",
            folders=(str(folder),),
            source=f"{seed}",
        )

    return make


def test_trainings_that_are_the_same_episode_by_episode_count_as_one_and_it_is_said(trained):
    told = []
    runs = [trained(seed, [1.0, 9.0, 4.0, 6.0]) for seed in range(3)]
    assert [seed.reading.seed for seed in one_a_seed(runs, RETURN, told)] == [0]
    (text,) = told
    assert text.startswith("a on t with seeds 0, 1 and 2 is one training, the same in every episode: the seed does not")


def test_times_of_the_same_training_are_measured_apart(trained):
    runs = [trained(seed, [1.0, 9.0, 4.0, 6.0]) for seed in range(3)]
    assert len(one_a_seed(runs, SECONDS, [])) == 3


@pytest.mark.parametrize(
    "others",
    [{"returns": [1.0, 9.0, 6.0, 4.0]}, {"returns": [1.0, 9.0, 4.0, 6.0], "lengths": [10, 11, 12, 14]}],
)
def test_trainings_that_only_come_to_the_same_are_two(trained, others):
    assert clones([trained(0, [1.0, 9.0, 4.0, 6.0]), trained(1, **others)]) == []


def test_trainings_that_never_reach_anything_are_equal_without_being_one(trained):
    runs = [trained(seed, [-200.0] * 4, lengths=[200] * 4) for seed in range(2)]
    assert clones(runs) == []


def test_what_other_algorithms_trained_is_no_clone(trained):
    assert clones([trained(seed, [1.0, 9.0, 4.0, 6.0], algorithm=name) for seed, name in enumerate("ab")]) == []


def test_where_files_are_gone_nothing_is_said(trained, tmp_path):
    runs = [trained(seed, [1.0, 9.0, 4.0, 6.0]) for seed in range(2)]
    for path in tmp_path.glob("a-*/artifacts/training.jsonl"):
        path.unlink()
    assert clones(runs) == []
