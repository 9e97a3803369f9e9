"""`rlgauge suite list|show|run`: measurements as data."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from rlgauge.cli import interruption, launchers, target_entries, targets
from rlgauge.cli.asked_runs import noted
from rlgauge.cli.console import say, show_table
from rlgauge.cli.main import FAILED, FINE, MISUSED, dispatch
from rlgauge.cli.options import make_parser, parse, parted, with_each
from rlgauge.cli.report_after import write_report
from rlgauge.cli.suite_asked import Asked, make_asked
from rlgauge.cli.suite_commands import Command, commands, module_of
from rlgauge.cli.suite_training import num_runs
from rlgauge.cli.train_view import say_error
from rlgauge.cli.units import count_text
from rlgauge.core.errors import SubmittedError, UserError
from rlgauge.core.store import Store
from rlgauge.report.judged import Judged, Verdict
from rlgauge.report.targets import targets_table
from rlgauge.suites.suite import Budget, Suite, find, read, shipped

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

    from rlgauge.launch.slurm import Handed

_SELECT = "--select"
_SEVERAL = (_SELECT, launchers.CONFIG)
_ANEW = "throughput"
"""What measures anew each time: its own command submits and waits, and nothing may be submitted for it before."""
_HELP = """usage: rlgauge suite list
       rlgauge suite show SUITE
       rlgauge suite run SUITE [--select AXIS=VALUE ...] [--budget smoke|short|full] [--out DIR] [-- OPTIONS]
       rlgauge suite commands SUITE [--shard 2/4] [as above]

list      the suites that come with rlgauge
show      what a suite would run, as commands, and its targets
run       runs them
commands  prints a command for each case by itself, for GNU Parallel or any scheduler

SUITE is a name of the list, or a YAML file. `rlgauge suite run --help` says more."""


def main(argv: Sequence[str]) -> int:
    """The exit code of `rlgauge suite`. Raises UserError."""
    if not argv or argv[0] in {"-h", "--help"}:
        print(_HELP)
        return FINE
    parts = {name: f"{__name__}:{name}_suites" for name in ("list", "show", "run", "commands")}
    return dispatch("command after `rlgauge suite`", argv, parts)


def list_suites(argv: Sequence[str]) -> int:
    """The exit code of `rlgauge suite list`. Raises UserError."""
    if parse(make_parser("suite list", "List the suites that come with rlgauge."), argv) is not None:
        suites = [read(path) for path in shipped().values()]
        rows = [(suite.name, suite.description, *_minutes(suite), str(len(suite.targets))) for suite in suites]
        show_table(("suite", "what it measures", "minutes", "short", "smoke", "targets"), rows)
    return FINE


def _minutes(suite: Suite) -> tuple[str, ...]:
    """How long it is expected to take, at all budgets."""
    minutes = suite.minutes
    return tuple(f"about {value:g}" if value else "" for value in (minutes.full, minutes.short, minutes.smoke))


def show_suites(argv: Sequence[str]) -> int:
    """The exit code of `rlgauge suite show`. Raises UserError."""
    parser = make_parser("suite show", "Show what a suite would run, and its targets.")
    _add_what(parser)
    options = parse(parser, with_each(argv, _SEVERAL), repeated=[_SELECT])
    if options is None:
        return FINE
    suite = _found(options.suite)
    asked = make_asked(suite, budget=options.budget, select=options.select or [])
    calls = commands(suite, asked, out=default_out(suite, asked.budget))
    say(suite.description)
    _tell_size(suite, asked)
    for command in calls:
        print(f"\n{command.text}")
    if suite.targets and asked.budget is Budget.FULL:
        print()
        _tell([Judged(suite=suite.name, tag="", target=target) for target in suite.targets], only_wanted=True)
    return FINE


def commands_suites(argv: Sequence[str]) -> int:
    """The exit code of `rlgauge suite commands`. Raises UserError."""
    before, after = parted(argv)
    given, script_args = parted(after)
    parser = make_parser("suite commands", "Print a command for each case of a suite; each runs by itself, anywhere.")
    _add_what(parser)
    _add_where(parser)
    options = parse(parser, with_each(before, _SEVERAL), repeated=[_SELECT])
    if options is None:
        return FINE
    suite = _found(options.suite)
    asked = _asked(suite, options, given, script_args, is_single=True)
    for command in commands(suite, asked, out=options.out or default_out(suite, asked.budget), tag=options.tag):
        print(command.text)
    return FINE


def _asked(
    suite: Suite, options: Namespace, given: Sequence[str], script_args: Sequence[str], *, is_single: bool = False
) -> Asked:
    return make_asked(
        suite,
        budget=options.budget,
        select=options.select or [],
        given=given,
        script_args=script_args,
        shard=options.shard,
        is_single=is_single,
    )


def run_suites(argv: Sequence[str]) -> int:
    """The exit code of `rlgauge suite run`: the worst of its commands'. Raises UserError."""
    before, after = parted(argv)
    given, script_args = parted(after)
    options = parse(build_parser(), with_each(before, _SEVERAL), repeated=_SEVERAL)
    if options is None:
        return FINE
    suite = _found(options.suite)
    launchers.check_launcher(options)
    asked = _asked(suite, options, given, script_args)
    out = options.out or default_out(suite, asked.budget)
    calls = commands(suite, asked, out=out, tag=options.tag, launched=launchers.given(options))
    if options.dry_run:
        for call in calls:
            print(call.text)
        return FINE
    if asked.budget is not Budget.FULL:
        suite = msgspec.structs.replace(suite, targets=[])  # they are of all that the suite says
    if not calls:
        say(f"No case of {suite.where} is in part {options.shard}.")
        return FINE
    Store(out).make()
    targets.keep(suite, Path(out), options.tag)
    with noted() as ran:
        code = _run_somewhere(calls, options)
    targets.keep(suite, Path(out), options.tag, ran=ran)
    if code in interruption.CODES or asked.shard is not None or options.no_wait:
        return code  # targets are judged where all parts are: rlgauge summary --targets
    code = max(code, _judge(suite, out, options.tag, is_strict=options.strict))
    write_report(Path(out))
    return code


