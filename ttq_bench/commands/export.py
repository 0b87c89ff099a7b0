"""``ttq-bench export``: a trained network as packed codes, as ONNX, and as a model folder."""

from __future__ import annotations

import argparse
import re
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ttq_bench.commands.at_url import in_step
from ttq_bench.commands.option_values import output_folder, results_place
from ttq_bench.commands.options import add_json_option, add_results_option
from ttq_bench.data.catalog import ImagesCard
from ttq_bench.errors import ResultsError, TtqBenchError
from ttq_bench.export.image_facts import ImageFacts
from ttq_bench.files import replaceable, write_atomically
from ttq_bench.foreign_folders import look_over
from ttq_bench.records.paths import ResultsPaths, TrialPaths
from ttq_bench.records.remote.store import Folder
from ttq_bench.records.store import read_record, record_files
from ttq_bench.spec.trial import TrialSpec
from ttq_bench.text import json_text

if TYPE_CHECKING:
    from torch import nn

DESCRIPTION = """\
Write the network of a finished, quantized trial as packed ternary weights (.safetensors), as ONNX,
a table of its sizes, and a folder with weights, config.json and a model card that model hubs take.
Weights are checked against the trained network first. For records as runs, see `export-runs`."""
EXAMPLES = (
    "ttq-bench export ttq-max_fraction0.05-s0 --to exported --results results/demo",
    "ttq-bench export cifar10-resnet20-ttq --to /tmp/networks --results s3://bucket/results",
)
TRIED_IMAGES = 64


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add: which trial of which results, and where to."""
    parser.add_argument("trial", help="id of a trial, or a part that only this id contains")
    parser.add_argument(
        "--to", type=output_folder, required=True, metavar="DIR", help="folder to write to"
    )
    add_results_option(parser, results_place)
    add_json_option(parser)


def run(options: argparse.Namespace) -> int:
    """Check the files against the trained network, write them, print the sizes; return 0."""
    return in_step(_export, options)


def _export(options: argparse.Namespace, folder: Folder) -> int:
    from ttq_bench.export.model_folder import check_folder, folder_texts, write_folder  # torch: 2 s
    from ttq_bench.export.onnx_file import missing_packages, save_onnx
    from ttq_bench.export.sizes import network_sizes, sizes_csv, sizes_text
    from ttq_bench.probing.trained_network import trained_model

    look_over(folder.results.root)
    paths = find_trial(folder.results, options.trial)
    spec, record = exportable_spec(paths), read_record(paths.record)
    facts = ImageFacts.of_record(record)
    folder.bring_states(paths, weights_alone=True)
    card = spec.card
    model = trained_model(spec, paths, card.classes)
    packed = options.to / f"{paths.trial_id}.safetensors"
    check_replaceable(options.to, paths.trial_id)
    sizes, hub = network_sizes(model), options.to / paths.trial_id
    texts = folder_texts(record, spec, facts, sizes)
    check_folder(hub, texts)
    say = _say_nothing if options.json else print
    table, onnx = options.to / f"{paths.trial_id}.sizes.csv", packed.with_suffix(".onnx")
    difference = None
    try:
        file_bytes, restored = _pack_checked(packed, model, spec, card, facts)
        say(f"{packed}: {file_bytes:,} bytes; restored, its logits are the same to the bit")
        write_atomically(table, sizes_csv(sizes))
        say("\n".join(sizes_text(sizes)))
        write_folder(hub, packed.read_bytes(), texts)
        say(f"{hub}: weights, config.json and model card, as model hubs take them")
        if missing := missing_packages():
            say(f"no ONNX file: {', '.join(missing)} missing (pip install 'ttq-bench[onnx]')")
        else:
            metadata = {"trial_id": spec.trial_id, **(facts.as_metadata() if facts else {})}
            difference = save_onnx(onnx, restored, card.image_shape, metadata)
            say(f"{onnx}: logits of onnxruntime differ by at most {difference:.1e}")
    except OSError as error:
        raise ResultsError(f"{options.to}: cannot be written to ({error.strerror})") from error
    if options.json:
        written = {
            "packed": str(packed),
            "sizes": str(table),
            "model_folder": str(hub),
            "packed_bytes": file_bytes,
            "onnx": None if missing else str(onnx),
            "onnx_largest_difference": difference,
        }
        print(json_text(written))
    return 0


def _say_nothing(_: str) -> None:
    """Take the place of ``print`` where JSON is asked for."""


def check_replaceable(folder: Path, trial_id: str) -> None:
    """Raise ``ResultsError`` where a file of an export would replace one that is somebody else's.

    Ours are files that say of which trial they are, tables of sizes, and files without content.
    """
    from ttq_bench.export.model_folder import WEIGHTS  # torch: 2 s
    from ttq_bench.export.packed_file import FORMAT
    from ttq_bench.export.sizes import sizes_csv

    of_trial = re.escape(trial_id.encode())
    packed = rb'.{8}\{(?=.*"format":"%b")(?=.*"trial_id":"%b")'
    packed %= (re.escape(FORMAT.encode()), of_trial)
    signs = {
        ".safetensors": packed,
        f"/{WEIGHTS}": packed,
        ".onnx": rb".*\n\x08trial_id\x12.{1,2}%b" % of_trial,  # as ONNX keeps a pair of texts
        ".sizes.csv": re.escape(sizes_csv([])),
    }
    refusal = (
        "lies where the export is to go and is none of this trial by ttq-bench; give it another"
        " name, or name another folder with --to"
    )
    for ending, sign in signs.items():
        replaceable(folder / f"{trial_id}{ending}", partial(_begins_with, sign), refusal)


def _begins_with(sign: bytes, content: bytes) -> bool:
    return re.match(sign, content, re.DOTALL) is not None


def exportable_spec(paths: TrialPaths) -> TrialSpec:
    """Return the spec of a finished, quantized trial; ``TtqBenchError`` says what it is instead."""
    from ttq_bench.probing.trained_network import recorded_spec  # torch: 2 s

    record = read_record(paths.record)
    spec = recorded_spec(record, paths)
    if spec.quantization is None:
        raise TtqBenchError(f"{paths.trial_id}: is full precision, there are no codes to pack")
    if record.outcome != "finished":
        raise TtqBenchError(f"{paths.trial_id}: {record.outcome}, there is no network to export")
    return spec


def find_trial(results: ResultsPaths, asked: str) -> TrialPaths:
    """Return the trial whose id is, or alone contains, ``asked``."""
    names = [path.parent.name for path in record_files(results)]
    fits = [name for name in names if name == asked] or [name for name in names if asked in name]
    if len(fits) == 1:
        return results.trial(fits[0])
    if fits:
        raise ResultsError(
            f"{results.trials}: {len(fits)} trials contain {asked!r}: {', '.join(fits[:5])}"
            f"{', ...' if fits[5:] else ''}; name one in full"
        )
    some = f"has {len(names)}, for example {names[0]}" if names else "has none"
    raise ResultsError(f"{results.trials}: no trial contains {asked!r}; it {some}")


def _pack_checked(
    path: Path,
    model: nn.Module,
    spec: TrialSpec,
    card: ImagesCard,
    facts: ImageFacts | None,
) -> tuple[int, nn.Module]:
    """Write the packed network once its restored twin gives the same logits; return size and twin.

    Raises ``TtqBenchError``, and leaves ``path`` as it was, if they differ.
    """
    import torch

    from ttq_bench.export.packed_file import load_packed, save_packed

    shape = TRIED_IMAGES, *card.image_shape
    images = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / path.name
        file_bytes = save_packed(trial, model, spec, facts=facts)
        restored, _ = load_packed(trial)
        with torch.no_grad():
            if not torch.equal(model(images), restored(images)):
                raise TtqBenchError(f"{path}: not written: the restored network is another one")
        write_atomically(path, trial.read_bytes())
    return file_bytes, restored
