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


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """Return the results of the tiny suite in a local folder, by its epochs."""
    made = {}

    def results(epochs):
        if epochs not in made:
            folder = tmp_path_factory.mktemp("undisturbed")
            suite = write_suite(folder, epochs=epochs)
            words = ["run", suite, *RUN, "--no-report", "--results", folder / "results"]
            assert main([str(word) for word in words]) == 0
            made[epochs] = ResultsPaths(folder / "results")
        return made[epochs]

    return results
