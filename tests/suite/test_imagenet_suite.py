"""What the suite of ImageNet says: the rows of tables 2 and 3, and which recipes are refused."""

from pathlib import Path

import pytest

from tests.suite.conftest import problems_of, trials_of
from ttq_bench.data.catalog import DATASETS, own_card
from ttq_bench.suite.costs import feeding_cores
from ttq_bench.suite.grid import expand
from ttq_bench.suite.reading import read_suite

PATH = Path(__file__).parents[2] / "suites" / "imagenet.yaml"
WHOLE = {"imagenet": DATASETS["imagenet"]}


def shipped(profile):
    suite, _ = read_suite(PATH, profile, "cpu")
    return expand(suite, WHOLE, "imagenet")


def test_table_2_trains_every_row_from_scratch_by_the_recipe_of_full_precision():
    specs = shipped("table2")
    assert {spec.arm for spec in specs} == {"full_precision", "ttq", "twn", "bwn", "dorefa-w1"}
    assert {spec.parent for spec in specs} == {None}
    assert len({spec.recipe for spec in specs}) == 1
    assert {spec.model for spec in specs} == {"alexnet"}


def test_table_3_fine_tunes_both_networks_that_are_called_resnet18b():
    specs = shipped("table3")
    parents = {spec.trial_id for spec in specs if spec.parent is None}
    assert {spec.model for spec in specs} == {"resnet18", "resnet18b"}
    assert {spec.parent for spec in specs} - {None} == parents


@pytest.mark.parametrize("profile", ["table2", "table3"])
def test_both_delta_strategies_and_all_of_imagenet_are_planned(profile):
    specs = shipped(profile)
    assert {s.strategy for s in specs if s.arm == "ttq"} == {
        "max_fraction(0.05)", "constant_sparsity(0.5)",
    }  # fmt: skip
    assert {(s.dataset, s.validation_count, s.card.classes) for s in specs} == {
        ("imagenet", 10_000, 1000)
    }
    assert all(1 < feeding_cores(spec) < 16 for spec in specs)


def test_a_part_of_imagenet_keeps_its_own_counts_in_its_specs():
    part = own_card("imagenet-10classes", (3, 224, 224), 10, 1_000, 200)
    suite, _ = read_suite(PATH, "mini", "cpu")
    spec = expand(suite, {"imagenet": part}, "imagenet")[0]
    assert (spec.source_name, spec.validation_count) == ("imagenet", 100)
    assert (spec.card.classes, spec.card.train_count, spec.card.test_count) == (10, 1_000, 200)


def test_from_scratch_without_full_precision_only_the_quantized_networks_are_trained(small):
    small |= {"start": "scratch", "methods": ["ttq"], "models": ["resnet20"], "seeds": [0]}
    assert [(spec.arm, spec.parent) for spec in trials_of(small)] == [("ttq", None)] * 2


@pytest.mark.parametrize(
    ("images", "augmentation", "said"),
    [
        (
            ("imagenet", "resnet18"), "crop_flip",
            "take resized_crop_flip or scaled_crop_flip or none",
        ),
        (("cifar10", "resnet20"), "resized_crop_flip", "take crop_flip or none"),
    ],
)  # fmt: skip
def test_augmentations_of_the_other_kind_of_images_are_refused(
    read, small, images, augmentation, said
):
    dataset, model = images
    recipe = {"epochs": 2, "augmentation": augmentation}
    training = {"full_precision": recipe, "fine_tuned": recipe}
    document = small | {"datasets": [dataset], "models": [model], "training": training}
    told = problems_of(read, document)
    assert f"training.full_precision.augmentation: images of {dataset!r} {said}" in told
