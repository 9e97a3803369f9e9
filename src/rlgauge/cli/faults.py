"""Why runs failed, in words: apart from the other words, for those bring statistics that a training does not need."""

from __future__ import annotations

import re

from rlgauge.core.run import Run, Status


def what_went_wrong(run: Run) -> str:
    """One line: the exception of a traceback, the reason of a limit, how the process ended."""
    if run.note is not None:
        return run.note
    if run.status is Status.DIED:
        return "its process is gone"
    trace = run.file.fail_trace or ""
    if not trace.startswith("Traceback"):
        return next(iter(trace.splitlines()), "")
    after_frames = trace[trace.rfind("\n  ") + 1 :] if "\n  " in trace else trace.partition("\n")[2]
    found = re.search(r"^\S.*$", after_frames, re.MULTILINE)
    return found[0] if found else trace.splitlines()[-1]
