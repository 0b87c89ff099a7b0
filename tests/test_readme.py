"""The README names what the tables hold, and its Python example runs."""

import re
import subprocess
from pathlib import Path

import pytest
import torch
import yaml

from tests.export.conftest import network
from tests.suite.test_reading import SHIPPED
from ttq_bench.data.identity import identify
from ttq_bench.data.sources import find_source
from ttq_bench.export.image_facts import ImageFacts
from ttq_bench.export.packed_file import save_packed
from ttq_bench.suite.grid import expand
from ttq_bench.suite.protocols import PROTOCOLS
from ttq_bench.suite.reading import parse_suite, read_document, read_suite
from ttq_bench.suite.schema import Suite
from ttq_bench.ternary.conversion import quantized_layers
from ttq_bench.ternary.methods import METHODS
from ttq_bench.ternary.thresholds import THRESHOLDS

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted([*METHODS, *THRESHOLDS, *PROTOCOLS]))
def test_the_readme_names_every_entry_of_the_tables(name):
    assert f"`{name}`" in README


def python_examples():
    return re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_library_example_converts_trains_freezes_and_saves_a_network(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}

    exec(python_examples()[0], names)

    assert len(quantized_layers(names["model"])) == 18
    assert quantized_layers(names["plain"]) == []
    saved = torch.load("ternary.pt", weights_only=False)
    images = torch.zeros(1, 3, 32, 32)
    assert torch.equal(saved(images), names["plain"](images))


def test_the_export_example_classifies_an_image(tmp_path, capsys):
    model, spec = network()
    spec = spec.model_copy(update={"dataset": "mnist"})
    path = tmp_path / "network.safetensors"
    facts = ImageFacts((33.0,), (78.0,), tuple("0123456789"))
    save_packed(path, model, spec, classes=10, facts=facts)

    exec(python_examples()[1], {"path": path})

    trial_id, label = capsys.readouterr().out.split()
    assert trial_id == spec.trial_id
    assert label in facts.class_names


def test_the_export_example_names_one_trial_of_the_demo():
    part, results = re.findall(r"ttq-bench export (\S+) --to \S+ --results (\S+)", README)[0]
    identities = {"digits": identify(find_source("digits", Path("data")), Path("cache"))}
    suite, _ = read_suite(SHIPPED / "demo.yaml", "auto", "cpu")
    specs = expand(suite, identities, "demo")

    (spec,) = [spec for spec in specs if part in spec.trial_id]
    assert (spec.quantization is not None, results) == (True, "results/demo")


def test_make_help_names_every_profile():
    told = subprocess.run(
        ["make", "-s", "help"], capture_output=True, text=True, check=True, cwd=SHIPPED.parent
    ).stdout
    for path in SHIPPED.glob("*.yaml"):
        for profile in read_document(path).get("profiles", {}):
            assert re.search(rf"\b{profile}\b", told), profile
    places = {line.index(words) for line, words in re.findall(r"(  make \S+ +(\S.*))", told)}
    assert len(places) == 1  # one column


def test_the_yaml_example_is_a_part_of_a_valid_suite():
    (example,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    document = yaml.safe_load((SHIPPED / "cifar.yaml").read_text())

    profile = document["profiles"]["quick"] | yaml.safe_load(example)
    profile["training"]["fine_tuned"]["epochs"] = 10
    fields = {k: v for k, v in document.items() if k not in ("profiles", "default_profile")}
    suite = parse_suite(fields | profile, "", "README")

    assert isinstance(suite, Suite)
    assert [str(s) for s in suite.delta_strategies] == [
        "max_fraction(0.05)", "constant_sparsity(0 to 0.5 in 10 epochs)",
        "constant_sparsity(0.5, by epoch)",
    ]  # fmt: skip
