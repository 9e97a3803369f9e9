from __future__ import annotations

import json
import re
import shutil
import warnings
from pathlib import Path

import pytest
from matplotlib.image import imread

import rlgauge
from rlgauge.cli import plot
from rlgauge.cli.main import main
from rlgauge.core.errors import UserError

HEADERS = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}
TASK = "a/b c-v0"
LONG_NAME = "a policy of mine with the setting " + "; ".join(f"layer_{number}=128" for number in range(9))
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


@pytest.fixture
def scores(tmp_path):
    """A table of the scores of three algorithms on two tasks, one of which has no plain name."""
    rows = [
        f"{algorithm},{task},{seed},{0.1 * place + 0.03 * seed + 0.2 * (task == TASK)}"
        for place, algorithm in enumerate(("ppo", "sac", LONG_NAME))
        for task in ("ant", TASK)
        for seed in range(3)
    ]
    path = tmp_path / "scores.csv"
    path.write_text("\n".join(["algorithm,task,seed,score", *rows]))
    return path


def test_every_figure_of_throughput_is_drawn(out, tmp_path, capsys):
    assert main(["plot", "all", str(out), "-o", str(tmp_path / "plots"), "--dpi", "50"]) == 0
    names = [path.name for path in sorted((tmp_path / "plots").iterdir())]
    assert {
        f"{name}_cartpole.png"
        for name in (
            *("library_comparison", "memory_scaling", "scaling_efficiency"),
            *("scan_chunk_sensitivity", "throughput_scaling"),
        )
    } <= set(names)
    assert capsys.readouterr().out.count("Wrote ") == len(names)


@pytest.mark.parametrize("kind", HEADERS)
def test_equal_figures_are_equal_files_in_every_format(scores, tmp_path, kind):
    for folder in ("a", "b"):
        assert main(["plot", "ranks", str(scores), "-o", str(tmp_path / folder), "--format", kind, "--dpi", "50"]) == 0
    first, second = (sorted((tmp_path / folder).iterdir()) for folder in ("a", "b"))
    assert [path.name for path in first] == [f"ranks_mean.{kind}", f"ranks_shares.{kind}"]
    assert all(path.read_bytes().startswith(HEADERS[kind]) for path in first)
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_letters_are_part_of_a_pdf_and_eight_points_high(scores, tmp_path, drawn):
    assert main(["plot", "heat_map", str(scores), "-o", str(tmp_path), "--format", "pdf"]) == 0
    told = (tmp_path / "heat_map.pdf").read_bytes()
    assert b"/FontFile2" in told
    assert b"/Type3" not in told
    (figure,) = drawn
    assert {label.get_fontsize() for label in figure.axes[0].get_yticklabels()} == {8.0}


