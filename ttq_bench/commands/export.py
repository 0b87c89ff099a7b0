"""``ttq-bench export``: a finished trial as packed codes, as ONNX, and what both weigh."""

import argparse
import json

import torch
from torch import nn

from ttq_bench.data.catalog import DATASETS, catalog_name
from ttq_bench.errors import ResultsError, TtqBenchError
from ttq_bench.execution.start import convert_
from ttq_bench.export.onnx_file import missing_packages, save_onnx
from ttq_bench.export.packed_file import load_packed, save_packed
from ttq_bench.export.sizes import network_sizes, sizes_csv, sizes_text
from ttq_bench.files import write_atomically
from ttq_bench.models.build import build_model
from ttq_bench.records.paths import ResultsPaths, TrialPaths
from ttq_bench.records.store import read_record
from ttq_bench.suite.spec import TrialSpec
from ttq_bench.ternary.conversion import set_epoch_
from ttq_bench.training.checkpoints import load_state

TRIED_IMAGES = 64


def export(options: argparse.Namespace) -> int:
    """Check the files against the trained network, write them, print the sizes; return 0."""
    paths = find_trial(ResultsPaths(options.results), options.trial)
    spec = exportable_spec(paths)
    card = DATASETS[catalog_name(spec.dataset)]
    model = trained_model(spec, paths, card.classes)
    packed = options.to / f"{paths.trial_id}.safetensors"
    try:
        file_bytes = save_packed(packed, model, spec, classes=card.classes)
        restored, _ = load_packed(packed)
        _check_equal(model, restored, card.image_shape)
        print(f"{packed}: {file_bytes:,} bytes; restored, its logits are the same to the bit")
        sizes = network_sizes(model)
        write_atomically(options.to / f"{paths.trial_id}.sizes.csv", sizes_csv(sizes))
        print("\n".join(sizes_text(sizes)))
        if missing := missing_packages():
            print(f"no ONNX file: {', '.join(missing)} missing (pip install 'ttq-bench[onnx]')")
            return 0
        onnx = packed.with_suffix(".onnx")
        difference = save_onnx(onnx, restored, card.image_shape)
        print(f"{onnx}: logits of onnxruntime differ by at most {difference:.1e}")
    except OSError as error:
        raise ResultsError(f"{options.to}: cannot be written to ({error.strerror})") from error
    return 0


def exportable_spec(paths: TrialPaths) -> TrialSpec:
    """Return the spec of a finished, quantized trial; ``TtqBenchError`` says what it is instead."""
    record = read_record(paths.record)
    try:
        spec = TrialSpec.model_validate_json(json.dumps(record.spec))
    except ValueError as error:
        raise ResultsError(
            f"{paths.record}: its spec is one of another version; train the trial again"
        ) from error
    if spec.quantization is None:
        raise TtqBenchError(f"{paths.trial_id}: is full precision, there are no codes to pack")
    if record.outcome != "finished":
        raise TtqBenchError(f"{paths.trial_id}: {record.outcome}, there is no network to export")
    return spec


def find_trial(results: ResultsPaths, asked: str) -> TrialPaths:
    """Return the trial whose id is, or alone contains, ``asked``."""
    folders = (path.parent.name for path in sorted(results.trials.glob("*/record.json")))
    names = [name for name in folders if not name.startswith(".")]
    found = [name for name in names if name == asked] or [name for name in names if asked in name]
    if len(found) == 1:
        return results.trial(found[0])
    if found:
        raise ResultsError(
            f"{results.trials}: {len(found)} trials contain {asked!r}: {', '.join(found[:5])}"
            f"{', ...' if found[5:] else ''}; name one in full"
        )
    some = f"has {len(names)}, for example {names[0]}" if names else "has none"
    raise ResultsError(f"{results.trials}: no trial contains {asked!r}; it {some}")


def trained_model(spec: TrialSpec, paths: TrialPaths, classes: int) -> nn.Module:
    """Return the network of a trial with its final weights, converted, in evaluation mode."""
    state = load_state(paths.weights)
    if state is None:
        raise ResultsError(
            f"{paths.weights}: weights are missing or damaged (they stay on the machine that made"
            f" them); to train them anew, run the suite with another --results folder"
        )
    model = build_model(spec.model, classes=classes, seed=0)
    convert_(model, spec)
    set_epoch_(model, spec.recipe.epochs)
    model.load_state_dict(state["model"])
    return model.eval()


@torch.no_grad()
def _check_equal(trained: nn.Module, restored: nn.Module, shape: tuple[int, int, int]) -> None:
    images = torch.randn(TRIED_IMAGES, *shape, generator=torch.Generator().manual_seed(0))
    assert torch.equal(trained(images), restored(images)), "the packed network is another one"
