import json
import multiprocessing
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.data import builders
from ttq_bench.data.batches import TrialBatches
from ttq_bench.data.identity import identify
from ttq_bench.data.prepared import keep_images, kept_images, load_images, pack_images
from ttq_bench.data.sources import find_source
from ttq_bench.errors import DataError
from ttq_bench.files import file_digest

IMAGES = builders.random_images(5)
LABELS = [3, 1, 4, 1, 5]


@pytest.fixture
def source(tmp_path):
    contents = [builders.png(image) for image in IMAGES]
    builders.write_parquet(tmp_path / "train.parquet", contents[:3], LABELS[:3])
    builders.write_parquet(tmp_path / "test.parquet", contents[3:], LABELS[3:])
    return find_source("cifar10", tmp_path)


@pytest.fixture
def card(source, cache):
    return identify(source, cache)


def prepared_folder(cache):
    (folder,) = (path for path in (cache / "prepared").iterdir() if path.is_dir())
    return folder


def test_images_and_labels_of_both_splits_are_what_was_read(source, card, cache):
    images = load_images(source, card, cache)
    assert np.array_equal(images.train_images.numpy(), IMAGES[:3])
    assert np.array_equal(images.test_images.numpy(), IMAGES[3:])
    assert images.train_labels.tolist() + images.test_labels.tolist() == LABELS
    assert (images.card.name, images.card.classes) == ("cifar10-png-subset", 10)


def test_mean_and_deviation_by_hand(tmp_path, cache):
    half = np.zeros((28, 28, 1), dtype=np.uint8)
    half[:14] = 200  # half of the pixels 0, half 200: mean 100, deviation 100
    for split in ("train", "test"):
        builders.write_parquet(tmp_path / f"{split}.parquet", [builders.png(half)], [0])
    source = find_source("mnist", tmp_path)
    images = load_images(source, identify(source, cache), cache)
    assert images.mean == (100.0,)
    assert images.deviation == (100.0,)


def test_mean_and_deviation_are_those_of_each_channel_over_training_images(source, card, cache):
    images = load_images(source, card, cache)
    pixels = IMAGES[:3].reshape(-1, 3).astype(np.float64)
    assert images.mean == pytest.approx(pixels.mean(axis=0), rel=1e-12)
    assert images.deviation == pytest.approx(pixels.std(axis=0), rel=1e-12)


def test_a_second_load_reads_what_is_prepared_and_decodes_nothing(source, card, cache):
    first = load_images(source, card, cache)
    for path in source.train + source.test:
        path.write_bytes(b"nobody reads this again")
    second = load_images(source, card, cache)
    assert second.train_images.equal(first.train_images)
    assert second.pixels_sha256 == first.pixels_sha256


def change_a_pixel(folder):
    content = bytearray((folder / "train_images.npy").read_bytes())
    content[-1] ^= 1
    (folder / "train_images.npy").write_bytes(content)


@pytest.mark.parametrize(
    "damage",
    [
        change_a_pixel,
        lambda folder: (folder / "train_images.npy").write_bytes(b""),
        lambda folder: (folder / "test_labels.npy").unlink(),
        lambda folder: (folder / "manifest.json").write_text('{"sha256"'),
        lambda folder: (folder / "manifest.json").write_text("{}"),
        lambda folder: builders.cut(folder / "test_images.npy", 0.9),
    ],
)
def test_a_damaged_prepared_file_is_made_anew(source, card, cache, damage):
    first = load_images(source, card, cache).pixels_sha256
    damage(prepared_folder(cache))
    again = load_images(source, card, cache)
    assert np.array_equal(again.train_images.numpy(), IMAGES[:3])
    assert again.pixels_sha256 == first


def test_writing_into_loaded_images_leaves_the_prepared_file_alone(source, card, cache):
    load_images(source, card, cache).train_images.zero_()
    assert load_images(source, card, cache).train_images.any()


def test_images_of_another_fingerprint_are_prepared_apart(source, cache):
    load_images(source, identify(source, cache), cache)
    contents = [builders.png(image) for image in IMAGES[::-1]]
    builders.write_parquet(source.train[0], contents[:2], [0, 1])
    images = load_images(source, identify(source, cache), cache)
    assert images.train_labels.tolist() == [0, 1]
    assert len([path for path in (cache / "prepared").iterdir() if path.is_dir()]) == 2


def test_a_cache_that_cannot_be_written_is_named(source, card, cache):
    (cache / "prepared").write_text("a file where a folder should be")
    with pytest.raises(DataError, match=r"prepared.*: decoded images cannot be kept there"):
        load_images(source, card, cache)


