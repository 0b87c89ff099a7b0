"""``ttq-bench plan``: what a run would do. Answers without Ray, pandas and, mostly, torch."""

import argparse
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from ttq_bench.analysis.recorded import checked_records
from ttq_bench.commands.at_url import folder_of, in_step
from ttq_bench.commands.options import add_json_option, add_suite_options, chosen_images
from ttq_bench.commands.unnormalised import size_warnings
from ttq_bench.data.catalog import DATASETS, is_streamed
from ttq_bench.data.identity import Identity, cache_folder, identify, prepared_folder
from ttq_bench.data.passed_over import passed_over
from ttq_bench.data.sources import Source, find_source, look_for
from ttq_bench.errors import DataError, TtqBenchError
from ttq_bench.execution.resources import (
    Machine,
    Shares,
    detect_machine,
    share,
    trials_on_a_gpu,
)
from ttq_bench.records.ownership import check_replaceable
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.spec.trial import TrialSpec
from ttq_bench.suite.costs import Rates, feeding_cores, trial_core_seconds
from ttq_bench.suite.grid import expand
from ttq_bench.suite.plan import Plan, make_plan
from ttq_bench.suite.reading import read_suite
from ttq_bench.suite.schema import Suite
from ttq_bench.text import duration, json_text, shortest

DESCRIPTION = """\
Show what `ttq-bench run` would do: the images, each trial with its state, the resources, and an
estimate of the time. Nothing is trained or written. The estimate comes from the records in the
results folder, where there are any."""
EXAMPLES = (
    "ttq-bench plan suites/demo.yaml",
    "ttq-bench plan suites/cifar.yaml --profile paper --json",
)
SECONDS_PER_HOUR = 3600.0


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what a run takes that decides what it would do, and ``--json``."""
    add_suite_options(parser)
    add_json_option(parser)


def run(options: argparse.Namespace) -> int:
    """Print the plan and return 0."""
    return in_step(_show, options)


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything that ``plan`` and ``run`` know before anything starts."""

    suite: Suite
    profile: str
    data_dir: Path
    sources: dict[str, Source]
    identities: dict[str, Identity]
    plan: Plan
    machine: Machine
    device: str
    shares: Shares


def prepare(options: argparse.Namespace, *, may_lack_images: bool = False) -> Prepared:
    """Return the plan of the command line's suite on this machine.

    ``may_lack_images``: a plan of images that are not here and cannot be fetched is one of the
    whole set, to tell what it would cost.
    """
    machine = detect_machine()
    device = machine.device if options.device == "auto" else options.device
    if getattr(options, "address", None) is None:
        _check_fits(machine, device, options)
    else:  # the nodes of that cluster count, which may have no service for sharing
        machine = replace(machine, shares_gpus=False)
    dataset, data_dir = None, options.data_dir
    if options.dataset is not None:
        dataset, data_dir = chosen_images(options.dataset, data_dir)
    suite, profile = read_suite(options.suite, options.profile, device, dataset)
    _check_ranks(suite, profile, options)
    if getattr(options, "address", None) is None:
        _check_cores(machine, options)
    lacking = {
        name: Source(name, "folders", (), ())
        for name in suite.datasets
        if may_lack_images and is_streamed(name) and look_for(name, data_dir) is None
    }
    sources = {name: lacking.get(name) or find_source(name, data_dir) for name in suite.datasets}
    identities = {
        name: _whole_set(name) if name in lacking else identify(source, cache_folder())
        for name, source in sources.items()
    }
    _check_counts(identities)
    specs = expand(suite, identities, str(options.suite))
    results = ResultsPaths(options.results)
    # Checked, so that what a report would refuse is refused before anything is trained.
    check_replaceable(results.root)
    found = checked_records(results)
    recorded = {record.trial_id for record in found}
    _bring_parents([spec for spec in specs if spec.trial_id not in recorded], options)
    gpu = machine.gpu_name if device == "cuda" else ""
    plan = make_plan(specs, results, device, found, gpu)
    if any(map(is_streamed, suite.datasets)):  # large networks fill a GPU
        machine = replace(machine, shares_gpus=False)
    on_a_gpu = options.trials_per_gpu or trials_on_a_gpu(machine, len(specs))
    shares = share(
        [machine], device, len(specs), threads=options.threads,
        trials_per_gpu=on_a_gpu, ranks=options.ranks,
    )  # fmt: skip
    if options.backend == "inprocess":
        shares = Shares(1, options.threads or machine.cores, float(device == "cuda"))
    return Prepared(suite, profile, data_dir, sources, identities, plan, machine, device, shares)


def _bring_parents(missing: Iterable[TrialSpec], options: argparse.Namespace) -> None:
    """Bring the weights that trials without a record are to start from."""
    results = ResultsPaths(options.results)
    for parent in sorted({spec.parent for spec in missing if spec.parent}):
        folder_of(options).bring_states(results.trial(parent), weights_alone=True)


def _whole_set(dataset: str) -> Identity:
    card = DATASETS[dataset]
    return Identity(dataset, "not here", card.train_count, card.test_count)


