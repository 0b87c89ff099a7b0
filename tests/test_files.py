import hashlib
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ttq_bench.errors import ResultsError
from ttq_bench.files import file_digest, publish_once, replaceable, write_atomically

NO_HOME = """
import os
from ttq_bench.data.identity import cache_folder
from ttq_bench.errors import TtqBenchError
from ttq_bench.execution.ray.security import token_path
from ttq_bench.files import home_folder
try:
    home_folder("X")
except TtqBenchError as error:
    print(error)
os.environ["TTQ_BENCH_CACHE"] = "cache"
print(cache_folder(), token_path())
"""


def test_content_is_written_into_folders_that_are_made_and_others_can_read_it(tmp_path):
    path = tmp_path / "new/deeper/file"
    write_atomically(path, b"content")
    assert path.read_bytes() == b"content"
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_file_is_replaced_whole_and_nothing_else_is_left(tmp_path):
    write_atomically(tmp_path / "file", b"long content")
    write_atomically(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_reader_sees_the_old_or_the_new_content_and_never_half(tmp_path):
    path, contents = tmp_path / "file", (b"a" * 300_000, b"b" * 300_000)
    write_atomically(path, contents[0])
    done, seen = threading.Event(), set()

    def read():
        while not done.is_set():
            seen.add(path.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(40):
        write_atomically(path, contents[number % 2])
    done.set()
    reader.join()
    assert seen
    assert seen <= set(contents)


@pytest.mark.parametrize("write", [write_atomically, publish_once])
def test_a_write_that_fails_leaves_no_temporary_file(tmp_path, write):
    (tmp_path / "file").mkdir()
    (tmp_path / "file/occupied").touch()
    try:
        assert not write(tmp_path / "file", b"content")
    except OSError:
        assert write is write_atomically
    assert os.listdir(tmp_path) == ["file"]  # noqa: PTH208


def test_a_second_publication_is_refused_and_changes_nothing(tmp_path):
    assert publish_once(tmp_path / "file", b"first")
    assert not publish_once(tmp_path / "file", b"second")
    assert (tmp_path / "file").read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_of_many_that_publish_at_once_exactly_one_wins(tmp_path):
    with ThreadPoolExecutor(16) as pool:
        won = list(pool.map(lambda n: publish_once(tmp_path / "file", bytes([n])), range(16)))
    assert won.count(True) == 1
    assert (tmp_path / "file").read_bytes() == bytes([won.index(True)])


@given(st.binary(max_size=100), st.sampled_from(["sha256", "md5"]))
def test_digest_is_that_of_the_content(tmp_path_factory, content, algorithm):
    path = tmp_path_factory.getbasetemp() / "digested"
    path.write_bytes(content)
    assert file_digest(path, algorithm) == hashlib.new(algorithm, content).hexdigest()


def test_a_user_without_a_home_is_told_which_variable_to_set():
    words = ["unshare", "--user", "--map-user=54321", sys.executable, "-c", NO_HOME]
    done = subprocess.run(
        words, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False
    )
    if "unshare" in done.stderr:
        pytest.skip("needs user namespaces")
    assert done.stdout == (
        "no home folder: HOME is not set, and the system knows no user 54321; set X to a folder"
        " that this user can write, or HOME\n"
        "cache cache/ray-54321/auth_token\n"
    ), done.stderr


def test_a_pipe_in_the_place_of_a_file_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "runs.csv")
    with pytest.raises(ResultsError, match=r"runs\.csv: is neither a file nor a folder; move it"):
        replaceable(tmp_path / "runs.csv", lambda _: True, "")
