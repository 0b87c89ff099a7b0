import re

import pytest

from ttq_bench.data.archives import READERS
from ttq_bench.data.catalog import DATASETS, catalog_name


@pytest.mark.parametrize("name", sorted(DATASETS))
def test_every_name_is_found_again_with_and_without_its_endings(name):
    for ending in ("", "-jpeg", "-png", "-png-subset"):
        assert catalog_name(name + ending) == name


@pytest.mark.parametrize("name", sorted(DATASETS))
def test_every_card_leaves_images_to_train_on(name):
    card = DATASETS[name]
    assert 0 < card.validation_count < card.train_count
    assert card.test_count > 0
    assert card.image_shape[0] in (1, 3)


@pytest.mark.parametrize(
    "archive", [a for card in DATASETS.values() for a in card.archives], ids=lambda a: a.file_name
)
def test_every_archive_has_a_reader_a_hash_and_mirrors_of_its_file(archive):
    assert archive.layout in READERS
    assert re.fullmatch("[0-9a-f]{32}", archive.md5)
    assert len(archive.mirrors) > 1
    assert all(url.endswith("/" + archive.file_name) for url in archive.mirrors)
