"""`rlgauge power`: how many seeds or episodes a comparison needs, or what those at hand can show."""

from __future__ import annotations

import json
import math
from argparse import SUPPRESS
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rlgauge.cli.console import say, show_table
from rlgauge.cli.main import FINE
from rlgauge.cli.options import make_parser, parse
from rlgauge.cli.power_answers import Answer, RatePlan, SeedPlan, about_rates, about_seeds
from rlgauge.cli.power_pilot import about_pilot
from rlgauge.cli.sources import add_normalise_options, add_source_options
from rlgauge.core.errors import UserError
from rlgauge.stats.power import ImpossibleStudyError

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

_ABOUT = {
    "--deviation": ("--difference", "--seeds", "--tasks", "--paired"),
    "--pilot": ("--difference", "--seeds", "--score", "--algo", "--normalise", "--references"),
    "--success": ("--episodes", "--discordance"),
}
"""What a question is about, and the options that go with it."""
_PAIR = 2


def main(argv: Sequence[str]) -> int:
    """The exit code of `rlgauge power`. Raises UserError."""
    options = parse(build_parser(), argv, repeated=("--pilot", "--algo", "--rename"))
    if options is None:
        return FINE
    if options.stray:
        raise UserError(
            f"Unexpected argument {options.stray[0]!r}: runs that exist go with --pilot {options.stray[0]}."
        )
    subject = _subject(options)
    _check(options)
    try:
        answer = _answer(subject, options)
    except ImpossibleStudyError as error:
        text = str(error)
        raise UserError(f"{text[0].upper()}{text[1:]}.") from error
    if options.json:
        print(json.dumps(answer.data, indent=1))
    else:
        _tell(answer)
    return FINE


def build_parser() -> ArgumentParser:
    """The options of `rlgauge power`."""
    parser = make_parser("power", "Say how many seeds or episodes a comparison of two algorithms needs, or can show.")
    parser.add_argument("stray", nargs="*", type=str, help=SUPPRESS)  # to say where runs that exist belong
    group = parser.add_argument_group("Scores of training seeds")
    group.add_argument(
        "--deviation", type=float | None, metavar="X", help="standard deviation of scores between seeds, within a task"
    )
    group.add_argument("--difference", type=float | None, metavar="X", help="difference of scores that matters")
    group.add_argument("--seeds", type=int | None, metavar="N", help="seeds of each algorithm, a task")
    group.add_argument("--tasks", type=int, default=1, metavar="N", help="tasks that the difference is the mean of")
    group.add_argument(
        "--paired", action="store_true", help="both share the seeds; the deviation is that of the differences"
    )
    group = parser.add_argument_group("The deviation, measured in runs that exist")
    group.add_argument(
        "--pilot", type=list[str] | str, default=[], metavar="OUT", help="folder, zip file or score table; repeatable"
    )
    group.add_argument("--score", type=str | None, metavar="NAME", help="the quantity, such as return or success")
    group.add_argument("--algo", type=list[str] | str, default=[], metavar="NAME", help="only this one; repeatable")
    add_normalise_options(group.add_argument)
    add_source_options(parser, positional=False)
    group = parser.add_argument_group("Success rates of two checkpoints")
    group.add_argument(
        "--success", type=float, nargs="+", metavar="RATE", help="one success rate, or two to tell apart"
    )
    group.add_argument("--episodes", type=int | None, metavar="N", help="episodes of each checkpoint")
    group.add_argument(
        "--discordance",
        type=float | None,
        metavar="RATE",
        help="rate of the same episodes that only one of them solves",
    )
    group = parser.add_argument_group("The test")
    group.add_argument("--power", type=float, default=0.8, metavar="P", help="probability of finding the difference")
    group.add_argument("--alpha", type=float, default=0.05, metavar="P", help="probability of a false alarm, two-sided")
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    return parser


def _subject(options: Namespace) -> str:
    """The option that says what is asked about. Raises UserError where none does, several do or others don't fit."""
    given = {name for name in (*_ABOUT, *(n for names in _ABOUT.values() for n in names)) if _is_given(options, name)}
    subjects = [name for name in _ABOUT if name in given]
    if not subjects:
        raise UserError(
            "Say what is compared: --deviation X (scores of seeds), --pilot OUT (its deviation) or --success RATE."
        )
    if len(subjects) > 1:
        raise UserError(f"{subjects[0]} and {subjects[1]} contradict each other.")
    foreign = sorted(given - {subjects[0], *_ABOUT[subjects[0]]})
    if foreign:
        homes = " or ".join(subject for subject, names in _ABOUT.items() if foreign[0] in names)
        raise UserError(f"{foreign[0]} goes with {homes}, not with {subjects[0]}.")
    return subjects[0]


def _is_given(options: Namespace, name: str) -> bool:
    value = options[name[2:].replace("-", "_")]
    is_default = value is None or value is False or value == [] or (name, value) == ("--tasks", 1)
    return not is_default


def _check(options: Namespace) -> None:
    """Raises UserError for a value out of range."""
    for name in ("alpha", "power"):
        if not 0 < options[name] < 1:
            raise UserError(f"--{name} must lie between 0 and 1, not {options[name]}.")
    if options.power <= options.alpha:
        raise UserError(f"--power must be more than --alpha, {options.alpha}, not {options.power}.")
    for name in ("deviation", "difference"):
        value = options[name]
        if value is not None and not 0 < value < math.inf:
            raise UserError(f"--{name} must be a number above 0, not {value}.")
    for name, least in (("seeds", 2), ("tasks", 1), ("episodes", 1)):
        if options[name] is not None and options[name] < least:
            raise UserError(f"--{name} must be at least {least}, not {options[name]}.")
    _check_rates(options)


def _check_rates(options: Namespace) -> None:
    if options.success and len(options.success) > _PAIR:
        raise UserError(f"--success takes one rate, or two to tell apart, not {len(options.success)}.")
    for rate in options.success or ():
        if not 0 <= rate <= 1:
            raise UserError(f"--success takes rates between 0 and 1, not {rate}.")
    if options.discordance is not None and not 0 < options.discordance <= 1:
        raise UserError(f"--discordance must be above 0 and at most 1, not {options.discordance}.")


def _answer(subject: str, options: Namespace) -> Answer:
    if subject == "--pilot":
        return about_pilot(options)
    if subject == "--deviation":
        if options.difference is None and options.seeds is None:
            raise UserError("Say --difference X to learn the seeds needed, or --seeds N to learn what they can show.")
        plan = SeedPlan(
            deviation=options.deviation,
            power=options.power,
            alpha=options.alpha,
            tasks=options.tasks,
            paired=options.paired,
        )
        return about_seeds(plan, difference=options.difference, seeds=options.seeds)
    if len(set(options.success)) < _PAIR and options.episodes is None:
        raise UserError("Say --episodes N to learn what they can show, or two different rates after --success.")
    rates = RatePlan(power=options.power, alpha=options.alpha, discordance=options.discordance)
    return about_rates(rates, rates=options.success, episodes=options.episodes)


def _tell(answer: Answer) -> None:
    show_table(answer.header, answer.rows)
    print()
    for sentence in answer.sentences:
        say(sentence)
