"""A trained network as a safetensors file: two bits a quantized weight, the rest as it is.

Tensors of a quantized layer: ``NAME.weight.codes`` (uint8), ``.positive_scale``,
``.negative_scale``; all others under their own names. The metadata hold the trial's id and spec,
the facts of its images, and the digest that ``records/networks.py`` checks.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ttq_bench.errors import TtqBenchError
from ttq_bench.export.image_facts import ImageFacts
from ttq_bench.export.packing import pack_codes, unpack_codes
from ttq_bench.files import write_atomically
from ttq_bench.models.build import build_model
from ttq_bench.models.state import load_weights
from ttq_bench.records.networks import StoredNetwork, content_digest, parsed
from ttq_bench.spec.trial import TrialSpec
from ttq_bench.ternary.conversion import latent_of, quantized_layers, quantizer_of

FORMAT = "ttq_bench packed network, version 1"
LARGEST_PACKED_BYTES = 1 << 30  # AlexNet in full precision has 0.24e9
PARAMETRIZED = ".parametrizations.weight."
NO_FACTS: Mapping[str, str] = MappingProxyType({})


@torch.no_grad()
def packed_tensors(model: nn.Module) -> dict[str, Tensor]:
    """Return the tensors of the file for a converted network, on the host and contiguous."""
    tensors = {
        name: value for name, value in model.state_dict().items() if PARAMETRIZED not in name
    }
    for name, layer in quantized_layers(model):
        quantizer, latent = quantizer_of(layer), latent_of(layer)
        _, _, (positive_scale, negative_scale) = quantizer.parts(latent)
        tensors[f"{name}.weight.codes"] = pack_codes(quantizer.codes(latent).cpu())
        tensors[f"{name}.weight.positive_scale"] = positive_scale.detach().clone()
        tensors[f"{name}.weight.negative_scale"] = negative_scale.detach().clone()
    return {name: value.cpu().contiguous() for name, value in tensors.items()}


def save_packed(
    path: Path, model: nn.Module, spec: TrialSpec, *, facts: ImageFacts | None = None
) -> int:
    """Write the network to ``path``, whole or not at all; return the file's size in bytes."""
    content = packed_bytes(model, spec, facts.as_metadata() if facts else NO_FACTS)
    write_atomically(path, content)
    return len(content)


def packed_bytes(model: nn.Module, spec: TrialSpec, facts: Mapping[str, str] = NO_FACTS) -> bytes:
    """Return the content of the file; ``facts`` are further metadata."""
    tensors = packed_tensors(model)
    metadata = {
        "format": FORMAT,
        "spec": json.dumps(spec.resolved(), sort_keys=True),
        "trial_id": spec.trial_id,
        "classes": str(spec.card.classes),
        **facts,
    }
    arrays = {name: value.numpy() for name, value in tensors.items()}
    metadata["sha256"] = content_digest(metadata, arrays)
    content: bytes = safetensors.torch.save(tensors, metadata)
    return content


def load_packed(path: Path | str) -> tuple[nn.Module, TrialSpec]:
    """Return the network, in evaluation mode and with plain weights, and its trial's spec.

    Its logits are those of the trained network, bit for bit on one kind of CPU and memory format.
    Raises ``TtqBenchError`` for a file that is missing, damaged, or another program's.
    """
    network = _read(path)
    try:
        spec = TrialSpec.model_validate_json(network.metadata["spec"])
        model = build_model(spec.model, classes=int(network.metadata["classes"]), seed=0)
        load_weights(model, _plain_weights(model, network.tensors), source=str(path))
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError, TtqBenchError) as error:
        # The digest is right, so another version wrote it, or somebody by hand.
        reason = str(error).splitlines()[0].removeprefix(f"{path}: ")
        raise TtqBenchError(
            f"{path}: not restored, its parts do not fit each other ({type(error).__name__}:"
            f" {reason}); export the trial again"
        ) from error
    return model.eval(), spec


def image_facts(path: Path | str) -> ImageFacts:
    """Return how the images of a packed network were standardised, and its classes' names.

    Raises ``TtqBenchError`` as ``load_packed`` does, and for files of older versions.
    """
    return ImageFacts.from_metadata(_read(path).metadata, str(path))


def _plain_weights(model: nn.Module, tensors: Mapping[str, NDArray[Any]]) -> dict[str, Tensor]:
    weights = {name: torch.from_numpy(value.copy()) for name, value in tensors.items()}
    for key in [key for key in tensors if key.endswith(".codes")]:
        name = key.removesuffix(".codes")
        codes = unpack_codes(weights.pop(key), model.get_parameter(name).shape)
        positive, negative = (weights.pop(f"{name}.{s}_scale") for s in ("positive", "negative"))
        zero = positive.new_zeros(())
        weights[name] = torch.where(codes > 0, positive, torch.where(codes < 0, -negative, zero))
    return weights


def _read(path: Path | str) -> StoredNetwork:
    try:
        size_bytes = Path(path).stat().st_size
        if size_bytes > LARGEST_PACKED_BYTES:
            raise ValueError(f"it has {size_bytes:,} bytes, more than any network's")
        network = parsed(Path(path).read_bytes())
    except FileNotFoundError as error:
        raise TtqBenchError(f"{path}: no such file") from error
    except OSError as error:
        raise TtqBenchError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise TtqBenchError(
            f"{path}: not a packed network of ttq_bench, or damaged ({error}); `ttq-bench export`"
            " writes one"
        ) from error
    if network.metadata.get("format") != FORMAT:
        raise TtqBenchError(
            f"{path}: not a packed network that this version reads (format"
            f" {network.metadata.get('format')!r}, known is {FORMAT!r}); update ttq_bench, or"
            " export the trial again"
        )
    return network
