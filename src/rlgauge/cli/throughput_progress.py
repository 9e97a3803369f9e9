"""How far a measurement of environments is, on standard error."""

from __future__ import annotations

import sys
import time

from rlgauge.cli.units import seconds_text
from rlgauge.core.execute import Event
from rlgauge.core.run import Status
from rlgauge.kinds.throughput.workload import ThroughputWorkload


def report(text: str) -> None:
    """Tell what is going on, beside the results."""
    print(text, file=sys.stderr, flush=True)


def silent(event: Event) -> None:
    """Tell nothing."""
    del event


class Progress:
    """Says on standard error what was measured, as it comes, and about how long the rest takes."""

    def __init__(self, workload: ThroughputWorkload) -> None:
        """Begin to count."""
        self._cases = {case.id: case for case in workload.cases()}
        self._num_done = 0
        self._clock = time.monotonic
        self._start = self._clock()

    def __call__(self, event: Event) -> None:
        """Take notice of the end of a run."""
        if event.status is None or event.case_id not in self._cases:
            return
        self._num_done += 1
        labels = self._cases[event.case_id].labels
        rest = (self._clock() - self._start) / self._num_done * (len(self._cases) - self._num_done)
        told = "" if event.status is Status.COMPLETED else f": {event.status}"
        left = f", about {seconds_text(rest)} left" if rest >= 1 else ""
        print(
            f"{self._num_done} of {len(self._cases)}: {labels['algorithm']} {labels['task']}{told}{left}",
            file=sys.stderr,
            flush=True,
        )
