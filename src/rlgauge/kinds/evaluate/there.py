"""What a store holds of an evaluation already: the episodes that will not be played again, and those given up."""

from __future__ import annotations

import msgspec

from rlgauge.core.case import Case
from rlgauge.core.store import Need, Store
from rlgauge.kinds.evaluate.results import BenchmarkResults
from rlgauge.kinds.evaluate.workload import EvaluateWorkload

Key = tuple[str, int | None, str]
"""Policy, training seed and task."""


class There(msgspec.Struct, frozen=True):
    """Episodes by what they are of: those that are `kept`, and all of runs that failed and are not tried again.

    `since` is when the first of the kept were measured (UTC, ISO 8601), `names` under which name another policy was
    stored that is the same.
    """

    kept: dict[Key, set[int]]
    given_up: dict[Key, set[int]]
    names: dict[str, str]
    since: str | None = None

    def num_in(self, results: BenchmarkResults) -> int:
        """How many of the results' episodes were there."""
        return sum(
            episode.index in self.kept.get((result.policy, result.train_seed, result.task_id), ())
            for result in results.results
            for episode in result.episodes
        )


def look(workload: EvaluateWorkload, store: Store, *, rerun_failed: bool) -> There:
    """What executing the workload will find. Raises StoreError."""
    there = There({}, {}, {})
    starts = []
    for case in workload.cases():
        need = Need(
            num_wanted=workload.num_wanted(case), rerun_up_to=store.num_attempts(case) if rerun_failed else None
        )
        standing = store.standing(case, need)
        last = case.params["first"] + (need.num_wanted or 0)
        kept = {record.index for record in standing.records if record.index < last}
        if standing.is_given_up:
            there.given_up.setdefault(key_of(case), set()).update(range(case.params["first"], last))
        if kept:
            there.kept.setdefault(key_of(case), set()).update(kept)
            starts += [standing.since] if standing.since else []
            stored = standing.labels.get("policy", case.labels["policy"])
            if stored != case.labels["policy"]:
                there.names.setdefault(case.labels["policy"], stored)
    return msgspec.structs.replace(there, since=min(starts, default=None))


def key_of(case: Case) -> Key:
    """Of what the episodes of a case are."""
    return case.labels["policy"], case.params["train_seed"], case.params["task"]
