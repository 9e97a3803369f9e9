from __future__ import annotations

import base64
import re
import shutil
from pathlib import Path
from urllib.parse import unquote

import msgspec
import pytest

from rlgauge.cli import report_films
from rlgauge.cli.report_films import linked
from rlgauge.cli.summary import Asked
from rlgauge.core.errors import UserError
from rlgauge.core.run import Record, encode_record
from rlgauge.importers import read
from rlgauge.kinds.evaluate.films import index_films
from rlgauge.report.content import Films, Heading, Note, Report, Section, Warnings
from rlgauge.report.page.document import document
from rlgauge.report.question import Question
from tests.compare.making import seeds
from tests.exporters.evaluating import evaluated
from tests.kinds.evaluate.test_films import filmed, results

OUTCOMES = ("success", "failure", "error")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A store with two filmed episodes of one policy, and three of another."""
    out = tmp_path_factory.mktemp("100% #1") / "out"
    videos = out / "videos"
    tasks = []
    for policy, outcomes in (("act", OUTCOMES), ("zero", OUTCOMES[:2])):
        evaluated(out, "Toy-v0", policy=policy)
        episodes = [
            filmed(
                videos / policy,
                index,
                outcome,
                seed=40 + index,
                error="step 2: it broke\nTrace" * (outcome == "error") or None,
            )
            for index, outcome in enumerate(outcomes)
        ]
        tasks.append((policy, "Toy-v0", episodes))
    assert index_films(videos, results(*tasks)) is not None
    return out


def asked(out, **question):
    return Asked(read([out]).readings, Question(**question), [])


def sections(out, **question) -> list[Section]:
    return list(report_films.sections(asked(out, **question)))


def test_films_have_the_names_that_policies_and_tasks_were_given(made):
    readings = read([made], names={"act": "ours", "Toy-v0": "Toy"}).readings
    for question in (Question(), Question(algorithms=frozenset({"ours"}), tasks=frozenset({"Toy"}))):
        (found,) = report_films.sections(Asked(readings, question, []), ["act=ours", "Toy-v0=Toy"])
        told = [film.title for part in found.body if isinstance(part, Films) for film in part.films]
        assert any(title.startswith("ours, episode") for title in told)
        assert not any("act" in title for title in told)


def films(section):
    return [list(block.films) for block in section.body if isinstance(block, Films)]


def report(out):
    return Report(title="films", intro="", sections=sections(out))


def test_what_went_wrong_comes_first_and_captions_tell_of_the_episode(made):
    (section,) = sections(made)
    act, zero = films(section)
    assert [film.title for film in act] == [
        "act: 3 episodes side by side",
        "act, episode 1: failure",
        "act, episode 2: error",
        "act, episode 0: success",
    ]
    assert act[1].told == "Toy-v0, seed 41, return 1.50, 2 steps"
    assert act[2].told.endswith("step 2: it broke")
    assert all(Path(film.path).is_file() and Path(film.poster).is_file() for film in [*act, *zero])
    assert [block.text for block in section.body if isinstance(block, Heading)] == ["act in Toy-v0", "zero in Toy-v0"]


def test_a_policy_that_was_not_asked_for_is_not_there(made):
    (section,) = sections(made, algorithms=frozenset({"zero"}))
    assert len(films(section)) == 1


def test_films_are_found_from_the_folder_of_the_page_whatever_it_is_called(made, tmp_path):
    for page in (made.parent / "page.html", made / "deep.html", tmp_path / "page.html"):
        for block in (one for one in linked(report(made), page).sections[0].body if isinstance(one, Films)):
            for film in block.films:
                assert not re.search(r"[#?% ](?![0-9A-F]{2})|^/|:", film.path)
                for address in (film.path, film.poster):
                    assert (page.parent / unquote(address)).is_file()


def test_films_within_the_page_are_those_that_fit_and_the_others_stay_beside_it(made):
    first = films(sections(made)[0])[0][0]
    size = report_films._size(first)
    found = linked(report(made), made.parent / "page.html", embed_megabytes=2.2 * size / 1e6)
    act, zero = films(found.sections[0])
    within = [film for film in [*act, *zero] if film.path.startswith("data:")]
    assert within[0] is act[0]
    assert zero[0] in within
    assert sum(len(film.path) + len(film.poster) for film in within) <= 2.2 * size
    assert len(within) < len(act) + len(zero)
    assert base64.b64decode(act[0].path.removeprefix("data:video/mp4;base64,")) == Path(first.path).read_bytes()
    note = next(one.text for one in found.sections[0].body if isinstance(one, Note))
    assert note.startswith(f"{len(within)} of 7 films are within this page")
    assert f"{7 - len(within)} did not fit" in note


def test_all_films_fit_into_a_page_that_then_needs_no_other_file(made):
    page = document(linked(report(made), made.parent / "page.html", embed_megabytes=5))
    assert set(re.findall(r'<video src="([a-z:/0-9]+);', page)) == {"data:video/mp4"}
    assert "did not fit" not in page


@pytest.mark.parametrize("megabytes", [0, -1, float("nan")])
def test_no_budget_is_refused(made, megabytes):
    with pytest.raises(UserError, match=r"--embed-videos .*more than 0"):
        linked(report(made), made / "page.html", embed_megabytes=megabytes)


def test_films_that_are_gone_are_told_of(made):
    gone = Path(films(sections(made)[0])[0][1].path)
    kept = gone.read_bytes()
    try:
        gone.unlink()
        (section,) = sections(made)
    finally:
        gone.write_bytes(kept)
    (warning,) = [block for block in section.body if isinstance(block, Warnings)]
    assert warning.texts == [f"1 film that evaluations tell of is not there or can't be read: {gone}."]
    assert len(films(section)[0]) == 3


def test_of_what_lies_elsewhere_nothing_is_shown_whatever_is_told_of_it(made, tmp_path):
    shutil.copytree(made, tmp_path / "out")
    (tmp_path / "secret.mp4").write_bytes(b"mine")
    (tmp_path / "secret.png").write_bytes(b"mine")
    told = tmp_path / "out" / "videos" / "films.json"
    own = next(name for name in re.findall(r'"film": "(act/[^"]+)"', told.read_text()) if "e0001" in name)
    text = (
        told.read_text()
        .replace(own, "../../secret.mp4")
        .replace(own.replace("0001-failure.mp4", "0002-error.png"), "x")
    )
    text = text.replace(own.replace("0001-failure.mp4", "0000-success.png"), str(tmp_path / "secret.png"))
    told.write_text(text)
    shown = [film for part in films(sections(tmp_path / "out")[0]) for film in part]
    assert len(shown) == 6
    assert "secret" not in str(shown)
    assert [film.poster for film in shown[:3]] == [shown[0].poster, None, None]


def test_many_films_are_cut_and_that_is_said(made, monkeypatch):
    monkeypatch.setattr(report_films, "_MOST_OF_TASK", 1)
    (section,) = sections(made)
    assert [len(own) for own in films(section)] == [4]
    note = next(block.text for block in section.body if isinstance(block, Note) and "3 films" in block.text)
    assert note.partition(": ")[2] == (
        f"3 episodes: 1 failure, 1 error, 1 success. 1 of 3 films shown. All are in {made / 'videos' / 'index.html'}."
    )


def test_test_episodes_of_a_training_have_theirs(tmp_path):
    one = filmed(tmp_path / "run" / "artifacts" / "videos", 1, "failure")
    (reading,) = seeds([1.0], kind="train", task="Toy-v0")
    record = Record(1, {"return": 1.5, "length": 2, "outcome": "failure", "video": one.video})
    reading = msgspec.structs.replace(reading, folders=(str(tmp_path / "run"),))
    (tmp_path / "run" / "records.jsonl").write_bytes(encode_record(record))
    (section,) = report_films.sections(Asked([reading], Question(), []))
    ((film,),) = films(section)
    assert film.title == "toy (train seed 0), episode 1: failure"


def test_where_nothing_was_filmed_there_is_no_section(tmp_path):
    assert sections(evaluated(tmp_path)) == []
