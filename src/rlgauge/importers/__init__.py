"""Other people's results, and our own stores, as readings."""

from __future__ import annotations

from rlgauge.importers.read import Collected, read
from rlgauge.importers.walk import NothingKnownError

__all__ = ["Collected", "NothingKnownError", "read"]
