"""The page is made outside of whoever asks for it, anew when something has changed, and never twice at once."""

from __future__ import annotations

import base64
import hashlib
import re
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest

from rlgauge.cli.view_page import Shown, live_page, with_films_below
from rlgauge.core.errors import UserError
from rlgauge.core.run import Status
from rlgauge.core.store import Store
from rlgauge.report.content import Film, Films, Note, Report, Section, Text
from tests.cli.test_view_live import HOSTILE, Clock, begin, case, episode
from tests.driving import wait_for


def report(*texts: str) -> Report:
    return Report(title="t", intro="i", sections=[Section(name="s", title="S", body=[Text(text) for text in texts])])


class Maker:
    """Makes reports that count themselves; each waits for `may_end` where there is one."""

    def __init__(self) -> None:
        self.num = 0
        self.num_at_once = self.most_at_once = 0
        self.may_end: threading.Event | None = None
        self.error: Exception | None = None

    def __call__(self) -> Report:
        self.num += 1
        self.num_at_once += 1
        self.most_at_once = max(self.most_at_once, self.num_at_once)
        if self.may_end is not None:
            assert self.may_end.wait(60)
        self.num_at_once -= 1
        if self.error is not None:
            raise self.error
        return report(f"report {self.num}")


@pytest.fixture
def store(tmp_path) -> Store:
    store = Store(tmp_path / "out")
    store.make()
    return store


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def maker() -> Maker:
    return Maker()


@pytest.fixture
def shown(store, maker, clock) -> Shown:
    return Shown(store.root, maker, clock)


def live(shown: Shown) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(shown.live())
    return found


def text_of(shown: Shown) -> str:
    return shown.page().content.decode()


def later(shown: Shown, clock: Clock, seconds: float) -> None:
    """Have it look again, that much later, until all that this leads to is over."""
    clock.seconds += seconds
    before = shown._looking.ended
    shown.begin()
    wait_for(lambda: shown._looking.ended > before and not shown._looking.is_going and not shown._making.is_going)


def test_where_no_run_has_ended_the_page_says_so_and_nothing_is_made(store, shown, maker, clock):
    begin(store, case())
    later(shown, clock, 0)
    assert "The report comes here when a run has ended." in text_of(shown)
    assert maker.num == 0
    told = live(shown)
    assert (told["told"], len(told["going"])) == ("1 run: 1 running.", 1)
    assert told["page"] == shown.page().version


def test_the_page_is_made_anew_when_a_run_has_ended_and_else_is_left_as_it_is(store, shown, maker, clock):
    attempt = begin(store, case(0))
    begin(store, case(1)).commit(Status.COMPLETED)
    later(shown, clock, 0)
    assert ">report 1<" in text_of(shown)
    first = shown.page()
    later(shown, clock, 1000)
    assert shown.page() is first
    attempt.commit(Status.COMPLETED)
    later(shown, clock, 10)
    assert ">report 2<" in text_of(shown)
    assert live(shown)["page"] == shown.page().version != first.version


def test_what_goes_on_makes_the_page_anew_more_seldom(store, shown, maker, clock):
    attempt = begin(store, case(0))
    begin(store, case(1)).commit(Status.COMPLETED)
    later(shown, clock, 0)
    attempt.append(episode(0, 1.0))
    later(shown, clock, 5)
    assert maker.num == 1
    later(shown, clock, 15)
    assert maker.num == 2


def test_while_a_page_is_made_everybody_has_the_one_before_and_no_other_is_begun(store, shown, maker, clock):
    begin(store, case(0)).commit(Status.COMPLETED)
    later(shown, clock, 0)
    maker.may_end = threading.Event()
    begin(store, case(1)).commit(Status.COMPLETED)
    clock.seconds += 10
    shown.begin()
    wait_for(lambda: maker.num == 2)
    for _ in range(5):
        clock.seconds += 10
        assert ">report 1<" in text_of(shown)
        assert live(shown)["is_making"]
    maker.may_end.set()
    wait_for(lambda: ">report 2<" in text_of(shown))
    assert maker.most_at_once == 1


