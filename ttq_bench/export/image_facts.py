"""Facts for whoever uses an exported network: how images were standardised, and class names."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self

from ttq_bench.data.catalog import DATASETS
from ttq_bench.errors import TtqBenchError
from ttq_bench.records.schema import TrialRecord

_DIGITS = tuple("0123456789")
# By the order of labels. Class folders of these sets are read in the order of their names.
CLASS_NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "cifar10": (
            "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship",
            "truck",
        ),
        "fashion_mnist": (
            "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker",
            "Bag", "Ankle boot",
        ),
        "mnist": _DIGITS, "svhn": _DIGITS, "digits": _DIGITS,
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """By channel, ``mean`` and ``deviation`` of the training pixels, in units of 0..255.

    A network takes (pixels - mean) / deviation [N, C, H, W]; its logit number i is that of
    ``class_names[i]``. These are empty where the images are of no published set.
    """

    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    class_names: tuple[str, ...] = ()

    @classmethod
    def of_record(cls, record: TrialRecord) -> Self | None:
        """Return the facts of a trial, None for a record that does not have them."""
        mean, deviation = record.run.get("pixel_mean"), record.run.get("pixel_deviation")
        if not mean or not deviation:
            return None
        dataset = str(record.spec["dataset"]).partition("-")[0]
        names = CLASS_NAMES.get(dataset, ())
        is_whole = dataset in DATASETS and not record.spec.get("images")
        return cls(tuple(mean), tuple(deviation), names if is_whole else ())

    def as_metadata(self) -> dict[str, str]:
        """Return the facts as files keep them: text by name, numbers and names as JSON."""
        facts = {"pixel_mean": json.dumps(self.mean), "pixel_deviation": json.dumps(self.deviation)}
        return facts | ({"class_names": json.dumps(self.class_names)} if self.class_names else {})

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str], source: str) -> Self:
        """Return what ``as_metadata`` wrote; ``TtqBenchError`` where it did not, or is damaged."""
        try:
            values = [json.loads(metadata[f"pixel_{side}"]) for side in ("mean", "deviation")]
            mean, deviation = (tuple(float(number) for number in value) for value in values)
            names = tuple(str(name) for name in json.loads(metadata.get("class_names", "[]")))
        except KeyError as error:
            raise TtqBenchError(
                f"{source}: does not say how its images were standardised, as files of older"
                " versions do not; export the trial again"
            ) from error
        except (TypeError, ValueError) as error:
            raise TtqBenchError(f"{source}: {error}; export the trial again") from error
        if not all(map(math.isfinite, (*mean, *deviation))) or not all(deviation):
            raise TtqBenchError(f"{source}: a mean or deviation that cannot be; export it again")
        return cls(mean, deviation, names)
