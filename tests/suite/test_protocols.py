from pathlib import Path

import pytest
import yaml

from tests.suite.conftest import problems_of
from ttq_bench.models.catalog import MODELS
from ttq_bench.suite.protocols import PROTOCOLS
from ttq_bench.suite.reading import parse_suite

CIFAR = Path(__file__).parents[2] / "suites" / "cifar.yaml"


@pytest.fixture
def published():
    """The shipped profiles by name, as one document each."""
    document = yaml.safe_load(CIFAR.read_text())
    profiles = document.pop("profiles")
    del document["default_profile"]
    return {name: document | profile for name, profile in profiles.items()}


@pytest.mark.parametrize("name", sorted(PROTOCOLS))
def test_every_protocol_has_a_source_and_a_shipped_profile_that_follows_it(name, published):
    suite = parse_suite(published[name], "", "cifar")

    assert suite.protocol == name
    assert PROTOCOLS[name].source
    assert {MODELS[model].family for model in suite.models} <= set(PROTOCOLS[name].families)


@pytest.mark.parametrize("name", sorted(PROTOCOLS))
def test_every_fixed_value_is_guarded(name, published, read):
    for path, fixed in PROTOCOLS[name].fixed.items():
        document = yaml.safe_load(yaml.safe_dump(published[name]))
        place = document
        *above, last = path.split(".")
        for part in above:
            place = place.setdefault(part, {})
        other = {True: False, False: True, "ones": "least_squares", "max": False, "cosine": "step"}
        place[last] = other[fixed] if isinstance(fixed, bool | str) else None
        if place[last] is None:
            place[last] = {
                "epochs": 700, "batch_size": 64, "weight_decay": 0.0, "decay_epochs": [1, 2, 3],
                "decay_factors": [0.2, 0.2, 0.2],
            }[last]  # fmt: skip
        if path.endswith("normalise_latent"):
            place[last] = "tanh"
        if place.get("decay_epochs") == [1, 2, 3] and "decay_factors" not in place:
            place["decay_epochs"] = [1, 2]

        assert f"{path}: protocol {name!r} has" in problems_of(read, document)


def test_a_network_of_another_family_does_not_fit_a_published_protocol(published, read):
    published["released"]["models"] = ["resnet20"]

    message = problems_of(read, published["released"])

    assert (
        "protocol 'released' is for preact_resnet networks, 'resnet20' is a cifar_resnet" in message
    )


def test_any_other_name_is_free(published):
    document = published["paper"] | {"protocol": "mine"}
    document["training"]["fine_tuned"]["epochs"] = 399

    assert parse_suite(document, "", "mine").protocol == "mine"
