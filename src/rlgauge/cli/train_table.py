"""What trainings came to: a table of each algorithm and environment, and what went wrong."""

from __future__ import annotations

import shutil
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from rlgauge.cli.console import complain, say, show_table
from rlgauge.cli.faults import what_went_wrong
from rlgauge.cli.units import count_text, seconds_text
from rlgauge.compare.clones import same_episodes
from rlgauge.compare.phrases import some
from rlgauge.core.case import Case
from rlgauge.core.errors import UserError
from rlgauge.core.run import USAGE, Run, Status
from rlgauge.kinds.train.reading import NUM_LAST, read_training

_HEADER = ["algorithm", "environment", "seeds", "test return", "training return", "episodes", "steps", "time"]
_MEANS = ("success", "training_return", "training_length", "train_seconds")
_COUNTS = ("num_episodes", "num_steps")
"""What is told of a run under the names of its records."""
_FAILURES = ["algorithm", "environment", "seed", "status", "how far it came", "what went wrong", "log"]
_MOST_TOLD, _LONGEST = 20, 120
_DASH = "-"


class Trained(msgspec.Struct, frozen=True, kw_only=True):
    """What one run came to; None is what was not measured.

    `test_return` is the mean over its test episodes, `training_return` that of the last ten episodes of the training.
    """

    algorithm: str
    environment: str
    seed: int
    status: str
    test_return: float | None = None
    num_tests: int = 0
    num_tests_wanted: int = 0
    num_test_errors: int = 0
    success: float | None = None
    training_return: float | None = None
    training_length: float | None = None
    num_episodes: int | None = None
    num_steps: int | None = None
    train_seconds: float | None = None
    actor: str | None = None
    warnings: list[str] = []
    began: str | None = None
    reason: str | None = None
    folder: str | None = None
    log: str | None = None


def trained(case: Case, run: Run | None) -> Trained:
    """What the run of a case came to."""
    unbegun = Trained(
        algorithm=case.labels["algorithm"],
        environment=case.labels["task"],
        seed=case.seed,
        num_tests_wanted=case.params["tests"],
        status=Status.QUEUED,
        reason="the run never began",
    )
    return unbegun if run is None else _told_by(run, unbegun)


def _told_by(run: Run, unbegun: Trained) -> Trained:
    totals, result = run.file.totals or {}, run.file.result or {}
    means = {name: totals[name].mean for name in _MEANS if name in totals}
    counts = {name: int(totals[name].mean) for name in _COUNTS if name in totals}
    if run.status is not Status.COMPLETED:
        means, counts = _as_far_as_it_came(run.folder / "artifacts")
    tested = totals.get("return")
    return msgspec.structs.replace(
        unbegun,
        status=str(run.status),
        test_return=None if tested is None else tested.mean,
        num_tests=0 if tested is None else tested.n,
        num_test_errors=run.file.num_errors or 0,
        **means,
        **counts,
        actor=result.get("actor"),
        warnings=list(result.get("warnings", ())),
        began=result.get("began"),
        reason=None if run.status is Status.COMPLETED else what_went_wrong(run),
        folder=str(run.folder),
        log=str(run.folder / "cout.txt"),
    )


def log_of(error: UserError, runs: Iterable[Run | None]) -> str:
    """Where the log is of the run that a mistake ended, as ` Log: PATH`; empty where it ended none that printed."""
    for run in runs:
        if run is None or run.file.fail_kind != USAGE or not (run.file.fail_trace or "").startswith(str(error)):
            continue
        log = run.folder / "cout.txt"
        if log.is_file() and log.stat().st_size:
            return f" Log: {log}"
    return ""


def _as_far_as_it_came(artifacts: Path) -> tuple[dict[str, float], dict[str, int]]:
    """What was counted until a run was ended: means and counts under the names of records."""
    training = read_training(artifacts)
    told = {"training_return": training.mean_return, "training_length": training.mean_length}
    means = {name: value for name, value in told.items() if value is not None}
    counts = {"num_episodes": training.num_episodes, "num_steps": training.num_steps} if training.is_counted else {}
    return means, counts


def how_far(one: Trained) -> str:
    """How far a run came, in words; empty where nobody counted."""
    if one.num_episodes is None:
        return ""
    if one.training_return is None:
        return "no episode"
    last = min(NUM_LAST, one.num_episodes)
    mean = f"mean return of the last {last}" if last > 1 else "its return"
    return f"{count_text(one.num_episodes, 'episode')}, {one.num_steps or 0:,} steps, {mean} {one.training_return:.4g}"


