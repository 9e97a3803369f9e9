"""RLGauge: policies evaluated, training benchmarked, environments measured. Public names are imported on use."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rlgauge.cli.suite_from_python import run_suite
    from rlgauge.core.errors import UserError
    from rlgauge.episodes.video import VideoRecorder
    from rlgauge.kinds.evaluate.aloha import AlohaBenchmark
    from rlgauge.kinds.evaluate.benchmark import Benchmark
    from rlgauge.kinds.evaluate.fetch import FetchBenchmark
    from rlgauge.kinds.evaluate.libero import LiberoBenchmark
    from rlgauge.kinds.evaluate.metaworld import MetaWorldBenchmark
    from rlgauge.kinds.evaluate.preflight import preflight
    from rlgauge.kinds.evaluate.pusht import PushTBenchmark
    from rlgauge.kinds.evaluate.results import BenchmarkResults, TaskResult
    from rlgauge.kinds.evaluate.robosuite import RobosuiteBenchmark
    from rlgauge.kinds.evaluate.stopping import Stopping
    from rlgauge.kinds.train.from_python import run
    from rlgauge.kinds.train.script.loggers import log
    from rlgauge.kinds.train.workload import ScriptWorkload

__version__ = "0.1.0"

__all__ = [
    "AlohaBenchmark",
    "Benchmark",
    "BenchmarkResults",
    "FetchBenchmark",
    "LiberoBenchmark",
    "MetaWorldBenchmark",
    "PushTBenchmark",
    "RobosuiteBenchmark",
    "ScriptWorkload",
    "Stopping",
    "TaskResult",
    "UserError",
    "VideoRecorder",
    "__version__",
    "log",
    "preflight",
    "run",
    "run_suite",
]

_HOMES = {
    "AlohaBenchmark": "rlgauge.kinds.evaluate.aloha",
    "Benchmark": "rlgauge.kinds.evaluate.benchmark",
    "BenchmarkResults": "rlgauge.kinds.evaluate.results",
    "FetchBenchmark": "rlgauge.kinds.evaluate.fetch",
    "LiberoBenchmark": "rlgauge.kinds.evaluate.libero",
    "MetaWorldBenchmark": "rlgauge.kinds.evaluate.metaworld",
    "PushTBenchmark": "rlgauge.kinds.evaluate.pusht",
    "RobosuiteBenchmark": "rlgauge.kinds.evaluate.robosuite",
    "ScriptWorkload": "rlgauge.kinds.train.workload",
    "Stopping": "rlgauge.kinds.evaluate.stopping",
    "TaskResult": "rlgauge.kinds.evaluate.results",
    "UserError": "rlgauge.core.errors",
    "VideoRecorder": "rlgauge.episodes.video",
    "log": "rlgauge.kinds.train.script.loggers",
    "preflight": "rlgauge.kinds.evaluate.preflight",
    "run": "rlgauge.kinds.train.from_python",
    "run_suite": "rlgauge.cli.suite_from_python",
}


def __getattr__(name: str) -> object:
    """The public object called `name`, imported from its home on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The names that exist, imported or not."""
    return sorted({*globals(), *__all__})
