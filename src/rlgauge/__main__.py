"""`python -m rlgauge`."""

from __future__ import annotations

import sys

from rlgauge.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
