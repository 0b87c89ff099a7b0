"""How an arm is called in headings and in file names."""

import re

from ttq_bench.analysis.arms import Arm
from ttq_bench.analysis.measured import Network
from ttq_bench.spec.trial import CONTINUED
from ttq_bench.ternary.methods import METHODS


def arm_label(arm: str, strategy: str = "") -> str:
    """Return an arm as people read it: ``TTQ max_fraction(0.05)``."""
    if arm == CONTINUED:  # the parent, trained on: an arm without a method of its own
        return "full precision, trained on"
    label = METHODS[arm].label if arm in METHODS else arm
    return f"{label} {strategy}".strip()


def table_name(arm: Arm) -> str:
    """Return what the rows of one table share: model, data and protocol."""
    return f"{arm.model}, {arm.dataset}, protocol {arm.protocol}"


def heading(arm: Arm) -> str:
    """Return model, arm, data, protocol and budget."""
    label = arm_label(arm.arm, arm.strategy)
    return f"{arm.model}, {label}, {arm.dataset}, protocol {arm.protocol}, {arm.epochs} epochs"


def seeds_of(n: int, arm: Arm) -> str:
    """Return n, and beside it the seeds that diverged and therefore are not in it."""
    return f"{n} (+{arm.diverged} diverged)" if arm.diverged else str(n)


def seeds_in_words(n: int) -> str:
    """Return ``one seed`` or ``5 seeds``."""
    return "one seed" if n == 1 else f"{n} seeds"


def layer_label(layer: str, feeds_batch_norm: str) -> str:
    """Return a layer's name, marked unless it feeds batch normalisation."""
    return layer + {"yes": "", "no": " (no BN)"}.get(feeds_batch_norm, " (BN?)")


def network_file(kind: str, network: Arm | Network) -> str:
    """Return the file name of a figure that all arms of one network share."""
    return file_name(kind, network.dataset, network.protocol, network.model)


def file_name(*parts: str) -> str:
    """Return the parts joined, with nothing in it that a path or a link would trip over."""
    return "_".join(re.sub(r"[^A-Za-z0-9.-]+", "-", part).strip("-") for part in parts if part)
