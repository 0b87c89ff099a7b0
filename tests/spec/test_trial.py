import json

import pytest

from ttq_bench.data.catalog import DATASETS
from ttq_bench.spec.trial import ADDED_FIELDS, Conversion, FolderImages, Quantization, TrialSpec
from ttq_bench.ternary.strategies import DeltaStrategy
from ttq_bench.training.recipe import Recipe

SPEC = TrialSpec(
    protocol="short",
    dataset="cifar10",
    data_fingerprint="md5:0",
    validation_count=5_000,
    model="resnet20",
    seed=0,
    recipe=Recipe(epochs=8, decay_epochs=(4,)),
    quantization=Quantization(
        method="ttq",
        strategy=DeltaStrategy(name="max_fraction", number=0.05),
        conversion=Conversion(),
    ),
    parent="parent-id",
)
OTHER = {
    "seed": 1, "protocol": "paper", "dataset": "cifar10-png", "data_fingerprint": "md5:1",
    "validation_count": 4_999, "model": "resnet32", "parent": "other-id", "schema_version": 99,
    "training_version": 99, "quantization": None,
    "recipe.epochs": 9, "recipe.batch_size": 64, "recipe.learning_rate": 0.01,
    "recipe.momentum": 0.8, "recipe.nesterov": True, "recipe.weight_decay": 0.0,
    "recipe.decay_scales": True, "recipe.schedule": "cosine", "recipe.decay_epochs": [5],
    "recipe.decay_factor": 0.2, "recipe.warmup_epochs": 1.0, "recipe.label_smoothing": 0.1,
    "recipe.augmentation": "none", "recipe.precision": "fp32",
    "quantization.method": "ttq-as-printed", "quantization.strategy.name": "constant_sparsity",
    "quantization.strategy.number": 0.0500000001, "quantization.conversion.keep_first": False,
    "quantization.conversion.keep_last": False,
    "quantization.conversion.initial_scales": "least_squares",
    "quantization.conversion.normalise_latent": "max", "quantization.conversion.keep": ["fc*"],
    "quantization.conversion.granularity": "channel", "quantization.strategy.start": 0.0,
    "quantization.strategy.ramp_epochs": 1.0, "quantization.strategy.update": "epoch",
    "recipe.optimizer": "adam", "recipe.decay_factors": [0.5], "recipe.decay_on": "weights",
    "recipe.adam_epsilon": 1e-5, "repeat": 1, "recipe.micro_batches": 2,
    "images": {"image_shape": [3, 8, 8], "classes": 2, "train_count": 9, "test_count": 4},
}  # fmt: skip


def leaves(value, name=""):
    """Yield the names of the fields of a spec that hold no other fields."""
    if not isinstance(value, dict):
        yield name
        return
    for key, part in value.items():
        yield from leaves(part, f"{name}.{key}".lstrip("."))


def changed(field, value):
    document = SPEC.resolved()
    place = document
    *above, last = field.split(".")
    for name in above:
        place = place[name]
    place[last] = value
    if field == "recipe.schedule":
        document["recipe"]["decay_epochs"] = []
    return TrialSpec.model_validate_json(json.dumps(document))


def test_every_scientific_field_is_tried_below():
    assert set(OTHER) == {"quantization", *leaves(SPEC.model_dump())}


@pytest.mark.parametrize("field", sorted(OTHER))
def test_the_id_changes_with_every_scientific_field(field):
    assert changed(field, OTHER[field]).trial_id != SPEC.trial_id


@pytest.mark.parametrize("deep", [False, True])
def test_a_copy_with_another_field_has_an_id_of_its_own(deep):
    before = SPEC.trial_id
    copied = SPEC.model_copy(update={"seed": 1}, deep=deep)

    assert copied.trial_id == changed("seed", 1).trial_id != before
    assert SPEC.model_copy(deep=deep).trial_id == before
    assert "trial_id" not in SPEC.resolved()


def test_a_field_that_came_later_is_left_out_where_it_has_its_former_meaning():
    resolved = json.dumps(SPEC.resolved())

    for path in ADDED_FIELDS:
        assert f'"{path.rpartition(".")[2]}":' not in resolved


def test_trials_of_the_first_release_keep_their_ids():
    # Copied from a record that was made before any field was added.
    assert SPEC.trial_id == "cifar10-resnet20-ttq-max_fraction0.05-s0-4394166cbd40"


def test_a_spec_read_back_from_a_record_is_the_same_and_has_the_same_id():
    again = TrialSpec.from_record(json.loads(json.dumps(SPEC.resolved())))
    assert again == SPEC
    assert again.trial_id == SPEC.trial_id


@pytest.mark.parametrize(
    ("changes", "arm"),
    [
        ({}, "ttq"),
        ({"quantization": None}, "full_precision_continued"),
        ({"quantization": None, "parent": None}, "full_precision"),
    ],
)
def test_the_arm_follows_from_quantization_and_parent(changes, arm):
    assert SPEC.model_copy(update=changes).arm == arm


def test_the_card_of_a_trial_is_that_of_its_dataset():
    assert SPEC.card is DATASETS["cifar10"]
    assert SPEC.model_copy(update={"dataset": "mnist-png-subset"}).card is DATASETS["mnist"]
    assert SPEC.source_name == "cifar10"


def test_a_trial_on_a_folder_brings_the_card_of_its_images_through_a_record():
    images = FolderImages(image_shape=(3, 8, 8), classes=2, train_count=90, test_count=4)
    spec = SPEC.model_copy(update={"dataset": "folder-birds", "images": images})
    read = TrialSpec.from_record(json.loads(json.dumps(spec.resolved())))
    assert read == spec
    assert read.source_name == "folder"
    card = read.card
    assert (card.image_shape, card.classes, card.train_count) == ((3, 8, 8), 2, 90)
    assert card.validation_count == 9


@pytest.mark.parametrize("field", ["classes", "train_count", "test_count"])
def test_a_folder_without_images_or_with_one_class_is_no_trial(field):
    images = {"image_shape": (3, 8, 8), "classes": 2, "train_count": 9, "test_count": 4}
    with pytest.raises(ValueError, match=field):
        FolderImages(**images | {field: images[field] == 2})
