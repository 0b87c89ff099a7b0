"""Each README names what the tables hold, its examples run, its commands and links are right."""

import re
import shlex
import subprocess
from pathlib import Path
from urllib.parse import unquote

import pytest
import torch
import yaml
from hatchling.builders.wheel import WheelBuilder

from tests.export.conftest import network
from tests.suite.test_reading import SHIPPED
from ttq_bench.cli import make_parser, module_of
from ttq_bench.data.catalog import DATASETS
from ttq_bench.data.identity import identify
from ttq_bench.data.sources import find_source
from ttq_bench.export.image_facts import ImageFacts
from ttq_bench.export.packed_file import save_packed
from ttq_bench.report.sections.markdown import anchor
from ttq_bench.suite.field_table import MEANINGS, SECTIONS, replace_tables
from ttq_bench.suite.grid import expand
from ttq_bench.suite.protocols import PROTOCOLS
from ttq_bench.suite.reading import parse_suite, read_document, read_suite
from ttq_bench.ternary.conversion import quantized_layers
from ttq_bench.ternary.methods import METHODS
from ttq_bench.ternary.thresholds import THRESHOLDS

ROOT = SHIPPED.parent
PAGES = {
    name: (ROOT / name).read_text(encoding="utf-8")
    for name in (
        "README.md", "suites/README.md", "suites/cluster/README.md", "results/README.md",
        "ttq_bench/README.md", "tests/README.md", ".github/CONTRIBUTING.md",
    )
}  # fmt: skip
CORE, SUITES, RESULTS = (PAGES[f"{name}/README.md"] for name in ("ttq_bench", "suites", "results"))
MOST_BYTES, MOST_LINES = 10_000, 150


