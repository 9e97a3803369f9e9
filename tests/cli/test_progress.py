from __future__ import annotations

import pytest

from rlgauge.cli import progress
from rlgauge.core.execute import Event, execute
from rlgauge.core.run import Status
from rlgauge.core.store import Store
from rlgauge.kinds.evaluate.benchmark import GymnasiumBenchmark
from rlgauge.kinds.evaluate.run import make_workload
from rlgauge.launch.inline import Inline


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def workload(num_episodes: int):
    return make_workload(GymnasiumBenchmark(["CartPole-v1"], num_episodes=num_episodes), ["random"])


def tell(listen, case_ids, num_records, **end):
    for case_id in case_ids:
        listen(Event(case_id=case_id, num_records=num_records, **end))


def test_a_line_comes_every_ten_seconds_at_most(tmp_path, capsys):
    made, clock = workload(40), Clock()
    listen = progress.lines(progress.Tally(made, Store(tmp_path)), clock)
    first, second, *_ = [case.id for case in made.cases()]
    for seconds in range(25):
        clock.seconds = float(seconds)
        tell(listen, [first, second], 5)
    assert capsys.readouterr().err.splitlines() == [
        "10 of 40 episodes, about 30 s left",
        "10 of 40 episodes, about 1 min 0 s left",
    ]


def test_where_it_is_compiled_nothing_is_estimated_from_that(tmp_path, capsys):
    made, clock = make_workload(GymnasiumBenchmark(["rlgauge:cartpole"], num_episodes=40), ["zero"], lanes=10), Clock()
    listen = progress.lines(progress.Tally(made, Store(tmp_path)), clock)
    first, second = [case.id for case in made.cases()]
    for seconds, case, num_records in ((100, first, 0), (600, first, 10), (610, second, 0), (620, second, 20)):
        clock.seconds = float(seconds)
        tell(listen, [case], num_records)
    assert capsys.readouterr().err.splitlines() == [
        "0 of 40 episodes",
        "10 of 40 episodes",
        "10 of 40 episodes",
        "30 of 40 episodes, about 10 s left",
    ]


def test_counting_begins_with_what_is_there(tmp_path):
    execute(workload(20), Store(tmp_path), launcher=Inline())
    tally = progress.Tally(workload(35), Store(tmp_path))
    assert (tally.num_before, tally.num_done, tally.num_wanted) == (20, 20, 35)


def test_a_block_counts_no_more_than_is_wanted_of_it(tmp_path):
    execute(workload(20), Store(tmp_path), launcher=Inline())
    tally = progress.Tally(workload(13), Store(tmp_path))
    assert (tally.num_done, tally.num_wanted) == (13, 13)


def test_failed_runs_are_counted_and_said(tmp_path, capsys):
    made, clock = workload(20), Clock()
    listen = progress.lines(progress.Tally(made, Store(tmp_path)), clock)
    clock.seconds = 10.0
    tell(listen, [next(iter(made.cases())).id], 0, status=Status.FAILED)
    assert capsys.readouterr().err == "0 of 20 episodes, 1 run failed\n"


def test_news_of_other_cases_is_passed_over(tmp_path):
    tally = progress.Tally(workload(20), Store(tmp_path))
    tally.take(Event(case_id="of somebody else", num_records=7))
    assert tally.num_done == 0


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_bar_is_drawn_on_a_terminal_only(tmp_path, capsys, monkeypatch, is_terminal):
    monkeypatch.setattr("sys.stderr.isatty", lambda: is_terminal)
    monkeypatch.setenv("FORCE_COLOR", "1")
    made = workload(20)
    with progress.shown(made, Store(tmp_path)) as listen:
        tell(listen, [case.id for case in made.cases()], 1000)
    assert ("20/20" in capsys.readouterr().err) is is_terminal
