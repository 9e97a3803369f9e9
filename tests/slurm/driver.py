"""A driver in a process of its own: `python -m tests.slurm.driver OUT CONFIG ARGUMENTS`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from rlgauge.core.execute import execute
from rlgauge.core.store import Store
from rlgauge.launch.slurm import Slurm
from tests import driving
from tests.slurm.toys import Eventful


def start(out: Path, config: dict[str, Any], **arguments: Any) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.slurm.driver", str(out), json.dumps(config), json.dumps(arguments)]
    return subprocess.Popen(command, cwd=driving.ROOT, start_new_session=True)


if __name__ == "__main__":
    execute(Eventful(**json.loads(sys.argv[3])), Store(sys.argv[1]), launcher=Slurm(json.loads(sys.argv[2])))
