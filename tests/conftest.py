"""Quiet, headless, one thread a process; in CI nothing is skipped for a missing part."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator

import hypothesis
import pytest

IN_CI = os.environ.get("CI", "").lower() in {"1", "true"}
MAY_BE_SKIPPED = ("accelerator", "assets")

# Before NumPy, torch, SDL or MuJoCo are imported: they read these once.
os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
if sys.platform == "linux":
    os.environ.setdefault("MUJOCO_GL", "osmesa")
for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

# A busy machine is not a defect, and CI draws the same examples each time.
hypothesis.settings.register_profile("rlgauge", deadline=None, derandomize=IN_CI)
hypothesis.settings.load_profile("rlgauge")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """The report of one phase of a test; in CI a skip is a failure unless a marker allows it."""
    report = yield
    allowed = any(item.get_closest_marker(name) for name in MAY_BE_SKIPPED)
    if report.skipped and not hasattr(report, "wasxfail") and not allowed:
        _fail_in_ci(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The report of collecting a file; in CI a file that skips itself is a failure."""
    report = yield
    if report.skipped:
        _fail_in_ci(report)
    return report


def _fail_in_ci(report: pytest.TestReport | pytest.CollectReport) -> None:
    if IN_CI:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"{reason}. In CI only tests marked {' or '.join(MAY_BE_SKIPPED)} may be skipped."
