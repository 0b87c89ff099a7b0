"""The command line as a user meets it: exit codes, one sentence on stderr, nothing half done."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import ttq_bench
from tests.tiny_suite import command_line, write_suite
from ttq_bench.cli import main, make_parser
from ttq_bench.data.identity import cache_folder

HEAVY = ("torch", "torchvision", "ray", "pandas", "scipy", "seaborn", "matplotlib")
IMPORTED = """
import json, sys
from ttq_bench.cli import main
try:
    code = main(sys.argv[1:])
except SystemExit as ended:
    code = ended.code or 0
print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)
"""


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path_factory):
    monkeypatch.setenv("TTQ_BENCH_CACHE", str(tmp_path_factory.getbasetemp() / "ttq-bench-cache"))


@pytest.fixture
def suite(tmp_path):
    return write_suite(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [["--help"], ["--version"], ["run", "--help"], ["plan", "SUITE"], ["plan", "SUITE", "--json"],
     ["suites"], ["status", "--results", "."], ["data", "show", "digits"]],
    ids=" ".join,
)  # fmt: skip
def test_questions_are_answered_without_heavy_imports(tmp_path, suite, words):
    words = [str(suite) if word == "SUITE" else word for word in words]
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED, *words],
        capture_output=True, text=True, cwd=tmp_path, timeout=60, check=True,
    )  # fmt: skip
    code, modules = json.loads(done.stderr)
    assert code == 0
    assert done.stdout
    assert not set(HEAVY) & set(modules)
    assert not (tmp_path / "results").exists()


def refused(words, capsys):
    """Return exit code and the one message of a command that is refused."""
    code = main([str(word) for word in words])
    told = capsys.readouterr()
    assert told.err.startswith("ttq-bench: ")
    assert told.err.count("ttq-bench: ") == 1
    assert "Traceback" not in told.err + told.out
    return code, told.err


@pytest.mark.parametrize("command", ["plan", "run"])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot be read (No such file or directory)"),
        ("name: [unclosed", "not valid YAML"),
        ("- a list", "got no mapping"),
        ("", "got no mapping"),
        ("name: tiny\nmetods: [ttq]", "metods: unknown field; did you mean 'methods'?"),
    ],
    ids=["missing", "broken", "list", "empty", "misspelt"],
)
def test_a_suite_that_cannot_be_read_is_refused(tmp_path, capsys, command, text, message):
    path = tmp_path / "suite.yaml"
    if text is not None:
        path.write_text(text)
    code, told = refused([command, path, "--results", tmp_path / "results"], capsys)
    assert code == 2
    assert f"{path}: " in told
    assert message in told
    assert not (tmp_path / "results").exists()


def test_a_folder_given_as_suite_is_refused(tmp_path, capsys):
    code, told = refused(["plan", tmp_path], capsys)
    assert (code, told) == (2, f"ttq-bench: {tmp_path}: cannot be read (Is a directory)\n")


@pytest.mark.parametrize("command", ["plan", "run"])
def test_missing_images_are_refused_with_the_places_that_were_looked_at(tmp_path, capsys, command):
    suite = write_suite(tmp_path, datasets=["mnist"])
    (tmp_path / "images").mkdir()
    words = [command, suite, "--results", tmp_path / "results", "--data-dir", tmp_path / "images"]
    code, told = refused(words, capsys)
    assert code == 5
    assert f"{tmp_path / 'images'}: no mnist found" in told
    assert told.count("\n") == 1
    assert not (tmp_path / "results").exists()
    assert list((tmp_path / "images").iterdir()) == []


@pytest.mark.parametrize("command", ["plan", "run"])
@pytest.mark.parametrize("below", ["", "results"])
def test_results_that_would_lie_in_a_file_are_refused(suite, capsys, command, below):
    assert refused([command, suite, "--results", suite / below], capsys) == (
        2,
        f"ttq-bench: {suite / below}: results cannot be written there (Not a directory);"
        " name another folder with --results\n",
    )


def test_an_unknown_word_cannot_order_the_terminal_about(capsys):
    with pytest.raises(SystemExit):
        main(["status", "\x1b[2Jword"])
    said = "unrecognized arguments: \\x1b[2Jword"
    assert capsys.readouterr().err == (
        f"ttq-bench: {said}; ttq-bench status --help tells what can be given\n"
    )


@pytest.mark.parametrize("given", ["soon", "-5s", "-5", "-.5h", "0", "nan", "5d", ""])
@pytest.mark.parametrize("option", ["--time-limit", "--silence"])
def test_what_is_no_time_span_is_refused_before_anything_is_done(
    tmp_path, suite, capsys, option, given
):
    for words in ([option, given], [f"{option}={given}"]):
        with pytest.raises(SystemExit) as ended:
            main(["run", str(suite), "--results", str(tmp_path / "results"), *words])
        told = capsys.readouterr()
        assert (ended.value.code, told.out) == (2, "")
        assert told.err == (
            f"ttq-bench: argument {option}: {given!r} is no time span above zero; write for example"
            " 90s, 30m or 2h; ttq-bench run --help tells what can be given\n"
        )
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("given", ["auto", "local", "", "head"])
def test_an_address_that_is_no_host_and_port_is_refused_before_anything_is_done(
    suite, capsys, given
):
    with pytest.raises(SystemExit) as ended:
        main(["run", str(suite), "--address", given])
    told = capsys.readouterr()
    assert (ended.value.code, told.out) == (2, "")
    assert f"argument --address: expected HOST:PORT, for example head:6379, got {given!r}" in (
        told.err
    )


def test_an_unknown_profile_is_refused(tmp_path, suite, capsys):
    code, told = refused(["plan", suite, "--profile", "fast"], capsys)
    assert code == 2
    assert "has no profiles; leave out --profile fast" in told


@pytest.mark.parametrize("given", ["0", "-1", "two", "1.5", ""])
@pytest.mark.parametrize("option", ["--threads", "--trials-per-gpu"])
def test_counts_below_one_are_refused_in_words(suite, capsys, option, given):
    with pytest.raises(SystemExit) as ended:
        main(["run", str(suite), f"{option}={given}"])
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert f"argument {option}: expected a whole number above 0, got {given!r}" in told


def test_a_refusal_in_a_process_of_its_own_has_the_same_exit_code(tmp_path):
    done = command_line("run", tmp_path / "none.yaml", "--results", tmp_path / "results")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"ttq-bench: {tmp_path / 'none.yaml'}: ")


def test_a_reader_that_leaves_a_pipe_early_sees_no_traceback(suite):
    words = f"{sys.executable} -m ttq_bench.cli plan {suite} --json"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {words} | true"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 141)  # 0 when the plan fitted into the pipe before
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


def test_the_help_names_the_exit_codes_of_all_errors():
    text = " ".join(make_parser().format_help().split())
    for code in (0, 2, 3, 4, 5, 6, 69, 74, 75, 129, 130, 141, 143):
        assert re.search(rf"\b{code} [a-zA-Z]", text), code
    assert "2 bad input, or a results folder that cannot be written" in text


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_the_version_is_that_of_the_package(capsys, option):
    with pytest.raises(SystemExit):
        main([option])
    assert capsys.readouterr().out == f"ttq-bench {ttq_bench.__version__}\n"


@pytest.mark.parametrize("path", sorted(Path("suites").glob("*.yaml")), ids=str)
def test_the_shipped_suites_can_be_planned(tmp_path, capsys, path):
    assert main(["plan", str(path), "--results", str(tmp_path / "r"), "--json"]) in (0, 5)
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(("is_person", "told"), [(True, True), (False, False)])
def test_a_person_is_told_what_takes_a_minute_and_a_script_is_not(
    tmp_path, capsys, monkeypatch, is_person, told
):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_person)

    assert main(["verify", "--results", str(tmp_path / "none")]) == 2

    assert ("up to a minute" in capsys.readouterr().err) == told


TILDES = (
    ["plan", "~/x", "--results", "~/x", "--data-dir", "~/x"],
    ["submit", "~/x", "--address", "http://h:1", "--results", "~/x", "--data-dir", "~/x",
     "--dataset", "folder:~/x"],
    ["report", "--results", "~/x", "--readme", "~/x"],
    ["verify", "--results", "~/x", "--readme", "~/x"],
    ["compare", "~/x", "~/x"],
    ["export", "a", "--to", "~/x", "--results", "~/x"],
    ["export-runs", "--csv", "~/x", "--results", "~/x"],
    ["probe", "--results", "~/x", "--data-dir", "~/x"],
    ["doctor", "--results", "~/x", "--data-dir", "~/x"],
    ["speed", "--results", "~/x"],
    ["status", "--results", "~/x"],
)  # fmt: skip


@pytest.mark.parametrize("words", TILDES, ids=lambda words: words[0])
def test_a_tilde_in_any_path_is_the_home_of_the_user(words, monkeypatch, capsys):
    monkeypatch.setenv("HOME", "/home/of/me")
    told = vars(make_parser().parse_args(words)).values()
    assert sum(str(value).endswith("/home/of/me/x") for value in told) == "".join(words).count("~")
    with pytest.raises(SystemExit):
        make_parser().parse_args([word.replace("~/x", "~no-such-user/x") for word in words])
    assert "~no-such-user/x: whose home that is cannot be found" in capsys.readouterr().err


def test_a_tilde_in_the_place_of_the_cache_is_the_home_of_the_user(monkeypatch):
    monkeypatch.setenv("HOME", "/home/of/me")
    monkeypatch.setenv("TTQ_BENCH_CACHE", "~/cache")
    assert cache_folder() == Path("/home/of/me/cache")