def fenced(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def headings(text: str) -> set[str]:
    outside = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    return {anchor(line) for line in re.findall(r"^#+ (.*)$", outside, re.MULTILINE)}


def test_the_readme_is_short():
    assert len(PAGES["README.md"].encode()) <= MOST_BYTES
    assert PAGES["README.md"].count("\n") <= MOST_LINES


@pytest.mark.parametrize(
    ("name", "page"),
    [(name, CORE) for name in sorted([*METHODS, *THRESHOLDS])]
    + [(name, SUITES) for name in sorted(PROTOCOLS)],
    ids=lambda value: value if len(value) < 80 else "",
)
def test_the_page_of_a_table_names_every_entry_of_it(name, page):
    assert f"`{name}`" in page


def test_the_page_of_suites_names_every_suite_and_every_dataset_that_is_looked_for():
    for path in SHIPPED.glob("*.yaml"):
        assert f"`{path.name}`" in SUITES
    for name in DATASETS.keys() - {"digits", "mnist", "imagenet"}:  # bundled, or told of in words
        assert f"`{name}`" in SUITES or f"fetch {name}`" in SUITES


@pytest.mark.parametrize("page", ["README.md", "ttq_bench/README.md"])
def test_the_library_examples_convert_train_freeze_and_save_a_network(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    (example,) = fenced(PAGES[page], "python")
    exec(example, names)
    saved = torch.load("ternary.pt", weights_only=False)
    assert quantized_layers(saved) == []
    weights = [p for n, p in saved.named_parameters() if n.startswith("layer") and p.dim() == 4]
    assert [len(weight.unique()) for weight in weights] == [3] * 18
    assert saved(torch.zeros(1, 3, 32, 32)).shape == (1, 10)


def test_the_readme_example_has_ten_lines():
    (example,) = fenced(PAGES["README.md"], "python")
    assert len(list(filter(None, example.splitlines()))) <= 10


def test_the_export_example_classifies_an_image(tmp_path, capsys):
    model, spec = network()
    spec = spec.model_copy(update={"dataset": "mnist"})
    path = tmp_path / "network.safetensors"
    facts = ImageFacts((33.0,), (78.0,), tuple("0123456789"))
    save_packed(path, model, spec, facts=facts)
    (example,) = fenced(RESULTS, "python")
    exec(example, {"path": path})
    trial_id, label = capsys.readouterr().out.split()
    assert trial_id == spec.trial_id
    assert label in facts.class_names


def test_the_export_example_names_one_trial_of_the_demo():
    part, results = re.findall(r"ttq-bench export (\S+) --to \S+ --results (\S+)", RESULTS)[0]
    identities = {"digits": identify(find_source("digits", Path("data")), Path("cache"))}
    suite, _ = read_suite(SHIPPED / "demo.yaml", "auto", "cpu")
    specs = expand(suite, identities, "demo")
    (spec,) = [spec for spec in specs if part in spec.trial_id]
    assert (spec.quantization is not None, results) == (True, "results/demo")


def test_the_output_of_the_demo_in_the_readme_is_that_of_its_suite():
    suite, _ = read_suite(SHIPPED / "demo.yaml", "auto", "cpu")
    shown = PAGES["README.md"].partition("$ make demo\n")[2].partition("```")[0]
    trials = len(suite.seeds) * (2 + len(suite.delta_strategies))
    epochs = {suite.training.full_precision.epochs: 1, suite.training.fine_tuned.epochs: 3}
    total = len(suite.seeds) * sum(length * arms for length, arms in epochs.items())
    assert shown.startswith(f"{suite.title} (suite demo, protocol demo)\n")
    assert f"{trials} trials: 0 done, {trials} to run" in shown
    assert f"{trials}/{trials} trials, {total}/{total} epochs" in shown


def test_make_help_names_every_profile():
    told = subprocess.run(
        ["make", "-s", "help"], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout
    for path in SHIPPED.glob("*.yaml"):
        for profile in read_document(path).get("profiles", {}):
            assert re.search(rf"\b{profile}\b", told), profile
    places = {line.index(words) for line, words in re.findall(r"(  make \S+ +(\S.*))", told)}
    assert len(places) == 1  # one column


def test_the_yaml_example_is_a_valid_suite():
    (example,) = fenced(SUITES, "yaml")
    suite = parse_suite(yaml.safe_load(example), "", "suites/README.md")
    assert [str(s) for s in suite.delta_strategies] == [
        "max_fraction(0.05)", "constant_sparsity(0 to 0.5 in 10 epochs)",
        "constant_sparsity(0.5, by epoch)",
    ]  # fmt: skip


def test_the_tables_of_fields_are_those_of_the_schema():
    assert replace_tables(SUITES) == SUITES, (
        "the fields changed; run `python -m ttq_bench.suite.field_table suites/README.md`"
    )


@pytest.mark.parametrize("model", SECTIONS.values(), ids=lambda model: model.__name__)
def test_every_field_of_a_suite_has_a_meaning_and_nothing_else_has_one(model):
    assert list(MEANINGS[model]) == list(model.model_fields)
    assert all(MEANINGS[model].values())


def linked(page):
    return re.findall(r"\]\(([^)\s]+)\)", PAGES[page])


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file_and_a_heading_of_it(page):
    for link in linked(page):
        name, _, place = unquote(link).partition("#")
        path = ROOT / page if not name else (ROOT / page).parent / name
        assert path.is_file(), link
        if place:
            assert place in headings(path.read_text(encoding="utf-8")), link


@pytest.mark.parametrize("page", PAGES)
def test_every_page_can_be_reached_from_the_readme(page):
    reached, new = set(), {"README.md"}
    while new:
        reached |= new
        names = {((ROOT / old).parent / link.partition("#")[0]).resolve()
                 for old in new for link in linked(old)}  # fmt: skip
        new = {name for name in PAGES if (ROOT / name).resolve() in names} - reached
    assert page in reached


COMMANDS = [
    (page, line.partition("  #")[0].strip())
    for page, text in PAGES.items()
    for block in fenced(text, "")
    for line in block.splitlines()
    if line.startswith(("ttq-bench ", ".venv/bin/ttq-bench "))
]


@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_every_command_that_is_shown_can_be_given(page, command):
    words = shlex.split(command)[1:]
    command_module = make_parser().parse_args(words).command.__module__
    assert command_module == module_of(words[0])
    suites = [word for word in words if word.startswith("suites/")]
    assert all((ROOT / suite).is_file() for suite in suites)


def test_commands_are_found_on_four_pages():
    assert len({page for page, _ in COMMANDS}) == 4


TARGETS = sorted(
    {
        (page, *found)
        for page, text in PAGES.items()
        for found in re.findall(r"(?:`|^)make ([a-z][a-z-]+)(.*?)(?:`|$)", text, re.MULTILINE)
    }
)


@pytest.mark.parametrize(("page", "target", "settings"), TARGETS)
def test_every_target_of_make_that_is_shown_exists_and_has_the_profile(page, target, settings):
    told = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert target in re.findall(r"^\.PHONY: (\S+)$", told, re.MULTILINE)
    profile = re.search(r"\bPROFILE=([a-z0-9-]+)", settings)
    if profile:
        suite = target.removeprefix("reproduce-") if "reproduce" in target else "cifar"
        assert profile[1] in read_document(SHIPPED / f"{suite}.yaml")["profiles"]


def test_the_wheel_has_the_page_of_no_folder_of_the_checkout():
    files = WheelBuilder(str(ROOT)).recurse_included_files()
    inside = {file.distribution_path for file in files}
    assert {"ttq_bench/cli.py", "ttq_bench/analysis/reference_data/README.md"} <= inside
    assert inside.isdisjoint(PAGES)


def test_the_exit_codes_are_those_that_the_help_tells():
    table = RESULTS.partition("## Exit codes")[2]
    told = re.findall(r"(?:: |; )(\d+) ", make_parser().epilog)
    assert re.findall(r"^\| (\d+) \|", table, re.MULTILINE) == told
    assert len(told) > 10
    assert "exit codes: [results/README.md]" in PAGES["README.md"].replace("\n", " ")


@pytest.mark.parametrize("page", PAGES)
def test_every_module_that_is_named_exists(page):
    for name in re.findall(r"`([\w/.]+\.py)`", PAGES[page]):
        places = ((ROOT / page).parent, ROOT, ROOT / "ttq_bench")
        beside = [*ROOT.glob(f"ttq_bench/*/{name}"), *ROOT.glob(f"tests/*/{name}")]
        assert beside or any((place / name).is_file() for place in places), name
