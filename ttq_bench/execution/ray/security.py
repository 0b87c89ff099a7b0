"""How Ray is started so that nobody else can use it. Decided before Ray is imported.

Ray runs whatever code reaches its ports (CVE-2023-48022, CVE-2025-62593). So a cluster of our own
asks for a token that only this user can read, and listens on the loopback interface alone; its
dashboard is off. Ray 2.60 writes its token file with mode 0644; here it is made first, with 0600.
"""

import contextlib
import ipaddress
import os
import secrets
import tempfile
from pathlib import Path

from ttq_bench.data.identity import cache_folder
from ttq_bench.errors import TtqBenchError
from ttq_bench.execution.ray.address import AUTO
from ttq_bench.files import home_folder

LOOPBACK = "127.0.0.1"


def prepare(address: str | None, dashboard: str | None) -> None:
    """Set the environment of Ray before it is imported, and make the token of a local cluster.

    ``RAY_AUTH_MODE`` given by the user stands; a job has the one of its cluster. Raises
    ``TtqBenchError`` for a dashboard that others could reach without a token, and for a cluster
    whose token is not here.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # Under `uv run` Ray would send the working directory to each worker and start it through uv.
    os.environ["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] = "0"
    os.environ.setdefault("RAY_DEDUP_LOGS", "0")
    os.environ["RAY_IGNORE_UNHANDLED_ERRORS"] = "1"  # we report how a task ended
    if address is None:  # a hook and resources are of some cluster: here they would change our own
        os.environ.pop("RAY_RUNTIME_ENV_HOOK", None)
        os.environ.pop("RAY_OVERRIDE_RESOURCES", None)
    unset = "disabled" if address == AUTO else "token"  # a cluster with tokens sets it for its jobs
    mode = os.environ.setdefault("RAY_AUTH_MODE", unset).lower()
    for_others = dashboard is not None and not is_loopback(dashboard_host(dashboard))
    if for_others and mode != "token":
        raise TtqBenchError(
            f"--dashboard {dashboard}: whoever reaches it could run code here, and RAY_AUTH_MODE is"
            f" {mode!r}; unset RAY_AUTH_MODE, or leave out the host to stay on 127.0.0.1"
        )
    if address is None and not for_others:
        # Ray on Linux replaces 127.0.0.1 by the address that others see, and then listens on every
        # interface; this variable, meant for other systems, is what keeps it from that.
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    if mode == "token" and not os.environ.get("RAY_AUTH_TOKEN"):
        _need_token(address)


def dashboard_host(given: str | None) -> str:
    """Return the host that the dashboard listens on; an unset variable gives "", which is none."""
    return (given or "").strip() or LOOPBACK


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach ``host``, an address or a name."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name; any other one may be known to others
        return host.lower() == "localhost"


def token_path() -> Path:
    """Return where Ray looks for its token; the cache has it where this user has no home."""
    if given := os.environ.get("RAY_AUTH_TOKEN_PATH"):
        return Path(given)
    try:
        return home_folder("RAY_AUTH_TOKEN_PATH") / ".ray" / "auth_token"
    except TtqBenchError:
        return cache_folder() / f"ray-{os.getuid()}" / "auth_token"


def _need_token(address: str | None) -> None:
    path = token_path()
    try:
        if address is None and not path.exists():
            _make_token(path)
        if not path.read_text(encoding="ascii").strip():
            raise OSError("it is empty")
        if path.stat().st_mode & 0o077 and path.stat().st_uid == os.getuid():
            path.chmod(0o600)
        if not os.environ.get("HOME"):  # Ray asks for nothing else, and ends without it
            os.environ["RAY_AUTH_TOKEN_PATH"] = str(path.resolve())
    except (OSError, ValueError) as error:
        whose = f"the cluster at {address} asks for a token" if address else "Ray needs a token"
        raise TtqBenchError(
            f"{path}: {whose}, and this file cannot be used"
            f" ({getattr(error, 'strerror', None) or error}); put the token there with mode 600,"
            " name the file in RAY_AUTH_TOKEN_PATH, or set RAY_AUTH_MODE=disabled for a cluster"
            " without tokens"
        ) from error


def _make_token(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(prefix=".auth_token.", dir=path.parent)  # with mode 0600
    try:
        with os.fdopen(handle, "w", encoding="ascii") as stream:
            stream.write(secrets.token_hex(32))
        with contextlib.suppress(FileExistsError):  # another run made it in this moment
            os.link(name, path)
    finally:
        Path(name).unlink()
