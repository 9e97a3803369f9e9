from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from rlgauge.stats.intervals import deviation_limit
from rlgauge.stats.power import detectable_difference, power_of_seeds, seeds_needed
from rlgauge.stats.rate_power import detectable_rates, episodes_needed

SCORES = np.random.default_rng(0).normal([[[100.0], [10.0]], [[150.0], [12.0]]], [[[20.0], [1.0]]], (2, 2, 5))
"""Two algorithms on two tasks with five seeds each."""


@pytest.fixture
def pilot(folder) -> str:
    with (folder / "scores.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["algo", "env", "seed", "score", "expert_score"])
        for algo, by_task in zip(["a", "b"], SCORES.tolist(), strict=True):
            for env, expert, scores in zip(["Big", "Small"], [200.0, 20.0], by_task, strict=True):
                table.writerows([algo, env, seed, score, expert] for seed, score in enumerate(scores))
    return "scores.csv"


def read(said):
    assert said.code == 0, said.err
    return json.loads(said.out)


def test_the_seeds_needed_for_a_difference_are_told(give):
    said = give("power", "--difference", "50", "--deviation", "40")
    assert said.code == 0
    assert seeds_needed(50, 40) == 12
    assert "12 seeds of each algorithm are needed to show a difference of 50 with 83.3% power." in said.out
    assert said.out.startswith("seeds of each  smallest difference, 80% power  power for 50\n")


def test_the_smallest_difference_that_seeds_show_is_told(give):
    said = give("power", "--seeds", "5", "--deviation", "40")
    assert "5 seeds of each algorithm show a difference of 81 or more with 80% power." in said.out
    found = read(give("power", "--seeds", "5", "--deviation", "40", "--json"))
    assert found["smallest_difference"] == pytest.approx(detectable_difference(5, 40))
    assert found["seeds_needed"] is None


def test_the_power_of_seeds_for_a_difference_is_told(give):
    found = read(give("power", "--seeds", "5", "--deviation", "40", "--difference", "50", "--json"))
    assert found["power_found"] == pytest.approx(power_of_seeds(5, 50, deviation=40))
    assert found["seeds_needed"] == 12


@pytest.mark.parametrize(
    ("option", "changed"),
    [
        (("--tasks", "4"), {"tasks": 4}),
        (("--paired",), {"paired": True}),
        (("--power", "0.9"), {"power": 0.9}),
        (("--alpha", "0.01"), {"alpha": 0.01}),
    ],
)
def test_every_option_reaches_the_answer(give, option, changed):
    found = read(give("power", "--seeds", "6", "--deviation", "40", *option, "--json"))
    assert found["smallest_difference"] == pytest.approx(detectable_difference(6, 40, **changed))
    assert found["smallest_difference"] != pytest.approx(detectable_difference(6, 40))


def test_the_episodes_needed_to_tell_two_rates_apart_are_told(give):
    said = give("power", "--success", "0.5", "0.7")
    assert "95 episodes of each are needed to tell success rates of 0.5 and 0.7 apart with 80.1% power" in said.out
    found = read(give("power", "--success", "0.5", "0.7", "--discordance", "0.3", "--json"))
    assert found["needed"]["own"]["n"] == episodes_needed(candidate=0.5, baseline=0.7).n == 95
    paired = episodes_needed(candidate=0.5, baseline=0.7, paired=True, discordance=0.3)
    assert found["needed"]["same"] == {"n": 61, "power": paired.power, "test": "McNemar", "is_exact": True}


def test_the_rates_that_episodes_tell_from_one_are_told(give):
    said = give("power", "--episodes", "50", "--success", "0.5")
    assert "50 episodes of each tell a success rate of 0.5 from 0.232 or 0.768 with 80% power" in said.out
    line = next(row for row in read(give("power", "--episodes", "50", "--success", "0.5", "--json"))["table"])
    assert line["own"]["higher"] == pytest.approx(detectable_rates(20, 0.5).higher)
    assert "none" in give("power", "--episodes", "3", "--success", "0.5").out


def test_episodes_for_two_rates_have_a_power_and_approximations_are_marked(give):
    said = give("power", "--episodes", "60", "--success", "0.5", "0.7", "--discordance", "0.3")
    assert "60 episodes of each tell success rates of 0.5 and 0.7 apart with 61.0% power, 79.7% if both" in said.out
    assert "~" not in said.out
    close = give("power", "--success", "0.5", "0.55")
    assert "~80.0%" in close.out
    assert "~ marks normal approximations." in close.out


def test_a_pilots_deviation_is_measured_within_algorithms_and_tasks(give, pilot):
    found = read(give("power", "--pilot", pilot, "--json"))
    big, small = found["table"]
    assert (big["task"], small["task"], big["runs"], big["seeds"]) == ("Big", "Small", 10, 5)
    for line, own in ((big, SCORES[:, 0]), (small, SCORES[:, 1])):
        deviation = np.sqrt(own.var(axis=1, ddof=1).mean())
        assert line["deviation"] == pytest.approx(deviation)
        assert line["deviation_limit"] == pytest.approx(deviation_limit(deviation, 8))
        assert line["smallest_difference"] == pytest.approx(detectable_difference(5, deviation))
        assert line["smallest_difference_at_limit"] > line["smallest_difference"]
    assert "give --normalise LOW,HIGH" in give("power", "--pilot", pilot).out


def test_a_pilots_tasks_are_pooled_once_they_are_normalised(give, pilot):
    asked = ("--normalise", "0,expert", "--difference", "0.05")
    found = read(give("power", "--pilot", pilot, *asked, "--json"))
    last = found["table"][-1]
    scaled = SCORES / np.array([[200.0], [20.0]])
    deviation = np.sqrt(scaled.var(axis=2, ddof=1).mean())
    assert (last["task"], last["runs"]) == ("all tasks", 20)
    assert last["deviation"] == pytest.approx(deviation)
    assert last["seeds_needed"] == seeds_needed(0.05, deviation, tasks=2)
    assert last["seeds_needed_at_limit"] > last["seeds_needed"]
    said = give("power", "--pilot", pilot, *asked)
    assert f"{last['seeds_needed']} seeds of each algorithm are needed to show a difference of 0.05" in said.out


def test_a_pilots_references_may_come_from_a_file(give, pilot, folder):
    (folder / "references.csv").write_text("task,expert\nBig,400\nSmall,40\n")
    asked = ("power", "--pilot", pilot, "--normalise", "0,expert")
    ours, theirs = (read(give(*asked, *more, "--json")) for more in ((), ("--references", "references.csv")))
    assert theirs["table"][-1]["deviation"] == pytest.approx(ours["table"][-1]["deviation"] / 2)


def test_a_pilots_success_rates_are_pooled_as_they_are_and_never_normalised(give, folder):
    rates = {("x", 0): 0.5, ("x", 1): 0.7, ("y", 0): 0.1, ("y", 1): 0.4}
    rows = [f"a,{task},{seed},{rate}" for (task, seed), rate in rates.items()]
    (folder / "rates.csv").write_text("algo,env,seed,success_rate\n" + "\n".join(rows) + "\n")
    plain, asked = (
        read(give("power", "--pilot", "rates.csv", *more, "--json")) for more in ((), ("--normalise", "0,0.5"))
    )
    assert plain["table"] == asked["table"]
    assert (asked["table"][-1]["task"], asked["normalised"]) == ("all tasks", None)
    assert asked["table"][-1]["deviation"] == pytest.approx(np.sqrt((0.02 + 0.045) / 2))
    assert "A success rate is not normalised: it has a scale of its own." in asked["notes"]


def test_a_pilot_of_one_algorithm_says_what_other_numbers_of_seeds_show(give, pilot):
    found = read(give("power", "--pilot", pilot, "--algo", "a", "--seeds", "8", "--json"))
    deviation = SCORES[0, 0].std(ddof=1)
    assert found["table"][0]["runs"] == 5
    assert found["table"][0]["smallest_difference"] == pytest.approx(detectable_difference(8, deviation))


def test_a_pilot_without_any_deviation_is_no_pilot(give, folder):
    (folder / "same.csv").write_text("algo,env,seed,score\na,Big,0,5\na,Big,1,5\n")
    said = give("power", "--pilot", "same.csv")
    assert (said.code, said.out) == (2, "")
    assert "the runs show no deviation" in said.err


def test_a_task_without_deviation_is_shown_without_figures(give, folder):
    (folder / "some.csv").write_text("algo,env,seed,score\na,Big,0,5\na,Big,1,5\na,Small,0,5\na,Small,1,6\n")
    said = give("power", "--pilot", "some.csv")
    assert said.code == 0
    assert said.out.splitlines()[2].split() == ["Big", "2", "-", "-", "-", "-", "-"]


MISTAKES = {
    "nothing": ((), "Say what is compared: --deviation X (scores of seeds), --pilot OUT (its deviation) or --success"),
    "no question": (("--deviation", "5"), "Say --difference X to learn the seeds needed, or --seeds N to learn"),
    "no second rate": (("--success", ".5"), "Say --episodes N to learn what they can show, or two different rates"),
    "the same rate": (("--success", ".5", ".5"), "two different rates after --success."),
    "three rates": (("--success", ".4", ".5", ".6"), "--success takes one rate, or two to tell apart, not 3."),
    "percent": (("--success", "50", "70"), "--success takes rates between 0 and 1, not 50.0."),
    "no number": (("--success", "x"), "--success takes a number, not 'x'."),
    "two subjects": (("--deviation", "4", "--success", ".5"), "--deviation and --success contradict each other."),
    "foreign": (("--deviation", "4", "--episodes", "5"), "--episodes goes with --success, not with --deviation."),
    "foreign twice": (("--success", ".4", "--seeds", "5"), "--seeds goes with --deviation or --pilot, not with --succ"),
    "no deviation": (("--deviation", "0", "--seeds", "5"), "--deviation must be a number above 0, not 0.0."),
    "infinite": (("--deviation", "inf", "--seeds", "5"), "--deviation takes a number, not 'inf'."),
    "one seed": (("--deviation", "4", "--seeds", "1"), "--seeds must be at least 2, not 1."),
    "no episodes": (("--success", ".4", "--episodes", "0"), "--episodes must be at least 1, not 0."),
    "power": (("--deviation", "4", "--seeds", "5", "--power", "80"), "--power must lie between 0 and 1, not 80.0."),
    "little power": (("--deviation", "4", "--seeds", "5", "--power", ".01"), "--power must be more than --alpha, 0.05"),
    "alpha": (("--deviation", "4", "--seeds", "5", "--alpha", "5"), "--alpha must lie between 0 and 1, not 5.0."),
    "discordance": (("--success", ".4", ".5", "--discordance", "2"), "--discordance must be above 0 and at most 1"),
    "impossible": (("--success", ".5", ".7", "--discordance", ".1"), "only in between 0.2 and 0.8."),
    "too small": (("--deviation", "5", "--difference", "1e-9"), "A difference of 1e-09 is too small to be found: "),
    "too close": (
        ("--success", ".5", ".5000001"),
        "are too close: telling them apart takes over ten million episodes.",
    ),
    "no pilot": (("--pilot", "nowhere"), "There is no file or folder 'nowhere'"),
    "algorithm": (("--pilot", "scores.csv", "--algo", "c"), "Unknown algorithm 'c'."),
    "score": (("--pilot", "scores.csv", "--score", "retrun"), "Unknown score 'retrun'. Did you mean 'return'?"),
    "references": (("--pilot", "scores.csv", "--normalise", "expert"), "--normalise takes two reference scores"),
    "a huge reference": (("--pilot", "scores.csv", "--normalise", "0,1e999"), "1e999 is too large a number."),
    "references alone": (("--pilot", "scores.csv", "--references", "r.csv"), "say how with --normalise"),
    "option": (("--diference", "4"), "Unknown option '--diference'. Did you mean '--difference'?"),
}


@pytest.mark.usefixtures("pilot")
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_sentence(give, mistake):
    argv, sentence = MISTAKES[mistake]
    said = give("power", *argv)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("rlgauge: ")
    assert sentence in said.err
    assert said.err.count("\n") == 1


def test_runs_without_an_option_are_told_where_they_belong(give):
    said = give("power", "runs", "--difference", "100")
    assert (said.code, said.err) == (2, "rlgauge: Unexpected argument 'runs': runs that exist go with --pilot runs.\n")
    assert "stray" not in give("power", "--help").out
