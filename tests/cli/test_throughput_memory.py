from __future__ import annotations

import pytest

from rlgauge.cli.throughput_memory import tell_memory
from rlgauge.core.run import Status
from rlgauge.kinds.throughput.point import Point
from rlgauge.kinds.throughput.results import Measured


def measured(num_envs, *, peak=10**8, block=None, facts=None):
    point = Point(environment="cartpole", library="ours", num_envs=num_envs, block=block)
    return Measured(
        point=point,
        task="t",
        status=Status.COMPLETED,
        steps_per_second=1.0,
        planned_bytes=20 * num_envs,
        peak_bytes=peak,
        facts={"block": min(num_envs, 10_000), **(facts or {})},
    )


def said(found, capsys):
    tell_memory(found)
    return " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("numbers", "more", "needed"),
    [
        ((1, 1000), {}, 20_000),
        ((1, 1000, 20_000), {}, 20_000),
        ((1, 1000), {"facts": {"best_block": 1000, "block": 1000}}, 2000),
        ((500, 1000), {"block": 500, "facts": {"block": 500}}, 1000),
    ],
)
def test_how_large_numbers_must_be_for_a_slope_is_said(numbers, more, needed, capsys):
    told = said([measured(number, **more) for number in numbers], capsys)
    assert "ours: no slope; it takes two numbers of environments of two blocks or more" in told
    assert f"{needed:,} at least, such as --num-envs {needed},{4 * needed}." in told


def test_the_numbers_that_are_asked_for_have_a_slope(capsys):
    told = said([measured(number) for number in (1, 20_000, 80_000)], capsys)
    assert "ours: 20 bytes as the compiler plans it, an environment." in told
    assert "no slope" not in told


def test_without_blocks_it_takes_peaks_that_rise(capsys):
    told = said(_of_python(), capsys)
    assert "ours: no slope; it takes peaks that rise by 32 MiB or more: measure larger numbers." in told
    assert "was not measured." in said(_of_python(peak=None), capsys)


def _of_python(peak=10**8):
    return [
        Measured(
            point=Point(environment="cartpole", library="ours", num_envs=number),
            task="t",
            status=Status.COMPLETED,
            steps_per_second=1.0,
            peak_bytes=peak,
        )
        for number in (1, 100)
    ]
