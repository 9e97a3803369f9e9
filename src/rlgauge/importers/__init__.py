"""Other people's results, and our own stores, as readings."""

from __future__ import annotations

from rlgauge.importers.read import Collected, read

__all__ = ["Collected", "read"]
