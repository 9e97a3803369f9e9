from __future__ import annotations

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