def _run_somewhere(calls: Sequence[Command], options: Namespace) -> int:
    """The exit code, after Slurm has what is missing, where it is to run it."""
    if options.launcher != "slurm":
        return _run(calls)
    handed, code = _hand_over(calls, options)
    if options.no_wait:
        print("Nothing is missing." if handed is None else handed.summary)
        if code != FINE:
            print("Runs that were there have failed; without --no-wait it is said which.", file=sys.stderr)
        return code
    with contextlib.nullcontext() if handed is None else handed.followed():
        code = _run(calls)
    if handed is not None and code in interruption.CODES:
        handed.cancel()
    return code


def build_parser() -> ArgumentParser:
    """The options of `rlgauge suite run`."""
    parser = make_parser(
        "suite run",
        "Run a suite. Options after `--` replace those of all its entries: -- --num-envs 1,100 --min-seconds 0.05. "
        "Options after a second `--` replace those of the scripts that it trains: -- --workers 2 -- --total-steps 500.",
    )
    _add_what(parser)
    _add_where(parser)
    launchers.add_launcher(parser)
    parser.add_argument("--dry-run", action="store_true", help="print the commands, and run none")
    parser.add_argument("--strict", action="store_true", help="end with 1 where a target is not met or not measured")
    return parser


def _add_what(parser: ArgumentParser) -> None:
    parser.add_argument("suite", type=str, metavar="SUITE", help="a name of `rlgauge suite list`, or a YAML file")
    parser.add_argument(
        _SELECT,
        type=list[str] | None,
        metavar="AXIS=VALUE",
        help="only these cases: algo=ppo,sac seed=0..2; repeatable",
    )
    parser.add_argument(
        "--budget",
        type=str,
        default=Budget.FULL.value,
        metavar="NAME",
        help="smoke, to see that all works; short, where a suite has it; or full",
    )


def _add_where(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--out", type=str | None, metavar="DIR", help="folder of runs and results (out/SUITE, or out/SUITE-BUDGET)"
    )
    parser.add_argument("--tag", type=str, default="", metavar="TEXT", help="a name for this measurement")
    parser.add_argument(
        "--shard", type=str | None, metavar="I/N", help="of N parts of the cases the one that is so numbered: 2/4"
    )


