from __future__ import annotations

import pytest

from rlgauge.kinds.train.variables import THREADS, threads_of, variables_of


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    for name in (*THREADS, "MUJOCO_GL", "DISPLAY", "WAYLAND_DISPLAY", "WANDB_MODE", "MPLBACKEND", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)


def test_a_run_is_told_its_script_its_environment_and_its_seed():
    found = variables_of(7, script="x.py", env="CartPole-v1")
    told = {name: found[name] for name in ("BENCH_SCRIPT", "BENCH_ENV", "BENCH_SEED", "PYTHONHASHSEED")}
    assert told == {"BENCH_SCRIPT": "x.py", "BENCH_ENV": "CartPole-v1", "BENCH_SEED": "7", "PYTHONHASHSEED": "7"}
    assert "BENCH_ENV" not in variables_of(7, script="x.py", env=None)


def test_what_is_set_already_stays(monkeypatch):
    assert variables_of(0, script="x.py", env=None)["WANDB_MODE"] == "offline"
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("MUJOCO_GL", "egl")
    found = variables_of(0, script="x.py", env=None)
    assert "WANDB_MODE" not in found
    assert "MUJOCO_GL" not in found


def test_nothing_is_shown_on_a_screen():
    found = variables_of(0, script="x.py", env=None)
    assert (found["SDL_VIDEODRIVER"], found["MPLBACKEND"]) == ("dummy", "Agg")


def test_threads_are_those_asked_for_else_those_set_else_one():
    assert set(threads_of(4, {"OMP_NUM_THREADS": "2"}).values()) == {"4"}
    assert set(threads_of(None, {}).values()) == {"1"}
    found = threads_of(None, {"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "3"})
    assert (found["OMP_NUM_THREADS"], found["MKL_NUM_THREADS"], found["OPENBLAS_NUM_THREADS"]) == ("2", "3", "2")
