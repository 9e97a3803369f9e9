"""What `rlgauge tune` shows: how far it is, and what it came to."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from rlgauge.cli.console import complain, say, show_table
from rlgauge.cli.train_options import Trainings
from rlgauge.cli.train_view import say_error, shown
from rlgauge.cli.train_watch import Watch
from rlgauge.cli.units import count_text
from rlgauge.core.execute import Event
from rlgauge.core.store import Store
from rlgauge.stats.summary import Summary
from rlgauge.tune.phase2 import Final, Judged
from rlgauge.tune.report_importance import Importance
from rlgauge.tune.reports import final_data, read_importance, search_data
from rlgauge.tune.sentences import DASH, luck, number_text, outcome, settings_text, value_text
from rlgauge.tune.trial import State, Trial, best
from rlgauge.tune.tuning import Tuned

_MOST_TOLD, _LONGEST = 20, 160


class Shown:
    """Tells on standard error how far it is; `runs` says whether each run is shown, too."""

    def say(self, text: str) -> None:
        """Tell a sentence."""
        say_error(text)

    def begin(self, number: int, num_trials: int, values: Mapping[str, Any]) -> None:
        """Tell that a trial begins."""
        say_error(f"Trial {number} ({number + 1} of {num_trials}): {settings_text(values)}")

    def end(self, trial: Trial, trials: Sequence[Trial]) -> None:
        """Tell what it came to."""
        first = next(iter(best(trials, 1)), None)
        leader = "" if first is None else f"; best so far: {number_text(first.objective)} of trial {first.number}"
        say_error(f"Trial {trial.number}: {_ended(trial)}{leader}")

    @contextlib.contextmanager
    def running(self, workload: Trainings, store: Store, *, rerun_failed: bool) -> Iterator[Callable[[Event], None]]:
        """Show some trainings while they go on."""
        watch = Watch(workload, store, rerun_failed=rerun_failed)
        with shown(watch, store) as (listen, _):
            yield listen


def tell(found: Tuned) -> None:
    """Print the trials and what phase 2 came to."""
    tell_search(found)
    if found.final is not None:
        print()
        tell_final(found.final)
    if found.best is not None:
        print()
        say(f"The winning configuration is in {found.best}: `rlgauge suite run {found.best}` trains it.")
    if found.unsaid is not None:
        complain(f"The winning configuration could not be written as a suite. {found.unsaid}")
    say(f"Runs and tables are in {found.out}.")


def tell_search(found: Tuned) -> None:
    """Print the trials, the importance of settings, and what failed."""
    names = list(dict.fromkeys(name for one in found.trials for name in one.values))
    header = ["trial", "state", "return", "seeds", *names]
    rows = [
        [str(one.number), str(one.state), number_text(one.objective), str(len(one.returns)), *_cells(one.values, names)]
        for one in found.trials
    ]
    states = [one.state for one in found.trials]
    told = [f"{states.count(state)} {state}" for state in State if state in states]
    print(f"Phase 1: {count_text(len(found.trials), 'trial')}, {', '.join(told)}")
    show_table(header, rows)
    if any(one.state is State.PRUNED and one.reason is not None for one in found.trials):
        say("The return of a trial that was pruned on its way is its training return until there.")
    _tell_mattered(found)
    _tell_failures(found.trials)


def tell_final(final: Final) -> None:
    """Print phase 2: what each configuration came to on fresh seeds, beside what it came to in the search."""
    count = len(final.configurations) - 1
    place = "" if final.environment is None else f" in {final.environment}"
    print(f"Phase 2: {final.algorithm}{place}, {count_text(len(final.seeds), 'fresh seed')} {_seeds(final.seeds)}")
    header = (
        "configuration",
        "phase 1 return",
        "phase 2 return",
        "interval",
        "deviation",
        "seeds",
        "gain over default",
    )
    show_table(header, [_judged_row(one) for one in final.configurations])
    for one in final.configurations:
        for seed, reason in one.problems.items():
            complain(f"{one.name}, seed {seed} gave no return: {_short(reason)}")
    for text in _notes(final, count):
        say(text)


def as_json(found: Tuned) -> str:
    """All of it as JSON."""
    told = None if found.final is None else read_importance(found.out)
    return json.dumps(
        {
            "out": str(found.out),
            "phase1": search_data(found.trials, found.importance),
            "phase2": None if found.final is None else final_data(found.final),
            "importance": None if told is None else msgspec.to_builtins(told),
            "best": None if found.best is None else str(found.best),
        },
        indent=2,
        allow_nan=False,
    )


def _tell_mattered(found: Tuned) -> None:
    """What mattered; before the end of a study without how sure that is."""
    told = None if found.final is None else read_importance(found.out)
    if told is None and found.importance:
        print()
        print("Importance of the settings (PED-ANOVA)")
        show_table(("setting", "importance"), [(name, f"{value:.2f}") for name, value in found.importance.items()])
    elif told is not None and told.settings:
        print()
        print(f"Importance of the settings ({told.method})")
        header = ("setting", "importance", "refits", "by chance", "matters")
        show_table(header, [_mattered_row(one) for one in told.settings])
        say(
            f"Refits: where 95 % of {told.refits} on resampled trials came. By chance: how often a setting came to as "
            "much where returns were shuffled among trials; it matters where that is 5 % over the number of settings "
            "or less."
        )
    elif told is not None and told.why_not is not None:
        print()
        say(f"What mattered is not known: {told.why_not}.")


def _mattered_row(one: Importance) -> tuple[str, ...]:
    return (
        one.setting,
        f"{one.share:.2f}",
        f"{one.low:.2f} to {one.high:.2f}",
        f"{one.chance:.3f}",
        "yes" if one.is_told else "not shown",
    )


def _notes(final: Final, count: int) -> Iterator[str]:
    """What a reader of the table must know."""
    together = "" if count == 1 else f", which hold for all {count} together"
    yield (
        f"Means over seeds of the mean return of test episodes; intervals are 95 % (Student's t), gains 95 % (Welch)"
        f"{together}."
    )
    yield from luck(final)
    yield from outcome(final)
    doubts = {text for one in final.configurations for side in (one.mean, one.gain) if side for text in side.warnings}
    yield from sorted(doubts)


def _judged_row(one: Judged) -> tuple[str, ...]:
    mean = one.mean
    return (
        one.name,
        DASH if one.searched is None else f"{number_text(one.searched)} ({count_text(one.num_searched, 'seed')})",
        DASH if mean is None else number_text(mean.point),
        _interval(mean),
        number_text(one.deviation),
        f"{len(one.returns)} of {len(one.returns) + (len(one.problems) if mean is None else mean.missing)}",
        DASH if one.gain is None else f"{one.gain.point:+.5g} {_interval(one.gain)}".removesuffix(f" {DASH}"),
    )


def _interval(one: Summary | None) -> str:
    if one is None or one.low is None or one.high is None:
        return DASH
    return f"[{number_text(one.low)}, {number_text(one.high)}]"


def _tell_failures(trials: Sequence[Trial]) -> None:
    failed = [one for one in trials if one.state is State.FAILED]
    for one in failed[:_MOST_TOLD]:
        complain(f"Trial {one.number} failed: {_short(one.reason or '')}")
    if len(failed) > _MOST_TOLD:
        complain(f"{len(failed) - _MOST_TOLD} more trials failed; phase1.json has the reasons.")


def _ended(trial: Trial) -> str:
    if trial.state is State.FAILED:
        return f"failed, {_short(trial.reason or '')}"
    if trial.state is State.PRUNED and trial.reason is not None:
        return f"pruned {trial.reason}"
    after = f" after {count_text(len(trial.returns), 'seed')}" if trial.state is State.PRUNED else ""
    return f"{trial.state}{after}, return {number_text(trial.objective)}"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _cells(values: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    return [value_text(values[name]) if name in values else DASH for name in names]


def _seeds(seeds: Sequence[int]) -> str:
    return f"{seeds[0]}..{seeds[-1]}" if len(seeds) > 1 else str(seeds[0])
