"""The tables of the experiments, each with intervals and n."""

import math
from collections.abc import Iterator
from itertools import groupby

import pandas as pd

from ttq_bench.analysis.comparison import ArmResult, flips_an_epoch
from ttq_bench.analysis.gains import TTQ
from ttq_bench.analysis.margins import ONE_SCALE, SETTLES
from ttq_bench.analysis.measured import (
    CONSTANT_RATE,
    Network,
    Select,
    finished,
    networks,
    paired_errors,
)
from ttq_bench.analysis.settling import settling
from ttq_bench.analysis.sparsity_curve import sweep
from ttq_bench.analysis.statistics import equivalence_p, estimate, holm, p_value
from ttq_bench.analysis.symmetrised import all_at_once, probes_of
from ttq_bench.analysis.tables import Tables
from ttq_bench.data.catalog import describe_dataset
from ttq_bench.records.probes import Probe
from ttq_bench.report.contents import Contents
from ttq_bench.report.naming import arm_label
from ttq_bench.report.sections.how_to_read import OF_ERRORS
from ttq_bench.report.sections.markdown import table, with_interval
from ttq_bench.report.sections.rho_and_error_tables import error_table
from ttq_bench.ternary.methods import METHODS

NOTHING = ("No record answers this yet.", "")
_YES_NO = {True: "yes", False: "no"}
PAIRED = [name for name, method in METHODS.items() if method.scales == "learned_pair"]


def against_ttq(contents: Contents) -> Iterator[str]:
    """Yield the error of each other arm minus that of TTQ, paired, with a test for equivalence."""
    tables, flips = contents.tables, flips_an_epoch(contents.tables)
    header = [
        "arm", "minus TTQ [95 %]", "n", "equivalent: p", "codes flipped an epoch %, arm / TTQ",
    ]  # fmt: skip
    by_network = {
        network: rows
        for network in networks(tables)
        if (rows := list(_arms_against_ttq(tables, network, flips)))
    }
    if by_network:
        yield f"Test error of each arm minus that of TTQ {TTQ[1]}, paired, in points. *Equivalent*:"
        yield f"p of two one-sided t tests that the difference is within {ONE_SCALE:g} points."
        yield "These are no verdicts: all arms have one learning rate, which suits methods"
        yield "differently, as the codes show that they flip. Only *one scale for both* is judged"
        yield "(A1 capacity, B1 no value): it differs from TTQ in its scales alone."
        yield ""
    for network, rows in by_network.items():
        yield f"**{network}**"
        yield ""
        yield from table(header, rows)


def _arms_against_ttq(
    tables: Tables, network: Network, flips: "pd.Series[float]"
) -> Iterator[list[str]]:
    trials = finished(tables, network)
    selects = {
        (str(arm), str(strategy))
        for arm, strategy in trials[["arm", "delta_strategy"]].itertuples(index=False)
    }
    for select in sorted(selects - {TTQ}, key=lambda pair: (_rank(pair[0]), pair)):
        measured = paired_errors(tables, network, select, TTQ)
        if measured is None:
            continue
        n = len(measured.values)
        arm, ttq = (
            100 * float(flips.reindex(list(measured.trials[part])).mean())
            for part in (slice(n), slice(n, None))
        )
        yield [
            arm_label(*select),
            with_interval(measured.estimate, signed=True),
            str(n),
            f"{equivalence_p(measured.values, -ONE_SCALE, ONE_SCALE):.3f}",
            "–" if math.isnan(arm) else f"{arm:.1f} / {ttq:.1f}",
        ]


def _rank(arm: str) -> int:
    order = list(METHODS)
    return order.index(arm) if arm in order else len(order)


def symmetrised_tables(contents: Contents) -> Iterator[str]:
    """Yield for each arm with probes what equal scales cost, layer by layer and all at once."""
    tables = contents.tables
    if tables.probes:
        yield "Change of test error in points when both scales of a trained layer are set to"
        yield "√(W_p·W_n), against a control that was treated alike. *Shown*: the change differs"
        yield "from zero (t tests, Holm over the layers)."
        yield ""
    for network in networks(tables):
        for arm in PAIRED:
            select = (arm, TTQ[1])
            if probes := probes_of(tables, network, select):
                yield from _symmetrised(contents, network, select, probes)


