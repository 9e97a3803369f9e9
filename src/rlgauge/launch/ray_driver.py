"""Ray's driver, in a process of its own: `python -m rlgauge.launch.ray_driver`, a job goes in, news comes out.

A process that joins a Ray cluster gives up its handler of SIGTERM, has Ray's messages on its standard output, waits
long for an address where nobody is, and is ended by Ray when the cluster is lost. So it is not the user's own. The end
of standard input ends the job: its tasks are cancelled, with the workers that they hold.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from rlgauge.core import platform
from rlgauge.core.execute import Event
from rlgauge.core.files import write_all
from rlgauge.launch import ray_task
from rlgauge.launch.ray_settings import Settings, has

CANCEL_SECONDS = ray_task.STOP_SECONDS + 3
"""How long tasks that were cancelled may take to end their workers."""
_TICK_SECONDS = 0.2
_STORE_BYTES = 100 * 2**20
"""Of shared memory for a Ray of our own, which carries a few lines at a time."""
_MOST_WORDS = 300
_STOPPED = 130
"""The exit code of a worker that was asked to stop."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """To the driver: the plan, the places in it of the cases of each task, and what a task gets.

    One that is alone is on a node of which it has all processors, whatever number it asks for.
    """

    plan: str
    tasks: list[list[int]]
    settings: Settings
    is_alone: bool = False


class News(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """From the driver: that it has joined the cluster, what workers say, and how things ended.

    `crash` is how Ray ended the task, where it did not end by itself; `failure` a sentence about what ends the job.
    """

    has_joined: bool = False
    events: list[Event] = []
    task: int | None = None
    crash: str | None = None
    is_memory: bool = False
    failure: str | None = None
    is_over: bool = False


class _Ended(msgspec.Struct, frozen=True):
    """How a worker ended."""

    code: int
    printed: str
    host: str


class _StoppedError(Exception):
    """Nobody waits for the job any more."""


class _FailedError(Exception):
    """What would fail every task, in a sentence."""


class _Task(NamedTuple):
    """A task that Ray has: its number in the job, and the generator of what it yields."""

    number: int
    yields: Any


_decode_event = msgspec.json.Decoder(Event).decode
_decode_ended = msgspec.json.Decoder(_Ended).decode


def main() -> int:
    """Run the job. What Ray raises while it joins goes to standard error as it is, for the reader of our last line."""
    output = os.dup(1)
    os.dup2(2, 1)  # Ray prints there what nobody is to read as news
    job = msgspec.json.decode(sys.stdin.buffer.readline(), type=Job)
    with _joined(job.settings):
        _say(output, News(has_joined=True))
        try:
            _check_room(job.settings)
            _run(job, output)
        except _StoppedError:
            return _STOPPED
        except _FailedError as error:
            _say(output, News(failure=str(error)))
    _say(output, News(is_over=True))
    return 0


@contextlib.contextmanager
def _joined(settings: Settings) -> Iterator[None]:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a Ray of our own tells nobody that it was started
    import ray

    own: dict[str, Any] = {}
    if settings.address is None:
        num_cpus = len(platform.affinity() or ()) or os.cpu_count()
        own = {"num_cpus": num_cpus, "include_dashboard": False, "object_store_memory": _STORE_BYTES}
    address = settings.address or "local"
    ray.init(address=address, log_to_driver=False, configure_logging=False, **own)
    try:
        yield
    finally:
        ray.shutdown()


def _check_room(settings: Settings) -> None:
    """Raise _FailedError where no node is large enough for a task: Ray would wait for one for ever."""
    asked, nodes = settings.per_task(), _nodes()
    if any(has(node, asked) for node in nodes):
        return
    wanted = ", ".join(f"{_amount(name, amount)}" for name, amount in asked.items())
    have = "; ".join(sorted({", ".join(_amount(name, node.get(name, 0.0)) for name in asked) for node in nodes}))
    raise _FailedError(f"A task asks for {wanted}, and no node of the Ray cluster has that. They have: {have}.")


def _nodes() -> list[dict[str, float]]:
    """What each node that lives has in all."""
    import ray

    return [node["Resources"] for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]


def _amount(name: str, amount: float) -> str:
    return f"{amount / 2**30:.3g} GiB of memory" if name == "memory" else f"{amount:g} {name}"


def _run(job: Job, output: int) -> None:
    """All tasks of the job, `width` at a time. Whatever ends this, none is left behind."""
    start = _starter(job)
    waiting = deque(range(len(job.tasks)))
    tasks: list[_Task] = []
    try:
        while waiting or tasks:
            while waiting and len(tasks) < (job.settings.width or len(job.tasks)):
                tasks.append(start(waiting.popleft()))
            for task in _ready(tasks):
                if not _hear(task, output):
                    tasks.remove(task)
            if select.select([sys.stdin], [], [], 0)[0]:
                raise _StoppedError
    finally:
        _cancel(tasks)


def _starter(job: Job) -> Callable[[int], _Task]:
    """Gives Ray the task of a number."""
    import ray
    from ray import cloudpickle

    cloudpickle.register_pickle_by_value(ray_task)  # type: ignore[no-untyped-call]
    settings = job.settings
    options: dict[str, Any] = {
        "num_cpus": settings.most_cpus(_nodes()) if job.is_alone else settings.cpus,
        "num_gpus": settings.gpus,
        "memory": settings.memory,
        "resources": settings.resources or None,
        "num_returns": "streaming",
        "max_retries": 0,
    }
    hold: Any = ray.remote(**options)(ray_task.hold)
    worker = [settings.python or sys.executable, "-P", "-m", "rlgauge.worker", job.plan, "--lifeline", "--items"]
    num_threads, folder = max(1, int(settings.cpus)), str(Path.cwd())

    def start(number: int) -> _Task:
        command = [*worker, ",".join(map(str, job.tasks[number]))]
        return _Task(number, hold.remote(command, job.plan, settings.variables, num_threads, folder))

    return start


def _ready(tasks: list[_Task]) -> list[_Task]:
    """The tasks that have something to say; waits a tick for the first."""
    import ray

    by_yields = {task.yields: task for task in tasks}
    waited = list(by_yields)
    ray.wait(waited, num_returns=1, timeout=_TICK_SECONDS)
    found, _ = ray.wait(waited, num_returns=len(waited), timeout=0)
    return [by_yields[one] for one in found]


def _hear(task: _Task, output: int) -> bool:
    """Pass on what the task says; whether it may say more. Raises _FailedError for what would fail every task."""
    import ray

    try:
        kind, content = ray.get(next(task.yields))
    except StopIteration:
        return False
    except ray.exceptions.RayError as error:
        is_memory = isinstance(error, ray.exceptions.OutOfMemoryError)
        _say(output, News(task=task.number, crash=_plain(error), is_memory=is_memory))
        return False
    if kind == "failed":
        raise _FailedError(content.decode())
    if kind == "said":
        _say(output, News(events=[_decode_event(line) for line in content.split(b"\n")]))
    else:
        _check(_decode_ended(content))
    return True


def _check(ended: _Ended) -> None:
    """Raise _FailedError for a worker that ended by an error of its own; one that was killed or stopped is none."""
    if ended.code > 0 and ended.code != _STOPPED:
        printed = ended.printed or "it printed nothing"
        raise _FailedError(f"A worker on {ended.host} ended with exit code {ended.code}: {printed}")


def _plain(error: Exception) -> str:
    """The kind of an error of Ray's, and the first line that it has to say."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:_MOST_WORDS] if lines else 'no more is known'}"


def _cancel(tasks: list[_Task]) -> None:
    """End the tasks that are left, with their workers: kindly, and by force what has not ended after a while."""
    import ray

    for task in tasks:
        ray.cancel(task.yields)
    deadline = time.monotonic() + CANCEL_SECONDS
    while tasks and time.monotonic() < deadline:
        for task in _ready(tasks):
            try:
                next(task.yields)
            except (StopIteration, ray.exceptions.RayError):
                tasks.remove(task)
    for task in tasks:
        ray.cancel(task.yields, force=True)


def _say(output: int, news: News) -> None:
    """Raise _StoppedError where nobody listens."""
    try:
        write_all(output, msgspec.json.encode(news) + b"\n")
    except BrokenPipeError:
        raise _StoppedError from None


if __name__ == "__main__":
    sys.exit(main())
