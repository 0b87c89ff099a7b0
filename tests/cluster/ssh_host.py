"""A host that ssh reaches, in namespaces: own network, processes and ``/tmp/ray``. Needs root.

``ray stop`` kills every Ray process that it sees, and a head takes well-known ports. In there it
sees those of that host alone, and no port is taken; all that ran there ends with its first process.
"""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.tiny_suite import wait_until

ADDRESS = "10.213.1.1"
PROGRAMS = ("sshd", "rsync", "ip", "unshare", "nsenter")
# The source address of the route is what Ray takes for the address of its node.
START = f"""
ip link set lo up && ip addr add {ADDRESS}/32 dev lo && ip route add default dev lo src {ADDRESS} &&
mkdir -p /run/sshd /tmp/ray && mount -t tmpfs none /tmp/ray &&
exec {{sshd}} -D -e -f {{folder}}/sshd_config
"""
SSHD = """
ListenAddress {address}
HostKey {folder}/key
AuthorizedKeysFile {folder}/key.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
SetEnv HOME={folder}/there
"""


@dataclass(frozen=True)
class SshHost:
    """Its home is ``folder/there``; ``folder/here`` is the home of whoever calls it."""

    folder: Path
    process: int

    def call(self, *words: object) -> subprocess.CompletedProcess[str]:
        """Run a command in there, with the home of a user who may come in."""
        inside = [f"--pid=/proc/{self.process}/ns/pid_for_children", "--net", "--mount"]
        inside.append(f"--wd={Path.cwd()}")
        return subprocess.run(
            ["nsenter", f"--target={self.process}", *inside, *map(str, words)],
            env=os.environ | {"HOME": str(self.folder / "here"), "RAY_USAGE_STATS_ENABLED": "0"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=240,
            check=False,
        )


@contextlib.contextmanager
def ssh_host(folder: Path) -> Iterator[SshHost]:
    """Start the host, end it after the block; skips where it cannot be had."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing or os.getuid() != 0:
        pytest.skip(f"needs root and {', '.join(missing or PROGRAMS)}")
    for home in ("here", "there"):
        (folder / home).mkdir(parents=True)
    keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "key")]
    subprocess.run(keygen, check=True, timeout=60)
    (folder / "sshd_config").write_text(SSHD.format(address=ADDRESS, folder=folder))
    script = START.format(sshd=shutil.which("sshd"), folder=folder)
    with (folder / "log").open("w") as log:
        unshared = ["unshare", "--net", "--pid", "--mount-proc", "--fork", "--kill-child"]
        process = subprocess.Popen(
            [*unshared, "/bin/sh", "-c", script], stdout=log, stderr=subprocess.STDOUT
        )
    try:
        host = SshHost(folder, process.pid)
        told = folder / "log"
        wait_until(lambda: process.poll() is not None or "listening on" in told.read_text())
        if process.poll() is not None:
            pytest.skip(f"no host in namespaces here: {told.read_text().strip()}")
        yield host
    finally:
        process.kill()  # --kill-child: and with it everything in there
        process.wait()
