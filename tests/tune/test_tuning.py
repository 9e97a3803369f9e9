"""Real trainings of some batches, in this process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from rlgauge.core.claim import STALE_SECONDS
from rlgauge.core.errors import UserError
from rlgauge.core.run import Status
from rlgauge.core.store import Store
from rlgauge.kinds.train.algorithm_workload import AlgorithmWorkload
from rlgauge.launch.inline import Inline
from rlgauge.stats.intervals import student_t
from rlgauge.tune.trial import State
from rlgauge.tune.tuning import NothingToChooseError, retune, tune

CARTPOLE = "seals/CartPole-v0"
SPACE = {"bc.batch_size": [8, 16, 32], "bc.optimizer_kwargs.lr": {"low": 1e-4, "high": 1e-2, "log": True}}
BRITTLE = """
import pathlib

SPACE = {"size": [1, 2, 3]}

def learn(make_env, demonstrations, config, context):
    size = config.get("size", 1)
    if size in BROKEN and not pathlib.Path(MENDED).exists():
        raise ValueError(f"size {size} is too much")
    return lambda observation: size % 2
"""


FRAGILE = """
SPACE = {"way": ["fragile", "sound"]}

def learn(make_env, demonstrations, config, context):
    way = config.get("way", "sound")
    if way == "fragile" and context.seed in (1, 2):
        raise ValueError("a seed that it can't bear")
    return (lambda observation: int(observation[2] > 0)) if way == "fragile" else (lambda observation: 0)
"""
ELSEWHERE = """
import time

from rlgauge.core import platform
from rlgauge.kinds.train.algorithm_workload import AlgorithmWorkload
from rlgauge.launch.inline import Inline
from rlgauge.tune.trainings import Silent
from rlgauge.tune.tuning import tune

platform.machine_id = lambda: "another machine"


class Stops(Silent):
    def begin(self, number, num_trials, values):
        if number == 1:
            print(number, flush=True)
            time.sleep(600)


