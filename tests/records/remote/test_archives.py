import io
import tarfile

import pytest

from ttq_bench.errors import ResultsError
from ttq_bench.records.remote.archives import packed, unpacked
from ttq_bench.records.seal import SEAL, digests, seal_bytes

FILES = {"record.json": b"{}\n", "epochs.parquet": b"PAR1"}
SEALED = {**FILES, SEAL: seal_bytes(digests(FILES))}


def test_files_come_back_as_they_were_and_the_same_files_give_the_same_bytes():
    assert unpacked(packed(SEALED), "x") == SEALED
    assert packed(SEALED) == packed(dict(reversed(SEALED.items())))


def test_the_tar_is_one_that_everyone_can_read(tmp_path):
    with tarfile.open(fileobj=io.BytesIO(packed(SEALED))) as archive:
        archive.extractall(tmp_path, filter="data")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == SEALED


@pytest.mark.parametrize("changed", [{"record.json": b"[]\n"}, {"more.json": b""}, {SEAL: b""}])
def test_files_that_the_seal_does_not_vouch_for_are_refused(changed):
    with pytest.raises(ResultsError, match=r"s3://b/trials/a\.tar: does not agree with the SHA256"):
        unpacked(packed(SEALED | changed), "s3://b/trials/a.tar")


@pytest.mark.parametrize("content", [b"", b"no tar", packed(SEALED)[:700], packed(FILES)])
def test_what_is_half_or_no_archive_is_refused(content):
    with pytest.raises(ResultsError, match="delete it to run the trial again"):
        unpacked(content, "x")


@pytest.mark.parametrize("name", ["../record.json", "/etc/passwd", "a/b", ".hidden"])
def test_a_name_that_could_leave_the_folder_is_refused(name):
    with pytest.raises(ResultsError, match="it holds"):
        unpacked(packed({name: b""}), "x")


def test_a_link_is_refused():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        link = tarfile.TarInfo("record.json")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    with pytest.raises(ResultsError, match=r"it holds 'record\.json'"):
        unpacked(buffer.getvalue(), "x")
