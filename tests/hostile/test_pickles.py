"""Pickles in the right member of the right archive: the last thing a forged hash would meet."""

from tests.data import builders
from tests.hostile.pickle_files import GOOD, PICKLES, batch_of
from tests.hostile.room import read_bounded
from ttq_bench.data.formats.archives import READERS


def archive(room, number, content):
    path = room.data / f"{number:02}.tar.gz"
    builders.write_tar(path, {"cifar-10-batches-py/test_batch": content})
    return path


def test_every_pickle_is_refused_in_words_and_none_is_run(room):
    paths = [archive(room, n, make(room.marker)) for n, make in enumerate(PICKLES.values())]
    lines = read_bounded(room, 1 << 30, "cifar-pickles", paths)
    for name, line in zip(PICKLES, lines, strict=True):
        assert line.startswith("refused: "), f"{name}: {line}"
        assert "test_batch" in line, name


def test_the_way_the_attacks_are_wrapped_is_read_where_it_holds_labels(room):
    content = batch_of(b"](K\x05K\x06e")
    assert READERS["cifar-pickles"]((archive(room, 0, content),), "test")[1].tolist() == [5, 6]
    assert READERS["cifar-pickles"]((archive(room, 1, GOOD),), "test")[1].tolist() == [1, 2]
