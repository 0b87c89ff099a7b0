"""The address of a Ray cluster, tried before Ray tries it.

Ray's own client asks a dead host for over five minutes, and Ctrl-C does not reach it meanwhile.
"""

import socket

from ttq_bench.errors import ClusterError, TtqBenchError

CONNECT_SECONDS = 5.0


def host_and_port(address: str) -> tuple[str, int]:
    """Return the parts of ``HOST:PORT`` (``[::1]:6379`` for IPv6); ``TtqBenchError`` if it is none.

    Ray's other forms are refused: ``auto`` and ``local`` leave it to Ray whose cluster is used, and
    its client (``ray://``) says nothing of nodes.
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
            " cluster with `ray start --head`, or leave out --address to run on this machine"
        ) from error
