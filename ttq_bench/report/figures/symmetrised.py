"""What the difference of the scales is worth: test error with both scales of a layer made equal."""

from functools import partial

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ttq_bench.analysis.arms import Arm
from ttq_bench.analysis.statistics import estimate
from ttq_bench.analysis.tables import Tables
from ttq_bench.records.probes import Probe
from ttq_bench.report.contents import Contents
from ttq_bench.report.figures.shown_arms import ONE_STRENGTH, looks_of, one_strength
from ttq_bench.report.figures.style import (
    NARROWEST,
    Look,
    ReportFigure,
    bar,
    name_layers,
    readable,
    shift,
)
from ttq_bench.report.naming import arm_label, network_file, table_name

ALL_LAYERS = "all layers"
APART = 0.7  # how much farther the last place stands than the others from each other
CAPTION = (
    "Change of test error, in points, when both scales of one layer, or of all of them (right"
    " of the dotted line), become sqrt(W_p W_n): each seed, and the mean with its 95 % interval"
    " (none for fewer than three seeds). Compared with the same"
    " weights with their scales as trained; batch normalisation is estimated anew in both."
    f" Above zero the network loses by it.{ONE_STRENGTH}"
)


def cost_of_symmetry(contents: Contents) -> list[ReportFigure]:
    """Return one figure for each network with probes: all its arms side by side at each layer."""
    tables, figures = contents.tables, []
    for arms in tables.networks():
        looks = looks_of(arms)
        changes = [(arm, symmetry_changes(tables, arm), looks[arm]) for arm in one_strength(arms)]
        shown = [change for change in changes if len(change[1])]
        if shown:
            where = table_name(arms[0])
            title = f"Test error with both scales of a layer made equal after training: {where}"
            name = network_file("symmetrised", arms[0])
            figures.append(ReportFigure(name, title, CAPTION, partial(_draw, where, shown)))
    return figures


def symmetry_changes(tables: Tables, arm: Arm) -> pd.DataFrame:
    """Return the change of test error in points, by trial and layer, of one arm's finished trials.

    Columns: trial_id, layer (``ALL_LAYERS`` last), points. Each is against the same weights with
    their scales as trained, batch normalisation being estimated anew in both.
    """
    trials = set(tables.trials_of(arm)["trial_id"])
    rows = [
        (probe.trial_id, layer, error - probe.reestimated_error_percent)
        for probe in tables.probes
        if probe.trial_id in trials
        for layer, error in _errors(probe).items()
    ]
    return pd.DataFrame(rows, columns=["trial_id", "layer", "points"])


def _errors(probe: Probe) -> dict[str, float]:
    errors = {layer.layer: layer.test_error_percent for layer in probe.symmetrised}
    if probe.all_symmetrised_error_percent is not None:
        errors[ALL_LAYERS] = probe.all_symmetrised_error_percent
    return errors


def _draw(where: str, shown: list[tuple[Arm, pd.DataFrame, Look]]) -> Figure:
    longest = max(
        (changes for _, changes, _ in shown), key=lambda changes: changes["layer"].nunique()
    )
    names = [name for name in longest["layer"].unique() if name != ALL_LAYERS]
    places = {name: float(place) for place, name in enumerate(names)}
    places[ALL_LAYERS] = len(names) + APART
    figure, axis = plt.subplots(figsize=(max(NARROWEST, 0.55 * len(places) + 2.5), 4.6))
    axis.axhline(0, color="0.4", lw=1)
    axis.axvline(len(names) - 0.5 + APART / 2, color="0.4", lw=1, ls=":")
    for number, (arm, changes, style) in enumerate(shown):
        draw_changes(axis, changes, places, shift(number, len(shown)), arm, style)
    name_layers(axis, names)
    axis.set_xticks([*places.values()], [*places])
    axis.set_xlim(-0.6, places[ALL_LAYERS] + 0.6)
    points = pd.concat([changes["points"] for _, changes, _ in shown])
    axis.set_ylim(readable(points, 0.0))
    axis.set_ylabel("change of test error (points)\nequal scales minus as trained")
    axis.set_title(
        f"{where}: one scale instead of two, after training\n"
        "small dots: seeds; large marks: means, 95 % intervals", fontsize=10,
    )  # fmt: skip
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def draw_changes(  # noqa: PLR0917
    axis: Axes, changes: pd.DataFrame, places: dict[str, float], aside: float, arm: Arm, style: Look
) -> None:
    """Draw every seed, and mean and interval over seeds, of one arm, moved ``aside``."""
    at = changes["layer"].map(places) + aside
    axis.scatter(at, changes["points"], s=9, color=style.colour, alpha=0.6, zorder=2)
    means = {place: estimate(points.to_numpy()) for place, points in changes["points"].groupby(at)}
    axis.errorbar(
        list(means), [mean.mean for mean in means.values()],
        yerr=[bar(mean) for mean in means.values()],
        fmt=style.marker, color=style.colour, ms=5, lw=1, capsize=2, zorder=3,
        label=arm_label(arm.arm, arm.strategy),
    )  # fmt: skip
