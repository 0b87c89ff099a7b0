"""Where the layers of a network stand below the roof of the machine that was measured."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt

from ttq_bench.files import write_atomically
from ttq_bench.report.figures.style import COLOURS, MARKERS, figure_style, picture_files

GIGA = 1e9


def roofline(
    places: Sequence[tuple[str, float, float]],
    peak_flops: float,
    peak_bytes: float,
    folder: Path,
    name: str,
) -> None:
    """Draw ``places`` (name, operations for each byte, operations a second) as ``NAME.png``, .svg.

    Both files are written into ``folder``.
    """
    with figure_style():
        figure, axis = plt.subplots(figsize=(8, 5))
        knee = peak_flops / peak_bytes
        reach = [intensity for _, intensity, _ in places]
        low, high = min(*reach, knee) / 3, max(*reach, knee) * 3
        ends = [low, knee, high]
        axis.plot(ends, [min(peak_flops, peak_bytes * x) / GIGA for x in ends], color="0.3")
        axis.annotate(
            f"{peak_bytes / GIGA:.0f} GB/s, {peak_flops / GIGA:.0f} GFLOP/s",
            (knee, peak_flops / GIGA), xytext=(0, 6), textcoords="offset points", ha="center",
        )  # fmt: skip
        for number, kind in enumerate(("conv", "batch norm")):
            chosen = [place for place in places if place[0].startswith(kind)]
            axis.scatter(
                [x for _, x, _ in chosen], [y / GIGA for _, _, y in chosen],
                color=COLOURS[number], marker=MARKERS[number], label=kind, zorder=3,
            )  # fmt: skip
        for layer, intensity, flops in places:
            if layer.startswith("conv"):
                axis.annotate(layer.removeprefix("conv "), (intensity, flops / GIGA),
                              xytext=(5, -3), textcoords="offset points", fontsize=7)  # fmt: skip
        axis.set(xscale="log", yscale="log", xlabel="operations for each byte",
                 ylabel="GFLOP/s, forward", title="Layers below the roof")  # fmt: skip
        axis.legend(loc="lower right")
        for file, content in picture_files(figure, name).items():
            write_atomically(folder / file, content)
