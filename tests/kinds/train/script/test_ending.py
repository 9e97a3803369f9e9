"""How scripts end, in a sentence and a trace."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from rlgauge.kinds.train.script.ending import Ending, ending_of, show


def raised(folder: Path, source: str) -> BaseException:
    """What a script raises that lies in the folder."""
    path = folder / "train.py"
    path.write_text(source)
    try:
        exec(compile(source, str(path), "exec"), {})
    except BaseException as error:  # noqa: BLE001  # whatever it is
        return error
    raise AssertionError("it raises nothing")


def ended(folder: Path, source: str) -> Ending:
    return ending_of(raised(folder, source), folder / "train.py")


def test_a_trace_shows_the_lines_of_the_script_and_not_those_of_libraries(tmp_path: Path) -> None:
    found = ended(tmp_path, "import json\n\ndef load(text):\n    json.loads(text)\n\nload('{')\n")
    assert found.exit_code == 1
    assert found.error is not None
    assert found.error.startswith("The script raised JSONDecodeError in line 4 of train.py: Expecting property name")
    assert found.trace is not None
    assert [line.strip() for line in found.trace.splitlines() if "File" in line] == [
        f'File "{tmp_path}/train.py", line 6, in <module>',
        f'File "{tmp_path}/train.py", line 4, in load',
    ]
    assert found.trace.splitlines()[-1].startswith("json.decoder.JSONDecodeError: Expecting")


def test_a_trace_without_a_line_of_the_script_shows_all(tmp_path: Path) -> None:
    error = raised(tmp_path, "def load():\n    raise ValueError\n\nload()\n")
    trace = ending_of(error, tmp_path / "elsewhere" / "train.py").trace
    assert trace is not None
    assert "in load" in trace


def test_what_an_exception_came_from_is_shown(tmp_path: Path) -> None:
    found = ended(tmp_path, "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise ValueError('b') from e\n")
    assert found.trace is not None
    assert "ZeroDivisionError: division by zero" in found.trace
    assert "ValueError: b" in found.trace


@pytest.mark.parametrize(
    ("source", "code", "error"),
    [
        ("import sys; sys.exit()", 0, None),
        ("import sys; sys.exit(0)", 0, None),
        ("import sys; sys.exit(3)", 3, "The script ended itself with exit code 3 in line 1 of train.py."),
        ("import sys; sys.exit(-1)", 255, "The script ended itself with exit code 255 in line 1 of train.py."),
        ("raise SystemExit('no data')", 1, "The script ended itself in line 1 of train.py: no data"),
        ("raise KeyboardInterrupt", 130, "The script was interrupted in line 1 of train.py."),
        ("raise ValueError", 1, "The script raised ValueError in line 1 of train.py."),
        ("raise ValueError('a\\n  b')", 1, "The script raised ValueError in line 1 of train.py: a b"),
        ("raise OSError(2, 'gone')", 1, "The script raised FileNotFoundError in line 1 of train.py: [Errno 2] gone"),
    ],
)
def test_every_end_has_its_code_and_its_sentence(tmp_path: Path, source: str, code: int, error: str | None) -> None:
    found = ended(tmp_path, source)
    assert (found.exit_code, found.error) == (code, error)
    assert (found.trace is None) is (error is None)


def test_what_was_printed_says_why_a_script_ended_by_a_number_and_by_nothing_else(tmp_path: Path) -> None:
    printed, script = "train.py: error: unrecognized arguments: --gian", tmp_path / "train.py"
    found = ending_of(raised(tmp_path, "raise SystemExit(2)"), script, printed=printed)
    said = "saying: error: unrecognized arguments: --gian"
    assert found.error == f"The script ended itself with exit code 2 in line 1 of train.py, {said}"
    assert found.trace is not None
    assert found.trace.splitlines()[-1] == f"SystemExit: 2 ({printed})"
    for source in ("raise SystemExit('no data')", "raise ValueError"):
        error = ending_of(raised(tmp_path, source), script, printed=printed).error
        assert error is not None
        assert printed not in error
    assert ending_of(raised(tmp_path, "raise SystemExit"), script, printed=printed) == Ending(0)


def test_an_exception_that_can_not_be_told_is_named(tmp_path: Path) -> None:
    found = ended(tmp_path, "class E(Exception):\n    def __str__(self):\n        raise RuntimeError\nraise E\n")
    assert found.error == "The script raised E in line 4 of train.py."
    long = ended(tmp_path, "raise ValueError('a' * 10**6)")
    assert long.error is not None
    assert len(long.error) < 1000


def test_what_is_printed_is_what_python_prints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    show(raised(tmp_path, "raise ValueError('a')"))
    assert capsys.readouterr().err.rstrip().endswith("ValueError: a")
    show(raised(tmp_path, "raise SystemExit('no data')"))
    assert capsys.readouterr().err == "no data\n"
    show(raised(tmp_path, "raise SystemExit(3)"))
    assert capsys.readouterr().err == ""


def test_a_hook_of_the_script_that_fails_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hook(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(sys, "excepthook", hook)
    show(raised(tmp_path, "raise ValueError('a')"))