def _tell_size(suite: Suite, asked: Asked) -> None:
    """Say how many trainings it is and how long all of them are expected to take."""
    named = [(f"{suite.where}, entry {place}", entry) for place, entry in enumerate(suite.entries, start=1)]
    runs = sum(num_runs(where, entry, asked) for where, entry in named if entry.command == "train")
    minutes = getattr(suite.minutes, asked.budget)
    whole = "the whole suite " if asked.wanted else ""
    told = [
        f"{count_text(runs, 'training')}." if runs else "",
        f"Expected: {whole}about {minutes:g} minute{'' if minutes == 1 else 's'}." if minutes else "",
    ]
    if any(told):
        say(" ".join(filter(None, told)))


def _found(name: str) -> Suite:
    suite = find(name)
    targets.check(suite)
    if suite.targets:
        target_entries.check(suite, commands(suite, out=default_out(suite, Budget.FULL)))
    return suite


def default_out(suite: Suite, budget: Budget) -> str:
    """Where results go; what was only looked at lies apart from what counts."""
    return f"out/{suite.name}" if budget is Budget.FULL else f"out/{suite.name}-{budget}"


def _run(calls: Sequence[Command]) -> int:
    """Run one after the other, whatever becomes of them; the worst exit code, or that of an interruption at once."""
    failed: list[tuple[Command, int]] = []
    for place, call in enumerate(calls, start=1):
        print(f"\n{place} of {len(calls)}: {call.text}", file=sys.stderr, flush=True)
        code = _call(call.argv)
        if code in interruption.CODES:
            print(f"Not begun: {len(calls) - place} of {count_text(len(calls), 'command')}.", file=sys.stderr)
            return code
        if code != FINE:
            failed.append((call, code))
    if failed:
        print(f"\n{len(failed)} of {count_text(len(calls), 'command')} failed:", file=sys.stderr)
    for call, code in failed:
        print(f"exit code {code}: {call.text}", file=sys.stderr)
    return max((code for _, code in failed), default=FINE)


def _hand_over(calls: Sequence[Command], options: Namespace) -> tuple[Handed | None, int]:
    """Give Slurm what is missing of all commands as one array, None where nothing is; and the worst of the exit codes.

    These are of commands of which nothing is missing. Raises UserError.
    """
    from rlgauge.launch import slurm

    launcher = slurm.make(launchers.config_of(options), tell=say_error)
    worst = FINE
    with launchers.gathered() as plans:
        for call in calls:
            if call.argv[0] == _ANEW:
                continue
            with contextlib.suppress(SubmittedError), _silence():
                code = module_of(call.argv[0]).main(call.argv[1:])
                if code in interruption.CODES:
                    raise KeyboardInterrupt
                worst = max(worst, code)
    return launcher.hand_over(plans) if plans else None, worst


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


def _call(argv: Sequence[str]) -> int:
    try:
        code: int = module_of(argv[0]).main(argv[1:])
        sys.stdout.flush()
    except UserError as error:
        print(f"rlgauge: {error}", file=sys.stderr)
        return MISUSED
    except SubmittedError as error:
        print(error)
        return FINE
    except KeyboardInterrupt as error:
        print(f"{interruption.word_for(error)}.", file=sys.stderr)
        return interruption.code_of(error)
    return code


def _judge(suite: Suite, out: str, tag: str, *, is_strict: bool) -> int:
    """Tell what became of the targets; the exit code."""
    if not suite.targets:
        return FINE
    found = [one for one in targets.judged([Path(out)]) if (one.suite, one.tag) == (suite.name, tag)]
    print()
    _tell(found)
    return FAILED if is_strict and any(one.verdict is not Verdict.MET for one in found) else FINE


def _tell(found: Sequence[Judged], *, only_wanted: bool = False) -> None:
    table = targets_table(found)
    print(table.title)
    if only_wanted:
        kept = [place for place, title in enumerate(table.header) if title not in {"tag", "measured", "verdict"}]
        show_table([table.header[place] for place in kept], [[row[place] for place in kept] for row in table.rows])
        return
    show_table(table.header, table.rows)
    for note in table.notes:
        say(note)
