"""Secrets of the environment: in nothing that a run writes or says, whether it ends well or not."""

import json
import os
import re
import shutil
import subprocess

import pytest
import torch

from tests.hostile.room import furnished, told
from tests.report.drawn import write_texts
from tests.tiny_suite import COMMAND, STRATEGIES, tiny_specs, write_suite
from ttq_bench.files import digest_path, file_digest
from ttq_bench.records.paths import ResultsPaths

CANARIES = {
    "AWS_SECRET_ACCESS_KEY": "canary-of-a-cloud",
    "AWS_SESSION_TOKEN": "canary-of-a-session",
    "RAY_AUTH_TOKEN": "canaryofacluster0123456789abcdef",
    "HF_TOKEN": "hf_canaryofahub",
    "GITHUB_TOKEN": "ghp_canaryofarepository",
    "WANDB_API_KEY": "canaryofatracker",
    "SOMETHING_OF_OUR_OWN": "canary-of-our-own",
    "HTTPS_PROXY": "http://user:canary-of-a-proxy@127.0.0.1:9",
    "PIP_INDEX_URL": "https://user:canary-of-an-index@packages.example/simple",
}
VALUES = re.compile("|".join(re.findall(r"canary[\w-]*", " ".join(CANARIES.values()))))


def ran(room, *words):
    environment = os.environ | CANARIES | {"TTQ_BENCH_CACHE": str(room.cache)}
    return subprocess.run(
        [*COMMAND, *map(str, words)],
        capture_output=True, text=True, timeout=300, check=False, env=environment, cwd=room.root,
    )  # fmt: skip


def holders(room):
    """Every file of the room that holds a secret, by bytes: Parquet and checkpoints, too."""
    pattern = re.compile(VALUES.pattern.encode())
    files = (path for path in room.root.rglob("*") if path.is_file())
    return [path for path in files if pattern.search(path.read_bytes())]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The tiny suite, run with secrets around, reported on."""
    room = furnished(tmp_path_factory.mktemp("secrets") / "room")
    suite = write_suite(room.data, epochs=1)
    words = ["run", suite, "--results", room.results, "--backend", "inprocess", "--threads", 1]
    done = ran(room, *words)
    assert done.returncode == 0, done.stderr
    assert (room.results / "report.html").exists()
    return room, done


@pytest.fixture
def own(finished, room, monkeypatch):
    """The same results, free to be changed; one child has no record and its parent must do."""
    for name, value in CANARIES.items():
        monkeypatch.setenv(name, value)
    shutil.copytree(finished[0].results, room.results)
    shutil.copytree(finished[0].cache, room.cache, dirs_exist_ok=True)
    shutil.rmtree(next(room.results.glob("trials/*-ttq-max*")))
    for folder in room.results.glob("work/*-ttq-max*"):
        shutil.rmtree(folder)
    return room


def again(room):
    suite = write_suite(room.data, epochs=1)
    words = ["run", suite, "--results", room.results, "--backend", "inprocess", "--threads", 1]
    return [*words, "--no-report"]


def test_a_search_would_find_a_secret(tmp_path):
    room = furnished(tmp_path / "room")
    (room.cache / "x.bin").write_bytes(b"\0" + CANARIES["HF_TOKEN"].encode())
    assert holders(room) == [room.cache / "x.bin"]


@pytest.mark.slow
def test_a_run_with_its_report_keeps_no_secret(finished):
    room, done = finished
    assert not VALUES.search(done.stdout + done.stderr)
    assert holders(room) == []


@pytest.mark.slow
def test_a_run_that_fails_with_a_traceback_keeps_no_secret(own):
    """A file in the place of a folder is an error nobody wrote a sentence for."""
    failing = ResultsPaths(own.results).trial(tiny_specs(own.cache, epochs=1)[1].trial_id)
    failing.work.mkdir(parents=True)
    failing.attempts.write_text("in the way")
    done = ran(own, *again(own))
    assert done.returncode == 3, done.stderr
    assert list(own.results.glob("failures/*/failure.json"))
    assert not VALUES.search(done.stdout + done.stderr)
    write_texts(own.results)
    assert "File exists" in (own.results / "pages/trials.md").read_text(encoding="utf-8")
    assert holders(own) == []


@pytest.mark.slow
@pytest.mark.ray
def test_a_run_through_ray_in_which_a_trial_fails_keeps_no_secret(room):
    """A file in the place of a folder: an error nobody wrote a sentence for, tried three times."""
    short = {"epochs": 1, "delta_strategies": STRATEGIES[:1]}
    failing = tiny_specs(room.cache, **short)[-1].trial_id
    paths = ResultsPaths(room.results).trial(failing)
    paths.work.mkdir(parents=True)
    paths.attempts.write_text("in the way")
    suite = write_suite(room.data, **short)
    done = ran(room, "run", suite, "--results", room.results, "--no-report")
    assert done.returncode == 3, done.stderr
    assert "1 trial failed" in done.stderr
    reason = json.loads(paths.failure.read_text())["reason"]
    assert reason.startswith("the system refused 3 times")
    assert reason.endswith("attempts: File exists")
    assert len(list(room.results.glob("trials/*/record.json"))) == 1
    assert not VALUES.search(done.stdout + done.stderr)
    assert holders(room) == []


def test_a_command_that_is_refused_tells_no_secret(room, capsys, monkeypatch):
    for name, value in CANARIES.items():
        monkeypatch.setenv(name, value)
    url = "https://user:canary-of-our-own@host.example/results?token=canary-of-our-own"
    for words in (["status", "--results", url], ["plan", url], ["report", "--results", url]):
        done = told(room, capsys, *words)
        assert done.code == 2
        assert "***@host.example" in done.err
        assert not VALUES.search(done.text), done.text


@pytest.mark.slow
def test_weights_that_are_a_program_are_not_run(own, capsys):
    """A checkpoint of a stranger with the right digest beside it, as the parent of a trial."""
    (weights,) = own.results.glob("work/*-full_precision-*/attempts/*/weights.pt")
    torch.save({"model": Program(own.marker)}, weights)
    digest_path(weights).write_text(file_digest(weights))
    for network in own.results.glob("networks/*-full_precision-*"):
        network.unlink()  # it would be taken up in place of these weights
    words = ["constant_sparsity", "--results", own.results, "--to", own.results / "out"]
    told(own, capsys, "export", *words)
    assert told(own, capsys, *again(own)).code == 3


class Program:
    """Makes a file when it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)
