"""What exported files say of the images: read back as written, and refused where it cannot be."""

import pytest

from tests.record_builders import write_trial
from ttq_bench.data.catalog import DATASETS
from ttq_bench.errors import TtqBenchError
from ttq_bench.export.image_facts import CLASS_NAMES, ImageFacts
from ttq_bench.export.packed_file import image_facts
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.store import read_records

FACTS = ImageFacts((120.5, 1.0, 2.0), (60.25, 3.0, 4.0), ("cat", "Ankle boot"))


@pytest.mark.parametrize("facts", [FACTS, ImageFacts((1.0,), (2.0,))])
def test_facts_are_read_as_they_were_written(facts):
    assert ImageFacts.from_metadata(facts.as_metadata(), "here") == facts


@pytest.mark.parametrize("name", sorted(CLASS_NAMES))
def test_names_are_as_many_as_the_classes_of_their_set(name):
    assert len(set(CLASS_NAMES[name])) == DATASETS[name].classes


def test_a_file_of_an_older_version_says_what_it_lacks(packed):
    with pytest.raises(TtqBenchError, match="does not say how its images were standardised"):
        image_facts(packed)


@pytest.mark.parametrize(
    "change",
    [
        {"pixel_mean": "[1, 2"}, {"pixel_mean": "7"}, {"pixel_deviation": "[0.0]"},
        {"pixel_deviation": "[NaN]"}, {"class_names": "3"}, {"pixel_mean": '["a"]'},
    ],
)  # fmt: skip
def test_facts_that_cannot_be_are_refused_in_one_sentence(change):
    with pytest.raises(TtqBenchError, match=r"^here: .* again$") as caught:
        ImageFacts.from_metadata({**FACTS.as_metadata(), **change}, "here")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("dataset", "images", "names"),
    [
        ("cifar10-jpeg", None, CLASS_NAMES["cifar10"]),
        ("folder-mine", {"classes": 10}, ()),
        ("imagenet", None, ()),
    ],
)
def test_names_are_known_of_published_sets(tmp_path, dataset, images, names):
    write_trial(tmp_path, "some-trial", seed=0, errors=(50.0, 9.0), dataset="cifar10")
    (record,) = read_records(ResultsPaths(tmp_path))
    run = {**record.run, "pixel_mean": [1.0], "pixel_deviation": [2.0]}
    spec = {**record.spec, "dataset": dataset, "images": images}

    found = ImageFacts.of_record(record.model_copy(update={"spec": spec, "run": run}))

    assert found == ImageFacts((1.0,), (2.0,), names)
    assert ImageFacts.of_record(record.model_copy(update={"run": {}})) is None
