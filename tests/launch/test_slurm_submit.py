from __future__ import annotations

import subprocess
import sys

LOGS = """
import logging
import sys


class Handler(logging.Handler):
    def close(self):
        print("closed", file=sys.__stdout__, flush=True)


logging.getLogger("mine").addHandler(Handler())
from rlgauge.launch.slurm_submit import import_submitit

print(import_submitit().__name__)
import os

os._exit(0)
"""


def test_handlers_of_others_stay_open_when_submitit_is_imported() -> None:
    done = subprocess.run([sys.executable, "-u", "-c", LOGS], check=True, capture_output=True, text=True, timeout=60)
    assert done.stdout == "submitit\n"
