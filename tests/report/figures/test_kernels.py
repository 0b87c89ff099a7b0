"""Pictures of ternary kernels."""

import numpy as np

from tests.record_builders import make_probe, write_trial
from tests.report.drawn import assert_same_files_twice, drawn, figures_of
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.probes import Kernels, publish_probe
from ttq_bench.report.figures.kernels import CELL, GAP, kernel_tiles, kernels_of_a_layer, picture

TWO_BY_ONE = Kernels(layer="conv2", shape=(2, 1, 1, 3), codes="+0--+0")


def write(root, seed, kernels=TWO_BY_ONE, strategy=("max_fraction", 0.05), method="ttq"):
    name = f"{method}-{strategy[0]}-{seed}"
    write_trial(
        root, name, seed=seed, errors=(20.0,), scales={"conv2": (1.0, 1.0)}, method=method,
        strategy=strategy,
    )  # fmt: skip
    publish_probe(ResultsPaths(root), make_probe(name, kernels=kernels))


def centres(tiles):
    """Return the brightness in the middle of every cell, [out, in, height, width]."""
    image = picture(tiles)
    found = np.empty(tiles.shape)
    for out, channel, y, x in np.ndindex(*tiles.shape):
        row = GAP + out * (tiles.shape[2] * CELL + GAP) + y * CELL + CELL // 2
        column = GAP + channel * (tiles.shape[3] * CELL + GAP) + x * CELL + CELL // 2
        pixel = image[row, column]
        assert np.ptp(pixel) == 0, "codes are without colour"
        found[out, channel, y, x] = pixel[0]
    return found


def test_plus_is_white_zero_is_grey_and_minus_is_black_in_row_major_order():
    shades = centres(kernel_tiles(TWO_BY_ONE)).reshape(2, 3)
    assert shades[0, 0] == shades[1, 1] > 0.97
    assert shades[0, 2] == shades[1, 0] < 0.03
    assert 0.3 < shades[0, 1] == shades[1, 2] < 0.9


def test_kernels_are_parted_by_lines_of_no_code():
    image = picture(kernel_tiles(TWO_BY_ONE))
    assert image.shape == (2 * (CELL + GAP) + GAP, 3 * CELL + 2 * GAP, 3)
    line = image[GAP + CELL : GAP + CELL + GAP]
    assert (line == line[0, 0]).all()
    assert np.ptp(line[0, 0]) > 0.2


def test_at_most_sixteen_channels_each_way_are_shown_the_first_ones():
    codes = np.full((20, 17, 3, 3), "0")
    codes[15, 15] = "+"
    codes[16:], codes[:, 16:] = "-", "-"
    tiles = kernel_tiles(Kernels(layer="c", shape=codes.shape, codes="".join(codes.ravel())))
    assert tiles.shape == (16, 16, 3, 3)
    assert (tiles[15, 15] == "+").all()
    assert "-" not in tiles


def test_the_lowest_seed_of_the_papers_threshold_is_shown(tmp_path):
    other = Kernels(layer="other", shape=(1, 1, 1, 1), codes="0")
    write(tmp_path, 0, other, strategy=("constant_sparsity", 0.5))
    write(tmp_path, 0, other, method="ttq-ste")
    write(tmp_path, 2, other)
    write(tmp_path, 1)
    (figure,) = drawn(kernels_of_a_layer, tmp_path)
    title = figure.axes[0].get_title()
    assert "conv2, seed 1: first 2 of 2 output and 1 of 1 input channels" in title
    assert "max_fraction(0.05)" in title


def test_without_kernels_of_ttq_there_is_no_figure(tmp_path):
    assert figures_of(kernels_of_a_layer, tmp_path) == []
    write(tmp_path, 0, kernels=None)
    write(tmp_path, 0, method="ttq-ste")
    assert figures_of(kernels_of_a_layer, tmp_path) == []


def test_the_files_are_the_same_twice(tmp_path):
    write(tmp_path, 0)
    assert_same_files_twice(kernels_of_a_layer, tmp_path)
