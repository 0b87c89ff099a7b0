"""Compares a published network with its record: spec, scales, shares of codes."""

import json
from collections.abc import Iterator

from ttq_bench.errors import ResultsError
from ttq_bench.records.consistency import Difference, table_rows, unequal
from ttq_bench.records.networks import StoredNetwork, code_shares, read_network
from ttq_bench.records.paths import TrialPaths
from ttq_bench.records.schema import TrialRecord
from ttq_bench.records.store import read_table

SCALE_TABLE = "scales.parquet"
SHARES = ("positive_share", "zero_share", "negative_share")
SCALES = ("positive_scale", "negative_scale")
TOLERANCE = 1e-6  # scales are kept in single precision, and means of magnitudes are taken anew


def network_differences(paths: TrialPaths, record: TrialRecord) -> Iterator[Difference]:
    """Yield each place where the published network disagrees with the record, none without one.

    Of a full-precision network the spec alone is compared, since its record holds no weights.
    Trials that were fine-tuned from it hold the digest of its weights.
    """
    file = f"networks/{paths.network.name}"
    try:
        network = read_network(paths.network)
    except FileNotFoundError:
        return
    except ResultsError as error:
        yield Difference(file, "", str(error).removeprefix(f"{paths.network}: "))
        return
    for place, expected in (("trial_id", record.trial_id), ("spec", record.spec)):
        text = network.metadata.get(place, "")
        value = json.loads(text) if place == "spec" else text
        if value != expected:
            yield unequal(file, place, value, expected)
    if SCALE_TABLE in record.table_sha256:
        yield from _layer_differences(file, network, paths)


def _layer_differences(
    file: str, network: StoredNetwork, paths: TrialPaths
) -> Iterator[Difference]:
    rows = table_rows(read_table(paths, SCALE_TABLE))
    for row in (row for row in rows if row["epoch"] == rows[-1]["epoch"]):
        prefix = f"{row['layer']}.weight"
        codes = network.tensors.get(f"{prefix}.codes")
        if codes is None:
            yield Difference(file, row["layer"], "has no codes there, the record has scales")
            continue
        shares = dict(zip(SHARES, code_shares(codes, row["weight_count"]), strict=True))
        # A scale for each output channel stands in the record as the mean of them.
        scales = {name: float(network.tensors[f"{prefix}.{name}"].mean()) for name in SCALES}
        for name, value in {**shares, **scales}.items():
            if abs(value - row[name]) > TOLERANCE * max(1.0, abs(row[name])):
                yield unequal(file, f"{row['layer']}, {name}", value, row[name])
