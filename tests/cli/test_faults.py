from __future__ import annotations

from pathlib import Path

import pytest

from rlgauge.cli.faults import what_went_wrong
from rlgauge.core.case import Case
from rlgauge.core.run import Run, RunFile, Status

TRACE = """Traceback (most recent call last):
  File "a.py", line 1, in f
    raise KeyError("first")
KeyError: 'first'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "b.py", line 6, in act
    if n > 40: raise RuntimeError("the policy exploded")
               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
RuntimeError: the policy exploded
second line
"""


@pytest.mark.parametrize(
    ("status", "trace", "note", "line"),
    [
        (Status.FAILED, TRACE, None, "RuntimeError: the policy exploded"),
        (Status.FAILED, "The run held 3 MiB.\nMore.", None, "The run held 3 MiB."),
        (Status.FAILED, None, None, ""),
        (Status.FAILED, "Traceback (most recent call last):\nSyntaxError: no", None, "SyntaxError: no"),
        (Status.DIED, None, None, "its process is gone"),
        (Status.DIED, None, "its run.json is damaged", "its run.json is damaged"),
    ],
)
def test_what_went_wrong_is_one_line(status, trace, note, line):
    file = RunFile(start_time="", host={}, fail_trace=trace)
    case = Case(workload="w", name="n", params={})
    assert what_went_wrong(Run(case=case, attempt="1-a", status=status, folder=Path(), file=file, note=note)) == line
