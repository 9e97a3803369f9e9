"""What a script is interrupted by when its time is up."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from rlgauge.kinds.train.script import time_up


def test_a_script_is_interrupted_as_by_a_key_and_it_is_known_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_up, "_STOOD", [])
    before = signal.getsignal(time_up.SIGNAL)
    try:
        time_up.install()
        assert (time_up.is_up(), time_up.trace(Path("/"))) == (False, None)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), time_up.SIGNAL)
        assert time_up.is_up()
        assert "os.kill(os.getpid(), time_up.SIGNAL)" in (time_up.trace(Path(__file__).parent) or "")
        time_up.stop()
        os.kill(os.getpid(), time_up.SIGNAL)
    finally:
        signal.signal(time_up.SIGNAL, before)
