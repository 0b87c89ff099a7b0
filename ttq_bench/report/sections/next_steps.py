"""What would decide a claim: seeds at the noise seen, and the core hours that they cost."""

import math

from ttq_bench.analysis.gains import DEPTHS
from ttq_bench.analysis.judges import FEWEST_JUDGED
from ttq_bench.analysis.ledger import LedgerRow
from ttq_bench.analysis.tables import Tables
from ttq_bench.models.catalog import MODELS
from ttq_bench.report.sections.markdown import anchor
from ttq_bench.report.sections.verdicts import PROXY
from ttq_bench.suite.protocols import PROTOCOLS

SECONDS_AN_HOUR = 3600
YARDSTICK = f"resnet{DEPTHS[0]}"
COMMANDS = {
    "sparsity": "`ttq-bench run sparsity --profile paper`",
    "imagenet": "`ttq-bench run imagenet --profile table2`",
    "resnet18b": "nothing: the paper does not say how it trained ResNet-18B;"
    f" `ttq-bench run imagenet --profile table3` gives {PROXY} on its data",
    "any": "any trial of TTQ",
    "cifar10": "`ttq-bench run cifar --profile paper`",
    "asymmetry": "`ttq-bench run asymmetry --profile paper`, then `ttq-bench probe`",
}
# Fine-tuned trials of a seed and model in these suites under protocol paper, the control with them.
FINE_TUNED = {"asymmetry": 9, "sparsity": 18, "cifar10": 2}


def what_would_decide(row: LedgerRow, tables: Tables) -> str:
    """Return what is needed for a verdict on the claim, or that there is one."""
    if row.exact and row.verdict in ("supported", "contradicted"):
        return "decided"
    if row.exact:
        return _more_seeds(row, tables)
    command = COMMANDS[_command(row)]
    hours = _published_hours(row, tables)
    cost = f", about {hours:,.0f} core hours a seed" if hours else ""
    return f"{command}{cost}{_seeds(row)}"


def _command(row: LedgerRow) -> str:
    return row.claim.suite or (row.claim.datasets[0] if row.claim.datasets else "any")


def _seeds(row: LedgerRow) -> str:
    if row.seeds is None or (row.value is not None and row.value.n < FEWEST_JUDGED):
        return ""
    noise = f"at the noise of the {PROXY}, {row.noise:.2g}"
    printed, reach = row.claim.printed_value, row.claim.reach
    if math.isfinite(reach):
        return f"; if it is so, {row.seeds} seeds show it within {reach:g} {noise}"
    if printed is not None:
        return f"; {row.seeds} seeds tell {abs(printed):.2g} from zero {noise}"
    if row.says != "undecided" or row.lacks:
        return ""
    return f"; {row.seeds} seeds find a difference of {row.claim.margin:g} {noise}"


def _more_seeds(row: LedgerRow, tables: Tables) -> str:
    assert row.measured is not None, "exact evidence was measured"
    n = len(row.measured.values)
    if row.seeds is None:
        return "more seeds; how many is not known yet"
    hours = (row.seeds - n) * _core_hours(tables, row.measured.trials) / n
    return f"{row.seeds} seeds at a noise of {row.noise:.2g}, about {hours:,.0f} core hours more"


def _core_hours(tables: Tables, trials: tuple[str, ...]) -> float:
    rows = tables.trials[tables.trials["trial_id"].isin(trials)]
    spent = rows["training_seconds"].astype(float) * rows["threads"].fillna(1).astype(float)
    return float(spent.sum()) / SECONDS_AN_HOUR


def _published_hours(row: LedgerRow, tables: Tables) -> float | None:
    """Return the core hours of one seed of the suite under protocol ``paper``.

    At the speed of the records made on CPUs (bf16 there): the median epoch of ResNet-20, by the
    counted operations of the claim's model.
    """
    if "cifar10" not in row.claim.datasets:
        return None
    model = row.claim.models[0] if row.claim.models else YARDSTICK
    rows = tables.trials[(tables.trials["model"] == YARDSTICK) & (tables.trials["device"] == "cpu")]
    if rows.empty or model not in MODELS:
        return None
    seconds = rows["training_seconds"].astype(float) * rows["threads"].fillna(1).astype(float)
    epoch = float((seconds / rows["epochs"]).median())
    if math.isnan(epoch):
        return None
    depths = [f"resnet{depth}" for depth in DEPTHS] if row.claim.id == "T1b" else [model]
    work = sum(MODELS[name].multiply_adds for name in depths) / MODELS[YARDSTICK].multiply_adds
    protocol = PROTOCOLS["paper"]
    fine_tuned = FINE_TUNED[_command(row)] * protocol.fine_tuned.epochs
    epochs = protocol.full_precision.epochs + fine_tuned
    return epochs * epoch * work / SECONDS_AN_HOUR


def records_anchor(row: LedgerRow) -> str:
    """Return the heading's anchor under which the records of a claim are listed."""
    return anchor(records_heading(row))


def records_heading(row: LedgerRow) -> str:
    """Return the heading under which the records of a claim are listed."""
    return f"Records of {row.claim.label}"
