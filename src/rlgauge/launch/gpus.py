"""The GPUs of this machine, and which of them each worker on it sees."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence

from rlgauge.core.errors import UserError

VISIBLE, ORDER = "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"
"""What says which GPUs a process sees, and after what they are numbered."""
_SECONDS = 30.0
"""A driver that has to start the GPUs first is slow."""


def available(variables: Mapping[str, str] | None = None) -> list[str]:
    """The GPUs that this process may use, as `CUDA_VISIBLE_DEVICES` names them, else by the numbers of `nvidia-smi`.

    No library for GPUs is loaded. None where there is no driver; raises UserError where it does not work.
    """
    visible = (os.environ if variables is None else variables).get(VISIBLE)
    return _installed() if visible is None else _named(visible)


def assign(num_workers: int, gpus: Sequence[str], per_gpu: int = 1) -> list[str]:
    """`CUDA_VISIBLE_DEVICES` of each worker: one GPU, so that each GPU has about as many workers, `per_gpu` at most.

    Raises UserError where there is no room for so many.
    """
    if per_gpu < 1:
        raise UserError(f"per_gpu={per_gpu}: at least one worker must have a GPU to itself.")
    if not gpus:
        raise UserError(
            f"There is no GPU for {_count(num_workers, 'worker')} here: nvidia-smi finds none, or "
            f"{VISIBLE} hides them all."
        )
    room = len(gpus) * per_gpu
    if num_workers > room:
        raise UserError(
            f"{_count(num_workers, 'worker')} on {_count(len(gpus), 'GPU')} ({', '.join(gpus)}), {per_gpu} on each: "
            f"there is room for {room}. Ask for {_count(room, 'worker')}, or for "
            f"{-(-num_workers // len(gpus))} on each GPU."
        )
    return [gpus[worker % len(gpus)] for worker in range(num_workers)]


def room(amount: float, gpus: Sequence[str]) -> int:
    """How many workers with so much of a GPU each, 2 for two of them, these GPUs have room for, one at least.

    Raises UserError where there is no room.
    """
    if amount <= 1:
        assign(1, gpus)
        return len(gpus) * _per_gpu(amount)
    if len(gpus) < amount:
        raise UserError(f"A worker asks for {amount:g} GPUs, and there {_are(len(gpus), 'GPU')} here.")
    return len(gpus) // int(amount)


def share_variables(num_workers: int, amount: float) -> list[dict[str, str]]:
    """The environment variables that give each of so many workers here so much of a GPU; 0 hides all of them.

    Raises UserError where there is no room for so many.
    """
    if amount == 0:
        return [{VISIBLE: ""}] * num_workers
    if amount <= 1:
        return worker_variables(num_workers, _per_gpu(amount))
    gpus, each = available(), int(amount)
    most = room(amount, gpus)
    if num_workers > most:
        raise UserError(f"{_count(num_workers, 'worker')} with {each} GPUs each: there is room for {most} here.")
    return _as_variables([",".join(gpus[first * each : (first + 1) * each]) for first in range(num_workers)])


def worker_variables(num_workers: int, per_gpu: int = 1) -> list[dict[str, str]]:
    """The environment variables that give each of so many workers here its GPU. Raises UserError as `assign`."""
    return _as_variables(assign(num_workers, available(), per_gpu))


def _per_gpu(amount: float) -> int:
    """How many workers share a GPU, each with this share of it."""
    return int(1 / amount + 1e-9)


def _as_variables(shares: Sequence[str]) -> list[dict[str, str]]:
    # CUDA alone numbers the fastest first, nvidia-smi by their places on the bus.
    order = {} if VISIBLE in os.environ else {ORDER: "PCI_BUS_ID"}
    return [{VISIBLE: share, **order} for share in shares]


def _named(visible: str) -> list[str]:
    """What the variable names, as CUDA reads it: nothing from the first that can't be a GPU."""
    found: list[str] = []
    for name in visible.split(","):
        if not re.fullmatch(r"\d+|(?:GPU|MIG)-\S+", name.strip()):
            break
        found.append(name.strip())
    return list(dict.fromkeys(found))


def _installed() -> list[str]:
    command = ["nvidia-smi", "-L"]
    try:
        ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_SECONDS)  # noqa: PLW1510  # its code is looked at
    except FileNotFoundError:
        return []
    except (OSError, subprocess.SubprocessError) as error:
        raise UserError(f"nvidia-smi can't say which GPUs there are: {error}") from error
    if ended.returncode != 0:
        printed = (ended.stdout + ended.stderr).strip().splitlines()
        why = printed[0] if printed else f"exit code {ended.returncode}"
        raise UserError(f"nvidia-smi can't say which GPUs there are: {why}")
    return re.findall(r"^GPU (\d+):", ended.stdout, re.MULTILINE)


def _are(number: int, noun: str) -> str:
    return f"{'is' if number == 1 else 'are'} {_count(number, noun)}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
