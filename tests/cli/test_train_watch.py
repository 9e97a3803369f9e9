from __future__ import annotations

import pytest

from rlgauge.cli import train_view
from rlgauge.cli.train_table import ended
from rlgauge.cli.train_watch import Watch
from rlgauge.core.execute import Event
from rlgauge.core.run import Record, Status, encode_record
from rlgauge.core.store import Store
from rlgauge.kinds.train.journal import TESTS, Journal
from rlgauge.kinds.train.spec import SPEC
from rlgauge.kinds.train.stages import Far, Stage, Stages
from rlgauge.kinds.train.workload import ScriptWorkload
from tests.driving import wait_for


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "out")


@pytest.fixture
def workload(tmp_path):
    (tmp_path / "ppo.py").write_text("total_steps = 1000\n")
    return ScriptWorkload(tmp_path / "ppo.py", env="A", seeds=[0, 1], num_tests=5)


@pytest.fixture
def watch(workload, store):
    return Watch(workload, store, rerun_failed=False)


def begin(store, case, attempt="1-abc"):
    """The folder of a run that has begun, as a worker and the script's process make it."""
    folder = store.root / case.folder / attempt / "artifacts"
    folder.mkdir(parents=True)
    (folder / SPEC).write_text("{}")
    return folder


def test_runs_that_have_not_begun_are_not_shown(watch):
    assert watch.look() == []
    assert (watch.num_done, watch.num_runs) == (0, 2)


def test_a_run_tells_steps_episodes_returns_and_what_is_left(watch, workload, store):
    case, _ = workload.cases()
    folder = begin(store, case)
    (run,) = watch.look()
    assert run.text() == "no episode has ended yet"
    journal = Journal(folder)
    journal.start -= 10.0
    for number in range(12):
        journal.episode(float(number), 5, num_steps=(number + 1) * 20)
    (run,) = watch.look()
    assert run.text() == "240 steps, 12 episodes, last return 11, mean of 10 6.5 in 5 steps, 31.7 s left"


def test_without_a_length_nothing_is_said_of_what_is_left(tmp_path, store):
    (tmp_path / "x.py").write_text("print(1)\n")
    workload = ScriptWorkload(tmp_path / "x.py")
    (case,) = workload.cases()
    Journal(begin(store, case)).episode(1.5, 5, num_steps=20)
    (run,) = Watch(workload, store, rerun_failed=False).look()
    assert run.text() == "20 steps, 1 episode, last return 1.5"


def test_the_words_of_a_command_tell_what_is_left_before_the_defaults_of_its_script(tmp_path, store):
    script = tmp_path / "own.py"
    script.write_text("total_timesteps = 1_000_000\n")
    workload = ScriptWorkload(command=f"python {script} --total_timesteps 3000 {{seed}}")
    (case,) = workload.cases()
    journal = Journal(begin(store, case))
    journal.start -= 10.0
    journal.episode(1.0, 1500, num_steps=1500)
    (run,) = Watch(workload, store, rerun_failed=False).look()
    assert run.text() == "1,500 steps, 1 episode, last return 1, 10 s left"


def test_a_training_of_ours_tells_its_stage_and_how_much_is_done_where_no_episodes_are_played(watch, workload, store):
    case, _ = workload.cases()
    folder = begin(store, case)
    told = Stages(folder)
    told.begin(Stage.COMPARING)
    assert watch.look()[0].text() == "random actions and the expert are played, to compare with"
    told.begin(Stage.TRAINING)
    assert watch.look()[0].text() == "training"
    told._write(Far(Stage.TRAINING, 250, 1000))
    assert watch.look()[0].text() == "25% trained"
    told._write(Far(Stage.TRAINING, 500, 1000, 30.4))
    assert watch.look()[0].text() == "50% trained, 30.4 s left"
    Journal(folder).episode(1.5, 5, num_steps=20)
    assert watch.look()[0].text() == "20 steps, 1 episode, last return 1.5, 50% trained, 30.4 s left"
    told.begin(Stage.TESTING)
    assert watch.look()[0].text() == "what was trained is tested"
    told.end()
    assert watch.look()[0].text() == "what was trained is tested"


