"""``ttq-bench networks``: publish trained networks that still lie in ``work/``, list them all."""

import argparse
from collections.abc import Iterable

from ttq_bench.analysis.recorded import checked_records
from ttq_bench.commands.at_url import folder_of, in_step
from ttq_bench.commands.option_values import results_place
from ttq_bench.commands.options import add_results_option
from ttq_bench.errors import ResultsError, unwritable
from ttq_bench.files import is_intact
from ttq_bench.records.other_versions import split_by_version
from ttq_bench.records.paths import ResultsPaths, TrialPaths
from ttq_bench.records.remote.store import Folder
from ttq_bench.records.schema import TrialRecord
from ttq_bench.records.weights import weights_digest, weights_path

DESCRIPTION = """\
Publish trained networks of finished trials whose weights are in work/ but not in networks/ yet,
then print how many networks there are and their sizes. A run publishes its networks itself."""
EXAMPLES = ("ttq-bench networks", "ttq-bench networks --results /other/results")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add: whose networks."""
    add_results_option(parser, results_place)


def run(options: argparse.Namespace) -> int:
    """Publish what is missing, then print how many networks there are and their sizes; return 0."""
    return in_step(_publish, options)


def _publish(options: argparse.Namespace) -> int:
    results, folder = ResultsPaths(options.results), folder_of(options)
    if not results.root.is_dir():
        raise ResultsError(f"{results.root}: no such folder; name one with --results")
    current, _ = split_by_version(checked_records(results))
    finished = [record for record in current if record.outcome == "finished"]
    published = sum(
        _published(record, results.trial(record.trial_id), folder) for record in finished
    )
    print(f"{options.url or results.root}: {published} published now")
    for kind, sizes in _sizes(results, finished).items():
        there = [size for size in sizes if size]
        mean = f", {sum(there) / len(there) / 1000:,.0f} kB each" if there else ""
        total = f", {sum(there) / 1e6:,.1f} MB in all" if there else ""
        print(f"{kind}: {len(there)} of {len(sizes)} trials have their network{mean}{total}")
    return 0


def _published(record: TrialRecord, paths: TrialPaths, folder: Folder) -> bool:
    """Publish the network of one trial if it lies here and is not published; return whether so."""
    folder.bring_states(paths, weights_alone=True)
    if paths.network.exists() or not is_intact(weights_path(paths)):
        return False
    from ttq_bench.export.published import publish_network  # torch: 2 s
    from ttq_bench.probing.trained_network import recorded_spec, trained_model

    spec = recorded_spec(record, paths)
    model = trained_model(spec, paths, spec.card.classes)
    digest = weights_digest(paths)
    try:
        return publish_network(folder.create, paths, model, spec, weights_sha256=digest)
    except OSError as error:
        raise unwritable(paths.results.root, error) from error


def _sizes(results: ResultsPaths, records: Iterable[TrialRecord]) -> dict[str, list[int]]:
    """Return the bytes of each trial's network by kind, 0 where there is none."""
    found: dict[str, list[int]] = {"full precision": [], "quantized": []}
    for record in records:
        path = results.trial(record.trial_id).network
        kind = "quantized" if record.spec.get("quantization") else "full precision"
        found[kind].append(path.stat().st_size if path.exists() else 0)
    return found
