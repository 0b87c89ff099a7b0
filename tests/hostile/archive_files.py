"""Archives that attack their reader, by name: each takes a path to write and a file to harm."""

import gzip
import io
import pickle
import tarfile

from tests.data import builders

IMAGES = builders.random_images(12)
LABELS = builders.random_labels(12)
TEST_BATCH = "cifar-10-batches-bin/test_batch.bin"
GOOD = builders.binary_members(IMAGES, LABELS)


def entry(name, kind=tarfile.REGTYPE, link="", size=0):
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.size = kind, link, size
    return made


def written(path, entries, *, good=GOOD):
    """An archive of ``entries`` (each with its bytes), then of the known members."""
    known = [(entry(name, size=len(content)), content) for name, content in good.items()]
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for made, content in [*entries, *known]:
            archive.addfile(made, io.BytesIO(content))


def without_test_batch():
    return {name: content for name, content in GOOD.items() if name != TEST_BATCH}


def foreign(name):
    """All known members, and one more that would land elsewhere if it were extracted."""
    return lambda path, victim: written(path, [(entry(name, size=4), b"evil")])


def linked(path, victim):
    """The link first, so that a reader that follows it reads or writes through it."""
    link = entry("cifar-10-batches-bin", tarfile.SYMTYPE, str(victim.parent))
    own = entry(TEST_BATCH, tarfile.SYMTYPE, str(victim))
    written(path, [(link, b""), (own, b"")], good=without_test_batch())


def negative_size(path, victim):
    """An entry that ends before it begins: CVE-2025-8194, read for ever."""
    made = entry("x", size=-1024)
    content = made.tobuf(tarfile.GNU_FORMAT) + bytes(4096)
    path.write_bytes(gzip.compress(content))


def chain_of_names(path, victim):
    """5,000 headers of long names, each of which is about the next one."""
    header = entry("././@LongLink", tarfile.GNUTYPE_LONGNAME, size=2).tobuf(tarfile.GNU_FORMAT)
    path.write_bytes(gzip.compress((header + b"a\0" + bytes(510)) * 5_000))


def large_header(path, victim):
    """A header that says it has 8 billion bytes of further fields."""
    made = entry("x", tarfile.XHDTYPE, size=8 << 30).tobuf(tarfile.GNU_FORMAT)
    path.write_bytes(gzip.compress(made + bytes(300 << 20), compresslevel=1))


def changed_end(path, victim):
    written(path, [])
    path.write_bytes(path.read_bytes()[:-8] + b"\0" * 8)


# Refused by the reader, with a part of its one sentence.
REFUSED = {
    "a symbolic link as a member": (linked, "is not a plain file"),
    "a device": (
        lambda path, victim: written(path, [(entry(TEST_BATCH, tarfile.CHRTYPE), b"")]),
        "is not a plain file",
    ),
    "a hard link": (
        lambda path, victim: written(
            path,
            [(entry("x", size=0), b""), (entry(TEST_BATCH, tarfile.LNKTYPE, "x"), b"")],
            good=without_test_batch(),
        ),
        "is not a plain file",
    ),
    "a folder as a member": (
        lambda path, victim: written(
            path, [(entry(TEST_BATCH, tarfile.DIRTYPE), b"")], good=without_test_batch()
        ),
        "is not a plain file",
    ),
    "a member of 40 million bytes": (
        lambda path, victim: written(
            path, [(entry(TEST_BATCH, size=40 << 20), bytes(40 << 20))], good=without_test_batch()
        ),
        "has more than 33,554,432 bytes",
    ),
    "a gzip bomb": (
        lambda path, victim: written(path, [(entry("zeros", size=300 << 20), bytes(300 << 20))]),
        "unpacks to more than 268,435,456 bytes",
    ),
    "a header that unpacks for ever": (large_header, "cannot be read as an archive"),
    "a member twice": (
        lambda path, victim: written(
            path, [(entry(TEST_BATCH, size=len(GOOD[TEST_BATCH])), GOOD[TEST_BATCH])]
        ),
        "is in the archive twice",
    ),
    "a negative size": (negative_size, "cannot be read as an archive|is missing"),
    "a chain of headers": (chain_of_names, "cannot be read as an archive|is missing"),
    "another checksum at the end": (changed_end, "cannot be read as an archive"),
    "a pickle": (lambda path, victim: path.write_bytes(pickle.dumps([1])), "cannot be read as"),
}
# Harmless to a reader that takes known members and extracts nothing.
PASSED_OVER = {
    "a known name behind ..": foreign(f"cifar-10-batches-bin/../../outside/{TEST_BATCH}"),
    "a link of another name": lambda path, victim: written(
        path, [(entry("x", tarfile.SYMTYPE, str(victim)), b"")]
    ),
    "a name of escapes": foreign("\x1b]0;evil\x07"),
}
