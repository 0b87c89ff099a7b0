import contextlib
import os
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data import builders
from ttq_bench.data.formats.pickled_batches import NAMES, PickledArray, PickledDtype, read_batch
from ttq_bench.errors import DataError

ROWS = builders.planes(builders.random_images(3))
BATCH = builders.python2_batch(ROWS, [1, 2, 300])


def refused(content):
    with pytest.raises(DataError) as caught:
        read_batch(content, 3072, "here")
    return str(caught.value)


def test_a_batch_as_python_2_wrote_it_is_read():
    rows, labels = read_batch(BATCH, 3072, "here")
    assert np.array_equal(rows, ROWS)
    assert labels.tolist() == [1, 2, 300]
    assert (rows.dtype, labels.dtype) == (np.uint8, np.int64)


def test_an_array_that_is_stored_by_columns_has_the_same_rows():
    by_columns = BATCH.replace(ROWS.tobytes(), ROWS.T.tobytes(), 1)
    place = by_columns.index(pickle.NEWFALSE + pickle.BINSTRING)
    by_columns = by_columns[:place] + pickle.NEWTRUE + by_columns[place + 1 :]
    assert np.array_equal(read_batch(by_columns, 3072, "here")[0], ROWS)


class Malicious:
    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def test_a_pickle_that_names_os_system_is_refused_and_not_run(tmp_path):
    victim = Malicious()
    victim.path = tmp_path / "harmed"
    assert "posix.system has no place in an image file" in refused(pickle.dumps(victim, 2))
    assert not victim.path.exists()


@pytest.mark.parametrize("call", [eval, getattr, __import__, np.load, np.fromfile, np.dtype])
def test_no_function_can_be_named(call):
    if call is np.dtype:
        assert "is not a CIFAR batch" in refused(pickle.dumps(call, 2))
    else:
        assert "has no place in an image file" in refused(pickle.dumps(call, 2))


def test_names_stand_for_classes_that_hold_values_alone():
    assert set(NAMES.values()) == {PickledArray, PickledDtype}


@pytest.mark.parametrize("batch", [{}, [], None, 7], ids=repr)
def test_a_pickle_that_is_no_batch_is_refused(batch):
    assert "here is not a CIFAR batch" in refused(pickle.dumps(batch, 2))


@pytest.mark.parametrize("protocol", [0, 3, 4, 5])
def test_a_pickle_of_another_protocol_is_refused(protocol):
    assert "has no place in an image file" in refused(pickle.dumps({b"data": "1" * 300}, protocol))


def test_fewer_labels_than_images_are_refused():
    assert "3 images and 2 labels" in refused(builders.python2_batch(ROWS, [1, 2]))


def test_numbers_that_are_no_bytes_are_refused():
    assert "its numbers are not bytes" in refused(BATCH.replace(b"u1", b"O8", 1))


@given(st.binary(max_size=60))
def test_any_bytes_load_or_are_refused(content):
    with contextlib.suppress(DataError):
        read_batch(content, 3072, "here")


@given(st.integers(0, len(BATCH) - 1), st.integers(0, 255))
def test_a_batch_with_any_byte_changed_is_read_or_refused(place, byte):
    with contextlib.suppress(DataError):
        read_batch(BATCH[:place] + bytes([byte]) + BATCH[place + 1 :], 3072, "here")
