"""Ternary kernels of one layer as pictures."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Patch
from numpy.typing import NDArray

from ttq_bench.analysis.arms import Arm
from ttq_bench.analysis.tables import Tables
from ttq_bench.records.probes import Kernels, Probe
from ttq_bench.report.figures.shown_arms import main_ttq_arm
from ttq_bench.report.figures.style import SavedFigure, save
from ttq_bench.report.naming import heading, network_file

MOST_TILES = 16  # channels in each direction
CELL, GAP = 6, 3  # pixels of the picture: a code, the line between kernels
SHADES = {"+": 0.98, "0": 0.62, "-": 0.02}  # not white and black, which a dark page exchanges
GAP_COLOUR = (0.45, 0.66, 0.87)  # of no code
TICKS = 5


def kernels_of_a_layer(tables: Tables, folder: Path) -> list[SavedFigure]:
    """Draw one figure for each network with a probe of TTQ: kernels of its lowest seed."""
    figures = []
    for arms in tables.networks():
        found = {arm: probed for arm in arms if (probed := _lowest_seed(tables, arm))}
        arm = main_ttq_arm(found)
        if arm:
            figures.append(_draw(arm, *found[arm], folder))
    return figures


def _lowest_seed(tables: Tables, arm: Arm) -> tuple[int, Kernels] | None:
    seeds = {row["trial_id"]: row["seed"] for row in tables.trials_of(arm).to_dict("records")}

    def seed(probe: Probe) -> int:
        return int(seeds[probe.trial_id])

    mine = [probe for probe in tables.probes if probe.trial_id in seeds and probe.kernels]
    if not mine:
        return None
    lowest = min(mine, key=seed)
    assert lowest.kernels is not None
    return seed(lowest), lowest.kernels


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


def _draw(arm: Arm, seed: int, kernels: Kernels, folder: Path) -> SavedFigure:
    tiles = kernel_tiles(kernels)
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
    out_count, in_count = kernels.shape[:2]
    shown = f"first {outs} of {out_count} output and {ins} of {in_count} input channels"
    axis.set_title(
        f"{heading(arm)}\nternary kernels of {kernels.layer}, seed {seed}: {shown}", fontsize=10
    )
    names = {"+": "$+W_p$", "0": "0", "-": "$-W_n$"}
    figure.legend(
        handles=[Patch(fc=str(SHADES[s]), ec="black", label=names[s]) for s in SHADES],
        loc="outside lower center", ncols=3,
    )  # fmt: skip
    return save(
        figure, folder, network_file("kernels", arm),
        f"Ternary kernels of {kernels.layer}: {heading(arm)}",
        f"Codes of the {high}x{wide} kernels of {kernels.layer} after training, seed {seed} (the"
        " lowest probed): white +W_p, grey 0, black -W_n. Rows are output channels, columns input"
        f" channels: {shown}, none selected.",
    )  # fmt: skip