def test_tests_are_told_of_when_they_begin(watch, workload, store):
    case, _ = workload.cases()
    folder = begin(store, case)
    (folder / TESTS).write_bytes(encode_record(Record(1, {"return": 1.0})))
    (run,) = watch.look()
    assert run.text() == "tested in 1 of 5 episodes"


def test_a_new_attempt_takes_the_place_of_the_old(watch, workload, store):
    case, _ = workload.cases()
    Journal(begin(store, case)).episode(1.5, 5, num_steps=20)
    assert "20 steps" in watch.look()[0].text()
    begin(store, case, "2-def")
    assert watch.look()[0].text() == "no episode has ended yet"


def test_what_has_ended_is_counted_once(watch, workload, store):
    first, second = workload.cases()
    begin(store, first)
    assert watch.take(Event(case_id=first.id, num_records=0)) is None
    assert watch.take(Event(case_id=first.id, num_records=0, status=Status.FAILED)) == first
    assert watch.take(Event(case_id=first.id, num_records=0, status=Status.FAILED)) is None
    assert watch.take(Event(case_id=second.id, num_records=1, status=Status.COMPLETED)) == second
    assert (watch.num_done, watch.num_failed) == (2, 1)
    assert watch.look() == []


def test_lines_come_now_and_then_where_nothing_can_be_drawn(watch, workload, store, monkeypatch, capfd):
    monkeypatch.setattr(train_view, "LINE_SECONDS", 0.05)
    case, _ = workload.cases()
    Journal(begin(store, case)).episode(1.5, 5, num_steps=20)
    said = ""
    with train_view.shown(watch, store) as (listen, tell):

        def has_come():
            nonlocal said
            said += capfd.readouterr().err
            return "ppo A seed 0: 20 steps, 1 episode" in said

        wait_for(has_come)
        tell("a sentence")
        listen(Event(case_id=case.id, num_records=0, status=Status.FAILED))
    said += capfd.readouterr().err
    assert "a sentence\n" in said
    assert "1 of 2: ppo A seed 0: " in said


def told_in(turns, texts):
    """What is said of a run in each of so many turns, whose text is the last of `texts` that has begun by then."""
    told, said = train_view._Told(), {}
    for turn in range(1, turns + 1):
        told = told.after(texts[max(begin for begin in texts if begin <= turn)], turn)
        if told.turn == turn:
            said[turn] = told.line
    return said


def test_a_run_that_comes_no_further_is_told_of_ever_more_seldom():
    said = told_in(60, {1: "no episode", 7: "1 episode"})
    assert list(said) == [1, 7, 13, 19, 31, 55]
    assert [said[turn] for turn in (1, 7, 13, 31)] == [
        "no episode",
        "1 episode",
        "1 episode (the same for 1 min 0 s)",
        "1 episode (the same for 4 min 0 s)",
    ]


def test_a_run_that_goes_on_is_told_of_more_seldom_after_a_while():
    said = told_in(20, {turn: f"{turn} episodes" for turn in range(1, 21)})
    assert list(said) == [1, 2, 3, 4, 5, 6, 12, 18]
    assert said[18] == "18 episodes"


def test_on_a_terminal_every_run_has_a_line(watch, workload, store):
    from rich.console import Console

    for case in workload.cases():
        Journal(begin(store, case)).episode(1.5, 5, num_steps=20)
    console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    console.print(train_view._table(watch))
    lines = [" ".join(line.split()) for line in console.export_text().splitlines()]
    assert lines[0].startswith("ppo A seed 0 20 steps, 1 episode")
    assert lines[1].startswith("ppo A seed 1")
    assert lines[2] == "0 of 2 runs done"


def test_a_run_that_never_began_is_said_to_be_so():
    assert ended(None) == "never began"
