"""How an arm is called in headings and in file names."""

import re
from typing import Any

import pandas as pd

ARM_LABELS = {
    "full_precision": "full precision",
    "full_precision_continued": "full precision, trained on",
    "ttq": "TTQ",
}


def arm_label(arm: str, strategy: str = "") -> str:
    """Return an arm as people read it: ``TTQ max_fraction(0.05)``."""
    return f"{ARM_LABELS.get(arm, arm)} {strategy}".strip()


def heading(row: "pd.Series[Any]") -> str:
    """Return model, arm, data and protocol of a row of the trials' table."""
    arm = arm_label(str(row["arm"]), str(row["strategy"]))
    return f"{row['model']}, {arm}, {row['dataset']}, protocol {row['protocol']}"


def figure_name(kind: str, row: "pd.Series[Any]") -> str:
    """Return a file name without an ending, unique for each arm of each table."""
    parts = [kind, *(str(row[key]) for key in ("dataset", "protocol", "model", "arm", "strategy"))]
    parts.append(str(row["recipe"]))
    return file_name(*parts)


def file_name(*parts: str) -> str:
    """Return the parts joined, with nothing in it that a path or a link would trip over."""
    return "_".join(re.sub(r"[^A-Za-z0-9.-]+", "-", part).strip("-") for part in parts if part)
