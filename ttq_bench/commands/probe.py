"""``ttq-bench probe``: measure what equal scales cost the networks of finished trials."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ttq_bench.analysis.recorded import checked_records
from ttq_bench.commands.at_url import in_step
from ttq_bench.commands.option_values import positive, results_place
from ttq_bench.commands.options import (
    add_data_option,
    add_device_option,
    add_json_option,
    add_results_option,
)
from ttq_bench.data.identity import cache_folder
from ttq_bench.errors import ResultsError, TtqBenchError, unwritable
from ttq_bench.execution.cgroups import usable_cores
from ttq_bench.files import is_intact
from ttq_bench.records.other_versions import split_by_version
from ttq_bench.records.paths import ResultsPaths, TrialPaths
from ttq_bench.records.probes import PROBE_VERSION, Probe, publish_probe, read_probes
from ttq_bench.records.remote.store import Folder
from ttq_bench.records.weights import weights_path
from ttq_bench.spec.training_version import TRAINING_VERSION
from ttq_bench.spec.trial import TrialSpec
from ttq_bench.text import json_text
from ttq_bench.trial.settings import RunSettings

if TYPE_CHECKING:
    from ttq_bench.probing.trained_network import RecordedTrial

DESCRIPTION = """\
For each finished trial that learned two scales a layer: set the two scales of each layer to their
geometric mean, and measure how much accuracy the network loses by it. Takes about two minutes a
network on two cores. Trials that were probed before are left alone."""
EXAMPLES = (
    "ttq-bench probe --data-dir data",
    "ttq-bench probe ttq-max_fraction0.05-s0 --results results/demo --heal",
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add: which trials to probe, and with what."""
    parser.add_argument(
        "parts", nargs="*", metavar="PART_OF_ID",
        help="probe only trials whose id contains one of these parts (default: all trials)",
    )  # fmt: skip
    add_results_option(parser, results_place)
    add_data_option(parser)
    add_device_option(parser)
    parser.add_argument(
        "--threads", type=positive, metavar="N", help="CPU threads (default: all cores)"
    )
    parser.add_argument(
        "--heal", action="store_true",
        help="also train one more epoch, as trained and with equal scales (minutes a network)",
    )  # fmt: skip
    add_json_option(parser)


def run(options: argparse.Namespace) -> int:
    """Probe what is missing, print a line for each trial and one in the end; return 0."""
    return in_step(_probe, options)


def _probe(options: argparse.Namespace, folder: Folder) -> int:
    import torch  # 2 s

    from ttq_bench.probing.probe import ProbeImages, probe_trial

    settings, results = _settings(options, folder), folder.results
    trials = chosen_trials(results, options.parts)
    probes = {probe.trial_id: probe for probe in read_probes(results)}
    for trial in trials:
        if _is_older(probes.get(trial.paths.trial_id)) or options.heal:
            folder.bring_states(trial.paths, weights_alone=True)
    pending = [
        trial
        for trial in trials
        if _is_pending(trial.paths, probes.get(trial.paths.trial_id), options.heal)
    ]
    torch.set_num_threads(settings.threads)
    images = {_images_key(trial.spec): trial.spec for trial in pending}
    loaded = {key: ProbeImages(spec, settings) for key, spec in images.items()}
    for trial in pending:
        heal = options.heal and is_intact(weights_path(trial.paths))
        probe = probe_trial(trial, loaded[_images_key(trial.spec)], settings, heal=heal)
        try:
            publish_probe(results, probe)
            folder.post(trial.paths.probe)
        except OSError as error:
            raise unwritable(results.root, error) from error
        if not options.json:
            print(describe(probe), flush=True)
    now = [trial.paths.trial_id for trial in pending]
    others = {trial.paths.trial_id for trial in trials} - set(now)
    already, without = sorted(others & probes.keys()), sorted(others - probes.keys())
    if options.json:
        print(json_text({"probed": now, "already": already, "without_network": without}))
        return 0
    print(
        f"{folder.place}: {len(now)} probed, {len(already)} were there already,"
        f" {len(without)} have no network in networks/ or work/"
    )
    if now:
        print(
            f"run `ttq-bench report --results {shlex.quote(folder.place)}` now:"
            " the report lacks what was measured, and `ttq-bench verify` would say so"
        )
    return 0


def _is_older(probe: Probe | None) -> bool:
    """Return whether there is no probe yet, or one that lacks what this version measures."""
    return probe is None or probe.probe_version < PROBE_VERSION


def _is_pending(paths: TrialPaths, probe: Probe | None, heal: bool) -> bool:
    """Return whether a trial is to be probed; damaged weights are an error later, not skipped."""
    if heal and (probe is None or probe.healing is None) and is_intact(weights_path(paths)):
        return True
    return _is_older(probe) and (paths.network.exists() or weights_path(paths).exists())


def chosen_trials(results: ResultsPaths, parts: Sequence[str]) -> list[RecordedTrial]:
    """Return the finished trials with learned pairs whose id contains one of ``parts`` (none: all).

    Those of another training version are left out: no report would show what is measured on them.
    Raises ``ResultsError`` for a part that no such trial's id contains.
    """
    from ttq_bench.probing.trained_network import RecordedTrial, recorded_spec  # torch: 2 s

    if not results.root.is_dir():
        raise ResultsError(f"{results.root}: no such folder; name one with --results")
    trials = []
    current, left_out = split_by_version(checked_records(results))
    for record in current:
        paths = results.trial(record.trial_id)
        trial = RecordedTrial(recorded_spec(record, paths), record, paths)
        if trial.learned_pairs:
            trials.append(trial)
    names = [trial.paths.trial_id for trial in trials]
    for part in parts:
        if not any(part in name for name in names):
            some = f"there are {len(names)}, for example {names[0]}" if names else "there is none"
            if any(part in name for ids in left_out.values() for name in ids):
                some = f"only one of another training version than {TRAINING_VERSION} does"
            raise ResultsError(
                f"{results.trials}: no finished trial with two learned scales a layer contains"
                f" {part!r}; {some}"
            )
    return [
        trial
        for trial, name in zip(trials, names, strict=True)
        if not parts or any(part in name for part in parts)
    ]


def _settings(options: argparse.Namespace, folder: Folder) -> RunSettings:
    import torch

    has_gpu = torch.cuda.is_available()
    if options.device == "cuda" and not has_gpu:
        raise TtqBenchError("probe: --device cuda: no GPU is found; leave it out for the CPU")
    cores = usable_cores()
    threads = options.threads or cores
    if threads > cores:
        raise TtqBenchError(f"probe: --threads: expected at most {cores}, got {threads}")
    return RunSettings(
        results=folder.results.root.resolve(),
        data_dir=options.data_dir.resolve(),
        cache=cache_folder().resolve(),
        device=options.device if options.device != "auto" else "cuda" if has_gpu else "cpu",
        threads=threads,
    )


def _images_key(spec: TrialSpec) -> tuple[str, int, str]:
    """Return what trials share that can be probed with the same images."""
    return spec.data_fingerprint, spec.validation_count, spec.recipe.augmentation


def describe(probe: Probe) -> str:
    """Return a probe as one line."""
    together = probe.all_symmetrised_error_percent
    equal = (
        f"{together:.2f} % with equal scales in all layers"
        if together is not None
        else f"not all layers with equal scales: not positive in {', '.join(probe.not_symmetrised)}"
    )
    return (
        f"{probe.trial_id}: test error {probe.as_trained_error_percent:.2f} % as trained,"
        f" {probe.reestimated_error_percent:.2f} % re-estimated, {equal} ({probe.seconds:.0f} s)"
    )
