"""A script that reads its environment and its seed from variables."""

import os

from told import tell

tell(env=os.environ["BENCH_ENV"], seed=int(os.environ["BENCH_SEED"]))
