"""Against a server process: what decides between writers, and what is said when it cannot."""

import subprocess
import sys
import time

import pytest

from tests.storage.conftest import RUN, made_bucket
from tests.storage.s3_server import S3Server
from tests.tiny_suite import write_suite
from ttq_bench.errors import ResultsError
from ttq_bench.records.remote.objects import Objects, checked_url

RIVAL = """
import sys, time
from ttq_bench.records.remote.objects import Objects

objects = Objects(sys.argv[1])
time.sleep(max(0.0, float(sys.argv[2]) - time.time()))
print(objects.create("one", sys.argv[3].encode()))
"""


@pytest.mark.slow
def test_objects_come_back_under_names_relative_to_the_url(objects):
    assert objects.names() == {}
    objects.write("a/b.json", b"1")
    objects.write("a/c.json", b"22")
    objects.write("ab", b"")
    assert objects.names() == {"a/b.json": 1, "a/c.json": 2, "ab": 0}
    assert objects.names("a") == {"a/b.json": 1, "a/c.json": 2}
    assert objects.read("a/c.json") == b"22"
    assert objects.read("a/d.json") is None
    assert objects.read_all(["ab", "a/d.json"]) == {"ab": b""}
    objects.delete(["ab", "a/d.json"])
    assert objects.names() == {"a/b.json": 1, "a/c.json": 2}


def test_of_several_processes_that_create_a_name_at_once_one_has_it(objects, url):
    moment = str(time.time() + 6.0)  # all are ready by then
    rivals = [
        subprocess.Popen(
            [sys.executable, "-c", RIVAL, url, moment, f"rival {number}"],
            stdout=subprocess.PIPE, text=True,
        )
        for number in range(4)
    ]  # fmt: skip
    won = [rival.communicate(timeout=60)[0].strip() for rival in rivals]
    assert sorted(won) == ["False", "False", "False", "True"]
    assert objects.read("one") == f"rival {won.index('True')}".encode()


def test_a_name_taken_by_the_same_bytes_is_the_writers_whose_answer_was_lost(objects):
    assert objects.create("lease", b"mine")
    assert objects.create("lease", b"mine")
    assert not objects.create("lease", b"another's")


@pytest.mark.slow
def test_a_store_that_overwrites_in_spite_of_the_condition_is_refused(monkeypatch, url):
    careless = S3Server(IGNORES_CONDITIONS="1")
    try:
        made_bucket(careless)
        for name, value in careless.environment.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(ResultsError, match="does not keep the condition If-None-Match"):
            Objects(url).check()
        assert Objects(url).names() == {}
    finally:
        careless.close()


def test_a_store_that_keeps_it_passes_and_holds_nothing_afterwards(objects):
    objects.check()
    assert objects.names() == {}


@pytest.mark.slow
def test_a_missing_bucket_and_a_silent_server_are_named(reached, url):
    with pytest.raises(ResultsError, match="s3://other/x: there is no such bucket"):
        Objects("s3://other/x").write("a", b"")
    with pytest.raises(ResultsError, match="there is no such bucket"):
        Objects("s3://other/x").names()
    objects = Objects(url)
    with reached.gone(), pytest.raises(OSError, match="does not answer: EndpointConnectionError"):
        objects.names()
    assert objects.names() == {}


@pytest.mark.slow
def test_refused_credentials_are_said_without_showing_them(monkeypatch, url):
    strict = S3Server(INITIAL_NO_AUTH_ACTION_COUNT="1")
    try:
        made_bucket(strict)
        for name, value in strict.environment.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(ResultsError, match="the store refuses access") as caught:
            Objects(url).names()
        assert "CANARY" not in str(caught.value).upper()
    finally:
        strict.close()


def test_without_s3fs_the_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(ResultsError, match=r"pip install 'ttq-bench\[s3\]'"):
        Objects("s3://bucket/prefix")


@pytest.mark.parametrize(
    "text",
    [
        "ftp://bucket/x",
        "s3://",
        "s3://UPPER/x",
        "s3://key:secret@bucket/x",
        "s3://bucket/../x",
        "s3://bucket/a//b",
        "s3://bucket/*",
        "s3://bucket/x?versionId=1",
    ],
)
def test_other_urls_are_refused_without_their_secrets(text):
    with pytest.raises(ResultsError, match="is no place for results") as caught:
        checked_url(text)
    assert "secret" not in str(caught.value)


def test_a_closing_slash_does_not_matter():
    assert checked_url("s3://bucket/a/") == checked_url("s3://bucket/a") == "s3://bucket/a"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ("s3://no-such-bucket/x", "there is no such bucket"),
        ("ftp://host/x", "is no place for results"),
        ("s3://key:hidden-word@bench/x", "is no place for results"),
    ],
)
def test_bad_places_end_with_one_sentence(ask, tmp_path, place, sentence):
    code, said = ask("run", write_suite(tmp_path), *RUN, where=("--results", place))
    assert code == 2, said
    assert sentence in said
    assert "hidden-word" not in said
