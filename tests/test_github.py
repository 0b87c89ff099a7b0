"""What GitHub reads: the workflow runs ``.ci/run``, the forms of issues ask for what exists."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from ttq_bench.analysis.claims import CLAIMS
from ttq_bench.cli import main, make_parser

ROOT = Path(__file__).parents[1]
FORMS = [ROOT / ".github" / "ISSUE_TEMPLATE" / name for name in ("bug.yml", "claim.yml")]
# What GitHub knows of a form; another word, or a field without a label, makes it vanish there.
KINDS = {"markdown", "textarea", "input", "dropdown", "checkboxes"}


def workflow():
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    return yaml.load(text, Loader=yaml.BaseLoader)  # SafeLoader takes the key `on` for true


@pytest.mark.parametrize(
    ("name", "command"), [("run", "bash .ci/run"), ("lowest", "make test-lowest")]
)
def test_the_workflow_runs_what_a_change_must_pass_with_the_oldest_python(name, command):
    read = workflow()
    assert set(read["on"]) == {"push", "pull_request"}
    assert set(read["jobs"]) == {"run", "lowest"}
    job = read["jobs"][name]
    assert [step["run"] for step in job["steps"] if "run" in step] == [command]
    assert (ROOT / ".ci" / "run").is_file()
    assert "\ntest-lowest:" in (ROOT / "Makefile").read_text(encoding="utf-8")
    (python,) = [s["with"] for s in job["steps"] if "setup-python" in s.get("uses", "")]
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'requires-python = ">={python["python-version"]}"' in project


def test_the_workflow_may_read_the_repository_and_nothing_else():
    assert workflow()["permissions"] == {"contents": "read"}
    assert "secrets." not in str(workflow())


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.name)
def test_a_form_of_issues_is_one_that_is_shown(path):
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert {"name", "description", "body"} <= form.keys() <= {
        "name", "description", "body", "labels"
    }  # fmt: skip
    names = [part["id"] for part in form["body"] if part["type"] != "markdown"]
    assert len(set(names)) == len(names) >= 3
    for part in form["body"]:
        assert part["type"] in KINDS
        assert part["attributes"]["value" if part["type"] == "markdown" else "label"]
    assert any(part.get("validations", {}).get("required") for part in form["body"])


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.name)
def test_a_command_that_a_form_asks_for_can_be_given(path, capsys):
    text = path.read_text(encoding="utf-8")
    commands = re.findall(r"(?:\$ |`)ttq-bench (.+?)(?:`|$)", text, re.MULTILINE)
    assert commands
    for command in commands:
        if command == "--version":
            with pytest.raises(SystemExit):
                main([command])
        else:
            assert callable(make_parser().parse_args(shlex.split(command)).command)


def test_the_form_on_verdicts_names_a_claim_that_there_is():
    example = re.search(r"placeholder: (.+?);", FORMS[-1].read_text(encoding="utf-8"))[1]
    assert example in CLAIMS
