"""What is read from a script's source."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlgauge.kinds.train.script.shapes import Script

BLOCK = "if __name__ == '__main__':\n"
LOOP = "    for _ in range(3):\n        pass\n"


def script(folder: Path, source: str | bytes) -> Script:
    path = folder / "train.py"
    path.write_bytes(source.encode() if isinstance(source, str) else source)
    return Script(path)


def test_what_main_calls_to_train_is_kept_and_what_it_calls_in_loops_is_not(tmp_path: Path) -> None:
    source = (
        f"def train(args):\n{LOOP}    while True:\n        act(args)\n"
        f"def act(state):\n{LOOP}"
        f"def layer_init(layer):\n    return layer\n"
        f"def evaluate(policy):\n{LOOP}"
        f"def main():\n    layer_init(1)\n    train(2)\n    act(1)\n    evaluate(1)\n"
        f"{BLOCK}    main()\n"
    )
    assert script(tmp_path, source).kept == {"main", "train"}


def test_methods_that_train_are_kept(tmp_path: Path) -> None:
    source = (
        "class Agent:\n    def act(self):\n        for _ in 'ab':\n            pass\n"
        "    def train(self):\n        model.learn(1)\nAgent().train()\n"
    )
    assert script(tmp_path, source).kept == {"Agent.train"}


@pytest.mark.parametrize("decorator", ["jax.jit", "numba.njit(cache=True)", "partial(jax.jit, static_argnums=0)"])
def test_what_is_compiled_is_left_alone(tmp_path: Path, decorator: str) -> None:
    assert script(tmp_path, f"@{decorator}\ndef train():\n{LOOP}train()\n").kept == set()


def test_what_is_handed_to_a_compiler_is_left_alone(tmp_path: Path) -> None:
    assert script(tmp_path, f"def train(key):\n{LOOP}run = jax.jit(train)\nrun(1)\n").kept == set()


def test_a_function_that_is_handed_on_is_kept(tmp_path: Path) -> None:
    assert script(tmp_path, f"def train(argv):\n{LOOP}app.run(train)\n").kept == {"train"}


def test_siblings_are_read_without_what_runs_only_as_a_script(tmp_path: Path) -> None:
    (tmp_path / "config.py").write_text("import deeper\nif __name__ == '__main__':\n    import argparse\n")
    (tmp_path / "deeper.py").write_text("x = 1\n")
    (tmp_path / "broken.py").write_text("x = (\n")
    found = script(tmp_path, "import config\nimport broken\nfrom package import nothing\n")
    assert len(found.trees) == 3
    assert not found.reads_arguments


def test_a_file_that_does_not_parse_says_where(tmp_path: Path) -> None:
    with pytest.raises(SyntaxError) as caught:
        script(tmp_path, "x = 1\ny = (\n")
    assert caught.value.lineno == 2


def test_a_file_with_null_bytes_does_not_parse(tmp_path: Path) -> None:
    with pytest.raises(SyntaxError):
        script(tmp_path, b"x = 1\n\x00\n")


def test_other_encodings_are_read(tmp_path: Path) -> None:
    assert "\u00e9" in script(tmp_path, "# -*- coding: latin-1 -*-\nx = '\u00e9'\n".encode("latin-1")).texts


def test_lines_of_a_notebook_that_are_no_python_are_passed_over(tmp_path: Path) -> None:
    found = script(tmp_path, "!pip install gymnasium\nif True:\n    %matplotlib inline\nx = 5 % 3\nSEED = 3\n")
    assert found.binds_seed


def test_the_error_of_a_notebook_is_that_of_the_file_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(SyntaxError) as caught:
        script(tmp_path, "!pip install gymnasium\nx = (\n")
    assert caught.value.lineno == 1
