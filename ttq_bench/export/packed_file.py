"""A trained network as a safetensors file: two bits a quantized weight, the rest as it is.

Tensors of a quantized layer: ``NAME.weight.codes`` (uint8), ``.positive_scale``,
``.negative_scale``; all others under their own names. The metadata hold the trial's id and spec,
the facts of its images, and a digest of all else: a flipped bit inside a tensor would load silently
otherwise.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from ttq_bench.errors import TtqBenchError
from ttq_bench.export.image_facts import ImageFacts
from ttq_bench.export.packing import pack_codes, unpack_codes
from ttq_bench.files import write_atomically
from ttq_bench.models.build import build_model
from ttq_bench.models.state import load_weights
from ttq_bench.spec.trial import TrialSpec
from ttq_bench.ternary.conversion import latent_of, quantized_layers, quantizer_of

FORMAT = "ttq_bench packed network, version 1"
MOST_HEADER_BYTES = 1 << 20  # of ResNet-110 it has 0.08 million
PARAMETRIZED = ".parametrizations.weight."
NO_MORE: Mapping[str, str] = MappingProxyType({})


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
    path: Path,
    model: nn.Module,
    spec: TrialSpec,
    *,
    classes: int,
    facts: ImageFacts | None = None,
) -> int:
    """Write the network to ``path``, whole or not at all; return the file's size in bytes."""
    more = facts.as_metadata() if facts else NO_MORE
    content = packed_bytes(model, spec, classes=classes, more=more)
    write_atomically(path, content)
    return len(content)


def packed_bytes(
    model: nn.Module, spec: TrialSpec, *, classes: int, more: Mapping[str, str] = NO_MORE
) -> bytes:
    """Return the content of the file; ``more`` is said in its metadata, too."""
    tensors = packed_tensors(model)
    metadata = {
        "format": FORMAT,
        "spec": json.dumps(spec.resolved(), sort_keys=True),
        "trial_id": spec.trial_id,
        "classes": str(classes),
        **more,
    }
    metadata["sha256"] = _digest(tensors, metadata)
    content: bytes = safetensors.torch.save(tensors, metadata)
    return content


def load_packed(path: Path | str) -> tuple[nn.Module, TrialSpec]:
    """Return the network, in evaluation mode and with plain weights, and its trial's spec.

    Its logits are those of the trained network, bit for bit on one kind of CPU and memory format.
    Raises ``TtqBenchError`` for a file that is missing, damaged, or another program's.
    """
    metadata, tensors = _read(path)
    try:
        spec = TrialSpec.model_validate_json(metadata["spec"])
        model = build_model(spec.model, classes=int(metadata["classes"]), seed=0)
        load_weights(model, _plain_weights(model, tensors), source=str(path))
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
    return ImageFacts.from_metadata(_read(path)[0], str(path))


def _plain_weights(model: nn.Module, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    weights = dict(tensors)
    for key in [key for key in tensors if key.endswith(".codes")]:
        name = key.removesuffix(".codes")
        codes = unpack_codes(weights.pop(key), model.get_parameter(name).shape)
        positive, negative = (weights.pop(f"{name}.{s}_scale") for s in ("positive", "negative"))
        zero = positive.new_zeros(())
        weights[name] = torch.where(codes > 0, positive, torch.where(codes < 0, -negative, zero))
    return weights


def _read(path: Path | str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        _check_header(Path(path))
        with safetensors.safe_open(path, framework="pt") as stream:
            metadata = stream.metadata() or {}
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    except FileNotFoundError as error:
        raise TtqBenchError(f"{path}: no such file") from error
    except (OSError, safetensors.SafetensorError) as error:
        raise TtqBenchError(f"{path}: not a safetensors file, or cut short ({error})") from error
    if metadata.get("format") != FORMAT:
        raise TtqBenchError(
            f"{path}: not a packed network of ttq_bench (format {metadata.get('format')!r}, known"
            f" is {FORMAT!r}); `ttq-bench export` writes one"
        )
    if metadata.pop("sha256", None) != _digest(tensors, metadata):
        raise TtqBenchError(
            f"{path}: damaged, its content is not what was written; export it again"
        )
    return metadata, tensors


def _check_header(path: Path) -> None:
    """Raise ``TtqBenchError`` for a list of tensors that is longer than that of any network here.

    A list of a million tensors would take a minute and a gigabyte before it is refused.
    """
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
    if length > MOST_HEADER_BYTES:
        raise TtqBenchError(
            f"{path}: not a packed network of ttq_bench (its list of tensors says to have"
            f" {length:,} bytes, at most {MOST_HEADER_BYTES:,} are read)"
        )


def _digest(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    digest = hashlib.sha256(json.dumps(dict(metadata), sort_keys=True).encode())
    for name in sorted(tensors):
        value = tensors[name]
        digest.update(f"{name} {value.dtype} {tuple(value.shape)};".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
