from __future__ import annotations

import json
import warnings

import pytest
from matplotlib.image import imread

from rlgauge.cli.main import main

HEADERS = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}
LONG = ("gymnasium-vector", "gymnasium-serial", "gymnax==0.0.9,jax==0.4.30", "a.module.of.mine.and.yours", "rlgauge")


def point(library, num_envs, speed, **axes):
    return {
        "point": {"environment": "cartpole", "library": library, "num_envs": num_envs, **axes},
        "task": f"cartpole x {num_envs}",
        "status": "COMPLETED",
        "steps_per_second": speed,
        "low": speed * 0.9,
        "high": speed * 1.1,
        "planned_bytes": 40 * num_envs,
        "peak_bytes": 10**8 + 50 * num_envs,
        "noise": "quiet",
    }


@pytest.fixture
def out(tmp_path):
    points = [point(name, num, 1e6 * num**power) for name, power in (("ours", 0.9), ("theirs", 0.4)) for num in (1, 99)]
    points += [point("ours", 1000, 1e6 * size, scan_chunk_size=size) for size in (1, 8, 64)]
    points.append({"point": point("gone", 5, 1)["point"], "task": "t", "status": "FAILED", "reason": "no"})
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "throughput_a_1.json").write_text(json.dumps({"points": points, "tag": "a"}))
    (folder / "throughput_phase1_0.json").write_text(json.dumps({"points": [], "tag": "phase1"}))
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


@pytest.mark.parametrize("style", ["paper", "slides"])
def test_nothing_is_cut_off_and_the_axes_keep_most_of_the_figure(tmp_path, style, drawn):
    points = [point(name, num, 1e6 * num) for name in LONG for num in (1, 10**5)]
    points += [point(name, 1000, 1e8 * size, scan_chunk_size=size) for name in LONG for size in (1, 64)]
    (tmp_path / "throughput_1.json").write_text(json.dumps({"points": points}))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        folder = tmp_path / "plots"
        assert main(["plot", "all", str(tmp_path), "-o", str(folder), "--style", style, "--dpi", "100"]) == 0
    assert len(drawn) == 5
    for figure in drawn:
        (axes,) = figure.axes
        box = figure.bbox.padded(1)
        extent = figure.get_tightbbox().transformed(figure.dpi_scale_trans)
        assert box.x0 <= extent.x0 < extent.x1 <= box.x1, axes.get_xlabel()
        assert box.y0 <= extent.y0 < extent.y1 <= box.y1, axes.get_xlabel()
        assert axes.get_position().width > 0.45
        assert axes.get_position().height > 0.55
    assert all(imread(path)[:, -1].min() == 1.0 for path in folder.iterdir())  # nothing touches the right edge


def test_a_legend_of_many_makes_the_figure_taller(tmp_path, drawn):
    points = [point(f"library-{number}", num, 1e6 * num) for number in range(40) for num in (1, 10)]
    (tmp_path / "throughput_1.json").write_text(json.dumps({"points": points}))
    assert main(["plot", "throughput_scaling", str(tmp_path), "-o", str(tmp_path / "plots"), "--dpi", "50"]) == 0
    (figure,) = drawn
    legend = figure.axes[0].get_legend().get_window_extent()
    assert 0 <= legend.y0 < legend.y1 <= figure.bbox.height


def test_the_title_says_what_all_points_have_in_common(out, tmp_path, drawn):
    assert main(["plot", "throughput_scaling", str(out), "-o", str(tmp_path / "plots"), "--dpi", "50"]) == 0
    (figure,) = drawn
    assert figure.get_suptitle() == "cartpole"
    assert figure.axes[0].get_title(loc="left") == "random actions, outcomes dropped"
    assert figure.get_supxlabel() == "Bars: 95 % intervals over processes."


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["throughput", "{out}"], "Did you mean 'throughput_scaling'"),
        (["all", "{out}", "--format", "gif"], "format"),
        (["all", "{out}", "--style", "poster"], "style"),
        (["all", "{out}", "--dpi", "0"], "--dpi 0: it must be from 20 to 1200."),
        (["all", "{out}", "--dpi", "1201"], "--dpi 1201"),
        (["all", "{out}", "--tag", "b"], "no measurement with the tag 'b'. Tags there: a, phase1."),
        (["all", "{out}", "--tag", "phase"], "Did you mean 'phase1'? Tags there: a, phase1."),
        (["all", "{out}/nothing"], "There is no folder or file"),
        (["all", "{out}/broken.json"], "is no file of `rlgauge throughput`"),
    ],
)
def test_what_cannot_be_drawn_is_said(out, argv, message, capsys):
    (out / "broken.json").write_text("{")
    assert main(["plot", *(argument.format(out=out) for argument in argv)]) == 2
    assert message in capsys.readouterr().err


def test_a_figure_that_lacks_points_says_which_to_measure(tmp_path, capsys):
    (tmp_path / "throughput_1.json").write_text(json.dumps({"points": [point("ours", 1, 1e6)]}))
    assert main(["plot", "library_comparison", str(tmp_path), "-o", str(tmp_path / "plots")]) == 2
    assert "measure several libraries with --library" in capsys.readouterr().err
    assert not (tmp_path / "plots").exists()


def test_where_nothing_has_a_tag_it_is_said(tmp_path, capsys):
    (tmp_path / "throughput_1.json").write_text(json.dumps({"points": [point("ours", 1, 1e6)]}))
    assert main(["plot", "all", str(tmp_path), "--tag", "a", "-o", str(tmp_path / "plots")]) == 2
    assert "no measurement with the tag 'a'. None there has a tag." in capsys.readouterr().err
    assert not (tmp_path / "plots").exists()
