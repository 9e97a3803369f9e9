from __future__ import annotations

import json

from rlgauge.cli.main import main
from rlgauge.kinds.throughput import machine
from rlgauge.kinds.throughput.noise import Disturbance


def test_machine_devices_and_libraries_are_looked_at(capsys):
    assert main(["doctor", "--json"]) == 0
    found = {one["what"]: one for one in json.loads(capsys.readouterr().out)}
    assert {"machine", "cores", "noise", "clock", "memory", "copy bandwidth", "JAX", "gymnax", "myriad"} <= found.keys()
    assert "cpu" in found["JAX"]["found"].lower()
    assert found["noise"]["found"].split(":")[0] in {"quiet", "noisy", "invalid"}


def test_noise_comes_with_advice(monkeypatch, capsys):
    busy = machine.Machine(
        noise=Disturbance(seconds=1, cpu_seconds=0, steal=0.2, others=0.9, switches=0),
        governor="powersave",
        threads_per_core=2,
        copy_bandwidth=1e10,
    )
    monkeypatch.setattr("rlgauge.cli.doctor.look", lambda: busy)
    monkeypatch.setattr("rlgauge.cli.doctor._jax_devices", lambda: "0.1: cpu")
    assert main(["doctor"]) == 0
    printed = capsys.readouterr().out
    assert "invalid: others keep 0.90 processors busy, 20.0 % stolen" in printed
    assert "Do not measure now" in printed
    assert "governor powersave" in printed
    assert "cpupower" in printed
    assert "2 of" in printed


def test_copying_has_a_bandwidth_that_a_machine_can_have():
    assert 1e8 < machine.copy_bandwidth() < 1e13


def test_a_part_that_there_is_not_is_told_with_what_is_possible(capsys):
    assert main(["doctor", "robosuite"]) == 2
    assert "PART takes libero, not 'robosuite'." in capsys.readouterr().err
