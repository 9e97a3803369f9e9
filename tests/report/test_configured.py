"""What configurations differ in: to group by it, and to say so where runs that differ have one name."""

from __future__ import annotations

import json

import pytest

from rlgauge.compare.references import Normalisation
from rlgauge.core.errors import UserError
from rlgauge.core.reading import Reading
from rlgauge.report.configured import configured, in_what
from rlgauge.report.overview import Overview, make_overview
from rlgauge.report.question import Question, given_by
from rlgauge.stats.metrics import METRICS
from tests.compare.making import reading


def sacred(folder, number: int, *, score: float = 1.0, seed: int = 0, **config) -> Reading:
    """A run of another system, with its configuration beside it."""
    own = folder / str(number)
    own.mkdir()
    (own / "config.json").write_text(json.dumps(config))
    return reading("return", [score], seed=seed, settings=json.dumps(config, sort_keys=True), source=str(own))


def groups(readings, **asked) -> tuple[set[tuple[str, str]], Overview]:
    overview = make_overview(readings, Question(metrics=METRICS, **asked))
    return {(line.group, line.task) for line in overview.lines}, overview


def test_a_parameter_of_a_configuration_is_a_dimension_by_its_whole_name_or_its_end(tmp_path):
    runs = [sacred(tmp_path, number, bc={"optimizer": {"lr": lr}}, n=1) for number, lr in enumerate((0.1, 0.2))]
    for name in ("lr", "optimizer.lr", "bc.optimizer.lr"):
        found, by = configured(runs, ("algorithm", name))
        assert by == ("algorithm", "bc.optimizer.lr")
        assert [run.labels["bc.optimizer.lr"] for run in found] == ["0.1", "0.2"]


def test_a_name_that_several_parameters_end_in_means_the_one_that_differs_or_must_be_whole(tmp_path):
    runs = [sacred(tmp_path, n, a={"lr": n}, b={"lr": 1}) for n in range(2)]
    assert configured(runs, ("lr",))[1] == ("a.lr",)
    more = [*runs, sacred(tmp_path, 2, a={"lr": 0}, b={"lr": 2})]
    with pytest.raises(UserError, match=r"--by lr may be a\.lr or b\.lr: give the whole name\."):
        configured(more, ("lr",))


def test_a_run_that_does_not_say_is_a_group_of_its_own(tmp_path):
    runs = [sacred(tmp_path, 0, lr=0.1), sacred(tmp_path, 1, gamma=3)]
    assert groups(runs, by=("lr",))[0] == {("lr=0.1", "CartPole-v1"), ("lr=none", "CartPole-v1")}


def test_settings_that_groups_tell_apart_are_not_in_the_names_of_tasks_too():
    runs = [
        reading("return", [1.0], seed=seed, settings=lr + gamma, labels={"lr": lr, "gamma": gamma})
        for seed in range(2)
        for lr in ("1", "2")
        for gamma in ("8", "9")
    ]
    assert groups(runs, by=("algorithm", "lr", "gamma"))[0] == {
        (f"toy, lr={lr}, gamma={gamma}", "CartPole-v1") for lr in "12" for gamma in "89"
    }
    assert groups(runs, by=("algorithm", "lr"))[0] == {
        (f"toy, lr={lr}", f"CartPole-v1 (gamma={gamma})") for lr in "12" for gamma in "89"
    }
    assert groups(runs)[0] == {("toy", f"CartPole-v1 (gamma={gamma}, lr={lr})") for lr in "12" for gamma in "89"}


def test_settings_that_are_pooled_say_in_what_they_differ(tmp_path):
    runs = [sacred(tmp_path, number, seed=number, data=f"file{number}", n=1) for number in range(2)]
    (note,) = (note for note in groups(runs)[1].notes if "pooled" in note)
    assert note == (
        "Runs with different settings are pooled in toy on CartPole-v1, which differ in data: tell them apart with "
        "--by algorithm,settings."
    )


def test_what_the_checksums_of_settings_stand_for_is_told(tmp_path):
    runs = [sacred(tmp_path, number, seed=0, lr=number, n=1) for number in range(2)]
    (note,) = (note for note in groups(runs, by=("algorithm", "settings"))[1].notes if "checksums" in note)
    assert note == (
        "settings are checksums of configurations without seed and log folder; they differ in lr: --by algorithm,lr "
        "groups by one."
    )


def test_only_what_differs_between_runs_of_one_algorithm_and_task_is_told(tmp_path):
    one = sacred(tmp_path, 0, env="A", lr=1)
    other = sacred(tmp_path, 1, env="B", lr=2)
    assert in_what([one, other]) == "env, lr"
    assert in_what([one, Reading(**{**vars_of(other), "task": "Other"})]) == ""


def vars_of(run: Reading) -> dict[str, object]:
    return {name: getattr(run, name) for name in run.__struct_fields__}


def test_the_paths_that_were_given_tell_runs_apart(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "a")
    (tmp_path / "a").mkdir()
    sources = [f"{tmp_path}/a/x/0", f"{tmp_path}/a/1", f"{tmp_path}/ab/2", f"{tmp_path}/b.csv"]
    runs = [reading("return", [1.0], seed=seed, source=source) for seed, source in enumerate(sources)]
    given = [f"{tmp_path}/link", f"{tmp_path}/ab/", f"{tmp_path}/a/x", f"{tmp_path}/b.csv"]
    assert {run.labels["given"] for run in given_by(runs, [str(tmp_path)])} == {str(tmp_path)}
    assert given_by(runs[:1], [f"{tmp_path}/a", f"{tmp_path}/a/x"])[0].labels["given"] == f"{tmp_path}/a/x"
    labels = [run.labels["given"] for run in given_by(runs, given)]
    assert labels == [given[2], given[0], given[1], given[3]]


def test_that_several_of_the_paths_that_were_given_are_pooled_is_told():
    runs = [reading("return", [1.0], seed=seed, labels={"given": f"{seed % 2}"}) for seed in range(4)]
    (note,) = (note for note in groups(runs)[1].notes if "pooled" in note)
    assert note == (
        "Runs of several of the paths that were given are pooled in toy on CartPole-v1: tell them apart with --by "
        "algorithm,given."
    )
    assert groups(runs, by=("given",))[0] == {("given=0", "CartPole-v1"), ("given=1", "CartPole-v1")}
    assert groups([*runs, *runs])[0] == {("toy", "CartPole-v1")}


def test_a_reference_without_settings_is_that_of_all_settings():
    runs = [reading("return", [10.0 * int(lr)], seed=0, settings=lr, labels={"lr": lr}) for lr in ("5", "6")]
    ends = [reading("return", [score], algorithm=name) for name, score in (("random", 0.0), ("expert", 100.0))]
    _, overview = groups([*runs, *ends], normalisation=Normalisation("random", "expert"), algorithms={"toy"})
    assert [run.normalised for run in overview.runs] == [0.5, 0.6]
    own = reading("return", [20.0], algorithm="random", settings="5", labels={"lr": "5"})
    _, overview = groups([*runs, *ends, own], normalisation=Normalisation("random", "expert"), algorithms={"toy"})
    assert [run.normalised for run in overview.runs] == pytest.approx([30 / 80, 50 / 90])
