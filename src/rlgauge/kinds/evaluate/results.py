"""The results of an evaluation: every episode, and what follows from them."""

from __future__ import annotations

import csv
import io
import math
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from rlgauge.core.case import fingerprint
from rlgauge.core.errors import UserError, unknown
from rlgauge.core.files import write_atomic
from rlgauge.core.run import Record
from rlgauge.kinds.evaluate import aggregate, stopping
from rlgauge.kinds.evaluate.aggregate import Aggregate
from rlgauge.kinds.evaluate.stopping import Stopped
from rlgauge.stats.confidence_sequence import ConfidenceSequence
from rlgauge.stats.intervals import wilson

FORMAT = 1


class EpisodeResult(msgspec.Struct, frozen=True, kw_only=True):
    """One episode. What was not measured is None."""

    index: int
    outcome: str
    total_return: float | None = None
    length: int | None = None
    success: bool | None = None
    success_at_end: bool | None = None
    success_ever: bool | None = None
    success_at_reset: bool = False
    terminated: bool | None = False
    truncated: bool | None = False
    seed: int | None = None
    error: str | None = None
    video: str | None = None
    environment_seconds: float | None = None

    @classmethod
    def from_record(cls, record: Record) -> EpisodeResult:
        """The episode that a stored record tells of."""
        values: dict[str, Any] = {key: value for key, value in record.values.items() if key != "return"}
        if "outcome" not in values:  # written by a supervisor that had to kill the process
            values["outcome"] = "timeout" if (record.error or "").startswith("timeout") else "error"
        return cls(index=record.index, total_return=record.values.get("return"), error=record.error, **values)  # type: ignore[arg-type]


class TaskResult(msgspec.Struct, frozen=True):
    """A policy's episodes in one task.

    `success_rate` is 0..1 over the episodes in which success was measured, None where it was in none; its 95 % interval
    beside it, by `success_method`: Wilson, or a confidence sequence where looking decided how many episodes there are.
    `success_rate_all` counts errors and timeouts as failures. `mean_reward` and `std_reward` are of the episodes'
    returns (sample deviation; None for fewer than two).
    """

    task_id: str
    success_rate: float | None
    mean_reward: float | None
    std_reward: float | None
    n_episodes: int
    policy: str = ""
    train_seed: int | None = None
    success_low: float | None = None
    success_high: float | None = None
    success_rate_all: float | None = None
    n_success: int = 0
    n_success_measured: int = 0
    n_returns: int = 0
    n_errors: int = 0
    n_timeouts: int = 0
    n_missing: int = 0
    mean_length: float | None = None
    success_method: str = "Wilson"
    warnings: list[str] = []
    episodes: list[EpisodeResult] = []

    @classmethod
    def from_episodes(
        cls,
        task_id: str,
        episodes: Sequence[EpisodeResult],
        *,
        policy: str = "",
        train_seed: int | None = None,
        n_missing: int = 0,
        num_starts: int | None = None,
    ) -> TaskResult:
        """What follows from the episodes of a task, which begins in `num_starts` ways, or in any number (None)."""
        ordered = sorted(episodes, key=lambda episode: episode.index)
        measured = [episode.success for episode in ordered if episode.success is not None]
        n_broken = sum(episode.error is not None for episode in ordered)
        returns = [episode.total_return for episode in ordered if episode.total_return is not None]
        lengths = [episode.length for episode in ordered if episode.length is not None and episode.error is None]
        interval = wilson(sum(measured), len(measured)) if measured else None
        return cls(
            task_id=task_id,
            policy=policy,
            train_seed=train_seed,
            success_rate=interval.point if interval else None,
            success_low=interval.low if interval else None,
            success_high=interval.high if interval else None,
            success_rate_all=_with_errors(measured, n_broken=n_broken, n_episodes=len(ordered)),
            mean_reward=math.fsum(returns) / len(returns) if returns else None,
            std_reward=statistics.stdev(returns) if len(returns) > 1 else None,
            n_episodes=len(ordered),
            n_success=sum(measured),
            n_success_measured=len(measured),
            n_returns=len(returns),
            n_errors=sum(episode.outcome == "error" for episode in ordered),
            n_timeouts=sum(episode.outcome == "timeout" for episode in ordered),
            n_missing=n_missing,
            mean_length=math.fsum(lengths) / len(lengths) if lengths else None,
            warnings=[*_warnings(ordered, n_missing), *_repeated(ordered, num_starts)],
            episodes=ordered,
        )

    def at_any_time(self) -> TaskResult:
        """The same with an interval of the success rate that holds whenever one stops."""
        sequence = ConfidenceSequence()
        for episode in self.episodes:
            if episode.success is not None:
                sequence.add(float(episode.success))
        if sequence.n == 0:
            return self
        summary = sequence.summary()
        return msgspec.structs.replace(
            self, success_low=summary.low, success_high=summary.high, success_method=summary.method
        )


