from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from rlgauge.cli.tune_view import as_json, tell
from rlgauge.stats.intervals import student_t
from rlgauge.stats.unpaired import welch
from rlgauge.tune.phase2 import Final, Judged
from rlgauge.tune.trial import State, Trial
from rlgauge.tune.tuning import Tuned
from tests.studied import finished

GOOD, BAD = [10.0, 11.0, 12.0], [1.0, 2.0, 4.0]


def judged(number, returns, *, searched=None, default=None):
    return Judged(
        number=number,
        values={} if number is None else {"a.b": 1e-05, "c": {"kind": "linear"}},
        searched=searched,
        num_searched=0 if searched is None else 2,
        returns=dict(enumerate(returns, start=5)),
        problems={} if returns else {5: "it broke"},
        mean=student_t(returns) if returns else None,
        deviation=1.0 if returns else None,
        gain=welch(candidate=returns, baseline=default).difference if default and returns else None,
    )


def tuned(*configurations, winner):
    trial = Trial(number=3, state=State.COMPLETE, values={"a.b": 1e-05}, returns={0: 20.0, 1: 22.0}, objective=21.0)
    failed = Trial(number=4, state=State.FAILED, values={"a.b": 1.0}, reason="seed 0: " + "x" * 300)
    final = Final(
        algorithm="bc",
        environment="e",
        searched_seeds=[0, 1],
        seeds=[5, 6, 7],
        confidence=0.95,
        configurations=list(configurations),
        winner=winner,
    )
    return Tuned(out=Path("out"), trials=[trial, failed], importance={"a.b": 0.75, "c": 0.25}, final=final)


@pytest.mark.parametrize(
    ("ours", "theirs", "winner", "told"),
    [
        (GOOD, BAD, 1, "The winner is trial 3: better than the default, as the whole interval of its gain is above 0."),
        ([1.0, 2.0, 9.0], BAD, 1, "not shown to be better than the default, as the interval of its gain holds 0"),
        (BAD, GOOD, 0, "No configuration that was found came to more than the default."),
        (BAD, GOOD, 1, "The winner is trial 3: worse than the default, as the whole interval of its gain is below 0."),
        ([1.0], GOOD, 1, "below the default, without an interval."),
        (GOOD, [1.0], 1, "above the default, without an interval."),
        ([1.0, 2.0, 9.0], [3.0, 4.0, 9.0], 0, "came to more than the default, nor is that shown to be better."),
        ([1.0], [2.0], 0, "came to more than the default, nor is that shown to be better."),
        (GOOD, [], 1, "The winner is trial 3: what it gains on the default is not known."),
    ],
)
def test_the_verdict_is_that_of_the_interval_of_the_gain(ours, theirs, winner, told, capsys):
    default = judged(None, theirs)
    tell(tuned(default, judged(3, ours, searched=21.0, default=theirs), winner=winner))
    assert told in capsys.readouterr().out


def test_both_returns_stand_beside_each_other_and_the_curse_is_told(capsys):
    tell(tuned(judged(None, BAD), judged(3, GOOD, searched=21.0, default=BAD), winner=1))
    said = capsys.readouterr()
    assert "trial 3        21 (2 seeds)    11              [8.5159, 13.484]" in said.out
    assert "(the winner's curse): on fresh seeds they came to 10 less, on average." in said.out
    assert 'trial 3: a.b=1e-05, c={"kind": "linear"}' in said.out
    assert "Phase 1: 2 trials, 1 complete, 1 failed" in said.out
    assert "a.b      0.75" in said.out
    assert "Trial 4 failed: seed 0: xxx" in said.err
    assert len(said.err.splitlines()[0]) < 200


def test_seeds_without_a_return_are_told(capsys):
    broken = msgspec.structs.replace(judged(3, GOOD[:2], searched=21.0), problems={7: "it broke"})
    broken = msgspec.structs.replace(broken, mean=student_t(GOOD[:2], missing=1))
    tell(tuned(judged(None, []), broken, winner=1))
    said = capsys.readouterr()
    assert "2 of 3" in said.out
    assert "trial 3, seed 7 gave no return: it broke" in said.err
    assert "default, seed 5 gave no return: it broke" in said.err


def test_what_mattered_is_told_with_how_sure_it_is(tmp_path, capsys):
    trials, final = finished(tmp_path, trials=24)
    found = Tuned(out=tmp_path, trials=trials, importance={}, final=final)
    tell(found)
    lines = capsys.readouterr().out.splitlines()
    table = lines[lines.index("Importance of the settings (PED-ANOVA)") :][:7]
    assert table[1].split("  ")[0] == "setting"
    assert next(line.split()[0] for line in table[3:]) == "bc.optimizer_kwargs.lr"
    assert table[3].endswith("  yes")
    assert all(line.endswith("  not shown") for line in table[4:])
    kept = json.loads(as_json(found))["importance"]
    assert [one["setting"] for one in kept["settings"]] == [line.split()[0] for line in table[3:]]
    assert kept["settings"][0]["is_told"] is True


def test_where_trials_are_too_few_it_is_told_that_what_mattered_is_not_known(tmp_path, capsys):
    trials, final = finished(tmp_path)
    tell(Tuned(out=tmp_path, trials=trials, importance={}, final=final))
    said = capsys.readouterr().out
    assert "What mattered is not known: importance is told from 10 complete trials on, and there are 6: go on" in said
    assert "PED-ANOVA" not in said


def lacking(number, returns, *, searched=None):
    """A configuration that gave no return with some of three seeds."""
    missing = 3 - len(returns)
    found = judged(number, returns, searched=searched)
    return msgspec.structs.replace(found, problems={7: "it broke"}, mean=student_t(returns, missing=missing))


def test_a_configuration_that_fails_with_fresh_seeds_is_said_to_be_passed_over_and_tells_of_no_luck(capsys):
    good = judged(3, BAD, searched=21.0, default=BAD)
    tell(tuned(judged(None, BAD), good, lacking(4, [500.0], searched=40.0), winner=1))
    said = " ".join(capsys.readouterr().out.split())
    assert "trial 4 has a higher mean, 500, and was passed over: only 1 of its 3 seeds gave a return." in said
    assert "on fresh seeds those that have all of them came to 18.667 less, on average" in said
    tell(tuned(judged(None, GOOD), lacking(3, [500.0], searched=21.0), winner=0))
    said = " ".join(capsys.readouterr().out.split())
    assert "No configuration with a return of every seed came to more than the default." in said
    assert "on average" not in said


def test_a_winner_that_lacks_seeds_is_said_to_be_incomplete(capsys):
    tell(tuned(lacking(None, [1.0]), lacking(3, [5.0, 6.0], searched=21.0), winner=1))
    said = " ".join(capsys.readouterr().out.split())
    assert "The winner, trial 3, is incomplete: it has the highest mean of those with the most seeds, 2 of 3." in said
    assert "better than the default" not in said


def test_where_returns_rose_on_fresh_seeds_nothing_is_said_to_be_too_high(capsys):
    tell(tuned(judged(None, BAD), judged(3, GOOD, searched=7.0, default=BAD), winner=1))
    said = " ".join(capsys.readouterr().out.split())
    assert "On fresh seeds they came to 4 more than in phase 1, on average" in said
    assert "too high" not in said
