"""The report with which a command ends that has measured."""

from __future__ import annotations

import traceback
from pathlib import Path

from rlgauge.cli import report
from rlgauge.cli.console import complain
from rlgauge.cli.options import parse
from rlgauge.core.errors import UserError
from rlgauge.report.content import Report


def write_report(out: Path) -> None:
    """Write the page of a folder of runs into it, and print where it is; or why there is none, which is no failure."""
    path = out / report.FILE
    try:
        report.write(_made(out), path)
    except UserError as error:
        complain(f"No report was written: {error}")
    except Exception:  # noqa: BLE001  # what was measured counts, whatever becomes of its page
        complain(f"No report was written to {path}; the runs are as they were.\n{traceback.format_exc()}")
    else:
        print(f"Report: {path}")


def _made(out: Path) -> Report:
    """With normalised scores where all runs have the references for it. Raises UserError."""
    try:
        return _asked(out, "--normalise", "random,expert")
    except UserError:  # which is said again of the scores as they are, where it is not the references
        return _asked(out)


def _asked(out: Path, *argv: str) -> Report:
    options = parse(report.build_parser(), [str(out), *argv])
    if options is None:
        raise RuntimeError("a folder alone is no call for help")
    return report.made(options)[0]