@pytest.mark.parametrize("style", ["paper", "slides"])
def test_nothing_of_scores_is_cut_off_and_nothing_warns(scores, tmp_path, style, drawn, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        options = ["--normalise", "0,1", "-o", str(tmp_path / "plots"), "--style", style, "--dpi", "50"]
        assert main(["plot", "all", str(scores), *options]) == 0
    kinds = {"overall", "profiles", "improvement", "ranks_mean", "ranks_shares", "heat_map", "tasks"}
    assert kinds <= {path.stem for path in (tmp_path / "plots").iterdir()}
    _check(drawn)
    assert f"for {LONG_NAME!r}." in capsys.readouterr().err


@pytest.mark.parametrize("style", ["paper", "slides"])
def test_nothing_of_throughput_is_cut_off_and_the_axes_keep_most_of_the_figure(tmp_path, style, drawn):
    points = [point(name, num, 1e6 * num) for name in LONG for num in (1, 10**5)]
    points += [point(name, 1000, 1e8 * size, scan_chunk_size=size) for name in LONG for size in (1, 64)]
    (tmp_path / "throughput_1.json").write_text(json.dumps({"points": points, "tag": "a"}))
    folder = tmp_path / "plots"
    options = ["--tag", "a", "-o", str(folder), "--style", style, "--dpi", "50"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert main(["plot", "all", str(tmp_path), *options]) == 0
    _check(drawn)
    assert [path.name for path in folder.iterdir() if imread(path)[:, -1].min() < 1.0] == []  # touches the right edge


def _check(drawn):
    """Everything lies within its figure, of which the Axes have enough."""
    assert drawn
    for figure in drawn:
        (axes,) = figure.axes
        box = figure.bbox.padded(1)
        extent = figure.get_tightbbox().transformed(figure.dpi_scale_trans)
        assert box.x0 <= extent.x0 < extent.x1 <= box.x1, axes.get_xlabel()
        assert box.y0 <= extent.y0 < extent.y1 <= box.y1, axes.get_xlabel()
        assert axes.get_position().width > 0.45, axes.get_xlabel()


def test_what_is_asked_of_a_summary_is_asked_of_figures(scores, tmp_path, capsys):
    argv = [
        "plot",
        "tasks",
        str(scores),
        "--algo",
        "ppo",
        "--task",
        TASK,
        "-o",
        str(tmp_path / "plots"),
        "--format",
        "svg",
    ]
    assert main(argv) == 0
    (path,) = (tmp_path / "plots").iterdir()
    assert path.name == "tasks_a_b_c_v0.svg"
    assert main(["plot", "heat_map", str(scores), "--algo", "ppo", "-o", str(tmp_path / "none")]) == 2
    assert "holds nothing that heat_map could show: it takes two groups or more on two tasks" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_figures_whose_names_would_be_the_same_are_different_files(tmp_path):
    rows = [f"ppo,{task},{seed},{seed}" for task in ("a/b", "a_b", "é" * 300) for seed in (0, 1)]
    (tmp_path / "scores.csv").write_text("\n".join(["algorithm,task,seed,score", *rows]))
    options = ["-o", str(tmp_path / "plots"), "--format", "svg"]
    assert main(["plot", "tasks", str(tmp_path / "scores.csv"), *options]) == 0
    names = sorted(path.name for path in (tmp_path / "plots").iterdir())
    assert names[:2] == ["tasks_a_b.svg", "tasks_a_b_2.svg"]
    assert len(names) == 3
    assert len(names[2]) < 140


def test_several_sources_have_a_figure_each(out, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(out, other)
    argv = ["plot", "throughput_scaling", str(out), str(other), "-o", str(tmp_path / "plots"), "--format", "svg"]
    assert main(argv) == 0
    names = sorted(path.name for path in (tmp_path / "plots").iterdir())
    assert names == ["throughput_scaling_cartpole__other.svg", "throughput_scaling_cartpole__out.svg"]


def test_letters_that_no_font_has_are_told(tmp_path, capsys):
    (tmp_path / "scores.csv").write_text("algorithm,task,seed,score\n\u65e5\u672c,a,0,1\nppo,a,0,2")
    argv = ["plot", "tasks", str(tmp_path / "scores.csv"), "-o", str(tmp_path / "plots"), "--format", "svg"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert main(argv) == 0
    assert "tasks_a.svg has boxes for letters that no font here has: \u65e5\u672c\n" in capsys.readouterr().err


def test_a_figure_that_is_too_high_to_be_drawn_says_what_to_do(tmp_path, capsys):
    rows = [f"algorithm-{number},t,0,{number}" for number in range(400)]
    (tmp_path / "scores.csv").write_text("\n".join(["algorithm,task,seed,score", *rows]))
    argv = ["plot", "tasks", str(tmp_path / "scores.csv"), "-o", str(tmp_path / "plots"), "--dpi", "1200"]
    assert main(argv) == 2
    assert "dots high, more than can be drawn: give a smaller --dpi, --format pdf" in capsys.readouterr().err


def test_a_legend_of_many_makes_the_figure_taller(tmp_path, drawn):
    points = [point(f"library-{number}", num, 1e6 * num) for number in range(40) for num in (1, 10)]
    (tmp_path / "throughput_1.json").write_text(json.dumps({"points": points}))
    assert main(["plot", "throughput_scaling", str(tmp_path), "-o", str(tmp_path / "plots"), "--dpi", "50"]) == 0
    (figure,) = drawn
    legend = figure.axes[0].get_legend().get_window_extent()
    assert 0 <= legend.y0 < legend.y1 <= figure.bbox.height


def test_the_caption_says_what_all_points_have_in_common(out, tmp_path, drawn):
    assert main(["plot", "throughput_scaling", str(out), "-o", str(tmp_path / "plots"), "--dpi", "50"]) == 0
    (figure,) = drawn
    assert figure.get_suptitle() == "steps per second, cartpole"
    told = "Random actions, outcomes dropped. Bars: 95 % intervals over processes."
    assert figure.get_supxlabel().replace("\n", " ") == told


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


def test_every_kind_of_figure_of_a_report_can_be_asked_for():
    code = Path(rlgauge.__file__).parent
    texts = [path.read_text() for folder in ("cli", "report", "tune") for path in (code / folder).rglob("*.py")]
    kinds = {kind for text in texts for kind in re.findall(r"\bFigure\(\s*\"(\w+)\"", text)}
    assert {"tasks", "history"} <= kinds <= set(plot.NEEDS)


def test_without_a_kind_the_kinds_are_listed(scores):
    with pytest.raises(UserError, match=r"needs a KIND before .*scores\.csv: all, learning_curve, overall"):
        plot.main([str(scores)])


def test_of_failed_runs_it_is_said_that_they_failed(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("algorithm,task,seed,score,status\na,t,0,1,failed\na,t,1,1,failed\n")
    for kind in ("all", "tasks"):
        with pytest.raises(UserError, match=rf"nothing that {kind} could show: none of 2 runs completed \(2 failed\)"):
            plot.main([kind, str(path)])
