from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from rlgauge.cli import plot_curves
from rlgauge.cli.plot_curves import Trained
from rlgauge.core.reading import Curve, Reading
from rlgauge.core.run import Status
from rlgauge.report.charts import Manner
from rlgauge.stats.intervals import student_t

LEARN = """
import gymnasium


def main(env="CartPole-v1"):
    env = gymnasium.make(env)
    for episode in range(15):
        env.reset()
        over = False
        while not over:
            _, _, terminated, truncated, _ = env.step(env.action_space.sample())
            over = terminated or truncated
"""


def run(steps, values, *, seed=0, status=Status.COMPLETED, algorithm="ppo"):
    reading = Reading(algorithm=algorithm, task="A", seed=seed, status=status, kind="train")
    return Trained(reading, Curve(tuple(steps), tuple(values)))


def drawing(*runs):
    """The figure of runs of an algorithm."""
    readings = [
        msgspec.structs.replace(one.reading, kind="", curves={"return": one.curve}, seed=one.reading.seed)
        for one in runs
    ]
    (figure,) = plot_curves.figures(readings, {})
    return figure


def test_a_line_is_the_mean_over_seeds_where_all_of_them_were():
    first, second = run([10, 20, 30], [1.0, 2.0, 3.0]), run([20, 40], [5.0, 7.0], seed=1)
    line = plot_curves.mean_of("ppo", [first, second], 0)
    assert line.name == "ppo (2 seeds)"
    assert (line.xs[0], line.xs[-1]) == (20, 30)
    assert (line.ys[0], line.ys[-2], line.ys[-1]) == (3.5, 3.5, 4.0)
    expected = student_t([3.0, 5.0])
    assert (line.lows[-1], line.highs[-1]) == (expected.low, expected.high)


def test_one_seed_has_a_line_without_a_band():
    line = plot_curves.mean_of("ppo", [run([10, 20], [1.0, 2.0])], 0)
    assert line.name == "ppo (1 seed)"
    assert set(line.lows) == set(line.highs) == {None}


def test_runs_that_never_met_have_no_mean():
    line = plot_curves.mean_of("ppo", [run([1, 2], [0.0, 0.0]), run([3, 4], [0.0, 0.0], seed=1)], 0)
    assert list(line.xs) == []


def test_runs_that_did_not_complete_are_shown_alone_and_in_no_mean():
    whole, ended = run([10, 20], [1.0, 2.0]), run([10, 15], [9.0, 9.0], seed=1, status=Status.TIMEOUT)
    figure = drawing(whole, ended)
    alone, mean = figure.chart.lines
    assert (mean.name, max(mean.ys)) == ("ppo (1 of 2 seeds)", 2.0)
    assert (alone.manner, list(alone.ys)) == (Manner.DOTTED, [9.0, 9.0])
    assert (figure.of, figure.chart.y_axis) == ("A", "return")
    assert figure.captions == ["One seed has no band. Dotted: runs that have not completed (1), in no mean."]


@pytest.mark.parametrize(("num", "num_drawn"), [(1, 0), (2, 2), (4, 4), (5, 0)])
def test_few_seeds_are_drawn_one_by_one(num, num_drawn):
    figure = drawing(*(run([10, 20], [1.0, 2.0 + seed], seed=seed) for seed in range(num)))
    thin = [line for line in figure.chart.lines if line.manner is Manner.THIN]
    assert [max(line.ys) for line in thin] == [2.0 + seed for seed in range(num_drawn)]
    assert ("Thin lines" in figure.captions[0]) == (num_drawn > 0)


def test_an_algorithm_with_several_settings_on_one_seed_has_a_line_for_each():
    def reading(algorithm, seed, settings):
        labels = {"args": f"--lr {settings}"}
        return Reading(algorithm=algorithm, task="A", seed=seed, kind="train", settings=settings, labels=labels)

    told = list(plot_curves._told_apart([reading("ppo", 0, "x"), reading("ppo", 0, "y"), reading("sac", 1, "z")]))
    assert [one.algorithm for one in told] == ["ppo (args=--lr x)", "ppo (args=--lr y)", "sac"]
    assert {one.task for one in told} == {"A"}


def test_trainings_become_a_figure_of_each_environment(give, folder, drawn):
    (folder / "learn.py").write_text(LEARN)
    (folder / "fail.py").write_text(f"{LEARN}    raise ValueError\n")
    for name in ("learn", "fail"):
        given = ("--env", "CartPole-v1", "--seeds", "0,1", "--workers", "2", "--tests", "0", "--videos", "0")
        give("train", f"{name}.py", *given)
    said = give("plot", "learning_curve", "out/train", "--dpi", "50")
    assert (said.code, said.out) == (0, "Wrote plots/learning_curve_CartPole_v1.png.\n")
    (figure,) = drawn
    (axes,) = figure.axes
    assert figure.get_suptitle().replace("\n", " ") == "return, mean of the last 10 episodes, CartPole-v1"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["fail (0 of 2 seeds)", "learn (2 seeds)"]
    assert len(axes.collections) == 1  # the band
    assert "Dotted: runs that have not completed (2), in no mean." in figure.get_supxlabel().replace("\n", " ")
    assert {"learning_curve_CartPole_v1.svg", "tasks_CartPole_v1.svg"} <= {
        Path(line.removeprefix("Wrote ").removesuffix(".")).name
        for line in give("plot", "all", "out/train", "--format", "svg").out.splitlines()
    }
    assert give("plot", "throughput_scaling", "out/train").code == 2


def test_a_folder_without_trainings_says_so(give, folder):
    (folder / "throughput_1.json").write_text(json.dumps({"points": []}))
    said = give("plot", "learning_curve", ".")
    assert said.code == 2
    assert said.err.startswith("rlgauge: ")
    said = give("plot", "learning_curve", "nowhere")
    assert "There is no folder or file nowhere: train with `rlgauge train`, or watch a training with" in said.err
    assert "--tag is of measurements of throughput" in give("plot", "learning_curve", ".", "--tag", "x").err
