"""Logged scales and errors of other people's runs; ``reference_data/README.md`` names the sources.

One run each: no seeds, no interval. Layers of residual networks are renamed to the names in ours.
"""

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

import numpy as np
import pandas as pd

# The log of each of our models. The authors' ResNet-20 is pre-activation; both have these layers.
LOGS: Mapping[str, str] = MappingProxyType(
    {"resnet20": "resnet20", "preact_resnet20": "resnet20", "alexnet": "alexnet"}
)
ERRORS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "resnet20": {
            "validation_error": "test_error_percent", "train_error": "train_error_percent"
        },
        "alexnet": {
            "val-error-top1": "test_error_percent", "val-error-top5": "test_top5_error_percent"
        },
    }
)  # fmt: skip


def authors_scales(model: str) -> pd.DataFrame | None:
    """Return the authors' logged scales of each layer after each epoch, None where there is no log.

    Columns: epoch, layer, positive_scale, negative_scale, rho, feeds_batch_norm. In the authors'
    pre-activation ResNet-20 the first convolution of a block feeds batch normalisation, the second
    and the last layer do not. In AlexNet all six logged layers do. The size of the scales that
    training conserves agrees with this: tests/analysis/test_reference.py.
    """
    if model not in LOGS:
        return None
    rows = _read(f"authors_{LOGS[model]}_scales.csv")
    rows = rows.rename(columns={"wp": "positive_scale", "wn": "negative_scale"})
    fed = pd.Series(True, index=rows.index)
    if LOGS[model] == "resnet20":
        fed = rows["layer"].str.endswith("/conv1")
    ours = {name: _our_name(name) for name in rows["layer"].unique()}
    rows["layer"] = rows["layer"].map(ours)
    return _with_rho(rows, fed)


def authors_errors(model: str) -> pd.DataFrame | None:
    """Return the authors' logged errors in percent after each epoch, None where there is no log.

    Columns: epoch, test_error_percent, learning_rate, and train_error_percent (ResNet-20) or
    test_top5_error_percent (AlexNet).
    """
    if model not in LOGS:
        return None
    rows = _read(f"authors_{LOGS[model]}_metrics.csv")
    wide = rows.pivot(index="epoch", columns="metric", values="value").reset_index()
    errors = {name: 100 * wide[metric] for metric, name in ERRORS[LOGS[model]].items()}
    return pd.DataFrame({"epoch": wide["epoch"], **errors, "learning_rate": wide["learning_rate"]})


def peer_scales() -> pd.DataFrame:
    """Return the scales in the checkpoints of the most copied PyTorch port, one row a layer.

    Columns: model, layer, weight_count, positive_scale, negative_scale, rho, feeds_batch_norm,
    positive_share, zero_share, negative_share. In DenseNet all layers feed batch normalisation,
    directly or through a concatenation; in SqueezeNet the squeeze layers do.
    """
    names = {
        "n_weights": "weight_count", "wp": "positive_scale", "wn": "negative_scale",
        "frac_zero": "zero_share", "frac_pos": "positive_share", "frac_neg": "negative_share",
    }  # fmt: skip
    rows = _read("peer_scales.csv").rename(columns=names)
    dense = rows["model"].str.contains("densenet")
    return _with_rho(rows, dense | rows["layer"].str.contains(".squeeze.", regex=False))


def _with_rho(rows: pd.DataFrame, fed: "pd.Series[bool]") -> pd.DataFrame:
    rows["rho"] = np.log(rows["positive_scale"] / rows["negative_scale"])
    rows["feeds_batch_norm"] = np.where(fed, "yes", "no")
    return rows


def _our_name(layer: str) -> str:
    """Return ``layer1.0.conv1`` for ``res1.0/conv1``, any other name as it is."""
    return re.sub(r"^res(\d\.\d)/", r"layer\1.", layer)


def _read(name: str) -> pd.DataFrame:
    return _parsed(name).copy()  # the caller may change it


@cache
def _parsed(name: str) -> pd.DataFrame:
    with (resources.files("ttq_bench.analysis") / "reference_data" / name).open() as file:
        return pd.read_csv(file)
