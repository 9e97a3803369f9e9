from __future__ import annotations

import msgspec

from rlgauge.cli import report_fastest
from rlgauge.cli.plot_points import Points
from rlgauge.kinds.throughput.results import Measured
from tests.cli.test_plot_kinds import point


def test_the_fastest_is_named_with_how_far_the_others_are_behind_each_at_its_best():
    found = [point("slow", 1, 20.0), point("slow", 10, 50.0), {**point("fast", 10, 7000.0), "noise": "invalid"}]
    points = msgspec.convert(found, list[Measured])
    (answer,) = report_fastest.answers(Points(timed=points, all=points), "cartpole")
    assert answer.question == "Which of fast and slow is the faster in cartpole?"
    assert answer.sentences == [
        "fast: 7k [6.3k, 7.7k] steps per second with 10 envs.",
        "That is about 140 times as fast as slow: 50 [45, 55] with 10 envs.",
        "The machine did something else meanwhile; too low by an unknown amount: fast.",
    ]


def test_what_stands_in_brackets_is_said_and_ratios_have_two_digits():
    found = [{**point("slow", 1, 3.0), "quartiles": [2.0, 4.0], "low": None, "high": None}, point("fast", 1, 11570.0)]
    points = msgspec.convert(found, list[Measured])
    (answer,) = report_fastest.answers(Points(timed=points, all=points), "cartpole")
    assert answer.sentences[1].startswith("That is about 3,900 times as fast as slow: 3 [2, 4] with 1 env")
    said = "In brackets: 95 % intervals over processes; quartiles of the repetitions in one process."
    assert said in answer.note
    assert "have no interval" in answer.note
