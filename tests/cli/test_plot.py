from __future__ import annotations

import json

import pytest

from rlgauge.cli.main import main

HEADERS = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}


def point(library, num_envs, speed, **axes):
    return {
        "point": {"environment": "cartpole", "library": library, "num_envs": num_envs, **axes},
        "task": f"cartpole x {num_envs}",
        "status": "COMPLETED",
        "steps_per_second": speed,
        "low": speed * 0.9,
        "high": speed * 1.1,
        "planned_bytes": 40 * num_envs,
        "peak_bytes": 10**8,
    }


@pytest.fixture
def out(tmp_path):
    points = [point(name, num, 1e6 * num**power) for name, power in (("ours", 0.9), ("theirs", 0.4)) for num in (1, 99)]
    points += [point("ours", 1000, 1e6 * size, scan_chunk_size=size) for size in (1, 8, 64)]
    points.append({"point": point("gone", 5, 1)["point"], "task": "t", "status": "FAILED", "reason": "no"})
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "throughput_a_1.json").write_text(json.dumps({"points": points, "tag": "a"}))
    return folder


@pytest.mark.parametrize("kind", HEADERS)
def test_every_figure_is_drawn_in_every_format(out, tmp_path, kind, capsys):
    assert main(["plot", "all", str(out), "-o", str(tmp_path / "plots"), "--format", kind, "--dpi", "50"]) == 0
    paths = sorted((tmp_path / "plots").iterdir())
    assert [path.name for path in paths] == [
        f"{name}_cartpole.{kind}"
        for name in (
            "library_comparison",
            "memory_scaling",
            "scaling_efficiency",
            "scan_chunk_sensitivity",
            "throughput_scaling",
        )
    ]
    assert all(path.read_bytes().startswith(HEADERS[kind]) for path in paths)
    assert capsys.readouterr().out.count("Wrote ") == 5


def test_a_line_holds_what_was_measured(out, monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr("rlgauge.report.plots.throughput_scaling", lambda _axes, series: seen.extend(series))
    main(["plot", "throughput_scaling", str(out), "-o", str(tmp_path / "plots"), "--style", "slides"])
    ours = next(one for one in seen if one.name == "ours")
    assert ours.xs == [1, 99]
    assert ours.ys == pytest.approx([1e6, 1e6 * 99**0.9])
    assert ours.lows == pytest.approx([0.9 * speed for speed in ours.ys])
    assert not any(one.name == "gone" for one in seen)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["throughput", "{out}"], "Did you mean 'throughput_scaling'"),
        (["all", "{out}", "--format", "gif"], "format"),
        (["all", "{out}", "--style", "poster"], "style"),
        (["all", "{out}", "--tag", "b"], "no measurement with the tag 'b'"),
        (["all", "{out}/nothing"], "holds no measurement"),
        (["all", "{out}/broken.json"], "is no file of `rlgauge throughput`"),
    ],
)
def test_what_cannot_be_drawn_is_said(out, argv, message, capsys):
    (out / "broken.json").write_text("{")
    assert main(["plot", *(argument.format(out=out) for argument in argv)]) == 2
    assert message in capsys.readouterr().err