def _check_counts(identities: dict[str, Identity]) -> None:
    for identity in identities.values():
        held_out = identity.card.validation_count
        if identity.train_count <= held_out:
            raise DataError(
                f"{identity.name}: {identity.train_count:,} training images are too few:"
                f" {held_out:,} are held out for validation"
            )


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


def _show(options: argparse.Namespace) -> int:
    prepared = prepare(options, may_lack_images=not options.json)
    if options.json:
        print(json_text(_as_json(prepared)))
    else:
        print("\n".join(describe(prepared, options.url or options.results)))
    return 0


def describe(prepared: Prepared, results: Path | str) -> Iterable[str]:
    """Yield the lines of the plan: what, on which images, what is done, how long."""
    plan, suite = prepared.plan, prepared.suite
    profile = f", profile {prepared.profile}" if prepared.profile else ""
    yield f"{suite.title} (suite {suite.name}{profile}, protocol {suite.protocol})"
    for name, identity in prepared.identities.items():
        source = prepared.sources[name]
        where = "bundled" if source.kind == "bundled" else _place(source)
        missing = "" if source.is_present else ", to be downloaded"
        looked_at = source.kind in ("parquet", "folders") and not is_streamed(name)
        if looked_at and not prepared_folder(identity, cache_folder()).exists():
            missing = ", pixels not decoded yet"
        yield (
            f"images: {identity.name}, {identity.train_count:,} training and"
            f" {identity.test_count:,} test ({where}{missing})"
        )
        if source.is_present:
            yield from (f"  {sentence}" for sentence in passed_over(source))
    for trial in plan.trials:
        spec = trial.spec
        what = " ".join(_arm_in_words(spec, with_rate=bool(suite.learning_rates)))
        left = f"{trial.epochs_left} of {spec.recipe.epochs} epochs" if trial.is_pending else ""
        reason = f"({trial.reason})" if trial.reason else ""
        yield f"  {trial.state:9}{spec.model}  seed {spec.seed}  {what}  {left} {reason}".rstrip()
    if any(map(is_streamed, suite.datasets)):
        yield from gpu_hours(plan)
    total, pending = len(plan.trials), len(plan.pending)
    yield f"{total} trials: {total - pending} done, {pending} to run; results in {results}"
    yield resources_line(prepared)
    yield from size_warnings(suite)


def _arm_in_words(spec: TrialSpec, *, with_rate: bool) -> Iterable[str]:
    """Yield what tells a trial from the others of its network and seed."""
    yield spec.arm
    if spec.strategy:
        yield spec.strategy
    if with_rate and spec.parent:
        yield f"rate {shortest(spec.recipe.learning_rate)}"
    if spec.repeat:
        yield f"repeat {spec.repeat}"


def _place(source: Source) -> str:
    return str(source.train[0].parent) if source.train else "not here, so the whole set is assumed"


def gpu_hours(plan: Plan) -> Iterable[str]:
    """Yield what each row of a table costs on a GPU, whatever device is here."""
    rates = plan.rates if plan.rates.device == "cuda" else Rates("cuda", {})
    rows: dict[tuple[str, str], list[TrialSpec]] = {}
    for trial in plan.trials:
        spec = trial.spec
        rows.setdefault((spec.model, f"{spec.arm} {spec.strategy}".strip()), []).append(spec)
    basis = (
        "the records in this folder"
        if rates.is_measured
        else "small networks on an H200: likely fewer"
    )
    yield f"GPU hours of whole trials, without their parents, by the rate of {basis}:"
    for (model, arm), specs in rows.items():
        cores = feeding_cores(specs[0])
        each = trial_core_seconds(specs[0], specs[0].recipe.epochs, rates) / SECONDS_PER_HOUR
        yield (
            f"  {model}  {arm}  {specs[0].recipe.epochs} epochs: {each:.1f} for a seed,"
            f" {each * len(specs):.1f} for all {len(specs)}; {cores:.0f} cores decode for it"
        )


def resources_line(prepared: Prepared) -> str:
    """Return what the run would use, and for how long."""
    shares, plan = prepared.shares, prepared.plan
    basis = "from records in this folder" if plan.rates.is_measured else "a rough guess"
    device = "GPU" if prepared.device == "cuda" else "CPU"
    estimate = duration(plan.seconds(shares.workers))
    ranks = f", {shares.ranks} ranks each" if shares.ranks > 1 else ""
    return (
        f"{device}: {shares.slots} trials side by side{ranks}, {shares.threads} threads each"
        f" ({prepared.machine.cores} cores, {prepared.machine.gpus} GPUs found);"
        f" about {estimate} ({basis})"
    )


def _as_json(prepared: Prepared) -> dict[str, object]:
    return {
        "suite": prepared.suite.name,
        "profile": prepared.profile,
        "protocol": prepared.suite.protocol,
        "device": prepared.device,
        "slots": prepared.shares.slots,
        "threads": prepared.shares.threads,
        "estimated_seconds": round(prepared.plan.seconds(prepared.shares.workers)),
        "estimate_from_records": prepared.plan.rates.is_measured,
        "warnings": list(size_warnings(prepared.suite)),
        "trials": prepared.plan.as_json(),
    }
