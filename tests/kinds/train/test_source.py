from __future__ import annotations

import pytest

from rlgauge.core.errors import UserError
from rlgauge.kinds.train.source import find_source, source_of, with_settings


@pytest.fixture
def project(tmp_path):
    texts = {
        "train.py": "import numpy\nimport helper\nfrom pack.deep import thing\n\ndef main():\n    from late import x\n",
        "helper.py": "import other as o\n",
        "other.py": "import helper\n",
        "late.py": "this does not parse (\n",
        "pack/__init__.py": "",
        "pack/deep/__init__.py": "from . import sibling\nfrom ..top import *\n",
        "pack/deep/thing.py": "",
        "pack/deep/sibling.py": "",
        "pack/top.py": "",
        "unused.py": "",
        "notes.txt": "",
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


IMPORTED = [
    "train.py",
    "helper.py",
    "late.py",
    "other.py",
    "pack/__init__.py",
    "pack/deep/__init__.py",
    "pack/deep/sibling.py",
    "pack/deep/thing.py",
    "pack/top.py",
]


def test_the_files_are_the_script_and_all_that_it_imports_from_its_folder(project):
    assert list(find_source(str(project / "train.py")).files) == IMPORTED


def test_a_copy_has_the_files_where_they_lie_to_each_other(project, tmp_path_factory):
    copy = tmp_path_factory.mktemp("copy")
    find_source(str(project / "train.py")).copy(copy)
    assert sorted(str(path.relative_to(copy)) for path in copy.rglob("*.py")) == sorted(IMPORTED)
    assert (copy / "helper.py").read_text() == (project / "helper.py").read_text()


def test_the_digest_follows_what_is_imported_and_not_what_is_beside_it(project):
    before = find_source(str(project / "train.py")).digest()
    (project / "unused.py").write_text("x = 1")
    assert find_source(str(project / "train.py")).digest() == before
    (project / "other.py").write_text("x = 1")
    assert find_source(str(project / "train.py")).digest() != before


def test_the_digest_is_of_the_content_wherever_the_script_lies(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.py").write_text("x = 1\n")
    first, second = (find_source(str(tmp_path / name / f"{name}.py")).digest() for name in ("a", "b"))
    assert first == second
    (tmp_path / "b" / "b.py").write_text("x = 2\n")
    assert find_source(str(tmp_path / "b" / "b.py")).digest() != first


def test_a_function_of_a_module_is_found_without_importing_it(project, monkeypatch):
    (project / "pack" / "__init__.py").write_text("raise RuntimeError('imported')\n")
    monkeypatch.syspath_prepend(str(project))
    source = find_source("pack.deep.thing:learn")
    assert source.root == str(project)
    assert next(iter(source.files)) == "pack/deep/thing.py"
    assert source.name == "thing.learn"
    assert find_source("pack.deep.thing:main").name == "thing"
    assert find_source("pack.deep.thing:main").digest() != source.digest()


def test_a_function_of_a_package_belongs_to_its_init_file(project, monkeypatch):
    monkeypatch.syspath_prepend(str(project))
    source = find_source("pack.deep:main")
    assert (source.root, next(iter(source.files))) == (str(project), "pack/deep/__init__.py")


def test_of_a_module_that_is_installed_only_the_file_is_kept():
    assert list(find_source("gymnasium.envs.registration:make").files) == ["gymnasium/envs/registration.py"]


def test_files_of_other_folders_keep_their_names_and_stay_inside_a_copy(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    (tmp_path / "one" / "a.py").write_text("")
    (tmp_path / "two" / "b.py").write_text("")
    source = source_of(tmp_path / "one" / "a.py", tmp_path / "two" / "b.py")
    source.copy(tmp_path / "copy" / "here")
    copied = [path.name for path in (tmp_path / "copy" / "here").rglob("*.py")]
    assert sorted(copied) == ["a.py", "b.py"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("trian.py", "There is no script 'trian.py'. Did you mean 'train.py'?"),
        ("pack", "'pack' is a folder"),
        ("train.py:main", "A function is named by its module, such as train:main."),
        ("pack.missing:main", "There is no module 'pack.missing'"),
        ("msgspec._core:main", "The module 'msgspec._core' has no source file"),
    ],
)
def test_what_is_no_script_is_refused_with_what_is_near(project, monkeypatch, given, said):
    monkeypatch.chdir(project)
    with pytest.raises(UserError) as caught:
        find_source(given)
    assert said in str(caught.value)


def test_a_file_that_is_gone_is_said_to_be_so(project):
    source = find_source(str(project / "train.py"))
    (project / "helper.py").unlink()
    with pytest.raises(UserError, match=r"helper\.py"):
        source.digest()


def changed(find, file, text="x = 9\n"):
    """Whether the digest of a source is another one after a file was edited."""
    before = find().digest()
    file.write_text(text)
    return find().digest() != before


def test_the_digest_follows_modules_of_folders_that_a_script_adds_to_its_path(tmp_path):
    for folder in ("scripts", "lib/algos", "far/pack"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "lib/algos/core.py").write_text("REWARD = 1\n")
    script = tmp_path / "scripts/train.py"
    for added in ("os.path.join(os.path.dirname(__file__), '..', 'lib')", "str(Path(__file__).parents[1] / 'lib')"):
        script.write_text(f"sys.path.insert(0, {added})\nfrom algos.core import REWARD\n")
        assert changed(lambda: find_source(str(script)), tmp_path / "lib/algos/core.py", f"REWARD = {len(added)}\n")


def test_the_digest_follows_modules_on_pythonpath(tmp_path, monkeypatch):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/core.py").write_text("REWARD = 1\n")
    (tmp_path / "train.py").write_text("import core\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "lib"))
    assert changed(lambda: find_source(str(tmp_path / "train.py")), tmp_path / "lib/core.py")


def test_the_digest_of_a_command_follows_the_module_that_it_runs(tmp_path, monkeypatch):
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack/__init__.py").touch()
    (tmp_path / "pack/core.py").write_text("REWARD = 1\n")
    (tmp_path / "pack/train.py").write_text("from pack.core import REWARD\nfrom . import more\n")
    (tmp_path / "pack/more.py").write_text("")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    for name in ("core", "more", "train"):
        assert changed(lambda: source_of(modules=["pack.train"]), tmp_path / f"pack/{name}.py", f"x = '{name}'\n")
    assert source_of(modules=["nowhere.at_all"]) is None


def test_the_digest_follows_what_a_shell_script_runs(tmp_path):
    (tmp_path / "run.sh").write_text('cd "$(dirname "$0")"; python "$HERE/inner.py" $1\npython ./other.py\n')
    for name in ("inner", "other", "helper"):
        (tmp_path / f"{name}.py").write_text("import helper\n" if name == "inner" else "")
    for name in ("helper", "inner", "other"):
        assert changed(lambda: source_of(tmp_path / "run.sh"), tmp_path / f"{name}.py")


def test_the_digest_follows_settings_that_arguments_name(tmp_path):
    (tmp_path / "train.py").write_text("")
    (tmp_path / "c.json").write_text("{}")
    (tmp_path / "weights.pt").write_text("1")
    for word in ("c.json", "--config=c.json", str(tmp_path / "c.json")):
        find = lambda word=word: with_settings(find_source(str(tmp_path / "train.py")), ["--x", word, "weights.pt"])  # noqa: E731
        assert changed(find, tmp_path / "c.json", word)
        assert not changed(find, tmp_path / "weights.pt", word)
