"""Where the images of a dataset are: published files, Parquet files or class folders.

Nothing is decoded here and no torch is needed. A source that is not the published files gets
a dataset name of its own (see ``identity.py``).

Links: the data folder, its folders, ``train/`` and ``test/``, archives and Parquet files may be
links (caches of the hub are made of them). What lies inside ``train/`` and ``test/`` may not lead
out of them (``class_folders.py``).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ttq_bench.data.catalog import DATASETS, FOLDER, is_streamed
from ttq_bench.data.formats.class_folders import check_link, find_class_folders, image_folder
from ttq_bench.data.formats.folder_contents import missing_split
from ttq_bench.data.formats.parquet_splits import check_shards, second_split
from ttq_bench.data.places import named_after, places_of
from ttq_bench.data.published import Archive
from ttq_bench.data.streaming.imagenet import LAYOUT, imagenet_folders
from ttq_bench.data.unread import unread_sentence
from ttq_bench.errors import DataError
from ttq_bench.files import file_digest

Kind = Literal["bundled", "archive", "parquet", "folders"]
# Forms and what to do, by whether images are streamed.
LOOKED_FOR = {
    False: (
        "train*.parquet with test*.parquet and for train/CLASS/*.png with test/CLASS/*.png",
        "put it there or name its place with",
    ),
    True: (
        f"{LAYOUT}, and for train*.parquet with val*.parquet",
        "it cannot be downloaded here: get it from image-net.org, and name its place with",
    ),
}


@dataclass(frozen=True, slots=True)
class Source:
    """Files of one dataset.

    ``archive`` is set for the published ones, which may be missing; all lie in ``train``.
    """

    dataset: str
    kind: Kind
    train: tuple[Path, ...]
    test: tuple[Path, ...]
    archive: Archive | None = None

    @property
    def is_present(self) -> bool:
        """Whether the files are there (only published ones can be fetched later)."""
        return all(path.exists() for path in self.train + self.test)


def find_source(dataset: str, data_dir: Path) -> Source:
    """Return where ``dataset`` is in ``data_dir`` or in a folder there with its name.

    Where nothing is found, the source is the published files to be downloaded. ``DataError`` if
    there are none, or if there are images that cannot be read.
    """
    if (source := look_for(dataset, data_dir)) is not None:
        return source
    card = DATASETS[dataset]
    if not card.archives and not data_dir.exists():
        raise DataError(
            f"{data_dir}: no such folder; name with --data-dir the one that holds {dataset}, which"
            " cannot be downloaded here"
        )
    unread = unread_sentence(dataset, data_dir)
    if not unread and card.archives:
        return published_source(dataset, data_dir)
    if card.archives:
        raise DataError(
            f"{data_dir}: no {dataset} found{unread}; name the place of the images with --data-dir,"
            f" or download the published ones with `ttq-bench data fetch {dataset}`"
        )
    forms, remedy = LOOKED_FOR[card.streamed]
    raise DataError(
        f"{data_dir}: no {dataset} found (looked for {forms}, here and in {dataset}*/); {remedy}"
        f" --data-dir{unread}"
    )


def published_source(dataset: str, data_dir: Path) -> Source:
    """Return the published files of ``dataset`` where a download puts them."""
    archive = DATASETS[dataset].archives[0]
    in_its_folder = not archive.folder or named_after(data_dir.name) == dataset
    return _source_in(dataset, archive, data_dir if in_its_folder else data_dir / archive.folder)


def _source_in(dataset: str, archive: Archive, place: Path) -> Source:
    paths = tuple(place / file.file_name for file in archive.files)
    return Source(dataset, "archive", paths, (), archive)


def look_for(dataset: str, data_dir: Path) -> Source | None:
    """Return the images of ``dataset`` that are there already, None where there are none.

    Published files win over Parquet files, and these over class folders; then come deeper folders
    and unpacked archives. For ``folder`` the images are those of ``data_dir`` itself. ``DataError``
    if a split or a file is missing, or if there are several copies.
    """
    if dataset == FOLDER:
        return Source(dataset, "folders", *image_folder(data_dir))
    if is_bundled(dataset):
        return Source(dataset, "bundled", (), ())
    check_link(data_dir)
    if data_dir.exists() and not data_dir.is_dir():
        raise DataError(f"{data_dir}: is a file; name with --data-dir the folder that holds it")
    folders = [data_dir, *_folders_named_after(dataset, data_dir)]
    for find in (_find_archive, _find_parquet, _find_class_folders):
        if sources := [source for folder in folders if (source := find(dataset, folder))]:
            return _single(sources, data_dir)
    places = list(places_of(dataset, data_dir))
    for find in (_find_in_place, _find_archive, _parquet_by_counts, _find_class_folders):
        if sources := [source for place in places if (source := find(dataset, place))]:
            return _single(sources, data_dir)
    return None


def is_bundled(dataset: str) -> bool:
    """Return whether the images come with a dependency, so that no folder needs to hold them."""
    return dataset == "digits"


def _folders_named_after(dataset: str, data_dir: Path) -> list[Path]:
    if not data_dir.is_dir():
        return []
    return sorted(
        path for path in data_dir.iterdir() if named_after(path.name) == dataset and path.is_dir()
    )


def _single(sources: list[Source], folder: Path) -> Source:
    """Return the one source; links to the same files count once. ``DataError`` for several."""
    if len(sources) > 1:
        sources = [source for source in sources if _has_columns(source)] or sources
    if len({tuple(path.resolve() for path in source.train) for source in sources}) > 1:
        places = ", ".join(str(source.train[0].parent) for source in sources)
        raise DataError(
            f"{folder}: several copies of {sources[0].dataset} ({places});"
            " give --data-dir one of them"
        )
    return sources[0]


def _find_archive(dataset: str, folder: Path) -> Source | None:
    for archive in DATASETS[dataset].archives:
        if archive.folder and named_after(folder.name) != dataset:
            continue  # files of these names may be another dataset's
        source = _source_in(dataset, archive, folder)
        if any(path.is_file() for path in source.train):
            for path in source.train:
                check_link(path)
            return source
    return None


def _has_columns(source: Source) -> bool:
    """Return whether Parquet files hold images with labels: SVHN's whole numbers do not."""
    if source.kind != "parquet":
        return True
    from ttq_bench.data.formats import parquet_files  # pyarrow: only where there is a choice

    try:
        return parquet_files.has_labels(source.train[0])
    except DataError:
        return True  # it is refused by name when it is read


