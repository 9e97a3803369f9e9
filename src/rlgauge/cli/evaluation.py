"""Running an evaluation and telling of it: what `benchmark` and `quickstart` share."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from rlgauge.cli import progress, words
from rlgauge.cli.asked_runs import note
from rlgauge.cli.console import say, show_table
from rlgauge.cli.faults import what_went_wrong
from rlgauge.cli.interruption import code_of, word_for
from rlgauge.cli.main import FAILED, FINE
from rlgauge.cli.units import count_text
from rlgauge.core.errors import UserError
from rlgauge.core.execute import Launcher, Limits, execute
from rlgauge.core.run import Run, Status
from rlgauge.core.store import Store
from rlgauge.kinds.evaluate.films import PAGE, index_films
from rlgauge.kinds.evaluate.films_told import Films
from rlgauge.kinds.evaluate.results import BenchmarkResults
from rlgauge.kinds.evaluate.run import Runs, results_of, run_until_decided
from rlgauge.kinds.evaluate.stopping import Stopping
from rlgauge.kinds.evaluate.there import There, look
from rlgauge.kinds.evaluate.workload import EvaluateWorkload
from rlgauge.launch.local import Local

FORMATS = (".json", ".csv", ".md")
"""What an extra copy of the results can be, by the ending of its name."""
_MAX_FAILURES_TOLD = 5
_SILENT_SECONDS = 3.0
"""How long grids are drawn before it is said."""


class Manner(msgspec.Struct, frozen=True, kw_only=True):
    """How an evaluation is run and told of."""

    out: Path
    workers: int = 1
    limits: Limits = Limits()
    rerun_failed: bool = False
    max_errors: int = 0
    json: bool = False
    quiet: bool = False
    output: Path | None = None
    stop: Stopping | None = None
    launcher: Launcher | None = None

    @property
    def is_told(self) -> bool:
        """Whether progress and tables are shown."""
        return not (self.json or self.quiet)


def evaluate(workload: EvaluateWorkload, manner: Manner) -> int:
    """The exit code, after everything was run, written and told. Raises UserError."""
    check_output(manner.output)
    store = Store(manner.out)
    store.make()
    there = look(workload, store, rerun_failed=manner.rerun_failed) if manner.is_told else None
    try:
        results, runs = _run(workload, store, manner)
    except KeyboardInterrupt as error:
        text = f"{word_for(error)}. What was measured is in {manner.out}; the same command goes on."
        print(text, file=sys.stderr)
        return code_of(error)
    write(results, manner.out)
    if manner.output is not None:
        write_copy(results, manner.output)
    if manner.json:
        print((manner.out / "results.json").read_text(), end="")
    elif there is not None:
        tell(results, manner, there)
    films = _index_films(results, manner)
    if manner.is_told and (videos := _videos(results, films)):
        say(videos)
    return _judge(results, list(runs.values()), manner)


def _run(workload: EvaluateWorkload, store: Store, manner: Manner) -> tuple[BenchmarkResults, Runs]:
    launcher = manner.launcher or Local(manner.workers)
    with contextlib.ExitStack() as stack:
        listen: progress.Listener = lambda _event: None  # noqa: E731
        if manner.is_told:
            listen = stack.enter_context(progress.shown(workload, store, is_at_most=manner.stop is not None))

        def run(part: EvaluateWorkload) -> Runs:
            note(part.cases())
            return execute(
                part,
                store,
                launcher=launcher,
                limits=manner.limits,
                rerun_failed=manner.rerun_failed,
                on_event=listen,
            )

        if manner.stop is None:
            runs = run(workload)
            return results_of(workload, runs), runs
        return run_until_decided(workload, manner.stop, workers=manner.workers, run=run)


def check_output(path: Path | None) -> None:
    """Raise UserError where a copy of the results can't be written, before anything is measured."""
    if path is None:
        return
    if path.suffix not in FORMATS:
        raise UserError(f"--output {path}: the ending says what is written; it is one of {', '.join(FORMATS)}.")
    if not path.parent.is_dir():
        raise UserError(f"--output {path}: there is no folder '{path.parent}'.")


