"""A conformance kit for what users write themselves: `check_launcher` says in sentences what a launcher breaks."""

from rlgauge.testing.conformity import Conformity, NonConformingError
from rlgauge.testing.launcher import check_launcher

__all__ = ["Conformity", "NonConformingError", "check_launcher"]
