import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from tests.data import builders
from ttq_bench.data.decoding import read_split
from ttq_bench.data.formats.encoded import encoding_of
from ttq_bench.data.formats.parquet_files import check_labels
from ttq_bench.data.identity import identify
from ttq_bench.data.sources import find_source
from ttq_bench.data.streaming.image_files import ShardFiles
from ttq_bench.errors import DataError

IMAGES = builders.random_images(6)
LABELS = [3, 1, 3, 0, 9, 1]
PNGS = [builders.png(image) for image in IMAGES]
SHAPES = {"cifar10": (32, 32, 3), "mnist": (28, 28, 1)}


def parquet_source(folder, contents=PNGS, labels=LABELS, **columns):
    builders.write_parquet(folder / "train.parquet", contents, labels, **columns)
    builders.write_parquet(folder / "test.parquet", PNGS[:1], [0])
    return find_source("cifar10", folder)


@pytest.mark.parametrize("dataset", sorted(SHAPES))
def test_folders_of_png_are_read_back_pixel_exact_in_class_order(tmp_path, dataset):
    images = builders.random_images(6, SHAPES[dataset])
    for split in ("train", "test"):
        builders.write_class_folders(tmp_path / split, images, LABELS)
    order = np.argsort(LABELS, kind="stable")
    for split in ("train", "test"):
        pixels, labels = read_split(find_source(dataset, tmp_path), split)
        assert np.array_equal(pixels, images[order])
        assert labels.tolist() == sorted(LABELS)


@pytest.mark.parametrize("label", ["label", "labels", "fine_label"])
def test_parquet_is_read_back_pixel_exact_in_file_order(tmp_path, label):
    source = parquet_source(tmp_path, label=label, image="picture")
    pixels, labels = read_split(source, "train")
    assert np.array_equal(pixels, IMAGES)
    assert labels.tolist() == LABELS
    assert (pixels.dtype, labels.dtype) == (np.uint8, np.int64)


def test_shards_are_joined_in_the_order_of_their_numbers(tmp_path):
    for shard in (1, 0):
        part = slice(shard * 3, shard * 3 + 3)
        path = tmp_path / f"data/train-0000{shard}-of-00002.parquet"
        builders.write_parquet(path, PNGS[part], LABELS[part])
    builders.write_parquet(tmp_path / "data/test-00000-of-00001.parquet", PNGS[:1], [7])
    (tmp_path / "data").rename(tmp_path / "cifar10")
    source = find_source("cifar10", tmp_path)
    assert read_split(source, "train")[1].tolist() == LABELS
    assert read_split(source, "test")[1].tolist() == [7]


@pytest.mark.parametrize("group", [100, 500, 1024, 2_500])
def test_row_groups_of_any_size_are_read_whole_and_in_order(tmp_path, group):
    rows = np.arange(2_500)
    # Six images a period, ten labels: row groups begin at other images, as their dictionaries do.
    source = parquet_source(tmp_path, [PNGS[row % 6] for row in rows], rows % 10, group=group)
    pixels, labels = read_split(source, "train")
    assert np.array_equal(labels, rows % 10)
    assert np.array_equal(pixels, IMAGES[rows % 6])


def test_images_that_outgrow_the_dictionary_of_a_row_group_are_read_in_order(tmp_path):
    images = builders.random_images(600)  # 1.8 MB of PNG: the writer leaves its dictionary
    source = parquet_source(tmp_path, [builders.png(one) for one in images], np.arange(600) % 10)
    assert np.array_equal(read_split(source, "train")[0], images)


def test_digits_are_read_like_any_other_dataset(tmp_path):
    images, labels = read_split(find_source("digits", tmp_path), "test")
    assert images.shape == (400, 28, 28, 1)
    assert set(labels.tolist()) == set(range(10))


@pytest.mark.parametrize("share", [0.0, 0.5, 0.95])
@pytest.mark.parametrize("look", ["identity", "decode"])
def test_a_truncated_parquet_file_is_named(tmp_path, cache, share, look):
    source = parquet_source(tmp_path)
    builders.cut(source.train[0], share)
    with pytest.raises(DataError, match=r"train\.parquet: cannot be read as Parquet .*again"):
        identify(source, cache) if look == "identity" else read_split(source, "train")


@pytest.mark.parametrize(
    "columns",
    [
        {"img": ["a"], "label": [1]},
        {"img": [{"path": "a"}], "label": [1]},
        {"img": [{"bytes": b"a"}], "class": [1]},
        {"img": [{"bytes": b"a"}], "label": ["ship"]},
        {"img": [{"bytes": b"a"}], "label": [0.5]},
    ],
)
def test_wrong_columns_are_refused_with_those_that_are_there(tmp_path, columns):
    source = parquet_source(tmp_path)
    parquet.write_table(pyarrow.table(columns), source.train[0])
    with pytest.raises(DataError, match=rf"train\.parquet: columns are {', '.join(columns)};"):
        read_split(source, "train")


def test_a_column_whose_bytes_are_of_another_type_is_told_with_it(tmp_path):
    source = parquet_source(tmp_path)
    images = pyarrow.array([{"bytes": None, "path": "a.png"}])
    parquet.write_table(pyarrow.table({"img": images, "label": [1]}), source.train[0])
    with pytest.raises(DataError, match=r"expected .*; 'bytes' of 'img' are null, not binary"):
        read_split(source, "train")


