"""Ternary kernels of one layer as pictures."""

from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from ttq_bench.analysis.arms import Arm
from ttq_bench.analysis.tables import Tables
from ttq_bench.records.probes import Kernels
from ttq_bench.report.contents import Contents
from ttq_bench.report.figures.shown_arms import ttq_arms
from ttq_bench.report.figures.style import ReportFigure
from ttq_bench.report.naming import heading, network_file

MOST_TILES = 16  # channels in each direction
CELL, GAP = 6, 3  # pixels of the picture: a code, the line between kernels
SHADES = {"+": 0.98, "0": 0.62, "-": 0.02}  # not white and black, which a dark page exchanges
GAP_COLOUR = (0.45, 0.66, 0.87)  # of no code
TICKS = 5


def kernels_of_a_layer(contents: Contents) -> list[ReportFigure]:
    """Return one figure for each network with a probe of TTQ: kernels of its lowest seed."""
    figures = []
    for arms in contents.tables.networks():
        for arm in ttq_arms(arms):
            if kernels := _of_lowest_seed(contents.tables, arm):
                figures.append(_figure(arm, *kernels))
                break
    return figures


def _of_lowest_seed(tables: Tables, arm: Arm) -> tuple[int, Kernels] | None:
    trials = tables.trials_of(arm)
    seeds = dict(zip(trials["trial_id"], trials["seed"], strict=True))
    kernels = {
        int(seeds[probe.trial_id]): probe.kernels
        for probe in tables.probes
        if probe.trial_id in seeds and probe.kernels
    }
    return min(kernels.items(), default=None)


def _figure(arm: Arm, seed: int, kernels: Kernels) -> ReportFigure:
    tiles = kernel_tiles(kernels)
    outs, ins, high, wide = tiles.shape
    out_count, in_count = kernels.shape[:2]
    shown = f"first {outs} of {out_count} output and {ins} of {in_count} input channels"
    return ReportFigure(
        network_file("kernels", arm),
        f"Ternary kernels of {kernels.layer}: {heading(arm)}",
        f"Codes of the {high}x{wide} kernels of {kernels.layer} after training, seed {seed} (the"
        " lowest probed): white +W_p, grey 0, black -W_n. Rows are output channels, columns input"
        f" channels: {shown}, none selected.",
        partial(
            _draw,
            tiles,
            f"{heading(arm)}\nternary kernels of {kernels.layer}, seed {seed}: {shown}",
        ),
    )


def kernel_tiles(kernels: Kernels) -> NDArray[np.str_]:
    """Return the codes of the first channels, [out, in, height, width], one sign each."""
    codes = np.array(list(kernels.codes)).reshape(kernels.shape)
    return codes[:MOST_TILES, :MOST_TILES]


def picture(tiles: NDArray[np.str_]) -> NDArray[np.float64]:
    """Return the tiles side by side as a picture [height, width, 3] of colours from 0 to 1."""
    outs, ins, high, wide = tiles.shape
    step_y, step_x = high * CELL + GAP, wide * CELL + GAP
    image = np.tile(np.array(GAP_COLOUR), (outs * step_y + GAP, ins * step_x + GAP, 1))
    for out in range(outs):
        for channel in range(ins):
            shades = np.vectorize(SHADES.get, otypes=[float])(tiles[out, channel])
            cells = np.kron(shades, np.ones((CELL, CELL)))[:, :, None]
            top, left = GAP + out * step_y, GAP + channel * step_x
            image[top : top + high * CELL, left : left + wide * CELL] = cells
    return image


def _draw(tiles: NDArray[np.str_], title: str) -> Figure:
    outs, ins, high, wide = tiles.shape
    figure, axis = plt.subplots(figsize=(7.2, 7.2 * outs * high / (ins * wide) + 1.0))
    axis.imshow(picture(tiles), interpolation="none", aspect="equal")
    for side, count, size in ((axis.xaxis, ins, wide), (axis.yaxis, outs, high)):
        named = range(0, count, max(1, count // TICKS))
        middles = [GAP + n * (size * CELL + GAP) + size * CELL / 2 for n in named]
        side.set_ticks(middles, labels=list(map(str, named)))
    axis.grid(visible=False)
    axis.set_xlabel("input channel")
    axis.set_ylabel("output channel")
    axis.set_title(title, fontsize=10)
    names = {"+": "$+W_p$", "0": "0", "-": "$-W_n$"}
    figure.legend(
        handles=[Patch(fc=str(SHADES[s]), ec="black", label=names[s]) for s in SHADES],
        loc="outside lower center", ncols=3,
    )  # fmt: skip
    return figure
