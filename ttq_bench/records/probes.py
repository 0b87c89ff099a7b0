"""Probes: what was measured on trained weights, one JSON file a trial.

A probe answers what a record cannot: whether the difference of the scales matters. Each quantized
layer gets sqrt(W_p W_n) as both scales, alone and together with all others; batch normalisation is
estimated anew on training images; the change of test error is the answer. Other changes of the
scales of the same size show whether equal scales are special, and one more epoch shows whether
their harm stays. The field ``sha256`` seals all other fields, as ``SHA256SUMS`` seals a record.
"""

import hashlib
import json
from typing import Any, Literal

import pydantic
from pydantic import BaseModel, ConfigDict

from ttq_bench.errors import ResultsError
from ttq_bench.files import unreadable, write_atomically
from ttq_bench.records.foreign_files import probe_files
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.schema import first_problem

# 2: moves of the scales of the same size as making them equal, and healing; older ones lack them.
PROBE_VERSION = 2
# Between the test error in a record and that of its weights when they are measured again, perhaps
# on another device. Weights of another trial nearly always differ by more.
LARGEST_DIFFERENCE_PERCENT = 0.3
_FIELDS = pydantic.TypeAdapter(dict[str, Any])


class SymmetrisedLayer(BaseModel):
    """Test error with both scales of this layer alone at their geometric mean; its rho before."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    layer: str
    rho: float
    test_error_percent: float


class MovedScales(BaseModel):
    """Test error with rho = ln(W_p / W_n) of all layers at other values than the trained ones.

    ``kind``: *doubled* (2 rho); *zero or doubled* (in each layer 0 or 2 rho, drawn at random);
    *permuted* (the layers' rho in a random order); *common* (their mean in every layer). The first
    two move the rho of each layer as far as making the scales equal does. ``rms_change`` is the
    root mean square over layers of the change of rho.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: Literal["doubled", "zero or doubled", "permuted", "common"]
    draw: int
    rms_change: float
    test_error_percent: float


class Healing(BaseModel):
    """Test errors after ``epochs`` further ones: as trained, and with scales made and held equal.

    ``learning_rate`` is constant; the batches are those of the next epoch, the same for both.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    epochs: int
    learning_rate: float
    as_trained_error_percent: float
    equal_error_percent: float


class Kernels(BaseModel):
    """Ternary kernels of one layer: ``codes`` are ``+0-``, row-major in ``shape``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    layer: str
    shape: tuple[int, ...]
    codes: str


class Probe(BaseModel):
    """Test errors in percent; ``reestimated`` has the scales as trained: compare with this one.

    ``reestimation_images`` is 0 for a network without batch normalisation. A layer with a scale
    that is not positive has no geometric mean: it stands in ``not_symmetrised`` alone, and then
    ``all_symmetrised_error_percent`` is None and nothing is ``moved``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    probe_version: int
    trial_id: str
    weights_sha256: str
    test_images: int
    reestimation_images: int
    as_trained_error_percent: float
    reestimated_error_percent: float
    symmetrised: tuple[SymmetrisedLayer, ...]
    not_symmetrised: tuple[str, ...] = ()
    all_symmetrised_error_percent: float | None
    moved: tuple[MovedScales, ...] = ()
    healing: Healing | None = None
    kernels: Kernels | None
    seconds: float
    run: dict[str, Any]
    provenance: dict[str, str]


def publish_probe(results: ResultsPaths, probe: Probe) -> None:
    """Write the probe of a trial, sealed, whole or not at all."""
    fields = probe.model_dump(mode="json")
    text = json.dumps({**fields, "sha256": probe_seal(fields)}, indent=2, sort_keys=True) + "\n"
    write_atomically(results.trial(probe.trial_id).probe, text.encode())


def probe_seal(fields: dict[str, Any]) -> str:
    """Return the sha256 of a probe's fields as JSON with sorted keys and no spaces."""
    plain = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(plain.encode()).hexdigest()


def read_probes(results: ResultsPaths) -> list[Probe]:
    """Return every probe of a folder, ordered by trial id; ``ResultsError`` names a bad one."""
    probes = []
    for path in probe_files(results):
        try:
            fields = _FIELDS.validate_json(path.read_bytes())
            seal = fields.pop("sha256", None)
            probe = Probe.model_validate_json(json.dumps(fields))
        except OSError as error:
            raise unreadable(path, error) from error
        except pydantic.ValidationError as error:
            raise ResultsError(
                f"{path}: not a probe ({first_problem(error)}); delete it and run"
                " `ttq-bench probe` again"
            ) from error
        if probe.probe_version > PROBE_VERSION:
            raise ResultsError(
                f"{path}: written by a newer version (probe {probe.probe_version}, known up to"
                f" {PROBE_VERSION}); update ttq_bench"
            )
        if probe.trial_id != path.stem:
            raise ResultsError(f"{path}: is the probe of {probe.trial_id}; give it its name back")
        if seal != probe_seal(fields):
            raise ResultsError(
                f"{path}: does not agree with the sha256 in it, so it was changed; restore it from"
                " version control, or delete it and run `ttq-bench probe` again"
            )
        probes.append(probe)
    return probes
