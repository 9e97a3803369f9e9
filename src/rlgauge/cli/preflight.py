"""`rlgauge preflight`: is a policy to blame that fails, or how it is connected to its environment?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from rlgauge.cli.benchmark import (
    add_benchmark,
    add_judging,
    add_policies,
    benchmark_of,
    check_what,
    dotted,
    policies_of,
)
from rlgauge.cli.console import say, show_table
from rlgauge.cli.main import FAILED, FINE
from rlgauge.cli.options import make_parser, parse
from rlgauge.core.errors import UserError
from rlgauge.kinds.evaluate.preflight import EPISODES, STEPS, look
from rlgauge.kinds.evaluate.preflight_findings import Finding, Preflight, Row
from rlgauge.kinds.evaluate.workload import EvaluateWorkload

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

_WITH_ENV = ("seed", "success_return")
"""Options of registered environments; a benchmark class has arguments of its own for them."""
_POSITIVE = ("num_episodes", "max_steps", "lanes")


def main(argv: Sequence[str]) -> int:
    """The exit code of `rlgauge preflight`: 1 where something is surely wrong. Raises UserError."""
    parser = build_parser()
    options = parse(parser, dotted(argv), repeated=("--policy", "--env"))
    if options is None:
        return FINE
    check_what(options, with_env=_WITH_ENV, positive=_POSITIVE)
    found = look(
        _workload(parser, options),
        num_episodes=options.num_episodes,
        max_steps=options.max_steps,
        stats=options.stats,
    )
    if options.json:
        print(json.dumps(msgspec.to_builtins(found), indent=1))
    else:
        _tell(found)
    return FAILED if found.is_wrong else FINE


def build_parser() -> ArgumentParser:
    """The options of `rlgauge preflight`."""
    parser = make_parser(
        "preflight", "Play a few episodes and look for what makes a good policy fail: scales, signs, orders, rules."
    )
    add_benchmark(parser)
    group = parser.add_argument_group("Registered Gymnasium environments")
    group.add_argument("--env", type=list[str] | str, default=[], metavar="ID", help="environment id; repeatable")
    add_judging(group)
    add_policies(parser)
    _add_how(parser)
    return parser


def _add_how(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("How it is looked at")
    group.add_argument(
        "--num-episodes", type=int, default=EPISODES, metavar="N", help="episodes of each policy in each environment"
    )
    group.add_argument("--max-steps", type=int, default=STEPS, metavar="N", help="cut episodes after so many steps")
    group.add_argument("--lanes", type=int | None, metavar="N", help="environments side by side (8)")
    group.add_argument(
        "--stats",
        type=str | None,
        metavar="FILE",
        help="JSON file with statistics of training, such as lerobot's stats.json; otherwise those with the policy",
    )
    group.add_argument("--json", action="store_true", help="print everything as JSON")


def _workload(parser: ArgumentParser, options: Namespace) -> EvaluateWorkload:
    if options.stats is not None and not Path(options.stats).is_file():
        raise UserError(f"There is no file '{options.stats}' (from --stats).")
    policies = policies_of(options)
    benchmark = benchmark_of(parser, options, with_env=_WITH_ENV)
    return EvaluateWorkload(benchmark, policies, lanes=options.lanes, trust=options.trust)


def _tell(found: Preflight) -> None:
    """Print the table of what was played, and a paragraph for each finding."""
    show_table(
        ("task", "policy", "episodes", "return", "success rate", "length", "errors"), list(map(_cells, found.rows))
    )
    print()
    for finding in found.findings:
        say(_sentence(finding))
    print()
    counts = [sum(finding.level == level for finding in found.findings) for level in ("wrong", "doubtful", "note")]
    say("{} wrong, {} doubtful, {} to note.".format(*counts))


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.task,
        f"{row.policy} (reference)" if row.is_reference else row.policy,
        str(row.episodes),
        _text(row.mean_return, ".4g"),
        "unmeasured" if row.success_rate is None else f"{row.success_rate:.0%}",
        _text(row.mean_length, ".1f"),
        str(row.errors),
    )


def _text(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def _sentence(finding: Finding) -> str:
    advice = f" {finding.advice}" if finding.advice else ""
    return f"{finding.level}: {finding.policy}, {finding.task}: {finding.check}: {finding.text}{advice}"
