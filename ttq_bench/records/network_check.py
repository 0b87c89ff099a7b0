"""Whether a published network is that of its record: spec, scales, shares of codes."""

import json
from collections.abc import Iterator

from ttq_bench.errors import ResultsError
from ttq_bench.records.consistency import Difference, table_rows, unequal
from ttq_bench.records.networks import StoredNetwork, code_shares, read_network
from ttq_bench.records.paths import TrialPaths
from ttq_bench.records.schema import TrialRecord
from ttq_bench.records.store import read_table

SCALES = "scales.parquet"
TOLERANCE = 1e-6  # scales are kept in single precision, and means of magnitudes are taken anew


def network_differences(paths: TrialPaths, record: TrialRecord) -> Iterator[Difference]:
    """Yield each place where the published network disagrees with the record, none without one.

    Of a full-precision network the record holds no weights: its spec alone is compared, and trials
    that were fine-tuned from it keep the digest of its weights.
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
        found = network.metadata.get(place, "")
        found = json.loads(found) if place == "spec" else found
        if found != expected:
            yield unequal(file, place, found, expected)
    if SCALES in record.table_sha256:
        yield from _layer_differences(file, network, paths)


def _layer_differences(
    file: str, network: StoredNetwork, paths: TrialPaths
) -> Iterator[Difference]:
    rows = table_rows(read_table(paths, SCALES))
    for row in (row for row in rows if row["epoch"] == rows[-1]["epoch"]):
        prefix = f"{row['layer']}.weight"
        codes = network.tensors.get(f"{prefix}.codes")
        if codes is None:
            yield Difference(file, row["layer"], "has no codes there, the record has scales")
            continue
        shares = dict(zip(SHARES, code_shares(codes, row["weight_count"]), strict=True))
        # A scale for each output channel stands in the record as the mean of them.
        scales = {name: float(network.tensors[f"{prefix}.{name}"].mean()) for name in NAMES}
        for name, found in {**shares, **scales}.items():
            if abs(found - row[name]) > TOLERANCE * max(1.0, abs(row[name])):
                yield unequal(file, f"{row['layer']}, {name}", found, row[name])


SHARES = ("positive_share", "zero_share", "negative_share")
NAMES = ("positive_scale", "negative_scale")