def how_many(found: Iterable[Trained]) -> str:
    """How many runs are done, failed, were ended on their way and never began: `2 of 6 runs done, 4 not begun`."""
    found = list(found)
    nums = Counter(one.status for one in found)
    done, unbegun = nums.pop(Status.COMPLETED, 0), nums.pop(Status.QUEUED, 0)
    failed = nums.pop(Status.FAILED, 0) + nums.pop(Status.TIMEOUT, 0)
    others = {"failed": failed, "ended on the way": nums.total(), "not begun": unbegun}
    told = [f"{number} {what}" for what, number in others.items() if number]
    return ", ".join([f"{done} of {count_text(len(found), 'run')} done", *told])


def ended(run: Run | None) -> str:
    """How a run ended, in words."""
    if run is None:
        return "never began"
    one = trained(run.case, run)
    if run.status is not Status.COMPLETED:
        far = how_far(one)
        return f"{run.status}{f' after {far}' if far else ''}: {one.reason}"
    told = []
    if one.test_return is not None:
        told.append(f"test return {one.test_return:.4g} in {count_text(one.num_tests, 'episode')}")
    if one.training_return is not None:
        told.append(f"training return {one.training_return:.4g} after {count_text(one.num_episodes or 0, 'episode')}")
    if one.train_seconds is not None:
        told.append(seconds_text(one.train_seconds))
    if one.began is not None:
        told.append(one.began)
    if one.warnings:
        told.append(f"with {count_text(len(one.warnings), 'warning')}")
    return ", ".join(told) or "done"


def tell(found: Sequence[Trained], out: str) -> None:
    """Print the table, and what must be known with it."""
    show_table(_HEADER, list(_rows(found)), expendable=("steps", "time", "episodes"))
    said = list(_remarks(found))
    if said:
        print()
    for text in said:
        say(text)
    print()
    is_some_done = any(one.status == Status.COMPLETED for one in found)
    more = f" Over environments, with more intervals: rlgauge summary {out}" if is_some_done else ""
    say(f"Runs: {out}.{more}")


def tell_failures(found: Sequence[Trained]) -> int:
    """How many runs did not complete; a table of them, with their logs, goes to standard error."""
    failed = [one for one in found if one.status != Status.COMPLETED]
    if not failed:
        return 0
    print(f"\n{len(failed)} of {count_text(len(found), 'run')} failed:", file=sys.stderr)
    _list_failures(failed[:_MOST_TOLD])
    if len(failed) > _MOST_TOLD:
        print(f"and {len(failed) - _MOST_TOLD} more", file=sys.stderr)
    print("Again: the same command with --rerun-failed.", file=sys.stderr)
    return len(failed)


def _list_failures(failed: Sequence[Trained]) -> None:
    """Print a table of them, or on a terminal that is too narrow for it a paragraph for each."""
    from rlgauge.cli.sources import aligned

    rows = [
        [
            one.algorithm,
            one.environment,
            str(one.seed),
            one.status,
            how_far(one) or _DASH,
            _short(one.reason or ""),
            one.log or _DASH,
        ]
        for one in failed
    ]
    lines = aligned(_FAILURES, rows)
    if not sys.stderr.isatty() or max(map(len, lines)) <= shutil.get_terminal_size().columns:
        print("\n".join(lines), file=sys.stderr)
        return
    for algorithm, environment, seed, status, far, reason, log in rows:
        after = "" if far == _DASH else f" after {far}"
        complain(f"{algorithm} {environment} seed {seed}: {status}{after}: {reason}")
        print(f"  {log}", file=sys.stderr)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def as_json(found: Sequence[Trained], out: str) -> str:
    """The runs and the groups of the table as JSON."""
    groups = [_group_json(own) for own in _grouped(found)]
    content = {"format": 1, "out": out, "groups": groups, "runs": found}
    return msgspec.json.format(msgspec.json.encode(content), indent=1).decode()


def _grouped(found: Iterable[Trained]) -> list[list[Trained]]:
    groups: dict[tuple[str, str], list[Trained]] = defaultdict(list)
    for one in found:
        groups[one.algorithm, one.environment].append(one)
    return list(groups.values())


