"""Which worker sees which GPU; `nvidia-smi` is a script that prints what the real one does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies

from rlgauge.core.errors import UserError
from rlgauge.launch import gpus

TWO = """GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-5b1a7e2c-0c55-7a3c-9a43-6f10a1f1d0aa)
  MIG 1g.10gb     Device  0: (UUID: MIG-0a1b2c3d-5e6f-5a7b-8c9d-0e1f2a3b4c5d)
GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-6c2b8f3d-1d66-8b4d-ab54-7a21b2a2e1bb)
"""


@pytest.fixture
def smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An `nvidia-smi` that knows two GPUs, alone on the path."""
    script = tmp_path / "nvidia-smi"
    script.write_text(f'#!{sys.executable}\nimport sys\nassert sys.argv[1:] == ["-L"]\nprint("""{TWO}""", end="")\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(gpus.VISIBLE, raising=False)
    return script


def test_the_driver_numbers_the_gpus(smi: Path) -> None:
    assert gpus.available() == ["0", "1"]


def test_without_a_driver_there_is_none(smi: Path) -> None:
    smi.unlink()
    assert gpus.available() == []


def test_a_driver_that_does_not_work_is_told(smi: Path) -> None:
    smi.write_text("#!/bin/sh\necho 'NVIDIA-SMI has failed: no driver.'\nexit 9\n")
    with pytest.raises(
        UserError, match=r"nvidia-smi can't say which GPUs there are: NVIDIA-SMI has failed: no driver\."
    ):
        gpus.available()


def test_a_driver_that_cannot_be_started_is_told(smi: Path) -> None:
    smi.chmod(0o644)
    with pytest.raises(UserError, match=r"nvidia-smi can't say which GPUs there are: .*Permission denied"):
        gpus.available()


@pytest.mark.parametrize(
    ("visible", "found"),
    [
        ("", []),
        ("-1", []),
        ("NoDevFiles", []),
        ("2", ["2"]),
        ("3, 1", ["3", "1"]),
        ("0,-1,1", ["0"]),
        ("0,0", ["0"]),
        ("GPU-5b1a7e2c,MIG-0a1b2c3d", ["GPU-5b1a7e2c", "MIG-0a1b2c3d"]),
    ],
)
def test_what_is_visible_is_what_cuda_would_see(visible: str, found: list[str], smi: Path) -> None:
    assert gpus.available({gpus.VISIBLE: visible}) == found


def test_one_worker_has_a_gpu_to_itself_unless_told_otherwise() -> None:
    assert gpus.assign(2, ["0", "3"]) == ["0", "3"]
    assert gpus.assign(3, ["0", "3"], per_gpu=2) == ["0", "3", "0"]


@hypothesis.given(
    strategies.integers(1, 40), strategies.lists(strategies.integers(0, 99).map(str), min_size=1, unique=True)
)
def test_no_gpu_has_more_than_its_share(num_workers: int, known: list[str]) -> None:
    per_gpu = -(-num_workers // len(known))
    assigned = gpus.assign(num_workers, known, per_gpu)
    counts = [assigned.count(name) for name in known]
    assert sum(counts) == len(assigned) == num_workers
    assert max(counts) == per_gpu
    assert max(counts) - min(counts) <= 1
    if per_gpu > 1:
        with pytest.raises(UserError, match=rf"there is room for {len(known) * (per_gpu - 1)}\."):
            gpus.assign(num_workers, known, per_gpu - 1)


def test_more_workers_than_there_is_room_for_are_refused_with_what_is_possible() -> None:
    sentence = (
        r"^5 workers on 2 GPUs \(0, 1\), 1 on each: there is room for 2\. Ask for 2 workers, or for 3 on each GPU\.$"
    )
    with pytest.raises(UserError, match=sentence):
        gpus.assign(5, ["0", "1"])


def test_no_gpu_is_told_with_where_it_was_looked_for() -> None:
    with pytest.raises(
        UserError, match=r"no GPU for 1 worker here: nvidia-smi finds none, or CUDA_VISIBLE_DEVICES hides"
    ):
        gpus.assign(1, [])


def test_less_than_one_worker_on_a_gpu_is_refused() -> None:
    with pytest.raises(UserError, match=r"per_gpu=0"):
        gpus.assign(1, ["0"], per_gpu=0)


def test_numbers_of_the_driver_come_with_its_order(smi: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    assert gpus.worker_variables(2) == [{"CUDA_VISIBLE_DEVICES": number, **order} for number in ("0", "1")]
    monkeypatch.setenv(gpus.VISIBLE, "1,GPU-5b1a7e2c")
    assert gpus.worker_variables(2) == [{"CUDA_VISIBLE_DEVICES": name} for name in ("1", "GPU-5b1a7e2c")]


def test_nothing_heavy_is_imported_to_count_gpus() -> None:
    code = "import sys; from rlgauge.launch import gpus; gpus.available(); print([*sys.modules])"
    command = [sys.executable, "-c", code]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, env=dict(os.environ)).stdout
    assert not {"torch", "jax", "ray", "numpy"} & set(eval(printed))
