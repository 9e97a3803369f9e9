from __future__ import annotations

import re
import shutil

import pytest

from rlgauge.cli.report_study import sections
from rlgauge.report.content import Answer, Figure, Folded, Heading, Note, Warnings
from rlgauge.report.table import Table
from rlgauge.tune import report_importance
from tests.studied import finished, searched


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """A study with both phases."""
    out = tmp_path_factory.mktemp("once")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report_importance, "REFITS", 20)
        finished(out, trials=14)
    return out


def body(*sources):
    (section,) = sections(sources)
    return section.body


def of(parts, kind):
    return [part for part in parts if isinstance(part, kind)]


def test_a_study_has_both_phases_its_trials_what_mattered_and_slices(once):
    (section,) = sections([once])
    assert (section.name, section.title) == ("study", "Tuning bc in seals/CartPole-v0")
    assert [part.text for part in of(section.body, Heading)] == ["Both phases", "Trials", "What mattered", "Slices"]
    kinds = [part.kind for part in of(section.body, Figure)]
    assert kinds == ["study_phases", "study_history", "study_importance", *["study_slices"] * 4]
    (answer,) = of(section.body, Answer)
    assert answer.question == "Which settings of bc in seals/CartPole-v0 have the highest mean test return?"
    assert answer.note == "14 trials (1 running, 11 complete, 1 pruned, 1 failed)."


def test_the_answer_is_the_winner_and_whether_it_is_shown_to_be_better(once, tmp_path):
    (sure,) = of(body(once), Answer)
    verdict = "better than the default, as the whole interval of its gain is above 0."
    name = re.fullmatch(rf"The winner is (trial \d+): {re.escape(verdict)}", sure.sentences[0])[1]
    assert re.fullmatch(rf"The return of {name} over 3 fresh seeds: [\d.]+ \[[\d.]+, [\d.]+\]\.", sure.sentences[1])
    assert sure.sentences[2].startswith(f"{name}: ")
    finished(tmp_path, default=(10.0, 500.0, 300.0), fresh=(20.0, 480.0, 400.0))
    (unsure,) = of(body(tmp_path), Answer)
    assert "not shown to be better than the default, as the interval of its gain holds 0." in unsure.sentences[0]


def test_the_table_of_configurations_has_what_stands_behind_its_numbers(once):
    (table,) = of(body(once), Table)
    assert table.rows[0][0] == "default"
    assert table.rows[0][1] == table.rows[0][5] == "-"
    assert table.bold == {(1, 0)}
    assert table.summaries[0, 2].n == 3
    assert (1, 5) in table.summaries


def test_every_trial_is_a_row(once):
    (trials,) = of(body(once), Folded)
    assert len(trials.table.rows) == 14
    assert [row[1] for row in trials.table.rows].count("failed") == 1


def test_half_way_it_says_what_has_not_been(tmp_path):
    searched(tmp_path)
    parts = body(tmp_path)
    assert of(parts, Answer)[0].sentences == ["Phase 2 has not been: nothing was judged on fresh seeds yet."]
    assert Note("How much each setting matters is told at the end of phase 2.") in parts
    assert next(part.kind for part in of(parts, Figure)) == "study_history"


def test_of_phase_2_alone_there_are_no_slices(once, tmp_path):
    shutil.copytree(once, tmp_path / "out")
    (tmp_path / "out" / "studies" / "study.json").unlink()
    parts = body(tmp_path)  # the folder above it
    assert "study_slices" not in [part.kind for part in of(parts, Figure)]
    assert "study_phases" in [part.kind for part in of(parts, Figure)]


def test_several_studies_have_a_section_each(once, tmp_path):
    shutil.copytree(once, tmp_path / "more")
    assert [section.name for section in sections([once, tmp_path])] == ["study", "study-2"]
    assert list(sections([tmp_path / "more" / "studies"])) == []


def test_where_no_fresh_seed_gave_a_return_the_reasons_are_told(tmp_path):
    finished(tmp_path, default=(), fresh=())
    parts = body(tmp_path)
    assert of(parts, Answer)[0].sentences == ["No configuration came to a return on fresh seeds."]
    assert of(parts, Warnings)[0].texts[0] == "default, seed 11: it broke"


def test_a_damaged_study_is_a_warning(once, tmp_path):
    shutil.copytree(once, tmp_path / "out")
    (tmp_path / "out" / "studies" / "phase1.json").write_text("{")
    (part,) = body(tmp_path / "out")
    assert "is damaged" in part.texts[0]
