"""The README names what the tables hold, and its Python example runs."""

import re
from pathlib import Path

import pytest
import yaml

from tests.suite.test_reading import SHIPPED
from ttq_bench.suite.protocols import PROTOCOLS
from ttq_bench.suite.reading import parse_suite
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