def test_what_a_killed_process_left_is_deleted_and_nothing_of_others(source, card, cache):
    load_images(source, card, cache)
    folder = prepared_folder(cache)
    change_a_pixel(folder)
    left = folder.with_name(f".{folder.name}.abc_1234")
    others = [f".{folder.name}.notes", f".{folder.name}.1.abc_1234", ".other.abc_1234"]
    for name in (left.name, *others):
        folder.with_name(name).mkdir()
        (folder.with_name(name) / "train_images.npy").write_bytes(b"half")
    load_images(source, card, cache)
    there = sorted(path.name for path in folder.parent.iterdir())
    assert there == sorted((folder.name, *others))


def _prepare(source, cache, start, answers):
    identity = identify(source, cache)
    start.wait()
    try:
        for _ in range(3):
            images = load_images(source, identity, cache)
        answers.put(images.train_images.numpy().sum())
    except BaseException as error:
        answers.put(repr(error))


@pytest.mark.slow
def test_two_processes_that_prepare_at_once_both_succeed(source, cache):
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ttq_bench.data.prepared", "pyarrow.parquet"])
    start, answers = context.Barrier(2), context.Queue()
    workers = [
        context.Process(target=_prepare, args=(source, cache, start, answers)) for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    given = [answers.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join()
    assert given == [IMAGES[:3].sum()] * 2
    assert len(list((cache / "prepared").iterdir())) == 1  # no lock, nothing temporary


@pytest.mark.parametrize("repeat", range(4))
@pytest.mark.parametrize("damaged", [False, True])
def test_threads_that_prepare_at_once_all_succeed(source, card, cache, damaged, repeat):
    if damaged:
        load_images(source, card, cache)
        (prepared_folder(cache) / "test_images.npy").write_bytes(b"")
    with ThreadPoolExecutor(8) as pool:
        runs = [pool.submit(load_images, source, card, cache) for _ in range(8)]
    assert {run.result().pixels_sha256 for run in runs} == {runs[0].result().pixels_sha256}


def test_images_sent_to_another_machine_are_the_same_there(source, card, cache, tmp_path):
    assert pack_images(card, cache) is None
    here, packed = load_images(source, card, cache), pack_images(card, cache)
    there = keep_images(card, tmp_path / "other", packed)
    for name in ("train_images", "train_labels", "test_images", "test_labels"):
        assert torch.equal(getattr(there, name), getattr(here, name))
    assert (there.mean, there.pixels_sha256) == (here.mean, here.pixels_sha256)
    kept = kept_images(card, tmp_path / "other")
    assert torch.equal(kept.train_images, here.train_images)
    assert kept_images(card, tmp_path / "nowhere") is None


def test_images_that_were_changed_on_the_way_are_not_kept(source, card, cache, tmp_path):
    load_images(source, card, cache)
    packed = pack_images(card, cache)
    changed = packed.arrays["train_images"].copy()
    changed[0, 0, 0, 0] ^= 1
    packed.arrays["train_images"] = changed
    with pytest.raises(DataError, match="images came damaged"):
        keep_images(card, tmp_path / "other", packed)
    assert kept_images(card, tmp_path / "other") is None


def anonymous_bytes():
    """Return the memory of this process that is no mapped file."""
    text = Path("/proc/self/smaps_rollup").read_text(encoding="ascii")
    (kilobytes,) = re.findall(r"^Anonymous: +(\d+) kB", text, re.MULTILINE)
    return 1024 * int(kilobytes)


@pytest.mark.parametrize("augmentation", ["none", "crop_flip"])
def test_a_trial_maps_the_images_and_makes_no_copy_of_them(source, card, cache, augmentation):
    """An epoch reads them all; k trials of a machine share the pages of the mapped file."""
    load_images(source, card, cache)
    packed = pack_images(card, cache)
    many = np.tile(packed.arrays["train_images"], (7_000, 1, 1, 1))  # 64 MB
    folder = prepared_folder(cache)
    np.save(folder / "train_images.npy", many)
    np.save(folder / "train_labels.npy", np.tile(packed.arrays["train_labels"], 7_000))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["sha256"] = {name: file_digest(folder / name) for name in manifest["sha256"]}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    size = many.nbytes
    del many, packed

    before = anonymous_bytes()
    images = load_images(source, card, cache)
    batches = TrialBatches(
        images, seed=0, batch_size=500, validation_count=500, augmentation=augmentation,
        device=torch.device("cpu"),
    )  # fmt: skip
    for draw in batches.draws(0):
        batches.batch(*draw)

    assert len(images.train_images) == 21_000
    assert anonymous_bytes() - before < size / 2
