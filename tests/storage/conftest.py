import boto3
import pytest

from tests.storage.s3_server import Machine, S3Server
from ttq_bench.records.objects import Objects

BUCKET = "bench"


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
