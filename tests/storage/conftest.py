from types import SimpleNamespace

import boto3
import pytest

from tests.storage.s3_server import Machine, S3Server
from tests.tiny_suite import write_suite
from ttq_bench.cli import main
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.remote.objects import Objects

BUCKET = "bench"
RUN = ("--backend", "inprocess", "--threads", "1", "--device", "cpu")


def made_bucket(server):
    session = boto3.session.Session("AKIAMAKEROFBUCKET", "any", region_name="us-east-1")
    client = session.client("s3", endpoint_url=server.environment["AWS_ENDPOINT_URL"])
    client.create_bucket(Bucket=BUCKET)
    return client


@pytest.fixture(scope="session")
def server():
    server = S3Server()
    made_bucket(server)
    yield server
    server.close()


@pytest.fixture
def reached(server, monkeypatch):
    """This process finds the server."""
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return server


@pytest.fixture
def url(tmp_path):
    """A prefix that no other test uses."""
    return f"s3://{BUCKET}/{tmp_path.parent.name}/{tmp_path.name}"


@pytest.fixture
def objects(reached, url):
    return Objects(url)


@pytest.fixture
def machine(server, tmp_path, url):
    """Make machines by their names."""
    return lambda name: Machine(tmp_path / name, server, url)


@pytest.fixture
def ask(reached, url, tmp_path, monkeypatch, capsys):
    """Run a command on one of those machines, in this process; return its code and what it says.

    As a process, it would start for seconds.
    """

    def answer(*words, machine="second", where=("--results", url)):
        monkeypatch.setenv("TTQ_BENCH_CACHE", str(tmp_path / machine))
        capsys.readouterr()  # what a fixture's run has said
        try:
            code = main([str(word) for word in (*words, *where)])
        except SystemExit as ended:  # by the parser
            code = ended.code
        told = capsys.readouterr()
        assert "mirrors" not in told.out + told.err  # the URL is named, not what follows it
        return code, told.out + told.err

    return answer


def made(server, folder, *more):
    """Run the tiny suite to its end at a URL; return that, the machine's cache and what it said."""
    maker = Machine(folder / "maker", server, f"s3://{BUCKET}/{folder.name}")
    code, said = maker.ask("run", write_suite(folder), *RUN, *more)
    assert code == 0, said
    return SimpleNamespace(url=maker.url, cache=maker.cache, said=said)


@pytest.fixture(scope="session")
def finished(server, tmp_path_factory):
    """A run with its report: copy it to change it."""
    return made(server, tmp_path_factory.mktemp("finished"))


@pytest.fixture(scope="session")
def trained(server, tmp_path_factory):
    """A run without a report, which takes as long as all else: copy it to change it."""
    return made(server, tmp_path_factory.mktemp("trained"), "--no-report")


def copy(url, objects, wanted=lambda _: True):
    """Copy the wanted objects at ``url``."""
    source = Objects(url)
    for name, content in source.read_all(filter(wanted, source.names())).items():
        objects.write(name, content)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """Return the results of the tiny suite in a local folder, by its changes."""
    made = {}

    def results(**changes):
        name = repr(changes)
        if name not in made:
            folder = tmp_path_factory.mktemp("undisturbed")
            suite = write_suite(folder, **changes)
            words = ["run", suite, *RUN, "--no-report", "--results", folder / "results"]
            assert main([str(word) for word in words]) == 0
            made[name] = ResultsPaths(folder / "results")
        return made[name]

    return results