def _find_in_place(dataset: str, folder: Path) -> Source | None:
    """Return the published files that are read in place, if all are in ``folder``.

    Other datasets name their files as MNIST does: the hash of the test labels decides.
    """
    if (archive := DATASETS[dataset].read_in_place) is None:
        return None
    source = _source_in(dataset, archive, folder)
    if not all(path.is_file() for path in source.train):
        return None
    if archive.layout == "idx" and file_digest(source.train[-1], "md5") != archive.files[-1].md5:
        return None
    return source


def _find_parquet(dataset: str, folder: Path) -> Source | None:
    # The hub names its files train-00000-of-00002.parquet and puts them into data/ or a config's
    # folder; a plain train.parquet is common too.
    places = [folder]
    if named_after(folder.name) == dataset:  # others hold files of other datasets
        places += sorted(path for path in folder.glob("*/") if not path.is_symlink())
    sources = [source for place in places if (source := _parquet_in(dataset, place))]
    return _single(sources, folder) if sources else None


def _parquet_in(dataset: str, folder: Path) -> Source | None:
    train = tuple(sorted(folder.glob("train*.parquet")))
    test = second_split(folder)
    if bool(train) != bool(test):
        there = [path.name for path in train or test]
        raise missing_split(folder, f"{'test' if train else 'train'}*.parquet", there)
    for files in (train, test):
        check_shards(files)
    return Source(dataset, "parquet", train, test) if train else None


def _parquet_by_counts(dataset: str, folder: Path) -> Source | None:
    """Return the Parquet files in a folder whose name may say nothing of what it holds.

    Those with as many images as another dataset of the table has, and not this one, are not taken.
    """
    source = _parquet_in(dataset, folder)
    if source is None or named_after(folder.name) == dataset:
        return source
    from ttq_bench.data.formats import parquet_files  # pyarrow: only where names do not tell

    try:
        counts = tuple(map(parquet_files.row_count, (source.train, source.test)))
    except DataError:
        return source  # it is refused by name when it is read
    owners = {name for name, c in DATASETS.items() if (c.train_count, c.test_count) == counts}
    return None if owners and dataset not in owners else source


def _find_class_folders(dataset: str, folder: Path) -> Source | None:
    streamed, classes = is_streamed(dataset), DATASETS[dataset].classes
    splits = imagenet_folders(folder) if streamed else find_class_folders(folder)
    if splits is None:
        return None
    # The name of streamed images says how many classes there are.
    if not streamed and len(splits[0]) != classes:
        raise DataError(
            f"{folder}: {dataset} has {classes} classes, train/ has {len(splits[0])} folders"
        )
    return Source(dataset, "folders", *splits)
