"""`rlgauge doctor`: whether this machine is fit for measuring, and what is installed."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

import msgspec
import psutil

from rlgauge import __version__
from rlgauge.cli import doctor_libero
from rlgauge.cli.console import show_table
from rlgauge.cli.main import FAILED, FINE
from rlgauge.cli.options import make_parser, parse
from rlgauge.cli.units import bytes_text
from rlgauge.core import provenance
from rlgauge.envs.libraries import LIBRARIES, missing
from rlgauge.isolation import installed
from rlgauge.kinds.throughput.machine import Machine, look
from rlgauge.kinds.throughput.noise import Noise

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

_LITTLE_MEMORY = 4e9
_TIMEOUT_SECONDS = 60.0


class Finding(msgspec.Struct, frozen=True):
    """What was looked at, what was found, and what would make it better; empty where nothing would."""

    what: str
    found: str
    advice: str = ""


def main(argv: Sequence[str]) -> int:
    """The exit code of `rlgauge doctor`: 1 where what was asked for can't be played."""
    options = parse(build_parser(), argv)
    if options is None:
        return FINE
    looks = list(doctor_libero.look_at_all()) if options.part else []
    found = [Finding(*one) for one in looks] if options.part else [*_machine(), *_devices(), *_libraries()]
    if options.json:
        print(json.dumps([msgspec.to_builtins(one) for one in found], indent=1))
    else:
        show_table(("what", "found", "what to do"), [(one.what, one.found, one.advice) for one in found])
    if options.part and not options.json:
        print()
        print("\n".join([*doctor_libero.recipe(), "", doctor_libero.verdict(looks)]))
    return FAILED if options.part and not doctor_libero.is_ready(looks) else FINE


def build_parser() -> ArgumentParser:
    """The options of `rlgauge doctor`."""
    parser = make_parser("doctor", "Look at this machine: is it fit for measuring, and what is installed?")
    parser.add_argument(
        "part", type=Literal["libero"] | None, nargs="?", metavar="PART", help="libero: only what LIBERO needs"
    )
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    return parser


def _machine() -> Iterator[Finding]:
    host, machine, memory = provenance.host(), look(), psutil.virtual_memory()
    yield Finding("machine", f"{host['cpu'] or host['architecture']}, {host['num_cores']} processors, {host['os']}")
    yield _processors(machine, host["num_cores"])
    yield _noise(machine)
    yield _governor(machine.governor)
    little = memory.available < _LITTLE_MEMORY
    text = f"{bytes_text(memory.available)} free of {bytes_text(memory.total)}"
    yield Finding("memory", text, "Close what holds it, or measure fewer environments." if little else "")
    yield Finding("copy bandwidth", f"{machine.copy_bandwidth / 1e9:.1f} GB/s, one thread, read and written")


def _processors(machine: Machine, num: int | None) -> Finding:
    shared = machine.threads_per_core
    if shared is None:
        return Finding("cores", "not told by this system")
    if shared == 1:
        return Finding("cores", "every processor has one to itself")
    advice = "Measure with one worker: two threads of a core slow each other down."
    return Finding("cores", f"{shared} of {num} processors share each core", advice)


def _noise(machine: Machine) -> Finding:
    noise = machine.noise
    parts = [
        f"others keep {noise.others:.2f} processors busy" if noise.others is not None else "others: not told",
        f"{100 * noise.steal:.1f} % stolen" if noise.steal is not None else "steal: not told",
    ]
    advice = {
        Noise.QUIET: "",
        Noise.UNKNOWN: "Look yourself whether other programs are busy: this system does not tell.",
        Noise.NOISY: "Close other programs, or compare in turns: rlgauge throughput ab.",
        Noise.INVALID: "Do not measure now; rlgauge throughput ab suffers least.",
    }
    return Finding("noise", f"{noise.noise}: {', '.join(parts)}", advice[noise.noise])


def _governor(governor: str | None) -> Finding:
    if governor is None:
        return Finding("clock", "its governor is not told by this system")
    advice = "" if governor == "performance" else "As root: cpupower frequency-set -g performance."
    return Finding("clock", f"governor {governor}", advice)


def _devices() -> Iterator[Finding]:
    gpus = provenance.host()["gpus"]
    for gpu in gpus or ():
        yield Finding("GPU", f"{gpu['name']}, driver {gpu['driver_version']}")
    if missing("rlgauge") is not None:
        yield Finding("JAX", "not installed", "pip install 'rlgauge[jax]'")
        return
    seen = _jax_devices()
    is_idle_gpu = bool(gpus) and "cuda" not in seen.lower() and "gpu" not in seen.lower()
    yield Finding("JAX", seen, "It does not use the GPU: pip install 'jax[cuda13]'." if is_idle_gpu else "")


def _jax_devices() -> str:
    """What JAX says it computes on, asked in a process of its own: it takes hold of devices."""
    code = "import jax; print(jax.__version__ + ': ' + ', '.join(map(str, jax.devices())))"
    try:
        ended = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"did not answer in {_TIMEOUT_SECONDS:g} s"
    last = (ended.stdout if ended.returncode == 0 else ended.stderr).strip().splitlines()
    return last[-1] if last else "said nothing"


def _libraries() -> Iterator[Finding]:
    yield Finding("rlgauge", __version__)
    for name, library in LIBRARIES.items():
        if library.distribution == "rlgauge":
            continue
        if missing(name) is None:
            yield Finding(name, importlib.metadata.version(library.distribution))
        elif library.isolated is None:
            yield Finding(name, "not installed", f"pip install '{library.install}'")
        elif installed(library.isolated) is not None:
            yield Finding(name, "in an environment of its own")
        else:
            yield Finding(name, "not installed", "nothing: an environment is built for it where it is asked for")
