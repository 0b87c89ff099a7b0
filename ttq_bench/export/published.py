"""Published networks: written when a trial ends, and loaded instead of training again."""

from pathlib import Path

import torch
from torch import Tensor, nn

from ttq_bench.errors import ResultsError
from ttq_bench.export.packed_file import PARAMETRIZED, packed_bytes
from ttq_bench.export.packing import unpack_codes
from ttq_bench.models.state import load_weights
from ttq_bench.records.attempts.lease import Create
from ttq_bench.records.networks import LARGEST_BYTES, StoredNetwork, read_network
from ttq_bench.records.paths import TrialPaths
from ttq_bench.spec.trial import TrialSpec
from ttq_bench.ternary.conversion import latent_of, quantized_layers, quantizer_of

PARTS = ("codes", "positive_scale", "negative_scale")


def publish_network(
    create: Create, paths: TrialPaths, model: nn.Module, spec: TrialSpec, *, weights_sha256: str
) -> bool:
    """Publish the trained network of a trial; False if there is one already, or it is too large.

    One of other weights has to be moved before (``records/replaced.py``).

    ``create`` makes a file that is not there yet. ``weights_sha256`` is the digest of the full
    weights (``weights.pt``), which trials fine-tuned from them keep of their start.
    """
    content = packed_bytes(model, spec, {"weights_sha256": weights_sha256})
    return len(content) <= LARGEST_BYTES and create(paths.network, content)


def full_precision_weights(path: Path) -> tuple[dict[str, Tensor], str]:
    """Return the weights of a published full-precision network by name, and their digest."""
    network = read_network(path)
    return _as_torch(network), network.weights_sha256


@torch.no_grad()
def load_converted_(model: nn.Module, path: Path) -> None:
    """Give a converted ``model`` codes, scales and all other weights of a published network.

    Latent weights were not kept. In their place stand those that give the same codes: +1, 0 and -1,
    times the scale where the scale follows from them. Raises ``ResultsError`` where they do not.
    """
    weights = _as_torch(read_network(path))
    try:
        for name, layer in quantized_layers(model):
            codes, *scales = (weights.pop(f"{name}.weight.{part}") for part in PARTS)
            _take_up(layer, codes, (scales[0], scales[1]))
    except KeyError as error:
        raise ResultsError(f"{path}: lacks {error}; it is of another network") from error
    except ValueError as error:
        raise ResultsError(f"{path}: {error}; use the weights in `work/`") from error
    own = {key: value for key, value in model.state_dict().items() if PARAMETRIZED in key}
    load_weights(model, own | weights, source=str(path))


def _take_up(layer: nn.Module, packed: Tensor, scales: tuple[Tensor, Tensor]) -> None:
    quantizer, latent = quantizer_of(layer), latent_of(layer)
    codes = unpack_codes(packed, latent.shape).to(latent.dtype)
    if quantizer.positive_scale is None or quantizer.negative_scale is None:
        latent.copy_(codes * scales[0])
    else:
        latent.copy_(codes)
        quantizer.positive_scale.copy_(scales[0])
        quantizer.negative_scale.copy_(scales[1])
    quantizer.hold_threshold(latent)
    if not torch.equal(quantizer.codes(latent).to(latent.dtype), codes):
        raise ValueError("its codes do not follow from weights of +1, 0 and -1 under its threshold")


# Here, not where other readers may share it: trials start from these weights, and this file is one
# of those whose change ``provenance.arithmetic`` notices.
def _as_torch(network: StoredNetwork) -> dict[str, Tensor]:
    return {name: torch.from_numpy(value.copy()) for name, value in network.tensors.items()}
