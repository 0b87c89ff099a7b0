"""P5 on a small data set: its pictures are real JPEGs, its trials real processes."""

import pytest
import torch

from ttq_bench.data.identity import identify
from ttq_bench.data.prepared import load_images
from ttq_bench.data.sources import find_source
from ttq_bench.speed import images
from ttq_bench.speed.steps import Work
from ttq_bench.training.recipe import Recipe

RECIPE = Recipe(epochs=1, batch_size=8, precision="fp32")


def test_the_pictures_are_a_data_set_of_jpegs_that_the_suite_reads(tmp_path):
    images.write_pictures(tmp_path, 30, 10)
    source = find_source("cifar10", tmp_path)
    identity = identify(source, tmp_path)
    assert (identity.name, identity.train_count) == ("cifar10-jpeg-subset", 30)

    found = load_images(source, identity, tmp_path)
    assert found.train_images.shape == (30, 32, 32, 3)
    assert found.train_labels.bincount().tolist() == [3] * 10
    assert found.train_images.float().std() > 30  # not all of one colour


@pytest.mark.slow
def test_it_tells_the_wait_and_what_a_further_trial_takes_for_itself():
    work = Work("lenet5", RECIPE, torch.device("cpu"))
    figures = {figure.quantity: figure for figure in images.measure(work, train=60, test=20)}

    shared = figures["80 JPEG images, shared by all trials of a machine"]
    assert shared.unit == "MB"
    assert 1e6 * shared.value == 80 * (3072 + 8) + 4 * 128  # pixels, labels, headers of four files
    own = figures["a further trial of resnet20, fp32: memory of its own after a step"]
    resident = figures["a further trial of resnet20, fp32: resident, shared pages too"]
    assert own.bound == images.FURTHER_MEGABYTES
    assert 100 < own.value < resident.value


@pytest.mark.slow
def test_a_further_trial_has_no_copy_of_the_images(tmp_path):
    """Its own memory grows by less than half of 4,940 images more, which are 15.2 MB."""
    own = []
    for number, train in enumerate((60, 5_000)):
        folder = tmp_path / str(number)
        folder.mkdir()
        images.write_pictures(folder, train, 20)
        identity = identify(find_source("cifar10", folder), folder)
        trained, _ = images.memory_of_a_trial(RECIPE, identity, folder)
        own.append(trained.own)
    assert own[1] - own[0] < 8e6
