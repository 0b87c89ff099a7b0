"""Images, Parquet files and class folders that attack whoever reads them."""

import json
import os
import re

import numpy as np
import pytest

from tests.data import builders
from tests.hostile.image_files import CONTENTS, GOOD, READ, ROWS, TABLES
from tests.hostile.room import read_bounded, refused, told, told_bounded
from tests.tiny_suite import write_suite
from ttq_bench.data.decoding import read_split
from ttq_bench.data.identity import identify
from ttq_bench.data.prepared import load_images
from ttq_bench.data.sources import find_source
from ttq_bench.errors import DataError

A_FEW = ("a PNG of 3.6 billion pixels", "a JPEG with two sizes", "a pickle")


def show(room, capsys):
    return told(room, capsys, "data", "show", "cifar10", "--data-dir", room.data)


def run(room, capsys):
    suite = write_suite(room.data, datasets=["cifar10"], models=["resnet20"])
    words = ["run", suite, "--data-dir", room.data, "--results", room.results]
    return told(room, capsys, *words, "--backend", "inprocess")


@pytest.mark.parametrize("case", A_FEW)
def test_an_image_among_many_is_refused_by_file_and_row_before_it_is_decoded(room, capsys, case):
    content, said = CONTENTS[case]
    builders.write_parquet(room.data / "train.parquet", [GOOD] * (ROWS - 1) + [content], [1] * ROWS)
    builders.write_parquet(room.data / "test.parquet", [GOOD], [1])
    done = run(room, capsys)
    refused(done, 5, rf"train\.parquet: .*{said}")
    assert not (room.results / "work").exists()


@pytest.mark.parametrize("case", sorted(CONTENTS))
def test_an_image_of_a_class_folder_is_refused_by_its_name(room, case):
    content, said = CONTENTS[case]
    for split in ("train", "test"):
        builders.write_class_folders(room.data / split, builders.random_images(1), [0])
    (room.data / "train" / "3" / "a.png").write_bytes(content)
    with pytest.raises(DataError, match=rf"train/3/a\.png.*{said}"):
        read_split(find_source("cifar10", room.data), "train")


@pytest.mark.parametrize("case", sorted(TABLES))
def test_a_parquet_file_is_refused_at_the_first_look(room, capsys, case):
    write, said = TABLES[case]
    write(room.data / "train.parquet")
    builders.write_parquet(room.data / "test.parquet", [GOOD], [1])
    refused(show(room, capsys), 5, said)


@pytest.mark.parametrize("case", sorted(READ))
def test_a_parquet_file_is_refused_when_it_is_read(room, case):
    write, said = READ[case]
    write(room.data / "train.parquet")
    builders.write_parquet(room.data / "test.parquet", [GOOD], [1])
    with pytest.raises(DataError, match=said):
        read_split(find_source("cifar10", room.data), "train")


@pytest.mark.slow
def test_one_large_image_in_many_rows_is_refused_in_two_gigabytes(room):
    write, said = READ["one large image many times"]
    write(room.data / "train.parquet")
    builders.write_parquet(room.data / "test.parquet", [GOOD], [1])
    (line,) = read_bounded(room, 2 << 30, "parquet", [room.data])
    assert line.startswith("refused: ")
    assert said in line


def class_folders(room):
    for split in ("train", "test"):
        builders.write_class_folders(room.data / split, builders.random_images(10), range(10))
    return room.data / "train" / "3"


def link_of_a_file(folder, room):
    (folder / "z.png").symlink_to(room.outside / "pictures" / "holiday.png")


def link_of_a_folder(folder, room):
    folder.rename(folder.with_name("away"))
    folder.with_name("away").rename(room.outside / "away")
    folder.symlink_to(room.outside / "away")


def pipe(folder, room):
    os.mkfifo(folder / "z.png")


def device(folder, room):
    (folder / "z.png").symlink_to("/dev/zero")


def ring(folder, room):
    (folder / "z.png").symlink_to(folder / "z.png")


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (link_of_a_file, r"z\.png: is a link that leads out of train/"),
        (link_of_a_folder, "train/3: is a link that leads out of train/"),
        (pipe, r"z\.png: is not a file"),
        (device, r"z\.png: is a link that leads out of train/"),
        (ring, r"z\.png: "),
    ],
)
def test_what_is_no_file_of_a_class_folder_is_refused(room, capsys, harm, said):
    harm(class_folders(room), room)
    refused(show(room, capsys), 5, said)


def test_names_of_escapes_are_shown_escaped(room, capsys):
    folder = class_folders(room)
    (folder / "\x1b[2J\u202egnp.png").symlink_to(room.outside / "secret.txt")
    refused(show(room, capsys), 5, r"\\x1b\[2J\\u202egnp\.png: is a link")


def test_class_folders_behind_links_of_the_user_are_read(room, capsys):
    class_folders(room)
    (room.root / "mine").mkdir()
    for split in ("train", "test"):
        (room.root / "mine" / split).symlink_to(room.data / split)
    done = told(room, capsys, "data", "show", "cifar10", "--data-dir", room.root / "mine")
    assert done.code == 0
    assert "cifar10-png-subset: 10 training" in done.out


HOSTILE_FIELDS = [
    {"name": "../../outside"},
    {"fingerprint": "../../outside"},
    {"train_count": "1"},
    {"in_table": "yes"},
]
OTHER_TEXTS = ["[]", "\"__import__('os').system('touch harmed')\"", "[" * 100_000, "\0"]


@pytest.mark.parametrize("answer", [*HOSTILE_FIELDS, *OTHER_TEXTS])
def test_an_answer_in_the_cache_that_is_none_is_made_again(room, answer):
    class_folders(room)
    source = find_source("cifar10", room.data)
    first = identify(source, room.cache)
    (kept,) = (room.cache / "identities").glob("*.json")
    fields = json.loads(kept.read_text())
    kept.write_text(answer if isinstance(answer, str) else json.dumps(fields | answer))
    assert identify(source, room.cache) == first


def objects(folder):
    np.save(folder / "train_images.npy", np.array([{}], dtype=object), allow_pickle=True)


def deep(folder):
    (folder / "manifest.json").write_text("[" * 100_000)


def other_names(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["sha256"] = {"../../../outside/secret.txt": "0" * 64}
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize("harm", [objects, deep, other_names])
def test_prepared_images_in_the_cache_that_are_none_are_made_again(room, harm):
    class_folders(room)
    source = find_source("cifar10", room.data)
    identity = identify(source, room.cache)
    first = load_images(source, identity, room.cache)
    (folder,) = (path for path in (room.cache / "prepared").iterdir() if path.is_dir())
    harm(folder)
    again = load_images(source, identity, room.cache)
    assert again.pixels_sha256 == first.pixels_sha256


@pytest.mark.slow
def test_a_bomb_is_refused_by_a_whole_run_in_little_memory(room):
    content, _ = CONTENTS["a PNG of 3.6 billion pixels"]
    builders.write_parquet(room.data / "train.parquet", [content] + [GOOD] * ROWS, [1] * (ROWS + 1))
    builders.write_parquet(room.data / "test.parquet", [GOOD], [1])
    done = told_bounded(room, 2 << 30, "data", "show", "cifar10", "--data-dir", room.data)
    assert done.code == 5
    assert re.search("60000x60000 pixels", done.err)
