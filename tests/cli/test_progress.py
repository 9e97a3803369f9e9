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


def told(capsys, made, folder, events) -> list[str]:
    """The lines for events, each of a time, the number of a case and how many of its episodes are played."""
    clock = Clock()
    listen = progress.lines(progress.Tally(made, Store(folder)), clock)
    cases = [case.id for case in made.cases()]
    for seconds, number, num_records in events:
        clock.seconds = float(seconds)
        tell(listen, [cases[number]], num_records)
    return capsys.readouterr().err.splitlines()


def test_a_line_comes_every_ten_seconds_at_most(tmp_path, capsys):
    assert told(capsys, workload(40), tmp_path, [(seconds, 0, 5) for seconds in range(25)]) == ["5 of 40 episodes"] * 2


def test_the_time_left_is_told_of_what_was_played_after_the_first_round(tmp_path, capsys):
    made = make_workload(GymnasiumBenchmark(["CartPole-v1"], num_episodes=40), ["random"], lanes=5)
    events = [(100, 0, 1), (101, 0, 5), (111, 0, 9), (121, 0, 10), (131, 1, 5), (161, 3, 10), (171, 2, 10)]
    assert told(capsys, made, tmp_path, [*events, (181, 1, 10)]) == [
        "1 of 40 episodes",
        "9 of 40 episodes",
        "10 of 40 episodes, about 2 min 0 s left",
        "15 of 40 episodes, about 1 min 15 s left",
        "25 of 40 episodes, about 45 s left",
        "35 of 40 episodes, about 11.7 s left",
        "40 of 40 episodes",
    ]


def test_processes_that_play_at_once_have_a_longer_round(tmp_path, capsys):
    made = make_workload(GymnasiumBenchmark(["CartPole-v1"], num_episodes=40), ["random"], lanes=5)
    events = [(100, 0, 1), (100, 1, 1), (101, 0, 5), (102, 1, 5), (112, 0, 10), (122, 1, 10)]
    assert told(capsys, made, tmp_path, events) == [
        "1 of 40 episodes",
        "15 of 40 episodes",
        "20 of 40 episodes, about 40 s left",
    ]


def test_where_it_is_compiled_nothing_is_estimated_from_that(tmp_path, capsys):
    made = make_workload(GymnasiumBenchmark(["rlgauge:cartpole"], num_episodes=40), ["zero"], lanes=10)
    assert told(capsys, made, tmp_path, [(100, 0, 0), (600, 0, 10), (610, 1, 0), (620, 1, 20)]) == [
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
