from __future__ import annotations

import shutil
import warnings

import pytest

from rlgauge.cli.main import main
from rlgauge.tune import report_importance
from tests.studied import finished, searched

END = "bc_in_seals_CartPole_v0"
SLICES = [
    f"study_slices_{END}__{name}.png"
    for name in ("bc_batch_size", "bc_ent_weight", "bc_optimizer_kwargs_lr", "policy_activation_fn")
]


@pytest.fixture(scope="module", autouse=True)
def few_refits():
    """Less waiting: how sure the importance is, is tested where it is computed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report_importance, "REFITS", 20)
        yield


@pytest.fixture(scope="module")
def once(tmp_path_factory, few_refits):
    """A study that nothing is changed in."""
    out = tmp_path_factory.mktemp("once")
    finished(out, trials=14)
    return out


def plot(kind, out, plots, *more):
    return main(["plot", kind, str(out), "-o", str(plots), "--dpi", "50", *more])


def test_all_of_a_study_are_its_figures_in_which_nothing_is_cut_off_and_nothing_warns(once, tmp_path, drawn):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert plot("all", once, tmp_path) == 0
    names = ["study_history", "study_importance", "study_phases"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"{name}_{END}.png" for name in names) + SLICES
    for figure in drawn:
        box = figure.bbox.padded(1)
        extent = figure.get_tightbbox().transformed(figure.dpi_scale_trans)
        assert box.x0 <= extent.x0 < extent.x1 <= box.x1
        assert box.y0 <= extent.y0 < extent.y1 <= box.y1


def test_equal_studies_are_equal_files(once, tmp_path):
    for folder in ("a", "b"):
        assert plot("study_phases", once, tmp_path / folder, "--format", "svg") == 0
    first, second = (next((tmp_path / folder).iterdir()).read_bytes() for folder in ("a", "b"))
    assert first == second


def test_half_way_there_is_what_can_be_drawn_and_the_rest_is_told(tmp_path, capsys):
    searched(tmp_path / "out")
    (tmp_path / "out" / "train").mkdir()
    assert plot("all", tmp_path / "out", tmp_path / "plots") == 0
    assert sorted(path.name for path in (tmp_path / "plots").iterdir()) == [
        f"study_history_{END}.png",
        *SLICES,
    ]
    told = capsys.readouterr().err
    assert "study_importance is left out: importance is told from 10 complete trials on, and there are 6" in told
    assert "study_phases is left out: phase 2 has not been: the `rlgauge tune` that began it" in told


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("study_importance", "can't be drawn: importance is told from 10 complete trials on, and there are 6: go on"),
        ("study_phases", "can't be drawn: phase 2 has not been: the `rlgauge tune` that began it, given again"),
    ],
)
def test_what_can_not_be_drawn_yet_says_what_to_do(tmp_path, kind, told, capsys):
    searched(tmp_path / "out")
    assert plot(kind, tmp_path / "out", tmp_path / "plots") == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "plots").exists()


def test_before_a_trial_ended_it_is_said(tmp_path, capsys):
    searched(tmp_path, trials=1)
    (tmp_path / "studies" / "phase1.json").unlink()
    assert plot("study_slices", tmp_path, tmp_path / "plots") == 2
    assert "can't be drawn: no trial has ended yet." in capsys.readouterr().err


def test_where_no_seed_of_phase_2_gave_a_return_its_figure_says_so(tmp_path, capsys):
    finished(tmp_path, default=(), fresh=())
    assert plot("study_phases", tmp_path, tmp_path / "plots") == 2
    assert "no configuration came to a return on fresh seeds" in capsys.readouterr().err


def test_of_phase_2_alone_there_are_history_and_phases(once, tmp_path, capsys):
    out = tmp_path / "out"
    shutil.copytree(once, out)
    (out / "studies" / "study.json").unlink()
    assert plot("all", out, tmp_path / "plots") == 0
    assert sorted(path.name for path in (tmp_path / "plots").iterdir()) == [
        f"study_history_{END}.png",
        f"study_phases_{END}.png",
    ]
    told = capsys.readouterr().err
    assert told.count("only its phase 2 was here (--retune-from): draw that of the folder in which was searched") == 2


def test_a_folder_without_a_study_says_what_begins_one(tmp_path, capsys):
    assert plot("study_history", tmp_path, tmp_path / "plots") == 2
    assert "There is no study in" in capsys.readouterr().err
    assert plot("study_histori", tmp_path, tmp_path / "plots") == 2
    assert "Did you mean 'study_history'" in capsys.readouterr().err
    assert plot("study_history", tmp_path, tmp_path / "plots", "--tag", "a") == 2
    assert "--tag is of measurements of throughput" in capsys.readouterr().err