def _symmetrised(
    contents: Contents, network: Network, select: Select, probes: list[Probe]
) -> Iterator[str]:
    count = probes[0].reestimation_images
    control = f": batch normalisation is estimated anew on {count:,} training images"
    yield f"**{network}, {arm_label(*select)}**{control if count else ''}"
    yield ""
    changes: dict[str, list[float]] = {}
    for probe in probes:
        for layer in probe.symmetrised:
            change = layer.test_error_percent - probe.reestimated_error_percent
            changes.setdefault(layer.layer, []).append(change)
    shown = holm([p_value(values, 0.0, "two-sided") for values in changes.values()])
    rows = [
        [name, with_interval(estimate(values), signed=True), str(len(values)), _YES_NO[differs]]
        for (name, values), differs in zip(changes.items(), shown, strict=True)
    ]
    together = all_at_once(contents.tables, network, select)
    if together is not None:
        total = together.estimate
        words = _YES_NO[total.excludes_zero]
        interval = with_interval(total, signed=True)
        rows.append(["**all layers at once**", interval, str(total.n), words])
    yield from table(["layer", "change [95 %]", "n", "shown"], rows)


def sparsity_table(contents: Contents) -> Iterator[str]:
    """Yield error and zeros for each number of both delta strategies."""
    tables = contents.tables
    rows = []
    for network in networks(tables):
        for name in ("constant_sparsity", "max_fraction"):
            curve = sweep(tables, network, name)
            for (_, strategy), trials in curve.groupby(["strategy_number", "strategy"]):
                rows.append(
                    [
                        str(network),
                        str(strategy),
                        f"{100 * trials['sparsity'].mean():.1f}",
                        with_interval(estimate(list(trials["final_error_percent"]))),
                        str(len(trials)),
                    ]
                )
    if not rows:
        yield from NOTHING
        return
    header = ["network", "TTQ with", "zeros %", "test error % [95 %]", "n"]
    yield from table(header, rows)


def error_tables(contents: Contents) -> Iterator[str]:
    """Yield for each data set and protocol the errors of all arms, and what quantizing costs."""
    yield OF_ERRORS
    for (dataset, protocol), group in groupby(
        contents.results, key=lambda r: (r.arm.dataset, r.arm.protocol)
    ):
        results = list(group)
        yield f"### {dataset}, protocol {protocol}"
        yield ""
        yield _data(contents.tables, dataset)
        yield ""
        yield from error_table(results)
        yield from _training(contents.tables, results)


def _data(tables: Tables, dataset: str) -> str:
    held_out = tables.trials.loc[tables.trials["dataset"] == dataset, "validation_count"].max()
    return (
        f"**Data: {dataset}** — {describe_dataset(dataset)}. {held_out:,} training images are held"
        " out for validation and not trained on."
    )


def _training(tables: Tables, results: list[ArmResult]) -> Iterator[str]:
    ways: dict[str, list[str]] = {}
    for result in results:
        arm = result.arm
        for words in sorted(set(tables.trials_of(arm)["training"])):
            ways.setdefault(f"{arm.model}: {words}", []).append(arm_label(arm.arm, arm.strategy))
    yield "Training:"
    yield ""
    for words, arms in ways.items():
        yield f"- {words} ({'; '.join(arms)})"
    yield ""


def kept_movement(contents: Contents) -> Iterator[str]:
    """Yield how much longer the scales move than the shares (claim O1)."""
    rows = []
    for network in networks(contents.tables):
        measured = settling(contents.tables, network, TTQ)
        if measured is not None:
            value = measured.estimate
            rate = _YES_NO[CONSTANT_RATE in measured.meets]
            rows.append([str(network), with_interval(value, signed=True), str(value.n), rate])
    if not rows:
        yield from NOTHING
        return
    yield "Share of their first movement an epoch that the scales keep at the end, minus that of"
    yield f"the shares of +, 0, -. Within {SETTLES:g} both settle alike; under a falling rate they"
    yield "would, whatever goes on at a constant one:"
    yield ""
    header = ["setting, TTQ", "scales minus shares [95 %]", "n", "at a constant rate"]
    yield from table(header, rows)
