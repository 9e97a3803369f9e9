"""Films in formats that hold none."""

from __future__ import annotations

from rlgauge.report.content import Film


def beside(film: Film) -> str:
    """Where the film is; empty of one that lies within the page."""
    return "" if film.path.startswith("data:") else film.path
