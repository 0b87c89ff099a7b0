import pytest

from ttq_bench.data.catalog import DATASETS, catalog_name, describe_dataset, own_card


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


def test_the_card_of_a_folder_holds_out_a_tenth_and_no_more_than_of_cifar10():
    held_out = [own_card("a", (3, 8, 8), 2, n, 1).validation_count for n in (2, 99, 10**6)]
    assert held_out == [1, 9, DATASETS["cifar10"].validation_count]


def test_a_folder_is_described_by_its_name_and_as_no_published_set():
    assert describe_dataset("folder-my-birds").startswith("images of the folder 'my-birds', no pub")
