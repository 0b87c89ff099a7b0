"""What ``plan`` and ``run`` do before anything starts: suite, images, trials, machine, shares."""

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ttq_bench.analysis.recorded import checked_records
from ttq_bench.commands.chosen_trials import chosen_trials
from ttq_bench.commands.options import chosen_images
from ttq_bench.commands.rerun import trials_to_rerun
from ttq_bench.data.catalog import DATASETS, ImagesCard, check_held_out, is_streamed
from ttq_bench.data.identity import cache_folder, identify
from ttq_bench.data.sources import Source, find_source, look_for
from ttq_bench.errors import SuiteError, TtqBenchError, no_ray, unwritable
from ttq_bench.execution.ray import security
from ttq_bench.execution.resources import (
    Machine,
    Shares,
    detect_machine,
    share,
    trials_on_a_gpu,
)
from ttq_bench.records.ownership import check_replaceable
from ttq_bench.records.remote.store import Folder
from ttq_bench.spec.trial import TrialSpec
from ttq_bench.suite.grid import expand
from ttq_bench.suite.plan import Plan, make_plan
from ttq_bench.suite.reading import read_with_origin
from ttq_bench.suite.schema import Suite

# A worker's sign of life comes by the URL: put every 10 s there, looked for every 5 s here.
LEAST_SILENCE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Prepared:
    """The chosen trials of a suite as a plan; ``whole`` has the ids of all its trials."""

    suite: Suite
    profile: str
    data_dir: Path
    sources: dict[str, Source]
    identities: dict[str, ImagesCard]
    plan: Plan
    machine: Machine
    device: str
    shares: Shares
    whole: tuple[str, ...]


def prepare(
    options: argparse.Namespace, folder: Folder, *, may_lack_images: bool = False
) -> Prepared:
    """Return the plan of the command line's suite on this machine.

    With ``may_lack_images``, images that are streamed and not here stand for the whole published
    set, so that a plan can tell what training on it would cost.
    """
    _check_results(folder.results.root)
    machine = detect_machine()
    device = machine.device if options.device == "auto" else options.device
    on_cluster = getattr(options, "address", None) is not None  # `plan` has no such option
    if on_cluster:  # its nodes count, which may have no service for sharing
        machine = replace(machine, shares_gpus=False)
    else:
        _check_fits(machine, device, options)
    dataset, data_dir = options.dataset, options.data_dir
    if dataset is not None:
        dataset, data_dir = chosen_images(dataset, data_dir)
    suite, profile, origin = read_with_origin(
        options.suite, options.profile, device, dataset, options.changes
    )
    _check_ranks(suite, profile, options)
    _check_kept_layers(suite)
    if not on_cluster:
        _check_cores(machine, options)
    lacking = {
        name: Source(name, "folders", (), ())
        for name in suite.datasets
        if may_lack_images and is_streamed(name) and look_for(name, data_dir) is None
    }
    sources = {name: lacking.get(name) or find_source(name, data_dir) for name in suite.datasets}
    identities = {
        name: replace(DATASETS[name], fingerprint="not here")
        if name in lacking
        else identify(source, cache_folder())
        for name, source in sources.items()
    }
    for card in identities.values():
        check_held_out(card.name, card.train_count, card.validation_count)
    whole = expand(suite, identities, origin)
    gpu = machine.gpu_name if device == "cuda" else ""
    plan = _planned(whole, options, folder, device, gpu)
    if any(map(is_streamed, suite.datasets)):  # large networks fill a GPU
        machine = replace(machine, shares_gpus=False)
    on_a_gpu = options.trials_per_gpu or trials_on_a_gpu(machine, len(plan.trials))
    shares = share(
        [machine], device, len(plan.trials), threads=options.threads,
        trials_per_gpu=on_a_gpu, ranks=options.ranks,
    )  # fmt: skip
    if options.backend == "inprocess":
        shares = Shares(1, options.threads or machine.cores, float(device == "cuda"))
    return Prepared(
        suite, profile, data_dir, sources, identities, plan, machine, device, shares,
        tuple(spec.trial_id for spec in whole),
    )  # fmt: skip


def _check_kept_layers(suite: Suite) -> None:
    """Refuse patterns of layers that fit no network, before anything is downloaded or trained."""
    conversion = suite.conversion
    for model in suite.models if conversion.keep else ():
        from ttq_bench.models.build import build_model  # torch: only for such suites
        from ttq_bench.ternary.choice import layers_to_quantize

        chosen = {name: getattr(conversion, name) for name in ("keep_first", "keep_last", "keep")}
        try:
            layers_to_quantize(build_model(model, classes=10, seed=0), **chosen)
        except TtqBenchError as error:
            where = f"suite {suite.name}, model {model}: conversion"
            raise SuiteError(f"{where}: {str(error).removeprefix('quantize_: ')}") from error


