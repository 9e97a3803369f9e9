"""What is asked of a suite besides what it says: a budget, some of its cases, and options that replace its own."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

import msgspec

from rlgauge.core.errors import UserError, unknown
from rlgauge.suites.cases import cases, spread
from rlgauge.suites.suite import LESS, Budget, Entry, Suite, Value


class Shard(msgspec.Struct, frozen=True):
    """One of so many parts of what is asked for, counted from 1."""

    number: int
    count: int


class Asked(msgspec.Struct, frozen=True):
    """A budget, wanted values by axis, options for all entries as they were typed, and some for their scripts.

    Of the cases those of a shard, where there is one; with `is_single` each by itself.
    """

    budget: Budget = Budget.FULL
    wanted: Mapping[str, Sequence[str]] = {}
    replaced: Mapping[str, list[str]] = {}
    script_args: Sequence[str] = ()
    shard: Shard | None = None
    is_single: bool = False

    def dealt(self) -> Callable[[Hashable], bool]:
        """Says of one case after the other whether it is wanted, of what two entries have once.

        Cases are dealt to shards in turns, so that each has some of all kinds. Where none are dealt and none stand by
        themselves, all are wanted.
        """
        if self.shard is None and not self.is_single:
            return lambda _case: True
        shard = self.shard or Shard(1, 1)
        turns = itertools.cycle(range(1, shard.count + 1))
        seen: set[Hashable] = set()

        def takes(case: Hashable) -> bool:
            if case in seen:
                return False
            seen.add(case)
            return next(turns) == shard.number

        return takes


def make_asked(
    suite: Suite,
    *,
    budget: str = Budget.FULL,
    select: Iterable[str] = (),
    given: Sequence[str] = (),
    script_args: Sequence[str] = (),
    shard: str | None = None,
    is_single: bool = False,
) -> Asked:
    """What was typed, understood. Raises UserError for what the suite does not have."""
    if budget not in set(Budget):
        raise unknown("budget", budget, [one.value for one in Budget])
    if budget in LESS and not any(budget in entry.less for entry in suite.entries):
        raise UserError(
            f"{suite.where} has no {budget} budget{_others(suite)}; its options can be replaced after `--`."
        )
    if script_args and not any(entry.command == "train" for entry in suite.entries):
        raise UserError(f"{suite.where} trains no scripts, for which options after a second `--` are.")
    return Asked(
        Budget(budget),
        _wanted(suite, select, Budget(budget)),
        parse_given(given),
        script_args,
        None if shard is None else parse_shard(shard),
        is_single,
    )


def _wanted(suite: Suite, select: Iterable[str], budget: Budget) -> dict[str, list[str]]:
    """The wanted values by axis. Raises UserError, which says so where it is the budget that lacks them."""
    asked = list(select)
    if not asked:
        return {}
    try:
        return parse_selection(asked, axes_of(suite, budget))
    except UserError as error:
        if budget is Budget.FULL or not _is_in_full(suite, asked):
            raise
        raise UserError(f"{error} So it is at the budget {budget}; options after `--` replace what it says.") from error


def _is_in_full(suite: Suite, select: Iterable[str]) -> bool:
    try:
        parse_selection(select, axes_of(suite, Budget.FULL))
    except UserError:
        return False
    return True


def _others(suite: Suite) -> str:
    """The budgets that it has, in words; nothing where it has but the full one."""
    there = [budget.value for budget in LESS if any(budget in entry.less for entry in suite.entries)]
    return f": it has {' and '.join([*there, Budget.FULL])}" if there else ""


def axes_of(suite: Suite, budget: Budget) -> dict[str, list[str]]:
    """The values of every axis of a suite, and of options that could be one. Raises UserError."""
    found: dict[str, dict[str, None]] = {}
    for place, entry in enumerate(suite.entries, start=1):
        if entry.command == "train":
            axes = [case.axes for case in cases(f"{suite.where}, entry {place}", entry, budget)]
            said = [(name, value) for one in axes for name, value in one.items()]
            said += [("seed", one) for one in spread(entry.options.get("seed", []))]  # to be had at every budget
        else:
            said = [(name, one) for name, value in at_budget(entry, budget).items() for one in spread(value)]
        for name, one in said:
            found.setdefault(name.replace("-", "_"), {})[str(one)] = None
    return {name: list(values) for name, values in found.items()}


def at_budget(entry: Entry, budget: Budget) -> dict[str, Value]:
    """The options of an entry, of which a smaller budget replaces some."""
    return {**entry.options, **entry.replaced_at(budget).own}


def narrowed(options: Mapping[str, Value], wanted: Mapping[str, Sequence[str]]) -> dict[str, Value] | None:
    """The options with the wanted values alone; None where they have none of an axis."""
    found = dict(options)
    spelled = {name.replace("-", "_"): name for name in options}
    for axis, values in wanted.items():
        name = spelled.get(axis)
        kept = [] if name is None else [one for one in spread(options[name]) if str(one) in values]
        if name is None or not kept:
            return None
        found[name] = kept if isinstance(options[name], list) else kept[0]
    return found


def parse_selection(given: Iterable[str], known: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The wanted values by axis of `algo=ppo,sac` and `seed=0..2`. Raises UserError; `known` are those that exist."""
    found: dict[str, list[str]] = {}
    for part in given:
        axis, equals, text = part.partition("=")
        if not equals:
            raise UserError(f"--select {part}: write AXIS=VALUE; axes here: {', '.join(sorted(known))}.")
        name = axis.replace("-", "_")
        if name not in known:
            raise unknown("axis", axis, known)
        values = [str(one) for value in text.split(",") for one in spread(value)]
        for value in values:
            if value not in known[name]:
                raise unknown(axis, value, known[name])
        found.setdefault(name, []).extend(values)
    return found


def parse_shard(text: str) -> Shard:
    """The second of four parts, of `2/4`. Raises UserError."""
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise UserError(f"--shard {text}: write which part of how many, such as 1/4, 2/4, 3/4 and 4/4.")
    return Shard(int(match[1]), int(match[2]))


def parse_given(given: Sequence[str]) -> dict[str, list[str]]:
    """The options given after `--`, each with all that was typed for it. Raises UserError for anything else."""
    found: dict[str, list[str]] = {}
    name = ""
    for argument in given:
        if argument.startswith("--") and len(argument) > len("--"):
            option, equals, value = argument[2:].partition("=")
            name = option.replace("-", "_")
            spelled = f"--{option if '.' in option else option.replace('_', '-')}"
            found.setdefault(name, []).append(f"{spelled}{equals}{value}")
        elif not name:
            raise UserError(f"After `--` come options of the entries, such as --num-envs 1,100, not {argument!r}.")
        else:
            found[name].append(argument)
    return found
