"""Completion of words in a shell: the scripts are complete, and bash does what they say."""

import json
import re
import subprocess
import sys
from importlib.metadata import version

import pytest

from tests.suite.test_reading import SHIPPED
from ttq_bench.cli import COMMANDS, main
from ttq_bench.commands.completion import SHELLS, SUITES

ASKED = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
_shtab_ttq_bench
printf '%s\\n' "${COMPREPLY[@]}"
"""


def script(shell, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--print-completion", shell])
    told = capsys.readouterr()
    assert (ended.value.code, told.err) == (0, "")
    return told.out


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_holds_every_command(shell, capsys):
    text = script(shell, capsys)
    assert [name for name in COMMANDS if name not in text] == []
    assert "checkpoint-every" in text  # and their options


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        (["pl"], ["plan"]),
        (["s"], ["suites", "submit", "status", "speed"]),
        (["run", "--prof"], ["--profile"]),
        (["run", "--device", ""], ["auto", "cpu", "cuda"]),
        (["data", "f"], ["fetch"]),
        (["run", "sp"], ["sparsity"]),
        (["plan", "suites/de"], ["suites/demo.yaml"]),
        (["status", "--results", "tests/comm"], ["tests/commands"]),
    ],
    ids=str,
)
def test_bash_completes_commands_options_choices_and_paths(tmp_path, capsys, words, completed):
    path = tmp_path / "completion.bash"
    path.write_text(script("bash", capsys), encoding="utf-8")
    done = subprocess.run(
        ["bash", "--norc", "-c", ASKED, "bash", path, "ttq-bench", *words],
        capture_output=True, text=True, check=True, cwd=SHIPPED.parent,
    )  # fmt: skip
    assert [word.strip() for word in done.stdout.splitlines()] == completed


def test_bash_takes_suites_for_names_of_files_so_that_folders_can_be_entered(capsys):
    asked = re.findall(r'_compgen" =~ (\S+) \]\]', script("bash", capsys))
    assert (
        len(asked) == 1 or version("shtab") < "1.11"
    )  # older ones leave it to their own functions
    assert all(re.search(pattern, SUITES) for pattern in asked)


def test_another_shell_is_refused_with_the_known_ones(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--print-completion", "bsh"])
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert "did you mean 'bash'? (allowed: bash, tcsh, zsh)" in told


def test_the_library_is_imported_only_when_a_script_is_asked_for():
    code = "import json, sys; from ttq_bench.cli import main; main(['suites'])"
    code += "; print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "shtab" not in json.loads(done.stderr)
