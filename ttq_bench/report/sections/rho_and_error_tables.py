"""Tables of the findings: the scales of each arm, the errors of each arm."""

import math

from ttq_bench.analysis.asymmetry import NetworkAsymmetry, RhoOverLayers
from ttq_bench.analysis.comparison import ArmResult
from ttq_bench.analysis.margins import MARGIN
from ttq_bench.analysis.paper import printed_errors
from ttq_bench.analysis.systematic import SharedSigns
from ttq_bench.analysis.tables import Tables
from ttq_bench.report.naming import arm_label, seeds_of
from ttq_bench.report.sections.markdown import as_factor, table, with_interval
from ttq_bench.ternary.methods import METHODS

# Arms whose rho is held where it began by how their scales are trained.
PINNED = tuple(
    name for name, method in METHODS.items()
    if method.scales == "learned_pair" and method.scale_gradient != "sum"
)  # fmt: skip
HEADER = (
    "arm", "n", "zeros %", "systematic size of ρ", "raw size", "noise alone", "mean ρ",
    "one sign in all seeds", f"layers above / below {MARGIN:g} / undecided", "different",
)  # fmt: skip
SIZE = "√(W_p·W_n), end over start"  # acts where no batch normalisation follows


def is_pinned(network: NetworkAsymmetry) -> bool:
    """Whether the training of the scales holds rho where it began.

    The printed sign does so only where layers feed batch normalisation.
    """
    method = METHODS.get(network.arm.arm)
    fed = any(layer.feeds_batch_norm == "yes" for layer in network.layers)
    printed = method is not None and method.scale_gradient == "as_printed"
    return network.arm.arm in PINNED and (fed or not printed)


def rho_table(networks: list[NetworkAsymmetry], tables: Tables) -> list[str]:
    """Return how far the scales are apart, a row for each arm and kind of layer of one setting."""
    rows = []
    for network in networks:
        rows.append(_rho_row(network, network.fed, "", tables))
        if network.unfed:
            rows.append(_rho_row(network, network.unfed, "; layers that feed no BN", tables))
    if any(row[-1] != "–" for row in rows):
        return table((*HEADER, SIZE), rows)
    return table(HEADER, [row[:-1] for row in rows])


def _rho_row(
    network: NetworkAsymmetry, part: RhoOverLayers, kind: str, tables: Tables
) -> list[str]:
    arm = network.arm
    layers = [
        layer for layer in network.layers
        if network.unfed is None or (layer.feeds_batch_norm == "yes") == (part is network.fed)
    ]  # fmt: skip
    above, below = sum(x.different for x in layers), sum(x.equal for x in layers)
    zeros = tables.trials_of(arm)["sparsity"].astype(float)
    start = f"; {network.start:.3f} at the start" if network.start > 0 else ""
    alarm = f"; {network.undefined} scales not positive" if network.undefined else ""
    own = network.verdict if part is network.fed else "–"
    return [
        f"{arm.model}, {arm_label(arm.arm, arm.strategy)}{kind}{start}{alarm}",
        seeds_of(part.size.n, arm),
        f"{100 * zeros.mean():.1f}",
        with_interval(part.systematic, digits=3),
        with_interval(part.changed, digits=3),
        "–" if math.isnan(part.noise) else f"{part.noise:.3f}",
        with_interval(part.mean, signed=True, digits=3),
        _signs(part.signs) if part.size.n else "–",
        f"{above} / {below} / {len(layers) - above - below}",
        "control" if is_pinned(network) else own,
        "–" if any(layer.feeds_batch_norm == "yes" for layer in layers) else as_factor(part.growth),
    ]


def _signs(signs: SharedSigns) -> str:
    return f"{signs.shared} of {signs.layers} ({signs.by_chance:.1f} by chance)"


def error_table(results: list[ArmResult]) -> list[str]:
    """Return the lines of the table of errors."""
    header = [
        "data: model and arm", "epochs", "n", "test error %", "minus its start",
        "minus same budget", "zeros %", "codes flipped an epoch %", "paper %",
    ]  # fmt: skip
    rows = []
    with_top5 = any(result.top5_error for result in results)
    header[4:4] = ["top-5 test error %"] * with_top5
    for result in results:
        arm = result.arm
        sparsity = result.sparsity
        rows.append(
            [
                _row_label(result, results),
                arm.epochs,
                seeds_of(result.error.n, arm),
                with_interval(result.error),
                *([with_interval(result.top5_error)] * with_top5),
                with_interval(result.to_parent, signed=True),
                with_interval(result.to_continued, signed=True),
                f"{100 * sparsity.mean:.1f}" if sparsity and sparsity.n else "–",
                f"{100 * result.flips.mean:.1f}" if result.flips else "–",
                " / ".join(f"{error:.2f}" for error in printed_errors(arm)) or "–",
            ]
        )
    return table(header, rows)


def _row_label(result: ArmResult, results: list[ArmResult]) -> str:
    """Return the arm's name, with its recipe where the name and the epochs do not tell it apart."""
    arm = result.arm
    twins = [
        other.arm
        for other in results
        if (other.arm.model, other.arm.arm, other.arm.strategy, other.arm.epochs)
        == (arm.model, arm.arm, arm.strategy, arm.epochs)
    ]
    recipe = f" (recipe {arm.recipe})" if len(twins) > 1 else ""
    return f"{arm.dataset}: {arm.model}, {arm_label(arm.arm, arm.strategy)}{recipe}"
