"""The shipped suites as a list, as copies, and as names that other commands take."""

import json
from pathlib import Path

import pytest

from tests.suite.test_reading import SHIPPED
from ttq_bench.cli import main, make_parser
from ttq_bench.commands.suites import describe
from ttq_bench.suite.shipped import SCHEMA, shipped_suites

NAMES = sorted(path.stem for path in SHIPPED.glob("*.yaml"))


def listed(capsys):
    assert main(["suites", "--json"]) == 0
    return {suite["name"]: suite for suite in json.loads(capsys.readouterr().out)}


def test_every_suite_of_the_folder_is_listed_with_its_title_and_file(capsys):
    suites = listed(capsys)
    assert list(suites) == NAMES
    for name in NAMES:
        path = Path(suites[name]["file"])
        assert path.samefile(SHIPPED / f"{name}.yaml")
        assert f"\ntitle: {suites[name]['title']}\n" in path.read_text(encoding="utf-8")


def test_the_numbers_of_trials_are_those_that_a_plan_has(capsys):
    trials = listed(capsys)["cifar"]["trials"]
    assert (trials["quick"], trials["paper"], trials["modern"]) == (12, 60, 80)
    main(["plan", "demo", "--json"])
    planned = json.loads(capsys.readouterr().out)["trials"]
    assert listed(capsys)["demo"]["trials"] == {"": len(planned)}


def test_the_list_in_words_tells_profiles_trials_and_defaults(capsys):
    assert main(["suites"]) == 0
    told = capsys.readouterr().out
    assert (
        "asymmetry: Do the learned scales diverge, and does it matter?\n  trials of each profile:"
        " paper 50 (default on GPUs), quick 40 (default on CPUs)\n"
    ) in told
    assert "mnist: MNIST, LeNet-5, every method with ten seeds\n  100 trials\n" in told
    assert max(map(len, told.splitlines())) <= 100


def test_one_profile_may_be_the_default_everywhere(tmp_path):
    demo = (SHIPPED / "demo.yaml").read_text(encoding="utf-8")
    path = tmp_path / "mine.yaml"
    path.write_text(f"{demo}\ndefault_profile: a\nprofiles: {{a: {{}}, b: {{seeds: [0]}}}}\n")
    suite = describe(path)
    assert (suite.trials, suite.default_profile) == (
        {"a": 8, "b": 4}, {"cpu": "a", "cuda": "a"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "written"),
    [
        ([], "demo.yaml"),
        (["."], "demo.yaml"),
        (["mine.yaml"], "mine.yaml"),
        (["my suites/new"], "my suites/new/demo.yaml"),
    ],
    ids=str,
)
def test_a_copy_has_the_bytes_of_the_suite_and_can_be_planned(
    tmp_path, monkeypatch, capsys, words, written
):
    monkeypatch.chdir(tmp_path)
    assert main(["suites", "copy", "demo", *words]) == 0
    assert capsys.readouterr().out.startswith(f"{written}: a copy of the suite demo; ")
    assert (tmp_path / written).read_bytes() == (SHIPPED / "demo.yaml").read_bytes()
    schema = (tmp_path / written).with_name(SCHEMA)
    assert schema.read_bytes() == (SHIPPED / SCHEMA).read_bytes()
    plans = []
    for suite in (written, "demo"):
        assert main(["plan", suite, "--json"]) == 0
        plans.append(capsys.readouterr().out)
    assert plans[0] == plans[1]


@pytest.mark.parametrize("kind", ["file", "folder", "broken link"])
def test_a_copy_overwrites_nothing(tmp_path, monkeypatch, refused, kind):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "demo.yaml"
    if kind == "file":
        path.write_text("mine")
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("elsewhere")
    before = path.lstat()
    sentence = refused("suites", "copy", "demo")
    assert "ttq-bench: demo.yaml: exists already and is left as it is; name another" in sentence
    assert path.lstat() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_copy_tells_a_script_where_it_is(tmp_path, capsys):
    path = tmp_path / "mine.yaml"
    assert main(["suites", "copy", "demo", str(path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {"suite": "demo", "file": str(path), "schema": str(tmp_path / SCHEMA)}


@pytest.mark.parametrize(
    ("content", "said"), [(None, "the fields of suites"), (b"mine", "exists already, is not that")]
)
def test_a_copy_leaves_a_schema_that_is_there_as_it_is(tmp_path, capsys, content, said):
    schema = tmp_path / SCHEMA
    schema.write_bytes(content or (SHIPPED / SCHEMA).read_bytes())
    before = schema.stat(), schema.read_bytes()
    assert main(["suites", "copy", "demo", str(tmp_path)]) == 0
    assert f"\n{schema}: {said}" in capsys.readouterr().out
    assert (schema.stat(), schema.read_bytes()) == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["copy"], "name the suite to copy, one of asymmetry, cifar, demo,"),
        (["copy", "cifr"], "unknown suite 'cifr'; did you mean 'cifar'? (allowed: asymmetry,"),
        (["copy", "demo", "s3://b/x"], "got the URL 's3://b/x'; this command writes to folders"),
        (["cpy", "demo"], "invalid choice: 'cpy'; did you mean 'copy'?"),
    ],
)
def test_what_cannot_be_copied_is_refused_in_one_sentence(words, said, refused):
    assert said in refused("suites", *words)


@pytest.mark.parametrize("command", ["plan", "run", "submit"])
def test_every_command_that_takes_a_suite_takes_a_name(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mnist").mkdir()  # a folder, perhaps of images, is no suite
    words = [command, *(["--address", "http://h:1", "--results", "/r"] * (command == "submit"))]
    for name in NAMES:
        given = make_parser().parse_args([*words, name]).suite
        assert given.samefile(SHIPPED / f"{name}.yaml")


def test_a_file_comes_before_a_shipped_suite_of_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "demo").write_text("mine")
    assert make_parser().parse_args(["plan", "demo"]).suite == Path("demo")


@pytest.mark.parametrize("given", ["./demo", "demo.yaml", "suites/demo", "~/demo"])
def test_what_is_written_as_a_path_is_a_path(given, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert make_parser().parse_args(["plan", given]).suite == Path(given).expanduser()


def test_a_name_that_is_unknown_brings_a_proposal_and_all_names(tmp_path, monkeypatch, refused):
    monkeypatch.chdir(tmp_path)
    sentence = refused("run", "cifr")
    assert "argument suite: 'cifr' is neither a file nor a shipped suite; did you mean" in sentence
    assert f"'cifar'? (allowed: {', '.join(NAMES)})" in sentence


def test_the_suites_in_the_package_come_before_those_beside_it(tmp_path):
    package = tmp_path / "ttq_bench"
    found = []
    for path in (tmp_path / "suites/beside.yaml", package / "_suites/inside.yaml"):
        path.parent.mkdir(parents=True)
        path.touch()
        found.append(shipped_suites(package))
    assert found == [{"beside": tmp_path / "suites/beside.yaml"}, {"inside": path}]