workload = AlgorithmWorkload("bc", config={{"bc": {{"n_batches": 5}}}}, env="seals/CartPole-v0", num_tests=1)
tune(workload, space={space!r}, trials=3, repeats=2, eval_seeds=3, top=2, out={out!r}, launcher=Inline(), view=Stops())
"""


def bc(**named):
    config = {"bc": {"n_batches": 5}}
    return AlgorithmWorkload("bc", **{"config": config, "env": CARTPOLE, "num_tests": 1, **named})


def tuned(out, **named):
    arguments = {"space": SPACE, "trials": 3, "repeats": 2, "eval_seeds": 3, "top": 2, "launcher": Inline()}
    return tune(bc(), out=out, **{**arguments, **named})


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """A study that nothing is changed in."""
    out = tmp_path_factory.mktemp("once")
    return tuned(out), out


@pytest.fixture
def brittle(tmp_path, monkeypatch):
    """A function that makes an algorithm that raises for some sizes."""

    def make(broken):
        (tmp_path / "brittle.py").write_text(
            BRITTLE.replace("BROKEN", repr(broken)).replace("MENDED", repr(str(tmp_path / "mended")))
        )
        return AlgorithmWorkload("brittle:learn", env=CARTPOLE, num_tests=1)

    monkeypatch.syspath_prepend(tmp_path)
    yield make
    sys.modules.pop("brittle", None)


def test_the_objective_is_the_mean_over_the_repeats_of_the_mean_test_return(once):
    found, out = once
    assert [one.state for one in found.trials] == [State.COMPLETE] * 3
    by_seed = {}
    for run in Store(out).runs():
        by_seed.setdefault(run.case.seed, []).append(run.file.totals["return"].mean)
    for one in found.trials:
        assert list(one.returns) == [0, 1]
        assert all(value in by_seed[seed] for seed, value in one.returns.items())
        assert one.objective == pytest.approx(sum(one.returns.values()) / 2)


def test_no_seed_of_phase_2_was_used_in_phase_1(once):
    found, out = once
    searched = {seed for one in found.trials for seed in one.returns}
    judged = {seed for one in found.final.configurations for seed in one.returns}
    assert searched == {0, 1} == set(found.final.searched_seeds)
    assert judged == {2, 3, 4} == set(found.final.seeds)
    assert {run.case.seed for run in Store(out).runs()} == {0, 1, 2, 3, 4}


def test_phase_2_has_the_best_and_the_default_beside_what_they_were_in_phase_1(once):
    found, _ = once
    default, *others = found.final.configurations
    assert (default.number, default.values, default.searched, default.gain) == (None, {}, None, None)
    objectives = sorted((one.objective for one in found.trials), reverse=True)
    assert [one.searched for one in others] == objectives[:2]
    for one in found.final.configurations:
        assert one.mean == student_t(list(one.returns.values()))
    for one in others:
        assert one.gain.confidence == pytest.approx(0.975), "both intervals hold together with 95 %"
        assert one.gain.point == pytest.approx(one.mean.point - default.mean.point)
    assert found.final.won.mean.point == max(one.mean.point for one in found.final.configurations)


def test_what_it_came_to_is_kept_as_json_and_csv(once):
    found, out = once
    phase1 = json.loads((out / "studies" / "phase1.json").read_text())
    assert [one["values"] for one in phase1["trials"]] == [one.values for one in found.trials]
    assert [one["objective"] for one in phase1["trials"]] == [one.objective for one in found.trials]
    lines = (out / "studies" / "phase1.csv").read_text().splitlines()
    assert lines[0].startswith('trial,state,objective,"return, seed 0","return, seed 1",bc.batch_size')
    assert len(lines) == 4
    phase2 = json.loads((out / "studies" / "phase2.json").read_text())
    assert phase2["configurations"][0]["name"] == "default"
    assert phase2["configurations"][1]["gain"]["point"] == found.final.configurations[1].gain.point


def test_the_same_tuning_again_trains_nothing(once):
    found, out = once
    before = {run.folder for run in Store(out).runs()}
    assert tuned(out) == found
    assert {run.folder for run in Store(out).runs()} == before


def test_the_trial_of_a_tuner_that_died_on_another_machine_is_run_by_the_next_one(once, tmp_path):
    program = ELSEWHERE.format(space=SPACE, out=str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "1\n"
        other.send_signal(signal.SIGKILL)
    beat = tmp_path / "studies" / "heartbeat-1"
    os.utime(beat, (time.time() - STALE_SECONDS - 1,) * 2)
    found = tuned(tmp_path)
    assert found.trials == once[0].trials
    assert found.final == once[0].final
    assert not beat.exists()
    ids = [run.case.id for run in Store(tmp_path).runs()]
    assert len(ids) == len(set(ids)) == len(list(Store(once[1]).runs()))


def test_phase_2_alone_takes_its_configurations_from_the_study(once, tmp_path):
    found, out = once
    again = retune(out, out=tmp_path, eval_seeds=2, top=1, launcher=Inline())
    default, first = again.final.configurations
    best = found.final.configurations[1]
    assert (first.number, first.values, first.searched) == (best.number, best.values, best.searched)
    assert again.final.seeds == [2, 3]
    assert {run.case.seed for run in Store(tmp_path).runs()} == {2, 3}
    assert default.returns == {seed: found.final.configurations[0].returns[seed] for seed in (2, 3)}
    assert again.best == tmp_path / "studies" / "best.yaml"


def test_a_study_goes_on_with_more_trials_and_refuses_another_question(tmp_path):
    first = tuned(tmp_path, trials=1, eval_seeds=1, top=1)
    more = tuned(tmp_path, trials=2, eval_seeds=1, top=1)
    assert more.trials[0] == first.trials[0]
    assert len(more.trials) == 2
    with pytest.raises(UserError, match=r"differs in the space.* Give another --out"):
        tuned(tmp_path, space={"bc.batch_size": [8, 16]})
    with pytest.raises(UserError, match="differs in the seeds of a trial"):
        tuned(tmp_path, repeats=1)
    with pytest.raises(UserError, match="differs in what is fixed"):
        tuned(tmp_path, fixed={"bc.l2_weight": 0.1})
    with pytest.raises(UserError, match="differs in what is trained"):
        tune(bc(num_tests=2), out=tmp_path, space=SPACE, repeats=2, launcher=Inline())
    with pytest.raises(UserError, match="differs in what is trained"):
        retune(tmp_path, workload=bc(num_tests=2), launcher=Inline())


def test_an_equal_configuration_is_never_trained_twice(tmp_path):
    found = tuned(tmp_path, space={"bc.batch_size": [8, 32]}, trials=6, repeats=1, sampler="random", eval_seeds=1)
    assert len(found.trials) == 6
    sizes = {one.values["bc.batch_size"] for one in found.trials}
    runs = [run for run in Store(tmp_path).runs() if run.case.seed == 0]
    assert len(runs) == len(sizes) <= 2
    assert len({(one.values["bc.batch_size"], one.objective) for one in found.trials}) == len(sizes)


def test_a_pruned_trial_stops_after_the_seed_that_showed_it(tmp_path):
    space = {"bc.optimizer_kwargs.lr": [1e-2, 1e-9]}
    found = tuned(tmp_path, space=space, fixed={"bc.n_batches": 60}, trials=2, sampler="grid", pruner="asha")
    good, bad = found.trials
    assert (good.state, list(good.returns)) == (State.COMPLETE, [0, 1])
    assert (bad.state, list(bad.returns)) == (State.PRUNED, [0])
    assert bad.returns[0] < good.returns[0]
    assert [one.number for one in found.final.configurations] == [None, 0]


def test_a_failed_trial_is_shown_and_is_not_fatal(tmp_path, brittle):
    arguments = {"sampler": "grid", "repeats": 1, "eval_seeds": 2, "launcher": Inline()}
    found = tune(brittle({2}), out=tmp_path / "out", **arguments)
    assert [one.state for one in found.trials] == [State.COMPLETE, State.FAILED, State.COMPLETE]
    assert "seed 0: FAILED: ValueError: size 2 is too much" in found.trials[1].reason
    assert found.trials[1].objective is None
    assert [one.values for one in found.final.configurations] == [{}, {"size": 1}, {"size": 3}]


def test_an_objective_that_is_never_reported_ends_in_a_sentence(tmp_path, brittle):
    with pytest.raises(NothingToChooseError, match=r"None of the 2 .* reported .* size 3 is too much") as e:
        tune(brittle({1, 2, 3}), out=tmp_path / "out", space={"size": [2, 3]}, sampler="grid", launcher=Inline())
    assert [one.state for one in e.value.tuned.trials] == [State.FAILED] * 2
    assert (tmp_path / "out" / "studies" / "phase1.json").is_file()


def test_what_failed_is_run_again_only_where_that_is_asked_for(tmp_path, brittle):
    def once_more(**named):
        space = {"size": [1, 2, 3]}
        given = {"repeats": 1, "eval_seeds": 1, "top": 1, "sampler": "grid", "launcher": Inline()}
        return tune(brittle({1, 3}), out=tmp_path / "out", space=space, **given, **named)

    first = once_more()
    states = [State.FAILED, State.COMPLETE, State.FAILED]
    assert [one.state for one in first.trials] == states
    (tmp_path / "mended").touch()
    assert once_more() == first, "also the default configuration stays failed"
    assert first.final.configurations[0].problems
    found = once_more(rerun_failed=True)
    assert [one.state for one in found.trials] == [*states, State.COMPLETE, State.COMPLETE]
    assert [one.values for one in found.trials[3:]] == [{"size": 1}, {"size": 3}]
    assert found.trials[0].reason.endswith("(run again as trial 3)")
    assert not found.final.configurations[0].problems
    assert once_more(rerun_failed=True) == found


def test_configurations_that_a_training_refuses_fail_with_its_words(tmp_path):
    with pytest.raises(NothingToChooseError, match="a batch"):
        tuned(tmp_path, space={"bc.batch_size": [10**6, 10**7]}, trials=2)


def test_of_a_default_that_fails_it_is_said_and_gains_are_unknown(tmp_path, brittle):
    space = {"size": [3]}
    found = tune(brittle({1}), out=tmp_path / "out", space=space, trials=1, repeats=1, eval_seeds=2, launcher=Inline())
    default, other = found.final.configurations
    assert default.mean is None
    assert set(default.problems) == {1, 2}
    assert "size 1 is too much" in default.problems[1]
    assert other.gain is None
    assert found.final.won == other


def test_no_study_and_numbers_below_one_are_refused(tmp_path):
    with pytest.raises(UserError, match="There is no study in"):
        retune(tmp_path, launcher=Inline())
    with pytest.raises(UserError, match="repeats=0"):
        tuned(tmp_path, repeats=0)
    with pytest.raises(UserError, match="the pruner asha compares trials between their seeds"):
        tuned(tmp_path, repeats=1, pruner="asha")
    with pytest.raises(UserError, match="eval_seeds=0"):
        retune(tmp_path, eval_seeds=0)


def test_a_configuration_that_fails_with_most_fresh_seeds_does_not_win_by_the_one_that_is_left(tmp_path, monkeypatch):
    (tmp_path / "fragile.py").write_text(FRAGILE)
    monkeypatch.syspath_prepend(tmp_path)
    found = tune(
        AlgorithmWorkload("fragile:learn", env=CARTPOLE, num_tests=1),
        out=tmp_path / "out",
        sampler="grid",
        repeats=1,
        eval_seeds=3,
        top=2,
        launcher=Inline(),
    )
    sys.modules.pop("fragile", None)
    fragile = next(one for one in found.final.configurations if one.values == {"way": "fragile"})
    assert list(fragile.returns) == [3]
    assert found.final.passed_over == [fragile]
    assert found.final.won.is_complete
    assert "way" not in found.final.won.values or found.final.won.values["way"] == "sound"


def test_phase_2_elsewhere_does_not_replace_what_another_study_came_to(once, tmp_path):
    _, source = once
    other = tuned(tmp_path / "other", space={"bc.batch_size": [8]}, trials=1, repeats=1, eval_seeds=1, top=1)
    there = {path: path.read_bytes() for path in (other.out / "studies").glob("*.json")}
    with pytest.raises(UserError, match=r"The study in .*other is another one"):
        retune(source, out=other.out, eval_seeds=1, top=1, launcher=Inline())
    assert {path: path.read_bytes() for path in there} == there
    empty = tmp_path / "empty"
    assert retune(source, out=empty, eval_seeds=1, top=1, launcher=Inline()).final.seeds == [2]
    assert retune(source, out=empty, eval_seeds=1, top=1, launcher=Inline()).final.seeds == [2]
    with pytest.raises(UserError, match=r"The study in .*empty is another one"):
        retune(other.out, out=empty, launcher=Inline())


@pytest.mark.parametrize("seed", [-1, 2**32 - 1, 2**32 - 5])
def test_seeds_that_can_not_be_used_are_refused_before_anything_is_made(seed, tmp_path):
    with pytest.raises(UserError, match=rf"can't be used.* A trial has the seeds {seed} to .*--seed \(seed\)"):
        tuned(tmp_path / "out", seed=seed, repeats=2, eval_seeds=4)
    assert not (tmp_path / "out").exists()


def test_fresh_seeds_that_can_not_be_used_are_refused_when_phase_2_is_asked_for_alone(tmp_path):
    first = tuned(tmp_path / "first", seed=2**32 - 2, trials=1, repeats=1, eval_seeds=1, top=1)
    assert first.final.seeds == [2**32 - 1]
    with pytest.raises(UserError, match=r"The seed 4294967296 can't be used.* phase 2 the next 2"):
        retune(first.out, out=tmp_path / "out", eval_seeds=2, launcher=Inline())
    assert not (tmp_path / "out").exists()


def test_every_run_of_a_study_is_complete(once):
    _, out = once
    assert {run.status for run in Store(out).runs()} == {Status.COMPLETED}
