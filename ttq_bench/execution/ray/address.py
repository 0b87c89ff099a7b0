"""The address of a Ray cluster, tried before Ray tries it.

Ray's own client asks a dead host for over five minutes, and Ctrl-C does not reach it meanwhile.
"""

import os
import socket

from ttq_bench.errors import ClusterError, TtqBenchError

CONNECT_SECONDS = 5.0
AUTO = "auto"


def resolved(address: str) -> str:
    """Return ``address``; for ``auto`` the cluster whose job this process is, where it is one.

    Ray names that cluster in ``RAY_ADDRESS``. Elsewhere ``auto`` stays what it is, which is refused
    as an address: Ray would take any cluster of this machine for it.
    """
    return os.environ.get("RAY_ADDRESS", address) if address == AUTO else address


def dashboard_url(text: str) -> str:
    """Return the URL of a cluster's dashboard, which takes jobs; ``TtqBenchError`` if it is none.

    ``HOST:PORT`` alone is read as ``http://HOST:PORT``.
    """
    scheme, _, rest = text.rpartition("://")
    try:
        host_and_port(rest.rstrip("/"))
        known = scheme in ("", "http", "https")
    except TtqBenchError:
        known = False
    if not known:
        raise TtqBenchError(
            "expected the address of a cluster's dashboard, for example http://head:8265,"
            f" got {text!r}"
        )
    return f"{scheme or 'http'}://{rest.rstrip('/')}"


def host_and_port(address: str) -> tuple[str, int]:
    """Return the parts of ``HOST:PORT`` (``[::1]:6379`` for IPv6); ``TtqBenchError`` if it is none.

    Ray's other forms are refused: ``local`` leaves it to Ray whose cluster is used, and its client
    (``ray://``) says nothing of nodes.
    """
    host, _, port = address.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        host = ""
    if not host or not port.isascii() or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise TtqBenchError(f"expected HOST:PORT, for example head:6379, got {address!r}")
    return host, int(port)


def knock(address: str) -> None:
    """Return once a process listens at ``HOST:PORT``; ``ClusterError`` if none does."""
    try:
        socket.create_connection(host_and_port(address), CONNECT_SECONDS).close()
    except OSError as error:
        raise ClusterError(
            f"--address {address}: nobody answers there ({error.strerror or error}); start the"
            " cluster with `ray start --head`; `ttq-bench run` without --address runs here alone"
        ) from error