def test_before_the_first_report_the_page_says_that_it_is_being_made(store, shown, maker):
    maker.may_end = threading.Event()
    begin(store, case(0)).commit(Status.COMPLETED)
    waiting = shown.page()
    assert b"The report is being made." in waiting.content
    assert live(shown)["page"] == waiting.version
    maker.may_end.set()
    wait_for(lambda: live(shown)["page"] != waiting.version)
    assert b"report 1" in shown.page().content


def test_what_cannot_be_told_is_a_sentence_in_the_page(store, shown, maker, clock):
    maker.error = UserError(f"Unknown score {HOSTILE}.")
    begin(store, case(0)).commit(Status.COMPLETED)
    later(shown, clock, 0)
    assert "Unknown score &lt;script&gt;alert(1)&lt;/script&gt;." in text_of(shown)
    maker.error = None
    begin(store, case(1)).commit(Status.COMPLETED)
    later(shown, clock, 10)
    assert ">report 2<" in text_of(shown)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_of_ours_is_told_in_the_page_and_raised_and_is_not_for_ever(store, shown, maker, clock):
    maker.error = ZeroDivisionError("ours")
    begin(store, case(0)).commit(Status.COMPLETED)
    later(shown, clock, 0)
    wait_for(lambda: not any(one.name.endswith("(_go)") for one in threading.enumerate()))  # else the next test has it
    assert "The report could not be made" in text_of(shown)
    maker.error = None
    begin(store, case(1)).commit(Status.COMPLETED)
    later(shown, clock, 10)
    assert ">report 2<" in text_of(shown)


def test_runs_of_a_newer_format_are_told_of_where_the_runs_are(store, shown, clock):
    attempt = begin(store, case(0))
    (attempt.folder / "config.json").write_text('{"format": 999}')
    later(shown, clock, 0)
    assert "was written by a newer RLGauge (format 999)" in live(shown)["told"]
    (attempt.folder / "config.json").write_text("{}")
    begin(store, case(1)).commit(Status.COMPLETED)
    later(shown, clock, 10)
    assert ">report 2<" in text_of(shown)
    assert live(shown)["told"] == "1 run: 1 completed."


def test_the_page_may_run_its_own_scripts_and_no_others(shown):
    page = live_page(report(HOSTILE))
    text = page.content.decode()
    scripts = re.findall(r"<script[^>]*>(.*?)</script>", text, re.DOTALL)
    assert len(scripts) == 2
    for script in scripts:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in page.policy
    assert "unsafe-inline" not in page.policy.partition("script-src")[2].partition(";")[0]
    assert "http-equiv" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_the_same_report_has_the_same_version_and_another_has_another():
    one, same, other = live_page(report("a")), live_page(report("a")), live_page(report("b"))
    assert one == same
    assert one.version != other.version


def test_no_name_of_a_report_takes_the_place_of_what_is_live():
    text = live_page(report("</head><body><section id=live>")).content.decode()
    assert text.count('<section aria-label="Runs that go on"') + text.count('<section id="live"') == 1
    assert text.index('id="live"') < text.index("<header>")


def test_films_in_the_folder_are_led_to_and_others_are_counted(tmp_path):
    root = tmp_path / "out"
    (root / "videos").mkdir(parents=True)
    (root / "videos" / "a ?.mp4").touch()
    (root / "videos" / "a ?.png").touch()
    (tmp_path / "b.mp4").touch()
    films = [_film(root / "videos" / "a ?.mp4", root / "videos" / "a ?.png"), _film(tmp_path / "b.mp4", None)]
    told = Report(title="", intro="", sections=[Section(name="v", title="", body=[Films(films), Text("x")])])
    served, note, text = with_films_below(told, root).sections[0].body
    assert isinstance(served, Films)
    assert [(film.path, film.poster) for film in served.films] == [("videos/a%20%3F.mp4", "videos/a%20%3F.png")]
    assert isinstance(note, Note)
    assert note.text.startswith("1 film not shown")
    assert text == Text("x")


def _film(path: Path, poster: Path | None) -> Film:
    return Film(path=str(path), poster=None if poster is None else str(poster), title="t", told="")