def _planned(
    whole: Sequence[TrialSpec],
    options: argparse.Namespace,
    folder: Folder,
    device: str,
    gpu: str,
) -> Plan:
    """Return the plan of the chosen trials against what lies in the results."""
    specs = chosen_trials(whole, options)
    results = folder.results
    # Checked, so that what a report would refuse is refused before anything is trained.
    records = checked_records(results)
    check_replaceable(results.root)
    recorded = {record.trial_id for record in records}
    # The weights that trials without a record are to start from.
    parents = {spec.parent for spec in specs if spec.parent and spec.trial_id not in recorded}
    for parent in sorted(parents):
        folder.bring_states(results.trial(parent), weights_alone=True)
    rerun = trials_to_rerun(specs, whole, records, options.rerun, folder)
    return make_plan(specs, results, device, records, gpu, rerun=rerun)


def _check_results(root: Path) -> None:
    """Refuse a place of results that is no folder, or lies below a file."""
    try:
        os.scandir(root).close()
    except OSError as error:  # one that is not there yet is made when there is something to write
        if isinstance(error, NotADirectoryError):
            raise unwritable(root, error) from error


def _check_fits(machine: Machine, device: str, options: argparse.Namespace) -> None:
    threads, ranks = options.threads or 1, options.ranks
    if device == "cuda" and not machine.gpus:
        raise TtqBenchError("--device cuda: no GPU found on this machine; leave it out to use CPUs")
    if threads > machine.cores:  # Ray would wait for them for ever
        raise TtqBenchError(f"--threads {threads}: this machine has {machine.cores_in_words}")
    if device == "cuda" and ranks > machine.gpus:
        raise TtqBenchError(f"--ranks {ranks}: this machine has {machine.gpus} GPUs, one for each")


def _check_cores(machine: Machine, options: argparse.Namespace) -> None:
    threads, ranks = options.threads or 1, options.ranks
    if ranks * threads > machine.cores:
        raise TtqBenchError(
            f"--ranks {ranks}, {threads} threads each: that takes {ranks * threads} cores, this"
            f" machine has {machine.cores_in_words}; give fewer ranks or threads, or name a cluster"
            " with --address"
        )


def _check_ranks(suite: Suite, profile: str, options: argparse.Namespace) -> None:
    """Refuse ranks that would not share the parts of a batch equally, or a GPU with others."""
    ranks = options.ranks
    if ranks == 1:
        return
    if options.backend == "inprocess" or (options.trials_per_gpu or 1) > 1:
        other = "--backend inprocess" if options.backend == "inprocess" else "--trials-per-gpu"
        raise TtqBenchError(f"--ranks {ranks}: does not go with {other}; leave one of them out")
    for name, recipe in suite.training:
        if recipe.micro_batches % ranks:
            parts = recipe.micro_batches
            allowed = "/".join(str(n) for n in range(1, parts + 1) if parts % n == 0)
            raise TtqBenchError(
                f"--ranks {ranks}: expected {allowed}, for training.{name}.micro_batches is {parts}"
                f" in {options.suite}{f', profile {profile}' if profile else ''}; or write a"
                f" multiple of {ranks} there, which makes other trials"
            )


def shared_out(prepared: Prepared, options: argparse.Namespace, folder: Folder) -> Prepared:
    """Return the plan with the shares of the cluster's nodes if the run is for a cluster.

    A run that has nothing to do asks no cluster.
    """
    for_cluster = options.backend == "ray" and options.address is not None
    if not for_cluster or not prepared.plan.pending:
        return prepared
    if folder.url and options.silence < LEAST_SILENCE_SECONDS:
        raise TtqBenchError(
            f"--silence: expected at least {LEAST_SILENCE_SECONDS:.0f}s with results at a URL on a"
            f" cluster, got {options.silence:g}s; signs of life take up to 20 s on their way there"
        )
    security.prepare(options.address, options.dashboard)
    try:
        from ttq_bench.execution.ray.start import nodes_at  # 1 s, once its environment is set
    except ImportError as error:
        raise no_ray(error) from error
    nodes = [node for node in nodes_at(options.address) if node.alive]
    machine = replace(
        prepared.machine,
        cores=int(sum(node.cores for node in nodes)),
        gpus=int(sum(node.gpus for node in nodes)),
    )
    shares = share(
        nodes, prepared.device, len(prepared.plan.trials), threads=options.threads,
        trials_per_gpu=options.trials_per_gpu or 1, ranks=options.ranks,
    )  # fmt: skip
    return replace(prepared, machine=machine, shares=shares)
