"""For each claim the records that answer it: ``WRITERS``, by the claim's label.

A writer publishes, on one network, a trial or more a seed from which the claim's measure reads just
the wanted values. A new claim needs a line here; tests/analysis/test_claims.py says so.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.paired_records import write_arm, write_parents
from tests.written_records import seal_anew, write_probe, write_trial
from ttq_bench.analysis.claims import Claim
from ttq_bench.analysis.gains import DEPTHS
from ttq_bench.analysis.measured import Network

Values = Sequence[float]
Write = Callable[[Path, Values, dict[str, str]], None]
ERROR = 20.0


def network_of(claim: Claim) -> Network:
    """Return a network on which evidence for the claim is exact."""
    dataset = (*claim.datasets, "cifar10")[0]
    return Network(dataset, "paper", (*claim.models, "resnet20")[0])


def write_evidence(root: Path, claim: Claim, values: Values, network: Network) -> None:
    where = {"dataset": network.dataset, "protocol": network.protocol, "model": network.model}
    WRITERS[claim.label](root, values, where)


def write_beside_others(root: Path, claim: Claim, values: Values, network: Network) -> None:
    """Publish evidence in a folder of its own and move it in, under names of its own."""
    name = re.sub(r"\W+", "-", str(network))
    write_evidence(root / name, claim, values, network)
    (root / "trials").mkdir(exist_ok=True)
    for folder in (root / name / "trials").iterdir():
        target = folder.rename(root / "trials" / f"{name}-{folder.name}")
        text = (target / "record.json").read_text()
        text = text.replace(f'"trial_id": "{folder.name}"', f'"trial_id": "{target.name}"')
        text = text.replace('"parent": "', f'"parent": "{name}-')
        (target / "record.json").write_text(text)
        seal_anew(target)


def _paired(arm: str) -> Write:
    """Return the writer of errors of ``arm`` minus those of TTQ."""

    def write(root: Path, values: Values, where: dict[str, str]) -> None:
        write_parents(root, len(values), **where)
        write_arm(root, arm, [ERROR + value for value in values], **where)
        write_arm(root, "ttq", [ERROR] * len(values), **where)

    return write


def _depths(root: Path, values: Values, where: dict[str, str]) -> None:
    for step, depth in enumerate(DEPTHS):
        there = {**where, "model": where["model"].replace("20", str(depth))}
        tag = f"-{depth}"
        write_parents(root, len(values), tag=tag, **there)
        for seed, value in enumerate(values):
            start = {"tag": tag, "parent": f"fp{tag}-{seed}", **there}
            write_arm(root, "on", {seed: ERROR + step * value}, **start)
            write_arm(root, "ttq", {seed: ERROR}, **start)


def _sizes(root: Path, values: Values, where: dict[str, str]) -> None:
    write_parents(root, len(values), **where)
    for seed, value in enumerate(values):
        write_arm(root, "ttq", {seed: ERROR}, scales={"a": (math.exp(value), 1.0)}, **where)


def _slopes(root: Path, values: Values, where: dict[str, str]) -> None:
    """Three layers, whose rho is the value times ln(n+/n-)."""
    logs = dict(zip("abc", (-0.4, -0.1, 0.2), strict=True))
    shares = {
        name: {
            "positive_share": 0.2 * math.exp(log / 2),
            "negative_share": 0.2 * math.exp(-log / 2),
        }
        for name, log in logs.items()
    }
    write_parents(root, len(values), **where)
    for seed, slope in enumerate(values):
        write_arm(
            root, "ttq", {seed: ERROR}, changes=lambda _, layer: shares[layer],
            scales={name: (math.exp(slope * log), 1.0) for name, log in logs.items()}, **where,
        )  # fmt: skip


def _settlings(root: Path, values: Values, where: dict[str, str]) -> None:
    """Three epochs: shares keep half of their movement, ln W_p half and ``value`` on top."""
    write_parents(root, len(values), **where)
    shares = [0.2, 0.4, 0.5, 0.6]
    for seed, value in enumerate(values):
        logs = [0.0, 0.2, 0.3, 0.3 + 0.2 * (0.5 + value)]
        rows = [
            {"positive_scale": math.exp(log), "positive_share": share, "zero_share": 0.9 - share}
            for log, share in zip(logs, shares, strict=True)
        ]
        write_trial(
            root, f"ttq-{seed}", seed=seed, errors=(ERROR,) * 3, parent=f"fp-{seed}",
            scales={"a": (1.0, 1.0)}, changes=lambda epoch, _, found=rows: found[epoch], **where,
        )  # fmt: skip


def _curves(at: Mapping[float, float], thresholds: Mapping[float, float] = {}) -> Write:
    """Return the writer of a curve whose error is raised by ``at`` times the value."""

    def write(root: Path, values: Values, where: dict[str, str]) -> None:
        write_parents(root, len(values), **where)
        for name, points in (("constant_sparsity", at), ("max_fraction", thresholds)):
            for sparsity, times in points.items():
                errors = [ERROR + times * value for value in values]
                more: dict[str, Any] = {"strategy": (name, sparsity), "sparsity": sparsity}
                write_arm(root, "ttq", errors, tag=f"-{name}{sparsity}", **more, **where)

    return write


def _probes(root: Path, values: Values, where: dict[str, str]) -> None:
    write_parents(root, len(values), **where)
    write_arm(root, "ttq", [ERROR] * len(values), **where)
    for seed, value in enumerate(values):
        write_probe(root, f"ttq-{seed}", control=ERROR, together=ERROR + value)


def _counted(root: Path, values: Values, where: dict[str, str]) -> None:
    """One layer, the whole network, of so many weights that it gets ``values[0]`` times smaller."""
    count = 4 * round(8 / (4 / values[0] - 1 / 4) / 4)  # 4 n bytes over n / 4 + 8
    write_parents(root, 1, **where)
    write_arm(
        root, "ttq", [ERROR], parameter_count=count + 2,
        changes=lambda *_: {"weight_count": count}, **where,
    )  # fmt: skip


WRITERS: Mapping[str, Write] = {
    **{f"T1 ResNet-{depth}": _paired("on") for depth in DEPTHS},
    "T1b": _depths,
    "F2": _paired("dorefa-w1"),
    "TWN": _paired("twn"),
    "T2 top-1": _paired("on"),
    "T3 top-1": _paired("twn"),
    "A1 different": _sizes,
    "A1 direction": _sizes,
    "A1 capacity": _paired("ttq-tied"),
    "A2": _paired("ttq-ste"),
    "S1 falls": _curves({0.0: 1, 0.4: 0}),
    "S1 rises": _curves({0.4: 0, 0.9: 1}),
    "S2": _curves({0.2: 1, 0.6: 1}, {0.22: 0}),
    "Z1 layers": _counted,
    "Z1 network": _counted,
    "O1": _settlings,
    "B1 close": _sizes,
    "B1 no value": _paired("ttq-tied"),
    "Q1": _probes,
    "Q2": _slopes,
}

UNITS = {
    "points": 1.0, "points for 12 layers": 1.0, "|ρ|": 0.04, "ρ": 0.04, "times": 0.5,
    "share of movement": 0.3, "slope": 0.5,
}  # fmt: skip


def values_for(claim: Claim, verdict: str) -> tuple[float, ...]:
    """Return three seeds that make the claim ``verdict``: far within its bound, beyond, across."""
    low, high = claim.bound
    unit = UNITS[claim.unit]
    end, inwards = (low, unit) if math.isfinite(low) else (high, -unit)
    inside = (low + high) / 2 if math.isfinite(low + high) else end + inwards
    centre = {"supported": inside, "contradicted": end - inwards, "undecided": end}[verdict]
    spread = unit * (0.5 if verdict == "undecided" else 0.02)
    return (centre - spread, centre, centre + spread)
