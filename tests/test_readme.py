"""The README names what the tables hold, and its Python example runs."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.suite.test_reading import SHIPPED
from ttq_bench.data.identity import identify
from ttq_bench.data.sources import find_source
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


def test_the_python_example_converts_a_network():
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names: dict[str, object] = {}

    exec(example, names)

    assert len(quantized_layers(names["model"])) == 18


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
