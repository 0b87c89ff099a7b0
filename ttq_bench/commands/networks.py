"""``ttq-bench networks``: publish trained networks from ``work/``, and list their sizes."""

import argparse
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from ttq_bench.analysis.recorded import checked_records
from ttq_bench.commands.at_url import in_step
from ttq_bench.commands.option_values import results_place
from ttq_bench.commands.options import add_json_option, add_results_option
from ttq_bench.errors import ResultsError, unwritable
from ttq_bench.files import is_intact, unreadable, write_atomically
from ttq_bench.records.networks import is_whole, read_network
from ttq_bench.records.other_versions import split_by_version
from ttq_bench.records.paths import ResultsPaths, TrialPaths
from ttq_bench.records.remote.store import Folder
from ttq_bench.records.schema import TrialRecord
from ttq_bench.records.weights import weights_digest, weights_path
from ttq_bench.text import counted, json_text

Create = Callable[[Path, bytes], bool]

DESCRIPTION = """\
Publish trained networks of finished trials whose weights are in work/ but not in networks/ yet,
then print how many networks there are and their sizes. A run publishes its networks itself."""
EXAMPLES = ("ttq-bench networks", "ttq-bench networks --results /other/results")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add: whose networks."""
    add_results_option(parser, results_place)
    add_json_option(parser)


def run(options: argparse.Namespace) -> int:
    """Publish what is missing, then print how many networks there are and their sizes; return 0."""
    return in_step(_publish, options)


def _publish(options: argparse.Namespace, folder: Folder) -> int:
    results = folder.results
    if not results.root.is_dir():
        raise ResultsError(f"{results.root}: no such folder; name one with --results")
    current, _ = split_by_version(checked_records(results))
    finished = [record for record in current if record.outcome == "finished"]
    create = folder.create if folder.url else _replaced
    published = sum(
        _published(record, results.trial(record.trial_id), folder, create) for record in finished
    )
    reasons = {r.trial_id: _why_bad(results.trial(r.trial_id)) for r in finished}
    bad = {trial_id: reason for trial_id, reason in reasons.items() if reason}
    sizes = _sizes(results, finished, bad)
    if options.json:
        print(json_text({"published_now": published, "bytes": sizes, "unusable": bad}))
    else:
        print(f"{folder.place}: {published} published now")
        print("\n".join(_size_line(kind, [*of_kind.values()]) for kind, of_kind in sizes.items()))
    if bad:
        rest = f" ({counted(len(bad) - 1, 'more network')} cannot be used)" if len(bad) > 1 else ""
        raise ResultsError(f"{min(bad.values())}{rest}")
    return 0


def _size_line(kind: str, sizes: list[int]) -> str:
    known = [size for size in sizes if size]
    mean = f", {sum(known) / len(known) / 1000:,.0f} kB each" if known else ""
    total = f", {sum(known) / 1e6:,.1f} MB in all" if known else ""
    return f"{kind}: {len(known)} of {len(sizes)} trials have their network{mean}{total}"


def _replaced(path: Path, content: bytes) -> bool:
    """Write a network, in the place of a damaged one if there is one."""
    write_atomically(path, content)
    return True


def _why_bad(paths: TrialPaths) -> str:
    """Return why the published network of a trial cannot be used, empty if it can or is missing."""
    try:
        read_network(paths.network)
    except FileNotFoundError as error:
        return str(unreadable(paths.network, error)) if paths.network.is_symlink() else ""
    except ResultsError as error:
        return str(error)
    return ""


def _published(record: TrialRecord, paths: TrialPaths, folder: Folder, create: Create) -> bool:
    """Publish the network of one trial if its weights lie here and it is missing or damaged.

    Returns whether it was published.
    """
    folder.bring_states(paths, weights_alone=True)
    try:
        if is_whole(paths.network):
            return False
    except ResultsError:
        return False  # there, and cannot be read: told in the end
    if paths.network.is_symlink() or not is_intact(weights_path(paths)):
        return False
    from ttq_bench.export.published import publish_network  # torch: 2 s
    from ttq_bench.probing.trained_network import recorded_spec, trained_model

    spec = recorded_spec(record, paths)
    model = trained_model(spec, paths, spec.card.classes)
    digest = weights_digest(paths)
    try:
        return publish_network(create, paths, model, spec, weights_sha256=digest)
    except OSError as error:
        raise unwritable(paths.results.root, error) from error


def _sizes(
    results: ResultsPaths, records: Iterable[TrialRecord], bad: Collection[str]
) -> dict[str, dict[str, int]]:
    """Return the bytes of networks by kind and trial, 0 where there is none or it is ``bad``."""
    sizes: dict[str, dict[str, int]] = {"full precision": {}, "quantized": {}}
    for record in records:
        path = results.trial(record.trial_id).network
        usable = record.trial_id not in bad and path.exists()
        kind = "quantized" if record.spec.get("quantization") else "full precision"
        sizes[kind][record.trial_id] = path.stat().st_size if usable else 0
    return sizes