def _rows(found: Sequence[Trained]) -> Iterator[list[str]]:
    for own in _grouped(found):
        done = [one for one in own if one.status == Status.COMPLETED]
        yield [
            own[0].algorithm,
            own[0].environment,
            f"{len(done)} of {len(own)}",
            _estimate([one.test_return for one in _without_clones(done)]),
            _estimate([one.training_return for one in _without_clones(done)]),
            _mean([one.num_episodes for one in done]),
            _mean([one.num_steps for one in done]),
            _seconds([one.train_seconds for one in done]),
        ]


def _clones(done: Sequence[Trained]) -> list[list[Trained]]:
    """Trainings of different seeds that are the same, episode by episode; looked for where all came to the same."""
    groups: dict[tuple[float | None, ...], list[Trained]] = defaultdict(list)
    for one in done:
        if one.folder is not None and one.num_episodes:
            groups[one.training_return, one.training_length, one.num_episodes, one.num_steps].append(one)
    same = [own for own in groups.values() if len(own) > 1]
    return [[own[place] for place in places] for own in same for places in same_episodes([str(x.folder) for x in own])]


def _without_clones(done: Sequence[Trained]) -> list[Trained]:
    gone = {id(one) for own in _clones(done) for one in own[1:]}
    return [one for one in done if id(one) not in gone]


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _estimate(values: Iterable[float | None]) -> str:
    """The mean over seeds with its interval; of one seed the mean alone."""
    from rlgauge.report.numbers import estimate, places
    from rlgauge.stats.intervals import student_t

    known = _known(values)
    if not known:
        return _DASH
    summary = student_t(known)
    spread = None if summary.low is None or summary.high is None else (summary.high - summary.low) / 2
    return estimate(summary, digits=places(summary.point, spread))


def _mean(values: Iterable[float | None]) -> str:
    known = _known(values)
    return f"{sum(known) / len(known):,.0f}" if known else _DASH


def _seconds(values: Iterable[float | None]) -> str:
    known = _known(values)
    return seconds_text(sum(known) / len(known)) if known else _DASH


def _remarks(found: Sequence[Trained]) -> Iterator[str]:
    """What the runs warn of, each thing once, and what the table means."""
    done = [one for one in found if one.status == Status.COMPLETED and one.num_tests_wanted]
    untested = Counter(one.actor for one in done if one.test_return is None and not one.num_test_errors)
    nums = Counter(text for one in found for text in dict.fromkeys(one.warnings) if text not in untested)
    for text, number in nums.items():
        yield f"warning: {text}" + (f" ({count_text(number, 'run')})" if len(found) > 1 else "")
    for why, number in untested.items():
        yield f"{count_text(number, 'run')} had no test episodes{f': {why}' if why else ''}"
    for own in _grouped(found):
        for same in _clones([one for one in own if one.status == Status.COMPLETED]):
            seeds = [str(one.seed) for one in same]
            yield (
                f"warning: {own[0].algorithm} in {own[0].environment}: with the seeds {', '.join(seeds[:-1])} and "
                f"{seeds[-1]} every episode of training is the same. The seed does not reach the script: give it as an "
                "option. They count as one run."
            )
    yield from _doubts(found)
    if any(sum(one.status == Status.COMPLETED for one in own) > 1 for own in _grouped(found)):
        yield "Intervals: 95 %, Student's t over seeds. Episodes, steps and time: means over seeds."


def _doubts(found: Sequence[Trained]) -> Iterator[str]:
    """What the intervals say of themselves, each thing once."""
    from rlgauge.stats.intervals import student_t

    said: dict[str, list[str]] = defaultdict(list)
    for own in _grouped(found):
        done = _without_clones([one for one in own if one.status == Status.COMPLETED])
        known = _known(one.test_return for one in done) or _known(one.training_return for one in done)
        for text in student_t(known).warnings if len(own) > 1 and known else ():
            said[text].append(f"{own[0].algorithm} in {own[0].environment}")
    for text, names in said.items():
        yield f"{some(names)}: {text}"


def _group_json(own: Sequence[Trained]) -> dict[str, Any]:
    from rlgauge.stats.intervals import student_t

    done = [one for one in own if one.status == Status.COMPLETED]
    told: dict[str, Any] = {
        "algorithm": own[0].algorithm,
        "environment": own[0].environment,
        "num_runs": len(own),
        "num_completed": len(done),
    }
    apart = _without_clones(done)
    told["num_clones"] = len(done) - len(apart)
    for name in ("test_return", "training_return"):
        known = _known(getattr(one, name) for one in apart)
        missing = len(own) - told["num_clones"] - len(known)
        told[name] = msgspec.to_builtins(student_t(known, missing=missing)) if known else None
    return told
