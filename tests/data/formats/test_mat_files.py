import numpy as np
import pytest

from tests.data import builders
from ttq_bench.data.formats.mat_files import read_digits_mat
from ttq_bench.errors import DataError

IMAGES = builders.random_images(4)
LABELS = np.array([[3], [10], [1], [9]])
GOOD = {"X": IMAGES.transpose(1, 2, 3, 0), "y": LABELS}


def write(path, arrays, *, compress=True):
    path.write_bytes(builders.mat(arrays, compress=compress))
    return path


@pytest.mark.parametrize("compress", [True, False])
def test_images_and_labels_are_read_back(tmp_path, compress):
    images, labels = read_digits_mat(write(tmp_path / "a.mat", GOOD, compress=compress))
    assert np.array_equal(images, IMAGES)
    assert labels.tolist() == [3, 0, 1, 9]


def test_rows_and_columns_are_not_exchanged(tmp_path):
    images = np.zeros((1, 32, 32, 3), dtype=np.uint8)
    images[0, 2, 30, 1] = 200  # third row, near the right end, green
    found, _ = read_digits_mat(
        write(tmp_path / "a.mat", {"X": images.transpose(1, 2, 3, 0), "y": LABELS[:1]})
    )
    assert np.argwhere(found).tolist() == [[0, 2, 30, 1]]


def test_the_file_needs_no_ending(tmp_path):
    assert len(read_digits_mat(write(tmp_path / "plain", GOOD))[1]) == 4


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({}, "holds nothing"),
        ({"X": GOOD["X"]}, r"holds X \(32, 32, 3, 4\) of uint8; expected"),
        ({**GOOD, "y": LABELS[:3]}, r"y \(3, 1\) of uint8"),
        ({**GOOD, "y": LABELS.T}, r"y \(1, 4\)"),
        ({**GOOD, "X": IMAGES.transpose(1, 2, 3, 0)[:28]}, r"X \(28, 32, 3, 4\)"),
        ({"X": GOOD["X"][..., :0], "y": LABELS[:0]}, r"y \(0, 1\)"),
    ],
)
def test_other_arrays_are_refused_with_those_that_are_there(tmp_path, arrays, said):
    with pytest.raises(DataError, match=rf"a\.mat: .*{said}"):
        read_digits_mat(write(tmp_path / "a.mat", arrays))


@pytest.mark.parametrize("content", [b"", b"no such file", b"x" * 200])
def test_what_is_no_matlab_file_is_refused(tmp_path, content):
    (tmp_path / "a.mat").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.mat: cannot be read as a MATLAB file|holds nothing"):
        read_digits_mat(tmp_path / "a.mat")


def test_a_truncated_file_or_changed_bytes_never_end_in_a_raw_error(tmp_path):
    path = write(tmp_path / "a.mat", GOOD)
    content, refused = path.read_bytes(), 0
    changed = [content[:place] + b"\xff" * 4 + content[place + 4 :] for place in range(128, 400, 8)]
    for other in [*changed, *(content[:end] for end in range(0, len(content), 500))]:
        path.write_bytes(other)
        try:
            read_digits_mat(path)
        except DataError:
            refused += 1
    assert refused > 20


def test_a_size_that_no_memory_holds_is_refused_unread(tmp_path):
    content = bytearray(builders.mat(GOOD, compress=False))
    # The dimensions of X: behind the header, the tags and the flags.
    place = content.index((32).to_bytes(4, "little") * 2)
    content[place + 12 : place + 16] = (2**31 - 1).to_bytes(4, "little")
    (tmp_path / "a.mat").write_bytes(content)
    with pytest.raises(DataError, match=r"X \(32, 32, 3, 2147483647\)"):
        read_digits_mat(tmp_path / "a.mat")
