"""A Ray of this machine for tests: with sockets in a folder of its own, and a token of its own."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

_CLUSTER = """
import sys, ray
found = ray.init(num_cpus=2, num_gpus=2, include_dashboard=False, object_store_memory=80 * 2**20, log_to_driver=False)
print(found.address_info["gcs_address"], flush=True)
sys.stdin.read()
ray.shutdown()
"""


@contextlib.contextmanager
def surroundings() -> Iterator[Path]:
    """Where Ray keeps its sockets, whose paths must be short; nobody's token in the home folder is used or made."""
    made = Path(tempfile.mkdtemp(prefix="ray"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TMPDIR", str(made))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        patch.delenv("RAY_ADDRESS", raising=False)
        yield made
    shutil.rmtree(made)


@contextlib.contextmanager
def running() -> Iterator[str]:
    """The address of a cluster of two processors and two GPUs, which are only counted; it is at home in `/`."""
    command = [sys.executable, "-c", _CLUSTER]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/")
    yield process.stdout.readline().decode().strip()
    process.communicate(timeout=60)
