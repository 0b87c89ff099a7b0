"""P9: a packed two-bit network against the same network as dense numbers: bytes, load, inference.

There is no ternary kernel here: the packed network is unpacked to dense weights, and computes with
those. So two bits a weight save bytes, and no time on a CPU; the figures say what int8 does there.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from ttq_bench.errors import TtqBenchError
from ttq_bench.export.packed_file import load_packed, save_packed
from ttq_bench.export.sizes import network_sizes
from ttq_bench.models.catalog import MODELS
from ttq_bench.probing.symmetrise import reestimate_batch_norm_
from ttq_bench.spec.trial import Conversion, Quantization, TrialSpec
from ttq_bench.speed.figures import Bound, Figure, ratio_figure
from ttq_bench.speed.pairing import one_thread, take_turns
from ttq_bench.speed.runtimes import Runtime, other_runtimes
from ttq_bench.speed.steps import Work
from ttq_bench.ternary.conversion import PAPER_STRATEGY, latent_of, quantized_layers, quantizer_of

SMALLER = Bound("at least", 15.5)
CLASSES = 10
INFERENCES = {1: 5, 100: 1}  # a turn's, by batch size: what ran before is still warm for a while
DENSE, PACKED = "dense torch fp32", "unpacked torch fp32"


def measure(work: Work, seconds: float) -> tuple[list[Figure], list[str]]:
    """Return the figures, and in sentences what could not be measured: all of it on one core."""
    work = replace(work, device=torch.device("cpu"))
    with one_thread(), tempfile.TemporaryDirectory() as folder:
        model, images = _ternary(work), _images(work)
        files = Path(folder) / "packed.safetensors", Path(folder) / "dense.safetensors"
        figures = _bytes_and_load(work, model, files, seconds / 6)
        packed, dense = (_checked(path, model, images) for path in files)
        others, missing = other_runtimes(dense, images, Path(folder))
        runtimes: dict[str, Runtime] = {DENSE: dense, PACKED: packed, **others}
        figures += [_deviation(name, others[name], dense, images) for name in others]
        for batch_size in INFERENCES:
            figures += _inference(runtimes, images[:batch_size], seconds / 5)
    return figures, [f"P9: {sentence}" for sentence in missing]


def _ternary(work: Work) -> nn.Module:
    """Return a network with W_p and W_n apart, and statistics of normalisation that fit them.

    With the scales nearest to its latent weights its activations neither grow nor vanish.
    """
    model = work.network("ttq")
    for _, layer in quantized_layers(model):
        quantizer_of(layer).set_initial_scales(latent_of(layer), "least_squares")
    reestimate_batch_norm_(model, [work.batch()[0]], work.recipe.precision)
    return model


def _images(work: Work) -> Tensor:
    shape = max(INFERENCES), *MODELS[work.model].image_shape
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def _bytes_and_load(
    work: Work, model: nn.Module, files: tuple[Path, Path], seconds: float
) -> list[Figure]:
    """Write both files; return how many times smaller the packed one is, and how it loads."""
    packed, dense = files
    conversion = Conversion(initial_scales="least_squares")
    quantization = Quantization(method="ttq", strategy=PAPER_STRATEGY, conversion=conversion)
    spec = TrialSpec(
        protocol="speed", dataset="random", data_fingerprint="none", validation_count=1,
        model=work.model, seed=0, recipe=work.recipe, quantization=quantization,
    )  # fmt: skip
    packed_bytes = save_packed(packed, model, spec, classes=CLASSES)
    dense_bytes = save_packed(dense, load_packed(packed)[0], spec, classes=CLASSES)
    layers = next(size for size in network_sizes(model) if size.part == "quantized layers")
    loads = {path.stem: partial(_load, path) for path in files}
    times = take_turns(loads, seconds=seconds, device=work.device)
    whole = dense_bytes / packed_bytes
    return [
        Figure("P9", "ternary layers: dense over packed bytes", layers.ratio, "x", bound=SMALLER),
        Figure("P9", f"{work.model}'s file: dense over packed bytes", whole, "x"),
        ratio_figure("P9", "load to a network: packed over dense", times.ratio(*loads)),
    ]


def _load(path: Path) -> None:
    load_packed(path)


@torch.no_grad()
def _checked(path: Path, model: nn.Module, images: Tensor) -> nn.Module:
    """Return the network of a file, channels last as trials have it; it must be ``model``."""
    found: nn.Module = load_packed(path)[0].to(memory_format=torch.channels_last)
    if not torch.equal(found(images), model(images)):
        raise TtqBenchError(f"speed: P9: the network of the {path.stem} file is another one")
    return found


@torch.inference_mode()
def _deviation(name: str, runtime: Runtime, dense: Runtime, images: Tensor) -> Figure:
    expected = dense(images)
    share = (runtime(images) - expected).abs().max() / expected.abs().max()
    what = f"{name}: largest deviation of a logit, of the largest logit"
    return Figure("P9", what, 100 * float(share), "%")


@torch.inference_mode()
def _inference(runtimes: Mapping[str, Runtime], images: Tensor, seconds: float) -> list[Figure]:
    """Return each way's time over that of dense torch, and the medians."""
    batch_size = len(images)
    repeats = INFERENCES[batch_size]

    def repeated(runtime: Runtime) -> None:
        for _ in range(repeats):
            runtime(images)

    tasks = {name: partial(repeated, runtime) for name, runtime in runtimes.items()}
    times = take_turns(tasks, seconds=seconds, device=images.device)
    what = f"inference on one core, batch {batch_size}: {{}}"
    ratios = [
        ratio_figure("P9", what.format(f"{name} over {DENSE}"), times.ratio(name, DENSE))
        for name in tasks
        if name != DENSE
    ]
    medians = [
        Figure("P9", what.format(name), 1e3 * times.median(name) / repeats, "ms") for name in tasks
    ]
    return ratios + medians
