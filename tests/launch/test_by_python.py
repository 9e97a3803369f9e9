from __future__ import annotations

import os
import sys
from pathlib import Path

from rlgauge.core.execute import execute
from rlgauge.core.run import Status
from rlgauge.core.store import Store
from rlgauge.launch.by_python import ByPython, Python
from tests.toys import ScriptOverSeeds


def test_each_case_is_measured_by_the_python_it_needs(tmp_path):
    script = tmp_path / "python"
    script.write_text(f'#!/bin/sh\necho "$COLOUR" >> {tmp_path}/started\nexec {sys.executable} "$@"\n')
    script.chmod(0o755)
    other = Python(script, {**os.environ, "COLOUR": "green"})
    workload = ScriptOverSeeds(seeds=3)
    runs = execute(workload, Store(tmp_path / "out"), launcher=ByPython(lambda case: other if case.seed == 2 else None))
    assert [run.status for run in runs.values()] == [Status.COMPLETED] * 3
    assert Path(tmp_path, "started").read_text() == "green\n"
