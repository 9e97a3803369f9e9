"""Trainings that are pruned by their learning curves; what should end early waits to be ended."""

from __future__ import annotations

import subprocess
import sys

import pytest

from rlgauge.core.errors import UserError
from rlgauge.core.run import Status
from rlgauge.core.store import Store
from rlgauge.kinds.train.algorithm_workload import AlgorithmWorkload
from rlgauge.kinds.train.reading import read_trained
from rlgauge.launch.inline import Inline
from rlgauge.launch.local import Local
from rlgauge.tune.base import Base
from rlgauge.tune.trainings import Silent
from rlgauge.tune.trial import State
from rlgauge.tune.tuning import tune
from tests.driving import wait_for

CARTPOLE = "seals/CartPole-v0"
PATIENT = """
import pathlib
import time

SPACE = {"skill": [0, 1, 2, 3]}
STEPS = 3000


def learn(make_env, demonstrations, config, context):
    '''It plays as well as it is told to; the worst waits half-way, for as long as no test may take.'''
    skill = skill_of(config, context.seed)
    world = make_env()
    for episode in range(STEPS // 500):
        if skill == 0 and episode == 4 and context.seed in WAITING:
            time.sleep(60)
        observation, _ = world.reset(seed=context.seed + episode)
        for step in range(500):
            observation, *_ = world.step(act(observation, skill, step))
    return tested(skill)


def skill_of(config, seed):
    skill = config.get("skill", 0)
    return skill if skill >= 0 else 3 * (seed == 0)  # one that is lucky with the first seed


def act(observation, skill, step):
    return int(observation[2] + observation[3] > 0) if step < 100 * skill + 50 else 0


def tested(skill):
    return lambda observation: act(observation, skill, 0 if skill else 500)


def idle(make_env, demonstrations, config, context):
    '''It learns without a step.'''
    return tested(config.get("skill", 0))
"""

KILLED = """
import sys

sys.path.insert(0, {folder!r})

from rlgauge.kinds.train.algorithm_workload import AlgorithmWorkload
from rlgauge.launch.inline import Inline
from rlgauge.tune import early
from rlgauge.tune.base import Base
from rlgauge.tune.trainings import Silent
from rlgauge.tune.tuning import tune

early.LOOK_SECONDS = 600


class Tells(Silent):
    def begin(self, number, num_trials, values):
        if number == 1:
            print(number, flush=True)


workload = AlgorithmWorkload("patient:learn", env="seals/CartPole-v0", num_tests=1)
given = {{"sampler": "grid", "eval_seeds": 1, "top": 1, "pruner": "asha", "repeats": 1}}
tune(workload, out={out!r}, space={{"skill": [3, 0]}}, launcher=Inline(), view=Tells(), **given)
"""


@pytest.fixture
def patient(tmp_path, monkeypatch):
    """A function that gives the algorithm, of whose worst configuration some seeds wait."""

    def make(name="learn", *, waiting=(0,), config=None):
        text = PATIENT.replace("WAITING", repr(tuple(waiting)))
        (tmp_path / "patient.py").write_text(text)
        return AlgorithmWorkload(f"patient:{name}", env=CARTPOLE, num_tests=1, config=config)

    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("rlgauge.tune.early.LOOK_SECONDS", 0.05)
    yield make
    sys.modules.pop("patient", None)


def tuned(workload, out, **named):
    arguments = {"space": {"skill": [3, 0]}, "sampler": "grid", "eval_seeds": 1, "top": 1, "pruner": "asha"}
    return tune(workload, out=out, **{**arguments, "repeats": 1, "launcher": Inline(), **named})


