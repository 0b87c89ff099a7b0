import copy
from pathlib import Path

import pytest
import yaml

from tests.suite.conftest import problems_of
from ttq_bench.errors import SuiteError
from ttq_bench.models.catalog import MODELS
from ttq_bench.suite.protocols import PROTOCOLS
from ttq_bench.suite.reading import parse_suite

SUITES = Path(__file__).parents[2] / "suites"


@pytest.fixture
def published():
    """The shipped profiles by the protocol that they have the name of, as one document each."""
    return shipped("cifar") | {"alexnet": shipped("imagenet")["table2"]}


def shipped(suite):
    document = yaml.safe_load((SUITES / f"{suite}.yaml").read_text())
    profiles = document.pop("profiles")
    del document["default_profile"]
    return {name: {"conversion": {}} | document | profile for name, profile in profiles.items()}


@pytest.mark.parametrize("name", sorted(PROTOCOLS))
def test_every_protocol_has_a_source_and_a_shipped_profile_that_follows_it(name, published):
    suite = parse_suite(published[name], "", "cifar")

    assert suite.protocol == name
    assert PROTOCOLS[name].source
    assert {MODELS[model].family for model in suite.models} <= set(PROTOCOLS[name].families)


OTHER = {
    "epochs": 700, "batch_size": 64, "learning_rate": 0.2, "momentum": 0.8,
    "weight_decay": 0.001, "label_smoothing": 0.1, "augmentation": "none", "granularity": "channel",
    "keep": ["layer3.*"], "initial_scales": "least_squares", "normalise_latent": "tanh",
    "decay_factor": 0.3, "warmup_epochs": 0.25,
}  # fmt: skip

SWAPPED = {
    "micro_batches": {1: 2, 2: 1},
    "precision": {"fp32": "bf16", "bf16": "fp32"},
    "decay_on": {"all": "weights", "weights": "all", "dense": "all"},
    "optimizer": {"sgd": "adam", "adam": "sgd"},
    "adam_epsilon": {1e-8: 1e-5, 1e-5: 1e-8},
}


def other_value(field, value):
    """Return an allowed value that is not ``value``."""
    if isinstance(value, bool) and field != "normalise_latent":
        return not value
    if field in SWAPPED:
        return SWAPPED[field][value]
    return OTHER[field]


@pytest.mark.parametrize("name", sorted(PROTOCOLS))
@pytest.mark.parametrize("part", ["full_precision", "fine_tuned", "conversion"])
def test_every_value_is_guarded(name, part, published):
    fixed = getattr(PROTOCOLS[name], part).model_dump(mode="json")
    schedule = {"schedule", "decay_epochs", "decay_factors", "nesterov"}  # together: the next test
    for field in fixed.keys() - schedule:
        document = copy.deepcopy(published[name])
        place = document["conversion"] if part == "conversion" else document["training"][part]
        place[field] = other_value(field, fixed[field])
        if field == "optimizer":
            place.pop("nesterov", None)

        with pytest.raises(SuiteError, match=rf"{part}\.{field}: protocol {name!r} has"):
            parse_suite(document, "", "cifar")


@pytest.mark.parametrize(
    ("name", "changes", "field"),
    [
        ("paper", {"decay_epochs": [80, 120, 301]}, "decay_epochs"),
        ("paper", {"decay_epochs": [], "schedule": "cosine"}, "schedule"),
        ("released", {"decay_factors": [0.1, 0.1, 0.1]}, "decay_factors"),
        ("modern", {"nesterov": False}, "nesterov"),
        ("modern", {"schedule": "step"}, "schedule"),
    ],
)
def test_every_schedule_is_guarded(name, changes, field, published, read):
    published[name]["training"]["fine_tuned"].update(changes)

    assert f"training.fine_tuned.{field}: protocol {name!r} has" in problems_of(
        read, published[name]
    )


@pytest.mark.parametrize(("name", "start"), [("paper", "scratch"), ("alexnet", "parent")])
def test_the_start_is_guarded(name, start, published, read):
    published[name]["start"] = start

    assert f"start: protocol {name!r} has" in problems_of(read, published[name])


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("paper", {"parent_protocol": "cheap"}, "parent_protocol: protocol 'paper' has parents of"),
        (
            "paper", {"protocol": "mine", "parent_protocol": "paper", "models": ["vgg_small"]},
            "protocol 'paper' is for cifar_resnet networks",
        ),
    ],
)  # fmt: skip
def test_parents_of_another_protocol_do_not_get_past_it(name, changes, message, published, read):
    assert message in problems_of(read, published[name] | changes)


def test_a_network_of_another_family_does_not_fit_a_published_protocol(published, read):
    published["released"]["models"] = ["resnet20"]

    message = problems_of(read, published["released"])

    assert (
        "protocol 'released' is for preact_resnet networks, 'resnet20' is a cifar_resnet" in message
    )


def test_a_small_number_is_told_as_yaml_reads_it(published, read):
    published["paper"]["training"]["fine_tuned"]["adam_epsilon"] = 1e-5

    said = "adam_epsilon: protocol 'paper' has 0.00000001, got 0.00001"
    assert said in problems_of(read, published["paper"])


def test_any_other_name_is_free(published):
    document = published["paper"] | {"protocol": "mine"}
    document["training"]["fine_tuned"]["epochs"] = 399

    assert parse_suite(document, "", "mine").protocol == "mine"