def write(results: BenchmarkResults, out: Path) -> None:
    """Write results.json, results.csv, episodes.csv and results.md beside the runs."""
    results.to_csv(out / "results.csv")
    results.to_csv(out / "episodes.csv", episodes=True)
    results.to_markdown(out / "results.md")
    results.to_json(out / "results.json")


def write_copy(results: BenchmarkResults, path: Path) -> None:
    """Write the results once more, in the format that the ending says."""
    if path.suffix == ".csv":
        results.to_csv(path)
    elif path.suffix == ".md":
        results.to_markdown(path)
    else:
        results.to_json(path)


def tell(results: BenchmarkResults, manner: Manner, there: There) -> None:
    """Print the table, what must be known with it, and where everything is."""
    num_there = there.num_in(results)
    show_table(*results.table())
    for paragraph in (
        [f"warning: {text}" for text in results.warnings()],
        list(words.comparisons(results) if results.stopped is None else results.stopped.sentences()),
        list(words.already(results, there)),
        list(words.timing(results, num_before=num_there)),
    ):
        if paragraph:
            print()
        for text in paragraph:
            say(text)
    print()
    say(f"Results: {manner.out}/results.json, results.csv, episodes.csv, results.md (digest {results.digest()})")


def _index_films(results: BenchmarkResults, manner: Manner) -> Films | None:
    """The films of the results with others beside them, after their page and grids were written.

    Where drawing grids takes long, each is told of.
    """
    video_dir = results.metadata["settings"]["video_dir"]
    start = time.perf_counter()

    def listen(grid: str) -> None:
        if manner.is_told and time.perf_counter() - start >= _SILENT_SECONDS:
            print(f"Drawing the videos of {grid} side by side.", file=sys.stderr)

    try:
        return None if video_dir is None else index_films(Path(video_dir), results, listen=listen)
    except UserError as error:  # what was measured is written and told
        print(f"The videos have no index. {error}", file=sys.stderr)
        return None


def _videos(results: BenchmarkResults, films: Films | None) -> str | None:
    """Where the films are, or why there are none."""
    settings = results.metadata["settings"]
    if settings["video_dir"] is None or settings["record_mode"] == "none":
        return None
    episodes = [episode for result in results.results for episode in result.episodes]
    num_videos = sum(episode.video is not None for episode in episodes)
    if num_videos:
        page = "" if films is None else f"; {PAGE} there shows them"
        return f"Videos: {count_text(num_videos, 'file')} in {settings['video_dir']}{page}"
    mode = settings["record_mode"]
    if mode not in {"successes", "failures"}:
        return "Videos: no new ones, since episodes that were measured before are not played again"
    unmeasured = sum(episode.outcome == "unmeasured" for episode in episodes)
    reason = f"; success is unmeasured in {unmeasured} of {count_text(len(episodes), 'episode')}" if unmeasured else ""
    return f"Videos: no new ones, since the record mode is {mode}{reason}"


def _judge(results: BenchmarkResults, runs: Sequence[Run | None], manner: Manner) -> int:
    """1 where runs failed, or more episodes than allowed have no valid measurement."""
    failed = [run for run in runs if run is None or run.status is not Status.COMPLETED]
    num_errors = sum(result.n_errors + result.n_timeouts for result in results.results)
    if failed:
        print(f"\n{len(failed)} of {count_text(len(runs), 'run')} failed:", file=sys.stderr)
        for run in failed[:_MAX_FAILURES_TOLD]:
            print(_told(run), file=sys.stderr)
        print(f"See all: rlgauge runs list {manner.out}. Again: the same command with --rerun-failed.", file=sys.stderr)
    if num_errors > manner.max_errors:
        told = count_text(num_errors, "episode")
        text = f"{told} ended in an error or a timeout; --max-errors allows {manner.max_errors}."
        print(text, file=sys.stderr)
    return FAILED if failed or num_errors > manner.max_errors else FINE


def _told(run: Run | None) -> str:
    if run is None:
        return "  a run that never began"
    return f"  {run.folder} {run.status}: {what_went_wrong(run)}\n    its log: {run.folder / 'cout.txt'}"
