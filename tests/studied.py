"""Studies without a training: their folders, as `rlgauge tune` leaves them."""

from __future__ import annotations

import math
from statistics import fmean, stdev

from rlgauge.kinds.train.algorithm_workload import AlgorithmWorkload
from rlgauge.stats.intervals import student_t
from rlgauge.tune import question as questions
from rlgauge.tune import reports
from rlgauge.tune.base import Base
from rlgauge.tune.phase2 import Final, Judged, _compared
from rlgauge.tune.question import Question
from rlgauge.tune.space import read_space
from rlgauge.tune.study import open_study
from rlgauge.tune.trial import best

SPACE = {
    "bc.batch_size": [8, 32, 64],
    "bc.optimizer_kwargs.lr": {"low": 1e-5, "high": 1e-2, "log": True},
    "bc.ent_weight": {"low": 0.0, "high": 0.1},
    "policy.activation_fn": ["tanh", "relu"],
}
FAILED, PRUNED, LEFT = 3, 5, 7
"""The trials that fail, are pruned, and are left by their driver."""
FRESH = [9, 10, 11]


def asked(space=SPACE):
    base = Base.of(AlgorithmWorkload("bc", env="seals/CartPole-v0", num_tests=1), {"bc.n_epochs": 1})
    return Question.of(base, read_space(space, where="here"), seeds=range(3))


def returns_of(values, number):
    """What only the learning rate decides, and chance a little."""
    good = 100 * (math.log10(values["bc.optimizer_kwargs.lr"]) + 5)
    return {seed: good + 7 * math.sin(5 * number + 3 * seed) for seed in range(3)}


def searched(out, *, trials=9, space=SPACE):
    """A study in its first phase, by default with too few trials for importance; the trials that it has."""
    question = asked(space)
    with open_study(out, question.axes, sampler="random", seed=1) as study:
        questions.keep(question, out)
        for number in range(trials):
            going = study.next(trials)
            returns = returns_of(going.values, number)
            if number == FAILED:
                going.fail("seed 1: it broke", {0: returns[0]})
            elif number == PRUNED:
                going.report({0: returns[0]})
                going.prune()
            elif number == LEFT:
                going.report({0: returns[0]})
            else:
                going.complete(returns)
        found = study.trials()
        reports.write_search(found, study.importance(), out)
    return found


def judged(trial, returns):
    return Judged(
        number=None if trial is None else trial.number,
        values={} if trial is None else trial.values,
        searched=None if trial is None else trial.objective,
        num_searched=0 if trial is None else len(trial.returns),
        returns=dict(zip(FRESH, returns, strict=False)),
        problems={} if len(returns) == len(FRESH) else {FRESH[-1]: "it broke"},
        mean=student_t(returns, missing=len(FRESH) - len(returns)) if returns else None,
        deviation=stdev(returns) if len(returns) > 1 else None,
    )


def finished(out, *, default=(20.0, 25.0, 30.0), less=40.0, fresh=(-9, 2, 7), **more):
    """A study with both phases: on fresh seeds the best came to `less` less, each seed so far from that.

    The trials and phase 2.
    """
    trials = searched(out, **more)
    first = judged(None, list(default))
    others = [judged(one, [fmean(one.returns.values()) - less + away for away in fresh]) for one in best(trials, 3)]
    configurations = [first, *(_compared(one, first, confidence=0.95) for one in others)]
    final = Final(
        algorithm="bc",
        environment="seals/CartPole-v0",
        searched_seeds=[0, 1, 2],
        seeds=FRESH,
        confidence=0.95,
        configurations=configurations,
        winner=1 if fresh else None,
    )
    reports.write_final(asked(more.get("space", SPACE)), final, out)
    return trials, final
