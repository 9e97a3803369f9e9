"""The disk fills up at every single write: it is said plainly, what was measured stays, the rest is resumed."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rlgauge.core.case import Case
from rlgauge.core.errors import UserError
from rlgauge.core.run import Record
from rlgauge.core.workload import Context
from tests import driving, odd_toys

WRITING = [
    (os, "open"),
    (os, "write"),
    (os, "fsync"),
    (os, "link"),
    (Path, "mkdir"),
    (Path, "touch"),
    (Path, "open"),
    (Path, "write_bytes"),
    (Path, "write_text"),
    (Path, "rename"),
    (Path, "replace"),
]


class Disk:
    """Takes `num_left` writes of this thread; then it is full, for one write or for good."""

    def __init__(self, num_left: int, *, for_good: bool) -> None:
        self.num_left = num_left
        self.refused: list[str] = []
        self._for_good = for_good
        self._thread = threading.get_ident()  # what runs the tests writes, too

    def stand_for(self, real: Callable, name: str) -> Callable:
        def write(*arguments: object, **options: object) -> object:
            if threading.get_ident() != self._thread or not _writes(name, arguments, options):
                return real(*arguments, **options)
            self.num_left -= 1
            if self.num_left >= 0 or not (self._for_good or self.num_left == -1):
                return real(*arguments, **options)
            self.refused.append(f"{name}{arguments}")
            if name == "write":  # it takes what it can
                real(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        return write


def _writes(name: str, arguments: tuple, options: dict) -> bool:
    if name != "open":
        return True
    mode = options.get("flags", options.get("mode", arguments[1] if len(arguments) > 1 else "r"))
    return bool(set(mode) & set("wax+")) if isinstance(mode, str) else bool(mode & (os.O_WRONLY | os.O_RDWR))


class Counted(odd_toys.Odd):
    """Says what it measures, each time."""

    def __init__(self) -> None:
        super().__init__(num_cases=2)
        self.measured: list[tuple[int, int]] = []

    def measure(self, case: Case, context: Context) -> Iterator[Record]:
        for record in super().measure(case, context):
            self.measured.append((case.seed, record.index))
            yield record


def _said(workload: Counted, out: Path) -> str | None:
    """The mistake that ended it."""
    try:
        driving.run(workload, out, workers=None)
    except UserError as error:
        return str(error)
    return None


@pytest.mark.parametrize("for_good", [True, False], ids=["for good", "once"])
def test_a_disk_that_is_full_at_any_write_costs_only_what_was_in_flight(
    *, for_good: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = driving.summary(driving.run(Counted(), tmp_path / "whole", workers=None))
    num_failures = 0
    for num_left in range(1000):
        workload, disk, out = Counted(), Disk(num_left, for_good=for_good), tmp_path / str(num_left)
        with monkeypatch.context() as patch:
            for owner, name in WRITING:
                patch.setattr(owner, name, disk.stand_for(getattr(owner, name), name))
            said = _said(workload, out)
        num_failures += said is not None
        assert (said is None) == (not disk.refused), disk.refused
        assert said is None or "No space left on device" in said
        assert driving.summary(driving.run(workload, out, workers=None)) == expected
        assert len(workload.measured) <= 4 + 1
        if disk.num_left >= 0:
            break
    assert num_failures == num_left > 30
    assert disk.num_left == 0
