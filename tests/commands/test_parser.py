"""What each command offers the command line: options, help with examples, hints at misspellings."""

import argparse
import importlib
import json
import re
import shlex
import subprocess
import sys

import pytest

from tests.test_cli import HEAVY
from ttq_bench.cli import COMMANDS, main, make_parser, module_of
from ttq_bench.execution.display import console_here

PARSED = """
import json, sys
from ttq_bench.cli import COMMANDS, make_parser
for name in COMMANDS:
    try:
        make_parser().parse_args([name, "--help"])
    except SystemExit as ended:
        assert ended.code == 0
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


def examples(name):
    return importlib.import_module(module_of(name)).EXAMPLES


def helped(words, capsys):
    with pytest.raises(SystemExit) as ended:
        main([*words, "--help"])
    assert ended.value.code == 0
    return capsys.readouterr().out


def test_no_command_imports_a_heavy_package_to_be_parsed(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PARSED],
        capture_output=True, text=True, cwd=tmp_path, timeout=120, check=True,
    )  # fmt: skip
    assert not set(HEAVY) & set(json.loads(done.stderr))


def test_the_help_of_all_commands_imports_no_command(tmp_path):
    code = "import sys; from ttq_bench.cli import make_parser; make_parser().format_help()"
    code += "; print(*(name for name in sys.modules if name.startswith('ttq_bench.commands.')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = set(done.stdout.split())
    assert module_of("parser") in imported
    assert not imported & set(map(module_of, COMMANDS))


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_has_two_examples_that_can_be_parsed(name, capsys):
    text = helped([name], capsys)
    assert len(examples(name)) >= 2
    for example in examples(name):
        program, *words = shlex.split(example)
        assert (program, words[0]) == ("ttq-bench", name)
        assert f"\n  {example}\n" in text
        assert callable(make_parser().parse_args(words).command)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_says_what_each_option_is_and_its_default(name, capsys):
    parser = argparse.ArgumentParser()
    importlib.import_module(module_of(name)).add_options(parser)
    listed = helped([name], capsys).partition("\noptions:\n")[2].partition("\nexamples:\n")[0]
    rows = {row.split()[0]: " ".join(row.split()) for row in re.split(r"\n(?=  -)", listed)}
    for action in parser._actions[1:]:  # the first is --help
        assert action.help, action.dest
        if action.option_strings and action.default not in (None, False, [], ""):
            assert f"(default: {action.default})" in rows[action.option_strings[0]]


@pytest.mark.parametrize(
    ("words", "proposal"),
    [
        (["pln"], "argument COMMAND: invalid choice: 'pln'; did you mean 'plan'?"),
        (["data", "fetsh", "mnist"], "invalid choice: 'fetsh'; did you mean 'fetch'?"),
        (["plan", "s.yaml", "--profle=x"], "did you mean --profile instead of --profle?"),
        (["plan", "s.yaml", "--prof", "x"], "did you mean --profile instead of --prof?"),
        (["export", "x", "--too", "d"], "required: --to; did you mean --to instead of --too?"),
        (["--verison"], "did you mean --version instead of --verison?"),
        (["-v", "--no-colr", "status"], "did you mean --no-color instead of --no-colr?"),
    ],
    ids=" ".join,
)
def test_a_misspelt_word_brings_a_proposal(words, proposal, refused):
    assert proposal in refused(*words)


@pytest.mark.parametrize("words", [["status", "--frobnicate"], ["status", "--", "--resuts"]])
def test_a_word_that_is_like_no_option_or_is_none_brings_no_proposal(words, refused):
    sentence = refused(*words)
    assert "did you mean" not in sentence
    assert sentence.endswith("; ttq-bench status --help tells what can be given\n")


@pytest.mark.parametrize("words", [[], ["--no-color"]])
def test_without_a_command_the_help_is_printed_and_the_input_is_bad(words, capsys):
    assert main(words) == 2
    told = capsys.readouterr()
    assert told.err == ""
    for name, summary in COMMANDS.items():
        assert re.search(rf"^    {name} ", told.out, re.MULTILINE)
        assert summary in " ".join(told.out.split())


@pytest.mark.parametrize(
    ("words", "variable", "expected"),
    [
        (["--no-color", "status"], None, True),
        (["status", "--no-color"], None, True),
        (["status"], "1", True),
        (["status"], None, False),
    ],
)
def test_colours_are_left_out_by_option_and_by_variable(
    tmp_path, monkeypatch, words, variable, expected
):
    monkeypatch.setenv("NO_COLOR", variable or "")  # restored at the end, whatever is set meanwhile
    if variable is None:
        monkeypatch.delenv("NO_COLOR")
    assert main([*words, "--results", str(tmp_path)]) == 0
    assert console_here().no_color is expected


@pytest.mark.parametrize("words", [["-v", "report"], ["report", "--verbose"], ["report"]])
def test_the_traceback_of_an_error_is_printed_on_request_alone(tmp_path, capsys, words):
    assert main([*words, "--results", str(tmp_path / "none?token=hidden-word")]) == 2
    *before, last = capsys.readouterr().err.splitlines()
    assert last.startswith("ttq-bench: ")
    assert len(before) > 3 if len(words) > 1 else before == []
    assert not any("hidden-word" in line for line in [*before, last])
