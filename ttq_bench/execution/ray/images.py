"""Decoded images on the way from the driver to the nodes of a cluster, through Ray's object store.

A node that has the images keeps its own. To another they come once, are written beside what it
decodes itself, checked against the hashes that the driver's have, and mapped by all trials there.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import ray

from ttq_bench.data.catalog import ImagesCard, is_streamed
from ttq_bench.data.identity import identify, prepared_folder
from ttq_bench.data.sources import find_source
from ttq_bench.execution.ray.workers import FETCH_SECONDS
from ttq_bench.spec.trial import TrialSpec
from ttq_bench.trial.settings import RunSettings

if TYPE_CHECKING:  # torch: 2 s that a driver does not need, nor a worker before its sign
    from ttq_bench.data.prepared import Packed


@dataclass(frozen=True, slots=True)
class Parcel:
    """What the images are, and where they wait (in a list, so that Ray does not fetch them)."""

    card: ImagesCard
    content: list["ray.ObjectRef[Packed]"]


@dataclass
class Sender:
    """Puts the images of each dataset into the object store when its first trial is sent."""

    parcels: dict[str, Parcel | None] = field(default_factory=dict)

    def parcel(self, spec: TrialSpec, settings: RunSettings) -> Parcel | None:
        """Return the images of a trial, None where each node has to have them by itself."""
        if spec.dataset not in self.parcels:
            self.parcels[spec.dataset] = self._packed(spec, settings)
        return self.parcels[spec.dataset]

    def _packed(self, spec: TrialSpec, settings: RunSettings) -> Parcel | None:
        if is_streamed(spec.source_name):
            return None  # 148 GB belong on storage that nodes share
        from ttq_bench.data.prepared import pack_images  # torch

        card = identify(find_source(spec.source_name, settings.data_dir), settings.cache)
        packed = pack_images(card, settings.cache)
        if packed is None:
            return None
        try:
            return Parcel(card, [ray.put(packed)])
        except ray.exceptions.RayError:  # they are larger than the store
            return None


def received(
    parcel: Parcel | None, settings: RunSettings, sign: Callable[..., None] = lambda **_: None
) -> RunSettings:
    """Keep the images on this node unless it has them; return settings that say so.

    ``sign`` is called at once, before anything that a dead disk could hold up; with
    ``brings_images`` before images come, and again when they are here.
    """
    sign()
    if parcel is None:
        return settings
    if not prepared_folder(parcel.card, settings.cache).exists():
        sign(brings_images=True)
        from ttq_bench.data.prepared import keep_images  # torch

        (waiting,) = parcel.content
        packed: Packed = ray.get(waiting, timeout=FETCH_SECONDS)
        keep_images(parcel.card, settings.cache, packed)
        sign()
    return replace(settings, images=parcel.card)
