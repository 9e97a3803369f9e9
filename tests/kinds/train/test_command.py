from __future__ import annotations

import shlex

import pytest

from rlgauge.core.errors import UserError
from rlgauge.kinds.train.command import Template


def test_env_and_seed_are_filled_in_after_the_words_are_parted():
    template = Template("julia 'my train.jl' --env={env} {seed} {{x}}")
    assert template.argv(env="A b;c", seed=3) == ["julia", "my train.jl", "--env=A b;c", "3", "{x}"]
    assert template.fields == {"env", "seed"}


def test_what_follows_goes_to_its_end_as_it_is():
    assert Template("a {seed}", args=["--x={env}", "b c"]).argv(env=None, seed=1) == ["a", "1", "--x={env}", "b c"]


def test_files_are_named_by_their_whole_paths(tmp_path):
    (tmp_path / "train.py").write_text("pass")
    template = Template("python train.py other.py", folder=tmp_path)
    assert template.argv(env=None, seed=0) == ["python", str(tmp_path / "train.py"), "other.py"]
    assert template.files == [tmp_path / "train.py"]
    assert template.name == "train"


def test_a_value_that_is_also_the_name_of_a_file_stays_a_value(tmp_path):
    for name in ("train", "x.py", "c.yaml"):
        (tmp_path / name).write_text("pass")
    argv = Template("python x.py --mode train --config c.yaml", folder=tmp_path).argv(env=None, seed=0)
    assert argv[2:] == ["--mode", "train", "--config", str(tmp_path / "c.yaml")]
    assert Template("bash train", folder=tmp_path).files == [tmp_path / "train"]
    assert Template("python -m pack.train {env}", folder=tmp_path).modules == ["pack.train"]


def test_a_program_is_no_source_and_gives_no_name(tmp_path):
    (tmp_path / "python3").write_bytes(b"\x7fELF\0\0")
    (tmp_path / "run.sh").write_text("exit")
    template = Template("./python3 run.sh", folder=tmp_path)
    assert template.files == [tmp_path / "run.sh"]
    assert template.argv(env=None, seed=0)[0] == str(tmp_path / "python3")
    assert template.name == "run"


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("echo hi; python x.py {env} {seed}", "echo hi; python FOLDER/x.py {env} {seed}"),
        (
            "A=1 ./run&&python 'a b.py' --c=c.yaml c.yaml>x.py",
            "A=1 FOLDER/run&&python 'FOLDER/a b.py' --c=c.yaml FOLDER/c.yaml>x.py",
        ),
        ('(python "x.py" < c.yaml) | tee run', "(python FOLDER/x.py < FOLDER/c.yaml) | tee run"),
        ("run; test x; python -u run run", "run; test x; python -u FOLDER/run run"),
        ("exec python -m pack.x\npython x.py", "exec python -m pack.x\npython FOLDER/x.py"),
        ("cd sub && python x.py {env}", "cd sub && python x.py {env}"),
        ("python $0 `cat c.yaml` ${{X}}/x.py x.p*", "python $0 `cat c.yaml` ${{X}}/x.py x.p*"),
        ("python x.py >& sub/y.py 2>>x.py", "python FOLDER/x.py >& sub/y.py 2>>x.py"),
        ("cat <<X\nx.py\nX", "cat <<X\nx.py\nX"),
        ("echo 'see x.py' \"x.py'\"", "echo 'see x.py' \"x.py'\""),
    ],
)
def test_files_in_a_text_that_a_shell_reads_are_named_by_their_whole_paths(tmp_path, text, whole):
    (tmp_path / "sub").mkdir()
    for name in ("x.py", "a b.py", "c.yaml", "run", "sub/y.py"):
        (tmp_path / name).write_text("pass")
    for shell in (["bash", "-c"], ["nice", "/bin/sh", "-euo", "pipefail", "-c"]):
        template = Template(shlex.join([*shell, text]), folder=tmp_path)
        assert template.words == [*shell, whole.replace("FOLDER", str(tmp_path))]
        assert Template(template.whole, folder=tmp_path / "other").words == template.words
        assert Template(template.whole, folder=tmp_path / "other").files == template.files


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("echo hi; python x.py {env} {seed}", "x"),
        ("cd exp && A=2 python -u train_it.py {env}", "train_it"),
        ("python x.py", "x"),
    ],
)
def test_a_command_of_a_shell_is_called_after_the_script_in_it(tmp_path, text, name):
    (tmp_path / "x.py").write_text("pass")
    assert Template(shlex.join(["bash", "-c", text]), folder=tmp_path).name == name


def test_a_text_that_is_longer_than_a_files_name_can_be_is_one(tmp_path):
    text = "print(1); " * 100 + "x.y"
    assert Template(shlex.join(["python", "-c", text]), folder=tmp_path).words[2] == text


def test_what_is_read_again_from_its_whole_text_is_the_same(tmp_path):
    (tmp_path / "a b.py").write_text("pass")
    template = Template("python 'a b.py' --seed {seed} {{", folder=tmp_path)
    assert Template(template.whole).argv(env=None, seed=5) == template.argv(env=None, seed=5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x {enf}", "Unknown field of --command '{enf}'. Did you mean '{env}'?"),
        ("x 'y", "can't be parted into words: no closing quotation"),
        ("x {", "is written twice"),
        ("  ", "--command is empty"),
    ],
)
def test_a_template_that_can_not_be_is_refused(text, said):
    with pytest.raises(UserError) as caught:
        Template(text)
    assert said in str(caught.value)
