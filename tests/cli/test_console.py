from __future__ import annotations

from rlgauge.cli.console import complain, fit, say, show_table

COLUMNS = [
    ["task", "CartPole-v1", "Acrobot-v1"],
    ["success rate", "100.0% [96.3%, 100.0%]", "90.0% [82.6%, 94.5%]"],
    ["return", "500.0 ± 0.0", "-84.3 ± 19.5"],
    ["errors", "0", "0"],
    ["timeouts", "0", "2"],
    ["host", "vm", "vm"],
]


def titles(columns):
    return [column[0].replace("\n", " ") for column in columns]


def test_a_table_that_fits_is_left_alone():
    assert fit(COLUMNS, 200, ["host"]) == (COLUMNS, "")


def test_intervals_go_below_their_estimates_first():
    fitted, note = fit(COLUMNS, 68, ["host"])
    assert titles(fitted) == titles(COLUMNS)
    assert fitted[1][1] == "100.0%\n[96.3%, 100.0%]"
    assert fitted[2][1] == "500.0\n± 0.0"
    assert note == ""


def test_then_columns_of_zeros_become_a_sentence():
    fitted, note = fit(COLUMNS, 58, ["host"])
    assert titles(fitted) == ["task", "success rate", "return", "timeouts", "host"]
    assert note == "No errors."


def test_then_the_expendable_are_left_out():
    fitted, _ = fit(COLUMNS, 50, ["host"])
    assert titles(fitted) == ["task", "success rate", "return", "timeouts"]


def test_a_column_that_says_something_stays_however_narrow_it_is():
    fitted, _ = fit(COLUMNS, 5, ["host"])
    assert titles(fitted) == ["task", "success rate", "return", "timeouts"]


def test_elsewhere_than_on_a_terminal_a_table_is_plain_text(capsys):
    show_table(["a", "bc"], [["1", "2"], ["345", ""]])
    assert capsys.readouterr().out == "a    bc\n-------\n1    2\n345\n"


def test_a_table_without_rows_is_its_header(capsys):
    show_table(["a", "bc"], [])
    assert capsys.readouterr().out == "a  bc\n-----\n"


def test_on_a_terminal_a_table_is_drawn(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "dumb")
    show_table(["task", "errors", "host"], [["x" * 30, "0", "[red]vm"]])
    assert capsys.readouterr().out.split() == ["task", "host", "─" * 39, "x" * 30, "[red]vm", "No", "errors."]


def test_paragraphs_break_between_words_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "12")
    say("one two three four-five")
    assert capsys.readouterr().out == "one two\n  three\n  four-five\n"


def test_paragraphs_are_one_line_elsewhere(capsys):
    say("one two three " * 30)
    assert capsys.readouterr().out.count("\n") == 1


def test_a_column_of_one_value_becomes_a_sentence_where_that_may_be(capsys):
    columns = [["task", "a" * 20, "b" * 20], ["quantity", "return", "return"], ["verdict", "same", "same"]]
    fitted, note = fit(columns, 34, [], ["quantity"])
    assert (titles(fitted), note) == (["task", "verdict"], "Every quantity is return.")
    assert titles(fit(columns, 60, [], ["quantity"])[0]) == ["task", "quantity", "verdict"]
    columns[1][2] = "success"
    assert titles(fit(columns, 34, [], ["quantity"])[0]) == ["task", "quantity", "verdict"]


def test_a_table_that_can_fit_breaks_no_word(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "44")
    monkeypatch.setenv("TERM", "dumb")
    show_table(
        ["task", "difference", "verdict"],
        [
            ["seals/HalfCheetah-v0", "+1,162 [+999, +1,325]", "better"],
            ["seals/Ant-v0", "-5.3 [-8.1, 2.6]", "inconclusive"],
        ],
    )
    assert capsys.readouterr().out.split() == [
        "task", "difference", "verdict", "─" * 44,
        "seals/", "+1,162", "better", "HalfCheetah-v0", "[+999,", "+1,325]",
        "seals/Ant-v0", "-5.3", "inconclusive", "[-8.1,", "2.6]",
    ]  # fmt: skip


def test_a_paragraph_keeps_numbers_with_their_units_and_intervals_whole(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "22")
    say("A long tolerance of 12 % and [0.12, 0.34].")
    assert capsys.readouterr().out == "A long tolerance of\n  12 % and\n  [0.12, 0.34].\n"


def test_errors_are_broken_on_a_terminal_and_one_line_elsewhere(capsys, monkeypatch):
    complain("one two three")
    assert capsys.readouterr().err == "one two three\n"
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "12")
    complain("one two three")
    assert capsys.readouterr().err == "one two\n  three\n"