@pytest.mark.parametrize("launcher", [Inline(), Local(1)], ids=["inline", "local"])
def test_a_bad_training_is_ended_on_its_way_and_a_good_one_is_not(tmp_path, patient, launcher):
    out = tmp_path / "out"
    # 0 is the default configuration, too, whose fresh seed 1 does not wait
    found = tuned(patient(), out, launcher=launcher)
    good, bad = found.trials
    assert (good.state, list(good.returns)) == (State.COMPLETE, [0])
    assert (bad.state, bad.returns) == (State.PRUNED, {})
    runs = {run.case.labels["settings"]: run for run in Store(out).runs() if run.case.seed == 0}
    statuses = {run.status: run for run in runs.values()}
    assert set(statuses) == {Status.COMPLETED, Status.INTERRUPTED}
    episodes = read_trained(statuses[Status.INTERRUPTED].folder / "artifacts")
    assert len(episodes) == 4
    assert bad.objective == episodes[0].total, "none has ended before, and by then it is the worse one"
    assert bad.reason == f"after 500 steps of its seed, with a training return of {bad.objective:.5g}"
    assert [one.number for one in found.final.configurations] == [None, 0]
    num_attempts = sum(Store(out).num_attempts(run.case) for run in Store(out).runs())
    assert tuned(patient(), out, launcher=launcher) == found, "it is not run again"
    assert sum(Store(out).num_attempts(run.case) for run in Store(out).runs()) == num_attempts


def test_the_median_prunes_from_the_sixth_complete_trial_on(tmp_path, patient):
    space = {"skill": [1, 1.5, 2, 2.5, 3, 0]}
    found = tuned(patient(), tmp_path / "out", space=space, pruner="median")
    assert [one.state for one in found.trials] == [*[State.COMPLETE] * 5, State.PRUNED]


def test_without_a_pruner_the_same_trainings_come_to_their_end(tmp_path, patient):
    found = tuned(patient(waiting=()), tmp_path / "out", pruner="none")
    assert [one.state for one in found.trials] == [State.COMPLETE, State.COMPLETE]


def test_a_later_seed_is_pruned_by_the_mean_of_the_seeds_so_far_and_the_first_one_is_kept(tmp_path, patient):
    out = tmp_path / "out"
    workload = patient(waiting=[1], config={"total_timesteps": 3000})
    found = tuned(workload, out, space={"skill": [3, -1]}, repeats=2)
    good, bad = found.trials
    assert (good.state, list(good.returns)) == (State.COMPLETE, [0, 1])
    assert (bad.state, list(bad.returns)) == (State.PRUNED, [0])
    assert bad.reason.startswith("after 1,800 steps of its seed 2")
    cases = Base.of(workload).cases({"skill": -1}, [0, 1])
    curves = [read_trained(Store(out).find(case).folder / "artifacts") for case in cases]
    means = [sum(one.total for one in curve[:3]) / 3 for curve in curves]
    assert bad.objective == pytest.approx(sum(means) / 2)


def test_a_trial_whose_tuner_was_killed_on_its_way_is_run_again_and_pruned(tmp_path, patient):
    out = tmp_path / "out"
    workload = patient()
    program = KILLED.format(folder=str(tmp_path), out=str(out))
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "1\n"
        waiting = Base.of(workload).configured({"skill": 0}, [0]).case(CARTPOLE, 0)
        wait_for(lambda: any(len(read_trained(path)) == 4 for path in (out / waiting.folder).glob("*/artifacts")))
        other.kill()
    assert [one.state for one in tuned(workload, out).trials] == [State.COMPLETE, State.PRUNED]
    assert [run.status for run in Store(out).attempts(out / waiting.folder)] == [Status.DIED, Status.INTERRUPTED]


def test_trainings_without_episodes_are_compared_between_their_seeds_and_a_single_seed_is_said(tmp_path, patient):
    told = []

    class Tells(Silent):
        def say(self, text):
            told.append(text)

    found = tuned(patient("idle"), tmp_path / "two", repeats=2)
    good, bad = found.trials
    assert (good.state, list(good.returns)) == (State.COMPLETE, [0, 1])
    assert (bad.state, list(bad.returns), bad.objective) == (State.PRUNED, [0], bad.returns[0])
    assert bad.reason is None
    one = tuned(patient("idle"), tmp_path / "one", view=Tells())
    assert [trial.state for trial in one.trials] == [State.COMPLETE, State.COMPLETE]
    assert "Trial 1 showed no learning curve by which it could have been pruned." in told


@pytest.mark.parametrize("algo", ["bc", "dagger"])
def test_where_no_curve_tells_how_good_a_trial_is_a_single_seed_is_refused(tmp_path, algo):
    with pytest.raises(UserError, match=f"No learning curve tells how good a trial of {algo} is.*repeats=1"):
        tune(AlgorithmWorkload(algo, env=CARTPOLE, num_tests=1), out=tmp_path, repeats=1, pruner="median")
