from __future__ import annotations

import subprocess
import sys

import pytest

from rlgauge.core.errors import UserError
from rlgauge.kinds.train.algorithms.interface import find

FINDING = """
import gc

{before}
from rlgauge.kinds.train.algorithms.interface import find

find("bc")
held = gc.get_freeze_count()
find("gail")
print(held > 100_000, gc.get_freeze_count() == held, gc.isenabled())
"""


def told(before):
    command = [sys.executable, "-c", FINDING.format(before=before)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


def test_the_garbage_collector_passes_over_what_was_imported():
    assert told("") == ["True", "True", "True"]


def test_where_torch_is_there_already_nothing_is_kept_from_the_garbage_collector():
    assert told("import torch") == ["False", "True", "True"]


def test_a_garbage_collector_that_is_off_stays_off():
    assert told("gc.disable()")[2] == "False"


def test_an_algorithm_that_there_is_not_is_told_the_nearest():
    with pytest.raises(UserError, match="gail"):
        find("gial")
