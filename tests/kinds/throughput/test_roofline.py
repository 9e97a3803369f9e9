from __future__ import annotations

import jax.numpy as jnp
import pytest

from rlgauge.kinds.throughput import roofline as module
from rlgauge.kinds.throughput.roofline import cache_bytes, copy_bandwidth, roofline


def test_memory_that_must_be_moved_bounds_the_speed(monkeypatch):
    monkeypatch.setattr(module, "copy_bandwidth", lambda: 8e9)
    found = roofline(state_bytes=1e9, written_bytes=2e9, num_steps=10**9)
    assert found.bytes_per_step == pytest.approx(4)
    assert found.steps_per_second == pytest.approx(2e9)


def test_what_a_cache_holds_is_not_bounded_by_memory():
    assert roofline(state_bytes=1000, written_bytes=0, num_steps=10) is None


def test_the_cache_is_told_or_a_likely_size_taken(monkeypatch, tmp_path):
    (tmp_path / "index0").mkdir()
    (tmp_path / "index0" / "size").write_text("48K\n")
    (tmp_path / "index3").mkdir()
    (tmp_path / "index3" / "size").write_text("33M\n")
    monkeypatch.setattr(module, "_CACHES", tmp_path)
    assert cache_bytes() == 33 * 2**20
    monkeypatch.setattr(module, "_CACHES", tmp_path / "none")
    assert cache_bytes() == 2**26


def test_a_copy_reads_and_writes_all_of_it(monkeypatch):
    clock = iter(range(100))
    monkeypatch.setattr(module, "cache_bytes", lambda: 1000)
    monkeypatch.setattr(module.time, "perf_counter", lambda: next(clock))
    seen = []
    monkeypatch.setattr(module.jnp, "zeros", lambda size, dtype: seen.append(size) or jnp.ones(size, dtype))
    assert copy_bandwidth() == 2 * 4000
    assert seen == [1000]
