from __future__ import annotations

import pytest

from rlgauge.report.judged import Judged, Verdict
from rlgauge.report.targets import targets_csv, targets_table
from rlgauge.stats.summary import Summary
from rlgauge.suites.target import Target

LONG = "it broke " * 10


def judged(
    point=None,
    low=None,
    high=None,
    *,
    suite="mine",
    tag="",
    unit="steps/s",
    noise=None,
    reason=None,
    quantity="steps_q",
    **bound,
):
    target = Target(
        of={"env": "a", "library": "b", "num_envs": "1k"}, quantity=quantity, **(bound or {"at_least": 100})
    )
    found = None if point is None else Summary(point=point, low=low, high=high, n=3, method="x")
    return Judged(suite=suite, tag=tag, target=target, measured=found, unit=unit, noise=noise, reason=reason)


@pytest.mark.parametrize(
    ("one", "target", "measured", "verdict"),
    [
        (judged(150, 120, 180), "at least 100", "150 [120, 180]", "met"),
        (judged(150, 90, 180), "at least 100", "150 [90, 180]", "met, uncertain"),
        (judged(90, 80, 101), "at least 100", "90 [80, 101]", "not met, uncertain"),
        (judged(100), "at least 100", "100", "met"),
        (judged(99.96), "at least 100", "99.96", "not met"),
        (judged(0.8996, unit="success", at_least=0.9), "at least 90 %", "89.96 %", "not met"),
        (judged(449.6, at_least=450), "at least 450", "449.6", "not met"),
        (judged(-1204, at_least=-1000), "at least -1k", "-1.2k", "not met"),
        (judged(2.5e6, at_least="2M"), "at least 2M", "2.5M", "met"),
        (judged(0.5, at_most=0.25), "at most 0.25", "0.5", "not met"),
        (judged(0.5, 0.4, 0.6, unit="success", at_least=0.9), "at least 90 %", "50 % [40 %, 60 %]", "not met"),
        (judged(150, noise="noisy"), "at least 100", "150", "met (noise: noisy)"),
        (judged(reason="it broke."), "at least 100", "-", "not measured: it broke"),
        (judged(reason=LONG), "at least 100", "-", "not measured"),
    ],
)
def test_a_row_says_what_was_to_be_reached_and_what_was(one, target, measured, verdict):
    table = targets_table([one])
    assert table.rows == [["-", "a, b, num_envs 1k", "steps_q", target, measured, verdict]]


def test_suites_are_told_apart_where_there_are_several():
    table = targets_table([judged(1, suite="one", tag="t"), judged(2, suite="two")])
    assert table.header == ["suite", "tag", "of", "quantity", "target", "measured", "verdict"]
    assert [row[:2] for row in table.rows] == [["one", "t"], ["two", "-"]]
    assert table.title == "Targets of one, two"


def test_notes_say_what_the_rows_need_and_no_more():
    assert len(targets_table([judged(150, 120, 180)]).notes) == 1
    notes = targets_table(
        [judged(150, noise="invalid"), judged(reason=LONG), judged(reason=LONG), judged(reason="x")]
    ).notes
    assert len(notes) == 3
    assert targets_table([judged(150, quantity="bytes")]).notes == []
    assert notes[-1] == f"Not measured: a, b, num_envs 1k: {LONG}"
    assert "interval holds 0" in targets_table([judged(1, -1, 2, quantity="peak_bytes_per_env", at_least=0)]).notes[1]
    assert "no interval" in targets_table([judged(1, quantity="peak_bytes_per_env")]).notes[0]


def test_what_was_not_measured_is_empty_in_csv():
    header, first, second, _ = targets_csv([judged(150, 90, 180), judged(reason="it broke")]).split("\n")
    assert header.startswith("suite,tag,of,quantity,ratio_to,at_least,at_most,measured,low,high,n,verdict")
    assert first == 'mine,,"a, b, num_envs 1k",steps_q,,100.0,,150,90,180,3,met,False,,'
    assert second == 'mine,,"a, b, num_envs 1k",steps_q,,100.0,,,,,,not measured,,,it broke'


@pytest.mark.parametrize("bound", [{"at_least": 100}, {"at_most": 100}])
def test_without_a_measurement_nothing_is_met(bound):
    one = judged(**bound)
    assert one.verdict is Verdict.NOT_MEASURED
    assert one.is_certain is None