@pytest.mark.parametrize(
    ("contents", "labels", "column"),
    [([PNGS[0], None], [1, 2], "img"), (PNGS[:2], [1, None], "label")],
)
def test_empty_rows_are_refused_with_their_column_and_the_first_row(
    tmp_path, contents, labels, column
):
    source = parquet_source(tmp_path, contents, labels)
    said = rf"train\.parquet: column '{column}' has empty rows, first row 1;"
    with pytest.raises(DataError, match=said):
        read_split(source, "train")


def test_the_first_empty_row_is_counted_from_the_beginning_of_the_file(tmp_path):
    contents = [PNGS[0]] * 1_030 + [None]
    source = parquet_source(tmp_path, contents, [1] * len(contents))
    with pytest.raises(DataError, match="'img' has empty rows, first row 1030; the bytes of each"):
        read_split(source, "train")


def test_rows_without_a_label_are_told_with_the_first_one(tmp_path):
    source = parquet_source(tmp_path, PNGS[:4], [1, 2, None, None])
    with pytest.raises(DataError, match="2 rows have none, first row 2; cifar10 has 0 to 9"):
        check_labels(source, 10)


@pytest.mark.parametrize("kind", [pyarrow.large_binary(), pyarrow.binary_view()])
def test_bytes_of_every_binary_type_are_read(tmp_path, kind):
    source = parquet_source(tmp_path)
    expected = read_split(source, "train")
    table = parquet.read_table(source.train[0])
    structs = pyarrow.array(
        table["img"].to_pylist(), pyarrow.struct([("bytes", kind), ("path", pyarrow.string())])
    )
    try:
        parquet.write_table(table.set_column(0, "img", structs), source.train[0])
    except pyarrow.ArrowNotImplementedError:
        assert int(pyarrow.__version__.split(".")[0]) < 20, "the lock has one that writes them"
        pytest.skip("this pyarrow writes no such column")
    for found, wanted in zip(read_split(source, "train"), expected, strict=True):
        assert (found == wanted).all()
    assert ShardFiles(source.train).read(0) == PNGS[0]


@pytest.mark.parametrize("content", [b"", b"no image", PNGS[3][:200]])
def test_an_image_that_cannot_be_decoded_is_named_by_file_and_row(tmp_path, content):
    source = parquet_source(tmp_path, [*PNGS[:3], content], LABELS[:4])
    with pytest.raises(DataError, match=r"train\.parquet: row 3 cannot be decoded"):
        read_split(source, "train")


def test_an_image_of_a_class_folder_that_cannot_be_decoded_is_named(tmp_path):
    for split in ("train", "test"):
        builders.write_class_folders(tmp_path / split, IMAGES, LABELS)
    (tmp_path / "test/9/00004.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"test/9/00004\.png cannot be decoded"):
        read_split(find_source("cifar10", tmp_path), "test")


def test_an_image_of_another_size_is_named(tmp_path):
    odd = builders.png(builders.random_images(1, (32, 31, 3))[0])
    source = parquet_source(tmp_path, [PNGS[0], odd], [0, 0])
    with pytest.raises(DataError, match=r"train\.parquet: row 1 has 32x31 pixels, expected 32x32"):
        read_split(source, "train")


@pytest.mark.parametrize("label", [-1, 10])
def test_a_label_out_of_range_is_refused_with_the_range(tmp_path, label):
    source = parquet_source(tmp_path, PNGS[:2], [4, label])
    with pytest.raises(DataError, match=r"labels run from .* cifar10 has 0 to 9") as caught:
        read_split(source, "train")
    assert str(tmp_path) in str(caught.value)


def test_pixels_of_16_bits_are_refused_and_not_wrapped_around(tmp_path):
    source = parquet_source(
        tmp_path, [builders.png(np.full((32, 32, 3), 4_660, dtype=np.uint16))], [0]
    )
    with pytest.raises(DataError, match="row 0 has more than 8 bits"):
        read_split(source, "train")


@pytest.mark.parametrize("place", ["train", "test"])
def test_pixels_of_16_bits_are_refused_before_any_run(tmp_path, cache, place):
    deep = builders.png(np.full((32, 32, 3), 4_660, dtype=np.uint16))
    for split in ("train", "test"):
        builders.write_class_folders(tmp_path / split, IMAGES[:4], [0, 0, 1, 1], 2)
    (tmp_path / place / "1/00002.png").write_bytes(deep)
    with pytest.raises(DataError, match=rf"{place}/1/00002\.png has more than 8 bits a pixel"):
        identify(find_source("folder", tmp_path), cache)
    with pytest.raises(DataError, match="row 0 has more than 8 bits a pixel"):
        identify(parquet_source(tmp_path, [deep], [0]), cache)


def test_files_without_a_row_have_no_first_image(tmp_path):
    source = parquet_source(tmp_path)
    parquet.write_table(parquet.read_table(source.train[0]).slice(0, 0), source.train[0])
    with pytest.raises(DataError, match="no images found"):
        encoding_of(source, (32, 32))
