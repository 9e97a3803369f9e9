"""What environments hold, as a table and in sentences."""

from __future__ import annotations

from collections.abc import Sequence

import psutil

from rlgauge.cli.console import say, show_table
from rlgauge.cli.units import bytes_text
from rlgauge.kinds.throughput.memory import Memory, Slope, memory_of, over_floor, per_step_of_chunk
from rlgauge.kinds.throughput.results import Measured

_TIMES = 4
"""How many times the least number the other had better be: peaks must rise by some."""
_HEADER = ("library", "envs", "chunk", "outcomes", "state an env", "planned", "peak", "over one env")


def tell_memory(found: Sequence[Measured]) -> None:
    """Print a table for each environment, and below what an environment and a step of a chunk need."""
    for environment in dict.fromkeys(one.point.environment for one in found):
        part = [one for one in found if one.point.environment == environment]
        print(f"\n{environment}: memory")
        show_table(_HEADER, [_cells(one, part) for one in part])
        print()
        told = [memory.name for memory in memory_of(part) if _tell_slopes(memory)]
        untold = {memory.name: memory for memory in memory_of(part) if memory.name not in told}
        for name, memory in untold.items():
            say(f"{name}: no slope; {_why_none(memory)}")
        for name in dict.fromkeys(one.point.name for one in part):
            _tell_chunks([one for one in part if one.point.name == name])


def _cells(one: Measured, part: Sequence[Measured]) -> list[str]:
    over = over_floor(one, part)
    return [
        one.point.name,
        f"{one.point.num_envs:,}",
        str(one.facts.get("scan_chunk_size", "-")),
        "written" if one.point.emit == "write" else "dropped",
        _bytes(one.state_bytes_per_env),
        _bytes(one.planned_bytes) if one.steps_per_second is not None else str(one.status),
        _bytes(one.device_peak_bytes if one.device_peak_bytes is not None else one.peak_bytes),
        _bytes(over),
    ]


def _bytes(number: float | None) -> str:
    return "-" if number is None else bytes_text(number) if number >= 0 else f"-{bytes_text(-number)}"


def _tell_slopes(memory: Memory) -> bool:
    """Whether there was one to tell."""
    told = [
        *([f"{_slope(memory.planned)} as the compiler plans it"] if memory.planned is not None else []),
        *([f"{_slope(memory.peak)} as the process held it"] if memory.peak is not None else []),
        *([f"{_slope(memory.device_peak)} as the device held it"] if memory.device_peak is not None else []),
    ]
    if not told:
        return False
    chunk = "" if memory.scan_chunk_size is None else f" in chunks of {memory.scan_chunk_size}"
    say(f"{memory.name}{chunk}: {', '.join(told)}, an environment.")
    free = psutil.virtual_memory().available
    num = memory.num_that_fit(free)
    if memory.peak is None and memory.device_peak is None:
        say("  Its peaks rise by less than 32 MiB, which tells nothing: measure larger numbers.")
    elif num is not None and memory.device_peak is None:
        say(f"  About {num:,} would fit into the {bytes_text(free)} that are free; --find-max proves it.")
    return True


def _why_none(memory: Memory) -> str:
    if memory.needed is None and memory.floor is None:
        return "what its processes held was not measured."
    if memory.needed is None:
        return "it takes peaks that rise by 32 MiB or more: measure larger numbers."
    return (
        f"it takes two numbers of environments of two blocks or more, {memory.needed:,} at least, such as "
        f"--num-envs {memory.needed},{_TIMES * memory.needed}."
    )


def _slope(slope: Slope) -> str:
    """With its interval, where there is one."""
    if slope.low is None or slope.high is None:
        return f"{slope.point:,.0f} bytes"
    return f"{slope.point:,.0f} [{slope.low:,.0f}, {slope.high:,.0f}] bytes"


def _tell_chunks(found: Sequence[Measured]) -> None:
    chosen = [one for one in found if one.point.scan_chunk_size is not None]
    for number, emit in dict.fromkeys((one.point.num_envs, one.point.emit) for one in chosen):
        slope = per_step_of_chunk([one for one in chosen if (one.point.num_envs, one.point.emit) == (number, emit)])
        if slope is not None:
            say(f"{found[0].point.name} x {number:,}: each step of a chunk {_slope(slope)} an environment, planned.")