class BenchmarkResults:
    """Results by policy and task, with what they were measured with in `metadata`."""

    def __init__(self, results: Iterable[TaskResult] = (), metadata: dict[str, Any] | None = None) -> None:
        """Hold results and metadata."""
        self.results = list(results)
        self.metadata = dict(metadata or {})

    @property
    def policies(self) -> list[str]:
        """Names of the policies, in their order."""
        return list(dict.fromkeys(result.policy for result in self.results))

    @property
    def stopped(self) -> Stopped | None:
        """What decided how many episodes there are; None where their number was fixed beforehand."""
        return stopping.from_metadata(self.metadata)

    def aggregates(self) -> list[Aggregate]:
        """One a policy: over tasks (macro), over episodes (micro), over training seeds where there are several."""
        found = [aggregate.over_tasks([r for r in self.results if r.policy == name]) for name in self.policies]
        return found if self.stopped is None else [aggregate.without_pooled_interval(over) for over in found]

    def compare(self, *, candidate: str, baseline: str) -> list[aggregate.Comparison]:
        """Task by task, two policies on the same episodes: McNemar for success, a paired interval for the return.

        Training seeds meet their equals, and each of them a policy that has none. Raises UserError where nothing meets.
        """
        met = [
            (mine, other)
            for mine in self._of(candidate)
            for other in self._of(baseline)
            if mine.task_id == other.task_id
            and (mine.train_seed == other.train_seed or None in {mine.train_seed, other.train_seed})
        ]
        if not met:
            raise UserError(f"{candidate} and {baseline} share no task and training seed.")
        found = [aggregate.compare(mine, other) for mine, other in met]
        return found if self.stopped is None else [aggregate.with_warning(c, f"{stopping.NOTE}.") for c in found]

    def digest(self) -> str:
        """A hash of all that was measured, durations and file names aside: equal results have equal digests."""
        timeless = {"environment_seconds", "video", "error"}
        content = [
            [r.policy, r.train_seed, r.task_id, r.n_missing]
            + [{k: v for k, v in msgspec.structs.asdict(e).items() if k not in timeless} for e in r.episodes]
            for r in self.results
        ]
        return fingerprint(content)

    def summary(self) -> str:
        """The table as plain text, with its warnings."""
        header, rows = self.table()
        widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in [header, *rows]
        ]
        rule = "-" * max(map(len, lines))
        told = [] if self.stopped is None else self.stopped.sentences()
        return "\n".join([lines[0], rule, *lines[1:], *(f"warning: {text}" for text in self.warnings()), *told])

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Header and rows of the summary as text: tasks, then the aggregates of every policy."""
        return aggregate.table(self.results, self.aggregates())

    def warnings(self) -> list[str]:
        """What a reader of the numbers must know."""
        own = [f"{aggregate.label(r)}, {r.task_id}: {text}" for r in self.results for text in r.warnings]
        own += [text for over in self.aggregates() for text in aggregate.warnings_over_seeds(over)]
        own += [
            f"{task}: the same seed and actions gave other observations or rewards the second time: what an episode "
            "gives depends on what was played before it (a wrapper that keeps statistics, a generator that reset() "
            "does not seed), so another number of lanes or workers gives other results"
            for task in self.metadata.get("not_reproducible", ())
        ]
        return own if self.stopped is None else [*own, f"{stopping.NOTE}; the rates' intervals here do."]

    def to_markdown(self, path: str | Path | None = None) -> str:
        """The table in Markdown; written to `path` where one is given."""
        header, rows = self.table()
        lines = [header, ["---"] * len(header), *rows]
        text = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"
        text += "".join(f"\n> {warning}\n" for warning in self.warnings())
        text += "".join(f"\n{told}\n" for told in (self.stopped.sentences() if self.stopped is not None else ()))
        if path is not None:
            write_atomic(Path(path), text.encode())
        return text

    def to_json(self, path: str | Path) -> Path:
        """Write everything, every episode included, as JSON."""
        content = {
            "format": FORMAT,
            "digest": self.digest(),
            "metadata": self.metadata,
            "aggregates": self.aggregates(),
            "results": self.results,
        }
        write_atomic(Path(path), msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n")
        return Path(path)

    def to_csv(self, path: str | Path, *, episodes: bool = False) -> Path:
        """Write one line a policy and task, or one an episode."""
        text = io.StringIO()
        rows = _episode_rows(self.results) if episodes else _task_rows(self.results)
        columns = _columns(EpisodeResult, ["policy", "train_seed", "task_id"]) if episodes else _columns(TaskResult, [])
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _one_break(value) for name, value in row.items()} for row in rows)
        write_atomic(Path(path), text.getvalue().encode())
        return Path(path)

    @classmethod
    def from_json(cls, path: str | Path) -> BenchmarkResults:
        """The results that `to_json` wrote. Raises UserError for a file that holds something else."""
        try:
            content = msgspec.json.decode(Path(path).read_bytes(), type=_File)
        except FileNotFoundError as error:
            raise UserError(f"There is no results file {path}.") from error
        except OSError as error:
            raise UserError(f"Can't read the results file {path}: {error.strerror}.") from error
        except msgspec.DecodeError as error:
            raise UserError(f"{path} is no results file of RLGauge: {error}") from error
        if content.format > FORMAT:
            raise UserError(f"{path} was written by a newer RLGauge (format {content.format}).")
        return cls(content.results, content.metadata)

    def _of(self, policy: str) -> list[TaskResult]:
        found = [result for result in self.results if result.policy == policy]
        if not found:
            raise unknown("policy", policy, self.policies)
        return found


def _with_errors(measured: Sequence[bool], *, n_broken: int, n_episodes: int) -> float | None:
    """The success rate with errors as failures: 0 where all are, None where success was not measured otherwise."""
    if measured or 0 < n_episodes == n_broken:
        return sum(measured) / (len(measured) + n_broken)
    return None


class _File(msgspec.Struct):
    format: int
    metadata: dict[str, Any]
    results: list[TaskResult]


def _warnings(episodes: Sequence[EpisodeResult], n_missing: int) -> Iterable[str]:
    n_at_reset = sum(episode.success_at_reset for episode in episodes)
    if n_at_reset:
        yield f"success was already true at reset in {n_at_reset} of {len(episodes)} episodes"
    broken = [episode for episode in episodes if episode.error is not None]
    if broken:
        first = (broken[0].error or "").splitlines()[0]
        yield (
            f"{len(broken)} of {len(episodes)} episodes have no valid measurement; "
            f"the first, episode {broken[0].index}: {first}"
        )
    n_unmeasured = sum(episode.outcome == "unmeasured" for episode in episodes)
    n_valid = len(episodes) - len(broken)
    if 0 < n_unmeasured < n_valid:
        yield (
            f"success was measured in {n_valid - n_unmeasured} of {n_valid} valid episodes, and the rate is of those: "
            "an environment that reports only successes makes it too high"
        )
    if n_missing:
        yield (
            f"{n_missing} episodes are missing: their runs failed, see `rlgauge runs list`; where long episodes made "
            "them fail, the others are no fair sample"
        )


def _repeated(episodes: Sequence[EpisodeResult], num_starts: int | None) -> Iterable[str]:
    num = sum(episode.index >= num_starts for episode in episodes) if num_starts is not None else 0
    if num:
        yield (
            f"episodes from {num_starts} on ({num} of {len(episodes)}) begin where earlier ones did, since there "
            "are no more beginnings: a policy without randomness of its own plays the same again, so intervals are too "
            "narrow and tests too sure"
        )


def _one_break(value: object) -> object:
    r"""Text with `\n` for every line break: a bare `\r` would be taken for the end of the row."""
    return "\n".join(value.splitlines()) if isinstance(value, str) and "\r" in value else value


def _columns(kind: type[msgspec.Struct], before: list[str]) -> list[str]:
    return before + [name for name in kind.__struct_fields__ if name not in {"episodes", "warnings"}]


def _task_rows(results: Iterable[TaskResult]) -> Iterable[dict[str, Any]]:
    for result in results:
        yield {name: getattr(result, name) for name in _columns(TaskResult, [])}


def _episode_rows(results: Iterable[TaskResult]) -> Iterable[dict[str, Any]]:
    for result in results:
        own = {"policy": result.policy, "train_seed": result.train_seed, "task_id": result.task_id}
        for episode in result.episodes:
            yield {**own, **msgspec.structs.asdict(episode)}
