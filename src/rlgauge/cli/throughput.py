"""`rlgauge throughput`: steps per second and memory of environments."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rlgauge.cli.console import say
from rlgauge.cli.interruption import code_of, word_for
from rlgauge.cli.launchers import CONFIG
from rlgauge.cli.main import FAILED, FINE, dispatch
from rlgauge.cli.options import parse, with_each
from rlgauge.cli.throughput_files import check_jaxarc, path_in, write_csv, write_jaxarc, write_json
from rlgauge.cli.throughput_libraries import check_library
from rlgauge.cli.throughput_memory import tell_memory
from rlgauge.cli.throughput_most import find_max
from rlgauge.cli.throughput_options import build_parser, check, points_of
from rlgauge.cli.throughput_runs import Measurement, failures, measure, workload_of
from rlgauge.cli.throughput_table import check_baseline, tell
from rlgauge.cli.throughput_tune import autotune
from rlgauge.cli.units import count_text
from rlgauge.kinds.throughput.workload import ThroughputWorkload

if TYPE_CHECKING:
    from jsonargparse import Namespace

_PARTS = {name: f"rlgauge.cli.throughput_{name}:main" for name in ("ab", "demo")}


def main(argv: Sequence[str]) -> int:
    """The exit code of `rlgauge throughput`. Raises UserError."""
    if argv and argv[0] in _PARTS:
        return dispatch("part of throughput", argv, _PARTS)
    options = parse(build_parser(), with_each(_long(argv), [CONFIG]), repeated=[CONFIG])
    if options is None:
        return FINE
    check(options)
    try:
        if options.autotune:
            return autotune(options)
        return find_max(options) if options.find_max else _measure(options)
    except KeyboardInterrupt as error:
        print(f"{word_for(error)}. What was measured is in {options.out}.", file=sys.stderr)
        return code_of(error)


def _long(argv: Sequence[str]) -> list[str]:
    """The arguments with -t and -d in full."""
    return [{"-t": "--tag", "-d": "--description"}.get(argument, argument) for argument in argv]


def _measure(options: Namespace) -> int:
    workload = workload_of(points_of(options), options)
    check_baseline([point.name for point in workload.points], options.baseline)
    if options.jaxarc_json is not None:
        check_jaxarc(workload.points)
    for environment, name in dict.fromkeys((point.environment, point.library) for point in workload.points):
        check_library(environment, name)
    if not (options.json or options.quiet):
        _announce(workload, options)
    measured = measure(workload, options)
    _write(measured, options)
    return FAILED if failures(measured.found) else FINE


def _announce(workload: ThroughputWorkload, options: Namespace) -> None:
    settings = workload.settings
    length = f"{settings.num_steps:,} steps" if settings.num_steps else f"{settings.min_seconds:g} s or more"
    manner = "" if options.full or options.memory is not None else " (quick; --full for what is to be published)"
    say(
        f"{count_text(len(workload.points), 'point')}, each in {workload.processes} fresh "
        f"{'process' if workload.processes == 1 else 'processes'}{manner}: "
        f"{count_text(settings.repeats, 'repetition')} of {length}."
    )


def _write(measured: Measurement, options: Namespace) -> None:
    """Write the files that are asked for, and show the rest."""
    workload, found, host = measured
    content = write_json(workload, found, path_in(options.out, workload), host=host)
    if options.output is not None:
        write_json(workload, found, Path(options.output), host=host)
    if options.csv is not None:
        write_csv(found, Path(options.csv), baseline=options.baseline)
    if options.jaxarc_json is not None:
        write_jaxarc(workload, found, Path(options.jaxarc_json), host=host)
    if options.json:
        print(content)
    elif not options.quiet:
        tell(found, baseline=options.baseline) if options.memory is None else tell_memory(found)
