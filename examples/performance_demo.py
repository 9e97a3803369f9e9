"""Very many CartPoles at once: `python examples/performance_demo.py [--num-envs 1M] [--seconds 10]`.

The same as `rlgauge throughput demo`.
"""

from __future__ import annotations

import sys

from rlgauge.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["throughput", "demo", *sys.argv[1:]]))
