"""What runs with different settings are called, and when they are told apart."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from rlgauge.compare.comparable import told_differences
from rlgauge.compare.settings import setting_names, told_apart
from rlgauge.compare.sides import Pair
from rlgauge.importers import read
from tests.compare.making import reading
from tests.exporters.making import CARTPOLE, case, trained


def run(settings: str, seed: int | None = 0, algorithm: str = "toy", **labels: str):
    return reading("return", [1.0], seed=seed, settings=settings, algorithm=algorithm, labels=labels)


def test_settings_are_called_by_what_differs_and_not_by_which_run_it_was():
    runs = [run("x", num_envs="10", uri="a", host="h", same="s"), run("y", num_envs="20", uri="b", host="i", same="s")]
    assert setting_names(runs) == {"x": "num_envs=10", "y": "num_envs=20"}


def test_settings_of_which_nothing_is_known_or_too_much_differs_are_called_by_their_hash():
    assert setting_names([run("0123456789"), run("")]) == {"0123456789": "01234567", "": "none"}
    long = [run(name, **{f"parameter_{place}": name * 20 for place in range(4)}) for name in ("x", "y")]
    assert setting_names(long) == {"x": "x", "y": "y"}


def test_all_runs_of_a_task_are_told_apart_where_one_of_them_was_measured_twice():
    runs = [run("x", num="1"), run("y", num="2"), run("x", algorithm="other", num="1")]
    assert [found.task for found in told_apart(runs)] == [f"CartPole-v1 (num={number})" for number in (1, 2, 1)]
    assert told_apart([run("x", 0), run("y", 1)]) == [run("x", 0), run("y", 1)]


def test_columns_in_which_imported_runs_differ_are_named():
    ours = [reading("return", [1.0], settings="a", labels={"lr": "0.1", "task": "x"}, kind="imported-scores")]
    theirs = [reading("return", [1.0], settings="b", labels={"lr": "0.2", "task": "y"}, kind="imported-scores")]
    (told,) = told_differences([Pair("toy", "toy", "T", ours, theirs)])
    assert told == "toy on T: the two sides were configured differently in lr."


def trained_with(root: Path, num_batches: int, algorithm: str = "bc"):
    """Runs of two seeds of an algorithm with this setting, as they are read."""
    for seed in range(2):
        trained(root, case(algorithm, seed=seed, bc={"n_batches": num_batches}, dagger={"rounds": 2}))
    return [replace(one, settings=f"{num_batches}") for one in read([root]).readings]


def test_settings_of_trained_algorithms_are_named_where_the_sides_differ_in_them(tmp_path):
    ours, theirs, same = (trained_with(tmp_path / name, num) for name, num in (("a", 60), ("b", 600), ("c", 60)))
    (told,) = told_differences([Pair("bc", "bc", CARTPOLE, ours, theirs)])
    assert told == f"bc on {CARTPOLE}: the two sides were configured differently in bc.n_batches."
    assert not list(told_differences([Pair("bc", "bc", CARTPOLE, ours, same)]))
    other = trained_with(tmp_path / "d", 600, "dagger")
    (told,) = told_differences([Pair("dagger", "bc", CARTPOLE, other, ours)])
    assert told == f"{CARTPOLE}: the two sides were configured differently in bc.n_batches."


def test_trainings_of_several_settings_in_one_table_are_told_apart_by_them(tmp_path):
    runs = [*trained_with(tmp_path / "a", 60), *trained_with(tmp_path / "b", 600)]
    found = told_apart(runs)
    assert {one.algorithm for one in found} == {f"bc (bc.n_batches={number})" for number in (60, 600)}
    assert {one.task for one in found} == {CARTPOLE}
