"""Which images are there: each dataset of the catalogue, named and fingerprinted as in trial ids.

Nothing is downloaded. An archive is read once to verify it; the answer is kept in the cache.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ttq_bench.data.catalog import DATASETS, ImagesCard
from ttq_bench.data.identity import identify
from ttq_bench.data.passed_over import passed_over
from ttq_bench.data.sources import Source, look_for, published_source
from ttq_bench.doctor.finding import Finding
from ttq_bench.errors import DataError


@dataclass(frozen=True, slots=True)
class Seen:
    """What there is of a dataset; ``fingerprint`` is that in trial ids, empty without images.

    A run refuses what is ``unusable``; ``told`` then is the sentence of its error.
    """

    state: Literal["present", "partly", "absent", "unusable"]
    told: str
    fingerprint: str = ""


def look(data_dir: Path, cache: Path) -> dict[str, Seen]:
    """Return what there is of each dataset, by its name."""
    looks = {name: _seen(name, data_dir, cache) for name in DATASETS}
    # Class folders do not say of which dataset they are. With images of MNIST there, every other
    # dataset of ten classes is unusable, and one of a hundred lacks classes: these are absent.
    owners = {
        source.train: name for name, (seen, source) in looks.items() if source and seen.fingerprint
    }
    top = (name for train, name in owners.items() if train and train[0].parent.parent == data_dir)
    owner_of_folder = next(top, None)
    images = {}
    for name, (seen, source) in looks.items():
        owner = owners.get(source.train) if source else owner_of_folder
        does_not_fit = source or seen.told.startswith(f"{data_dir}: {name} has ")
        is_of_owner = owner and does_not_fit and not seen.fingerprint
        images[name] = Seen("absent", f"{data_dir} holds {owner}") if is_of_owner else seen
    return images


def _seen(dataset: str, data_dir: Path, cache: Path) -> tuple[Seen, Source | None]:
    source = None
    try:
        source = look_for(dataset, data_dir)
        if source is None:
            return _not_there(dataset, data_dir), None
        card = identify(source, cache)
    except DataError as error:
        return Seen("unusable", str(error)), source
    except OSError as error:
        return Seen("unusable", f"{data_dir}: cannot be read ({error.strerror}); mend that"), source
    described = "; ".join([_described(card, source.kind), *passed_over(source)])
    whole = DATASETS[dataset]
    is_whole = (card.train_count, card.test_count) == (whole.train_count, whole.test_count)
    return Seen("present" if is_whole else "partly", described, card.fingerprint), source


def _not_there(dataset: str, data_dir: Path) -> Seen:
    for archive in DATASETS[dataset].archives:
        for file in archive.files:
            part = published_source(dataset, data_dir).train[0].with_name(f"{file.file_name}.part")
            if part.is_file():
                have = f"{part.stat().st_size / 1e6:.0f} of {file.size_bytes / 1e6:.0f} MB"
                return Seen("partly", f"{have} of {file.file_name} are downloaded")
    return Seen("absent", f"not in {data_dir}")


def _described(card: ImagesCard, kind: str) -> str:
    counts = f"{card.train_count:,} training and {card.test_count:,} test images"
    return f"{card.name}: {counts}, {kind}, {card.fingerprint[:19]}..."


def check(data_dir: Path, cache: Path) -> list[Finding]:
    """Return a row for each dataset."""
    return [_judged(name, seen, data_dir) for name, seen in look(data_dir, cache).items()]


def _judged(name: str, seen: Seen, data_dir: Path) -> Finding:
    check = f"images of {name}"
    if seen.state == "present":
        return Finding(check, seen.told)
    if seen.state == "unusable":
        reason, _, advice = seen.told.partition("; ")
        advice = advice or "mend the folder, or name another with --data-dir"
        return Finding(check, reason, "problem", advice, DataError.exit_code)
    found = f"{seen.state}: {seen.told}"
    if seen.fingerprint:
        advice = "complete them: what is made of them bears another name and decides no claim"
    elif DATASETS[name].archives:
        verb = "goes on" if seen.state == "partly" else "gets them"
        advice = f"`ttq-bench data fetch {name} --data-dir {data_dir}` {verb}, and so does a run"
    else:
        advice = f"put Parquet files or class folders of {name} there before you run such a suite"
    return Finding(check, found, "warning", advice)
