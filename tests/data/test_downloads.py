import hashlib
import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ttq_bench.data.downloads import fetch_file
from ttq_bench.data.published import PublishedFile
from ttq_bench.errors import DataError

CONTENT = bytes(range(256)) * 12_000  # 3 MB: several chunks
NAME = "images.tar.gz"


class Handler(BaseHTTPRequestHandler):
    """Serves CONTENT under /good, and what breaks under other names."""

    def do_GET(self):
        self.server.asked.append((self.path, self.headers.get("Range")))
        content, place = CONTENT, self.path.strip("/")
        if place == "missing":
            self.send_error(404)
            return
        if place == "error-page":
            content = b"<html>moved</html>"
        if place == "wrong":
            content = CONTENT[::-1]
        if place == "too-long":
            content = CONTENT + b"more"
        start = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        if start and place != "no-ranges":
            first = int(start[1])
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
            content = content[first:]
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if place.startswith("waits"):
            assert self.server.may_go_on.wait(30)
        self.wfile.write(content[: len(content) // 2] if place.endswith("breaks") else content)

    def log_message(self, *values):
        pass


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.asked = []
        running.may_go_on = threading.Event()
        running.url = f"http://127.0.0.1:{running.server_address[1]}"
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def dead():
    """The address of a place where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/{NAME}"


def fetch(server, folder, *places, seen=None, on_wait=lambda: None):
    mirrors = tuple(place if ":" in place else f"{server.url}/{place}" for place in places)
    md5 = hashlib.md5(CONTENT).hexdigest()
    file = PublishedFile(NAME, md5, len(CONTENT), mirrors)
    seen = [] if seen is None else seen
    return fetch_file(file, folder, lambda *step: seen.append(step), on_wait)


def assert_whole(path, folder):
    assert path == folder / NAME
    assert path.read_bytes() == CONTENT
    assert [file.name for file in folder.iterdir()] == [NAME]


def test_a_full_download_is_verified_and_leaves_no_part(server, tmp_path):
    seen = []
    assert_whole(fetch(server, tmp_path / "new", "good", seen=seen), tmp_path / "new")
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [have for have, _ in seen] == sorted({have for have, _ in seen})


def test_an_archive_that_is_there_is_not_fetched_again(server, tmp_path):
    fetch(server, tmp_path, "good")
    fetch(server, tmp_path, "good")
    assert len(server.asked) == 1


def test_a_broken_connection_keeps_its_part_and_the_next_call_continues_it(server, tmp_path):
    half = len(CONTENT) // 2
    with pytest.raises(DataError, match=f"broke off at {half:,} of {len(CONTENT):,} bytes"):
        fetch(server, tmp_path, "breaks")
    assert (tmp_path / f"{NAME}.part").stat().st_size == half
    assert_whole(fetch(server, tmp_path, "good"), tmp_path)
    assert server.asked[-1] == ("/good", f"bytes={half}-")


def test_the_next_mirror_continues_what_the_first_began(server, tmp_path):
    assert_whole(fetch(server, tmp_path, "breaks", "good"), tmp_path)
    assert server.asked[-1] == ("/good", f"bytes={len(CONTENT) // 2}-")


def test_a_server_without_ranges_sends_everything_again(server, tmp_path):
    (tmp_path / f"{NAME}.part").write_bytes(CONTENT[:1_000])
    seen = []
    assert_whole(fetch(server, tmp_path, "no-ranges", seen=seen), tmp_path)
    assert seen[-1] == (len(CONTENT), len(CONTENT))


@pytest.mark.parametrize("bad", ["wrong", "too-long", "error-page", "missing"])
def test_what_a_bad_mirror_sends_does_not_spoil_the_next_one(server, tmp_path, bad):
    assert_whole(fetch(server, tmp_path, bad, "good"), tmp_path)


@pytest.mark.parametrize("length", [1_000, len(CONTENT), len(CONTENT) + 1])
def test_a_spoiled_part_is_thrown_away_and_fetched_anew_from_the_same_mirror(
    server, tmp_path, length
):
    (tmp_path / f"{NAME}.part").write_bytes(b"x" * length)
    assert_whole(fetch(server, tmp_path, "good"), tmp_path)


def test_a_whole_part_needs_no_network(server, tmp_path):
    (tmp_path / f"{NAME}.part").write_bytes(CONTENT)
    assert_whole(fetch(server, tmp_path, "good"), tmp_path)
    assert server.asked == []


def test_of_two_fetches_at_once_one_downloads_and_the_other_says_that_it_waits(server, tmp_path):
    """The lock is of open files, so that threads stand for processes."""
    (tmp_path / f"{NAME}.part").write_bytes(CONTENT[:10])  # to be continued by one of them
    with ThreadPoolExecutor(2) as pool:
        runs = [
            pool.submit(fetch, server, tmp_path, "waits", on_wait=server.may_go_on.set)
            for _ in range(2)
        ]
        for run in runs:
            run.result()
    assert len(server.asked) == 1
    assert_whole(tmp_path / NAME, tmp_path)


def test_a_fetch_goes_on_where_the_one_it_waited_for_broke_off(server, tmp_path):
    def first():
        with pytest.raises(DataError, match="broke off"):
            fetch(server, tmp_path, "waits-breaks")

    with ThreadPoolExecutor(2) as pool:
        ended = pool.submit(first)
        while not server.asked:
            time.sleep(0.01)
        assert_whole(fetch(server, tmp_path, "good", on_wait=server.may_go_on.set), tmp_path)
        ended.result()
    assert server.asked[-1] == ("/good", f"bytes={len(CONTENT) // 2}-")


def on_a_full_disk(folder):
    (folder / f"{NAME}.part").symlink_to("/dev/full")
    return folder


def in_a_file(folder):
    (folder / "README.md").write_text("not a folder")
    return folder / "README.md"


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        (on_a_full_disk, "No space left on device"),
        (in_a_file, "it is no folder"),
        (lambda folder: in_a_file(folder) / "deeper", "it is no folder"),
    ],
)
def test_a_fault_of_the_disk_is_told_of_the_folder_and_no_other_mirror_is_tried(
    server, tmp_path, place, reason
):
    folder = place(tmp_path)
    with pytest.raises(DataError) as caught:
        fetch(server, folder, "good", "good")
    assert str(caught.value) == (
        f"{folder}: {NAME} cannot be kept there ({reason}); name with --data-dir a folder that can"
        f" be written, on a disk with room for {len(CONTENT):,} bytes"
    )
    assert len(server.asked) == (reason == "No space left on device")


def test_wrong_bytes_are_refused_with_both_hashes_and_not_kept(server, tmp_path):
    given = hashlib.md5(CONTENT[::-1]).hexdigest()
    with pytest.raises(DataError, match=f"md5 {given} instead of .*, thrown away"):
        fetch(server, tmp_path, "wrong")
    assert list(tmp_path.iterdir()) == []


def test_all_mirrors_dead_says_each_reason_and_the_way_out(server, tmp_path, dead):
    with pytest.raises(DataError) as caught:
        fetch(server, tmp_path, dead, "missing")
    message = str(caught.value)
    md5 = hashlib.md5(CONTENT).hexdigest()
    assert message.startswith(f"{NAME} could not be downloaded:\n  {dead}: ")
    assert "Connection refused" in message
    assert f"{server.url}/missing: HTTP Error 404" in message
    assert message.endswith(
        f"(md5 {md5}), copy it to {tmp_path}/ and run the same command again;"
        " or name a folder that holds it, Parquet files or class folders with --data-dir."
    )
