from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlgauge.cli.options import as_list, make_parser, normalise, option_names, parse, parted, with_each
from rlgauge.core.errors import UserError

KNOWN = ["--num-envs", "--print_config", "--policy"]


@pytest.mark.parametrize("spelling", ["--num-envs", "--num_envs"])
def test_hyphens_and_underscores_are_the_same(spelling):
    assert normalise([spelling, "3"], KNOWN) == ["--num-envs", "3"]
    assert normalise([f"{spelling}=a-b_c"], KNOWN) == ["--num-envs=a-b_c"]


def test_an_option_keeps_the_spelling_that_the_parser_has():
    assert normalise(["--print-config"], KNOWN) == ["--print_config"]
    assert normalise(["--benchmark.num-episodes", "3"], KNOWN) == ["--benchmark.num_episodes", "3"]


def test_after_two_hyphens_everything_is_left_alone():
    assert normalise(["--num_envs", "3", "--", "--num_envs"], KNOWN) == ["--num-envs", "3", "--", "--num_envs"]


def test_values_that_look_like_paths_are_left_alone():
    assert normalise(["--policy", "a-b_c", "x_y"], KNOWN) == ["--policy", "a-b_c", "x_y"]


def parser_of_lists():
    parser = make_parser("test", "A test.")
    parser.add_argument("--config", action="config")
    parser.add_argument("--policy", type=list[str] | str, default=[])
    parser.add_argument("--num-envs", type=int, default=1)
    return parser


PRINTABLE = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), min_size=1)


@given(st.lists(PRINTABLE.filter(lambda text: not text.startswith("--")), min_size=1))
def test_repeated_values_survive_whatever_they_hold(values):
    argv = [part for value in values for part in ("--policy", value)]
    assert as_list(parse(parser_of_lists(), argv, repeated=["--policy"]).policy) == values


def test_a_value_may_be_joined_by_an_equals_sign():
    options = parse(parser_of_lists(), ["--policy=a=b", "--policy", "c"], repeated=["--policy"])
    assert options.policy == ["a=b", "c"]


@pytest.mark.parametrize("argv", [["--policy"], ["--policy", "--num-envs", "3"]])
def test_a_repeated_option_without_a_value_is_a_sentence(argv):
    with pytest.raises(UserError, match=r"^--policy needs a value\.$"):
        parse(parser_of_lists(), argv, repeated=["--policy"])


@pytest.mark.parametrize(("written", "read"), [("[a, b]", ["a", "b"]), ("a", ["a"])])
def test_a_list_in_a_file_is_read_and_replaced_by_the_command_line(tmp_path, written, read):
    file = tmp_path / "c.yaml"
    file.write_text(f"policy: {written}\nnum_envs: 7\n")
    options = parse(parser_of_lists(), ["--config", str(file)], repeated=["--policy"])
    assert (as_list(options.policy), options.num_envs) == (read, 7)
    options = parse(parser_of_lists(), ["--config", str(file), "--policy", "c"], repeated=["--policy"])
    assert options.policy == ["c"]


def test_environment_variables_do_not_reach_the_parser(monkeypatch):
    monkeypatch.setenv("TEST_NUM_ENVS", "9")
    monkeypatch.setenv("NUM_ENVS", "9")
    assert parse(parser_of_lists(), []).num_envs == 1


def test_an_abbreviation_is_unknown():
    with pytest.raises(UserError, match=r"Unknown option '--num'\. Did you mean '--num-envs'\?"):
        parse(parser_of_lists(), ["--num", "3"])


def test_help_says_no_python_types(capsys):
    assert parse(parser_of_lists(), ["--help"]) is None
    printed = capsys.readouterr().out
    assert "type:" not in printed
    assert "--policy+" not in printed
    assert "(default: 1)" in printed


def test_option_names_are_those_of_the_parser():
    assert set(option_names(parser_of_lists())) == {"--help", "--config", "--print_config", "--policy", "--num-envs"}


@pytest.mark.parametrize("value", ["-1600,expert", "-.5,1", "-1e3", "-5", "-2.5"])
def test_what_begins_with_a_minus_and_a_digit_is_a_value(value):
    parser = make_parser("test", "A test.")
    parser.add_argument("--normalise", type=str)
    parser.add_argument("--rate", type=float, nargs="+")
    parser.add_argument("--policy", type=list[str] | str, default=[])
    options = parse(parser, ["--policy", value, "--normalise", value, "--rate", "-0.5", "1"], repeated=["--policy"])
    assert (options.policy, options.normalise, options.rate) == ([value], value, [-0.5, 1.0])
    with pytest.raises(UserError, match=r"^--normalise needs a value\.$"):
        parse(parser, ["--normalise", "-x"])


def test_values_may_follow_one_option_up_to_the_next_or_the_scripts_own():
    argv = ["x.py", "--set", "a=1", "b=2", "--seed", "3", "c=4", "--set=d=5", "e=6", "--set", "file", "--", "f=7"]
    assert with_each(argv, ["--set"]) == [
        *("x.py", "--set", "a=1", "--set", "b=2", "--seed", "3", "c=4"),
        *("--set=d=5", "--set", "e=6", "--set", "file", "--", "f=7"),
    ]


def test_arguments_are_parted_at_the_first_dashes():
    assert parted(["a", "--", "b", "--", "c"]) == (["a"], ["b", "--", "c"])
    assert parted(["a"]) == (["a"], [])
