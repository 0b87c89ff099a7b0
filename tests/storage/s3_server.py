"""moto's S3 server as a process of its own, how clients find it, and machines that use it."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.tiny_suite import COMMAND, wait_until
from ttq_bench.commands.at_url import mirror_folder
from ttq_bench.records.paths import ResultsPaths

SERVED = Path(__file__).with_name("served_s3.py")


class S3Server:
    """A server on a free port, and the environment in which clients find it."""

    def __init__(self, **environment: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process = subprocess.Popen(
            [sys.executable, SERVED, str(self.port)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | environment,
        )  # fmt: skip
        wait_until(self.answers)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": "AKIACANARYOFAKEY",
            "AWS_SECRET_ACCESS_KEY": "canary-of-a-secret",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    @contextmanager
    def gone(self) -> Iterator[None]:
        """Refuse connections while the block lasts; what is stored stays."""
        self.process.send_signal(signal.SIGUSR1)
        wait_until(lambda: not self.answers())
        yield
        self.process.send_signal(signal.SIGUSR2)
        wait_until(self.answers)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


@dataclass
class Machine:
    """Another machine as far as results go: it has a cache, and so a mirror, of its own."""

    cache: Path
    server: S3Server
    url: str

    def start(self, *words: object, **environment: str) -> subprocess.Popen[str]:
        named = {"TTQ_BENCH_CACHE": str(self.cache), "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(
            [*COMMAND, *map(str, words), "--results", self.url],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env=os.environ | self.server.environment | named | environment,
        )  # fmt: skip

    def ask(self, *words: object, **environment: str) -> tuple[int, str]:
        """Run a command to its end; return its exit code and all that it says."""
        process = self.start(*words, **environment)
        try:
            said, _ = process.communicate(timeout=240)
        finally:
            process.kill()
        return process.returncode, said

    def results(self, monkeypatch) -> ResultsPaths:
        """Return the folder of this machine that follows the URL."""
        monkeypatch.setenv("TTQ_BENCH_CACHE", str(self.cache))
        return ResultsPaths(mirror_folder(self.url))
