"""Whether object storage does what records need, asked by the driver and by each node of a cluster.

It has to let us in, answer, and keep the condition of a put. Each machine asks with the credentials
of its own environment: none are sent. What is put there is deleted again.
"""

import contextlib
import secrets
from collections.abc import Iterator

from ttq_bench.doctor.finding import Finding
from ttq_bench.errors import ResultsError
from ttq_bench.records.remote.objects import Objects


def check(url: str) -> list[Finding]:
    """Return the row of the results; raises what keeps them from being kept at ``url``."""
    _try_out(Objects(url))
    return [Finding("results", f"{url}: objects can be put once, read, listed and deleted")]


@contextlib.contextmanager
def token_at(url: str) -> Iterator[tuple[str, str]]:
    """Yield the URL of an object and the token that it holds; leave nothing behind."""
    objects, name, token = (
        Objects(url),
        f"work/doctor-{secrets.token_hex(8)}",
        secrets.token_hex(16),
    )
    objects.create(name, token.encode())
    try:
        yield f"{url}/{name}", token
    finally:
        objects.delete([name])


def seen_from_node(token_url: str, token: str) -> str:
    """Return why a node cannot use the place of the driver's token; empty if it can."""
    url, folder, name = token_url.rsplit("/", 2)
    try:
        objects = Objects(url)
        if objects.read(f"{folder}/{name}") != token.encode():
            return "is another place"
        _try_out(objects)
    except ResultsError as error:
        return str(error).removeprefix(f"{url}: ")
    except OSError as error:
        return error.strerror or repr(error)
    return ""


def _try_out(objects: Objects) -> None:
    objects.check()
    objects.names("work")
