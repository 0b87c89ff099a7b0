"""The findings in words: every sentence is computed from an estimate, its interval and its n."""

import math

from ttq_bench.analysis.asymmetry import MARGIN, NetworkAsymmetry
from ttq_bench.analysis.comparison import ArmResult
from ttq_bench.analysis.paper import printed_errors
from ttq_bench.analysis.power import seeds_needed
from ttq_bench.analysis.statistics import Estimate
from ttq_bench.report.markdown import table, with_interval
from ttq_bench.report.naming import arm_label, seeds_of


def cost_sentence(result: ArmResult) -> str:
    """Say what one quantized arm costs against the same network without quantization."""
    arm = result.arm
    against, difference = "full precision trained on for as long", result.to_continued
    if difference is None:
        against, difference = "the full-precision network it started from", result.to_parent
    name = f"{arm.model}, {arm_label(arm.arm, arm.strategy)}, {arm.epochs} epochs"
    if difference is None:
        return f"- {name}: no full-precision record to compare with."
    points = with_interval(difference, signed=True)
    return (
        f"- {name}: **{points} points** of test error against {against},"
        f" n = {seeds_of(difference.n, arm)}: {cost_verdict(difference)}."
    )


def cost_verdict(difference: Estimate) -> str:
    """Return whether the interval decides the sign, and if not, what would."""
    if difference.excludes_zero:
        return "quantized is *worse*" if difference.mean > 0 else "quantized is *better*"
    if difference.n == 1:
        return "*undecided*, one pair has no interval"
    seeds = seeds_needed(difference.deviation, abs(difference.mean))
    need = f"; {seeds} seeds find a difference of this size with 80 % power" if seeds else ""
    return f"*undecided*, the interval does not exclude zero{need}"


def asymmetry_sentence(network: NetworkAsymmetry) -> str:
    """Say how far the scales of one arm are apart, and in how many layers that is shown."""
    arm, layers = network.arm, network.layers
    different = sum(layer.different for layer in layers)
    equal = sum(layer.equal for layer in layers)
    systematic = sum(layer.systematic for layer in layers)
    start = f" (at the start {network.start:.3f})" if network.start > 0 else ""
    apart = _percent_apart(network.size.mean)
    alarm = f" {network.undefined} scales are not positive: no ρ." if network.undefined else ""
    return (
        f"- {arm.model}, {arm_label(arm.arm, arm.strategy)}, {arm.epochs} epochs:"
        f" **{network.verdict}**. Mean size of ρ = ln(W_p/W_n):"
        f" **{with_interval(network.size, digits=3)}**{start},"
        f" n = {seeds_of(network.size.n, arm)}: one scale is {apart} larger than the other, at most"
        f" {_percent_apart(network.largest)}. Of {len(layers)}"
        f" layers {different} differ by more than {MARGIN:g}, {equal} by less,"
        f" {len(layers) - different - equal} are undecided; ρ differs from zero over seeds in"
        f" {systematic}.{alarm}"
    )


def _percent_apart(size: float) -> str:
    return "by an undefined share" if math.isnan(size) else f"{100 * math.expm1(size):.1f} %"


def error_table(results: list[ArmResult]) -> list[str]:
    """Return the lines of the table of errors."""
    header = [
        "data: model and arm", "epochs", "n", "test error %", "minus its start",
        "minus same budget", "zeros %", "paper %",
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
