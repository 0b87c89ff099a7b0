"""The findings in words: every sentence is computed from an estimate, its interval and its n."""

from ttq_bench.analysis.asymmetry import MARGIN, NetworkAsymmetry
from ttq_bench.analysis.comparison import ArmResult
from ttq_bench.analysis.paper import printed_error
from ttq_bench.analysis.statistics import Estimate, seeds_needed
from ttq_bench.report.markdown import table, with_interval
from ttq_bench.report.naming import arm_label


def cost_sentence(result: ArmResult) -> str:
    """Say what one ternary arm costs against the same network without quantization."""
    against, difference = "full precision trained on equally long", result.to_continued
    if difference is None:
        against, difference = "the full-precision network it started from", result.to_parent
    name = f"{result.model}, {arm_label(result.arm, result.strategy)}"
    if difference is None or difference.n == 0:
        return f"- {name}: no full-precision record to compare with."
    points = with_interval(difference, signed=True)
    return (
        f"- {name}: **{points} points** of test error against {against},"
        f" n = {difference.n}: {cost_verdict(difference)}."
    )


def cost_verdict(difference: Estimate) -> str:
    """Return whether the interval decides the sign, and if not, what would."""
    if difference.excludes_zero:
        return "TTQ is *worse*" if difference.mean > 0 else "TTQ is *better*"
    seeds = seeds_needed(difference, abs(difference.mean))
    need = f"; about {seeds} seeds would decide a difference of this size" if seeds else ""
    return f"*undecided*, the interval holds zero{need}"


def asymmetry_sentence(network: NetworkAsymmetry) -> str:
    """Say how far the scales of one arm are apart, and in how many layers that is systematic."""
    layers = network.layers
    systematic = sum(layer.systematic for layer in layers)
    equal = sum(layer.equal for layer in layers)
    undecided = sum(not (layer.systematic or layer.equal) for layer in layers)
    return (
        f"- {network.model}, {arm_label(network.arm, network.strategy)}: **{network.verdict}**."
        f" Mean size of ρ = ln(W_p/W_n) over {len(layers)} layers:"
        f" **{with_interval(network.magnitude, digits=3)}**, n = {network.magnitude.n}; largest"
        f" {network.largest:.3f}. ρ differs from zero in {systematic} layers, is within"
        f" ±{MARGIN:g} in {equal}, undecided in {undecided}."
    )


def error_table(results: list[ArmResult]) -> list[str]:
    """Return the lines of the table of errors."""
    header = [
        "model and arm", "n", "test error %", "minus its start", "minus same budget", "zeros %",
        "paper %",
    ]  # fmt: skip
    rows = []
    for result in results:
        printed = printed_error(result.dataset, result.protocol, result.model, result.arm)
        zeros = (
            f"{100 * result.sparsity.mean:.1f}" if result.sparsity and result.sparsity.n else "–"
        )
        rows.append(
            [
                f"{result.model}, {arm_label(result.arm, result.strategy)}",
                str(result.error.n)
                + (f" (+{result.diverged} diverged)" if result.diverged else ""),
                with_interval(result.error),
                with_interval(result.to_parent, signed=True),
                with_interval(result.to_continued, signed=True),
                zeros,
                "–" if printed is None else f"{printed:.2f}",
            ]
        )
    return table(header, rows)
