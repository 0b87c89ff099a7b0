"""The scales of each layer at the last epoch, a table an arm."""

from collections.abc import Iterator

from ttq_bench.analysis.asymmetry import NetworkAsymmetry
from ttq_bench.analysis.tables import Tables
from ttq_bench.report.contents import Contents
from ttq_bench.report.figures.shown_arms import is_usual
from ttq_bench.report.naming import heading
from ttq_bench.report.sections.how_to_read import OF_LAYERS
from ttq_bench.report.sections.markdown import table, with_interval
from ttq_bench.report.sections.rho_and_error_tables import PINNED

HEADER = (
    "layer", "feeds BN", "W_p", "W_n", "ρ", "size of ρ", "+ / 0 / − %", "same sign",
    "r to ln(n₊/n₋)", "noise", "ρ is",
)  # fmt: skip
ANSWERS = ("different", "equal", "systematic")


def layer_tables(contents: Contents) -> Iterator[str]:
    """Yield the tables of the usual arms that learn two scales freely."""
    shown = [n for n in contents.asymmetries if is_usual(n.arm) and n.arm.arm not in PINNED]
    if not shown:
        return
    yield "## Scales by layer"
    yield ""
    yield OF_LAYERS
    for network in shown:
        yield from _layer_table(contents.tables, network)


def _layer_table(tables: Tables, network: NetworkAsymmetry) -> Iterator[str]:
    yield f"### {heading(network.arm)}"
    yield ""
    means = tables.final_scales_of(network.arm).groupby("layer").mean(numeric_only=True)
    rows = []
    for layer in network.layers:
        mean = means.loc[layer.layer]
        shares = (mean["positive_share"], mean["zero_share"], mean["negative_share"])
        rows.append(
            [
                layer.layer,
                layer.feeds_batch_norm,
                f"{mean['positive_scale']:.3f}",
                f"{mean['negative_scale']:.3f}",
                with_interval(layer.rho, signed=True, digits=3),
                with_interval(layer.size, digits=3),
                " / ".join(f"{100 * share:.0f}" for share in shares),
                f"{layer.signs.agreeing} of {layer.signs.n}",
                with_interval(layer.counts, signed=True),
                f"{layer.noise.between:.3f} / {layer.noise.within:.3f}",
                ", ".join(word for word in ANSWERS if getattr(layer, word)) or "undecided",
            ]
        )
    yield from table(HEADER, rows)
