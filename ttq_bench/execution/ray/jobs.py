"""A run as a job of a Ray cluster: what is sent there, how it is followed, how it ended.

This package and the suite are sent, and nothing else of the checkout: no data, no results, no file
that happens to lie there. The cluster needs what ``requirements.lock`` installs. The job's folder
is deleted with it, so results and data have absolute paths on storage that all nodes share.
"""

import logging
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ray.exceptions import AuthenticationError
from ray.job_submission import JobDetails, JobStatus, JobSubmissionClient

import ttq_bench
from ttq_bench.errors import ClusterError
from ttq_bench.execution.ray.address import knock
from ttq_bench.execution.ray.start import first_line
from ttq_bench.provenance import COMMIT_FILE, source_commit

LONGEST_PAUSE_SECONDS = 10.0  # the whole log comes each time: a day of a large grid is 2 MB
TRIES = 5
NO_ANSWER = (ClusterError, OSError, RuntimeError, ValueError)
COMMAND_NOT_FOUND = 127  # as the shell says it
AGENT_SECONDS = 60.0  # the agent of a head that starts listens some seconds after its dashboard
NO_AGENT = "No available agent"


class Job:
    """A job of the cluster whose dashboard is at ``url``. Every call may raise ``ClusterError``."""

    def __init__(self, url: str, entrypoint: str, suite: Path) -> None:
        """Send package and suite, which becomes ``suites/NAME`` there, and start the job."""
        for name in ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS"):  # Ray would prefer them to the url
            os.environ.pop(name, None)
        logging.disable(logging.INFO)  # Ray tells of each step of the sending
        self.url = url
        self.shown = 0
        knock(url.partition("://")[2])
        try:
            self.client = JobSubmissionClient(url)
            with tempfile.TemporaryDirectory(prefix="ttq-bench-") as folder:
                pack(suite, Path(folder))
                self.name = self._submitted(entrypoint, folder)
        except AuthenticationError as error:
            raise ClusterError(
                f"--address {url}: the cluster refuses this token; it must be the one in"
                " ~/.ray/auth_token (or RAY_AUTH_TOKEN, RAY_AUTH_TOKEN_PATH) of the head"
            ) from error
        except (OSError, RuntimeError, ValueError) as error:
            if NO_AGENT in str(error):
                raise ClusterError(
                    f"--address {url}: the job agent of the cluster's head does not answer, for"
                    f" {AGENT_SECONDS:.0f} s now; dashboard_agent.log on the head says why (in"
                    " /tmp/ray/session_latest/logs unless it has another --temp-dir): often another"
                    " program has its port (`ray start --dashboard-agent-listen-port`)"
                ) from error
            raise ClusterError(
                f"--address {url}: takes no jobs ({first_line(error)}); name the dashboard of a"
                " cluster that has `ray[default]` (port 8265 unless it was told otherwise)"
            ) from error

    def _submitted(self, entrypoint: str, folder: str) -> str:
        """Return the job's name; tries again for a while where no agent takes jobs yet."""
        until = time.monotonic() + AGENT_SECONDS
        while True:
            try:
                return self.client.submit_job(
                    entrypoint=entrypoint, runtime_env={"working_dir": folder}
                )
            except RuntimeError as error:
                if NO_AGENT not in str(error) or time.monotonic() > until:
                    raise
            time.sleep(1.0)

    def follow(self, show: Callable[[str], None]) -> int:
        """Show what the job prints until it ends; return the exit code of its run."""
        pause = 0.5
        while not (details := self._ask()).status.is_terminal():
            self._show_new(show)
            time.sleep(pause)
            pause = min(pause * 1.2, LONGEST_PAUSE_SECONDS)
        self._show_new(show)
        return exit_code(details)

    def _show_new(self, show: Callable[[str], None]) -> None:
        try:
            log = self.client.get_job_logs(self.name)
        except (OSError, RuntimeError, ValueError):  # it will come; the status says what counts
            return
        show(log[self.shown :])
        self.shown = len(log)

    def _ask(self) -> JobDetails:
        """Return how the job stands; asks again where no answer comes, about half a minute."""
        for attempt in range(TRIES):
            try:
                knock(self.url.partition("://")[2])
                return self.client.get_job_info(self.name)
            except NO_ANSWER as error:
                if attempt == TRIES - 1:
                    raise ClusterError(
                        f"{self.url} does not answer any more ({first_line(error)}); what is"
                        " finished is kept, and where the cluster is still there the job"
                        f" {self.name} goes on; once it ended, submit the same again"
                    ) from error
                time.sleep(2.0**attempt)
        raise AssertionError


def pack(suite: Path, folder: Path) -> None:
    """Copy this package, with the commit it is of, and the suite into ``folder``."""
    package = folder / "ttq_bench"
    left_out = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(ttq_bench.__file__).parent, package, ignore=left_out)
    (package / COMMIT_FILE).write_text(source_commit() + "\n", encoding="ascii")
    (folder / "suites").mkdir()
    shutil.copyfile(suite, folder / "suites" / suite.name)


def exit_code(details: JobDetails) -> int:
    """Return the code with which the run of an ended job ended, 128 + n for a signal n.

    Raises ``ClusterError`` where no run could be started.
    """
    if details.status == JobStatus.STOPPED:
        return 128 + signal.SIGTERM
    code = details.driver_exit_code
    if code is None:
        raise ClusterError(f"the cluster could not run the job ({_said(details)})")
    if code == COMMAND_NOT_FOUND:
        raise ClusterError("the cluster's nodes know no such Python; name it with --python")
    return code if code >= 0 else 128 - code


def _said(details: JobDetails) -> str:
    lines = (details.message or "it says no reason").strip().splitlines()
    return lines[-1] if lines[0].startswith("Traceback") else lines[0]
